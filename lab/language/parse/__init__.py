"""YAML text -> Scenario, or every complaint with file, line, column and a hint.

`yaml_tree` reads values with their places from the nodes that PyYAML composes, `shape_errors` puts pydantic's errors
into words, `references` checks what one part says of another, `steps` the ways between steps, `template_names` the names
in texts. All complain to one `Complaints`. Nothing is loaded from a file with a complaint.
"""

from lab.language.document import Scenario
from lab.language.parse.complaints import KeyPath, Locations, Position
from lab.language.parse.references import BadFile, Reader, check_references
from lab.language.parse.shape_errors import validated
from lab.language.parse.yaml_tree import read_yaml


def parse_scenario(text: str | bytes, file: str, *, stem: str | None = None, reader: Reader | None = None) -> Scenario:
    """The scenario in `text`; ScenarioError, with every complaint, if there is none.

    `file` is the name that complaints bear. `stem`, if given, is what the scenario must be called. `reader` gives the
    files that outputs name; without one they are not looked at.
    """
    return parse_with_locations(text, file, stem=stem, reader=reader)[0]


def parse_with_locations(
    text: str | bytes, file: str, *, stem: str | None = None, reader: Reader | None = None
) -> tuple[Scenario, Locations]:
    """As `parse_scenario`, with where the scenario's parts stand, for warnings."""
    tree = read_yaml(text, file)
    scenario = validated(Scenario, tree)
    if isinstance(tree.value, dict):
        check_references(tree.value, tree.complaints, stem, reader)
    tree.complaints.check()
    assert scenario is not None, "a wrong shape gives a complaint"
    return scenario, tree.complaints.locations
