"""One fault by itself, as the control plane is sent it: the same shape, the same complaints."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lab.core.errors import ScenarioError
from lab.core.exchange import Json, text_of
from lab.language.document import JobFault
from lab.language.parse.shape_errors import complain_of_shape
from lab.language.parse.yaml_tree import read_yaml


class _Faults(BaseModel):
    """In a list, so that complaints find their words as in a scenario."""

    model_config = ConfigDict(strict=True)

    faults: tuple[JobFault, ...] = Field(strict=False)


def parse_fault(document: dict[str, Json]) -> JobFault:
    """The fault; ScenarioError with every complaint if it is none."""
    whole = {"faults": [document]}
    try:
        return _Faults.model_validate(whole).faults[0]
    except ValidationError as error:
        tree = read_yaml(text_of(whole), "fault")
        complain_of_shape(error, tree)
        raise ScenarioError(tuple(tree.complaints.listed)) from None


def complaints_of(error: ScenarioError) -> str:
    """The complaints about one fault, in one line without places."""
    words = ((each.what.removeprefix("faults[0]").lstrip(".: "), each.hint) for each in error.complaints)
    return "; ".join(f"{what} ({hint})" if hint else what for what, hint in words)
