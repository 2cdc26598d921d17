"""YAML text -> Scenario, or every complaint with file, line, column and a hint.

`text` decodes, `tree` reads values with their places in one pass over YAML's events, `sentences` puts pydantic's errors
into words, `references` checks what one part says of another, `steps` the ways between steps, `templates` the names in
texts. All complain to one
`Collector`. Nothing is loaded from a file with a complaint.
"""

from pydantic import ValidationError

from lab.core.errors import ScenarioError
from lab.language.document import Scenario
from lab.language.parse.collect import BadFile, Collector, Reader
from lab.language.parse.references import references
from lab.language.parse.sentences import shape
from lab.language.parse.server import Given, Kind, parse_server
from lab.language.parse.text import Unreadable
from lab.language.parse.tree import Mark, Path, Places, read

__all__ = [
    "BadFile", "Given", "Kind", "Mark", "Path", "Places", "Reader", "parse", "parse_server", "parse_with_places",
]  # fmt: skip


def parse(text: str | bytes, file: str, *, stem: str | None = None, reader: Reader | None = None) -> Scenario:
    """The scenario in `text`; ScenarioError, with every complaint, if there is none.

    `file` is the name that complaints bear. `stem`, if given, is what the scenario must be called. `reader` gives the
    files that outputs name; without one they are not looked at.
    """
    return parse_with_places(text, file, stem=stem, reader=reader)[0]


def parse_with_places(
    text: str | bytes, file: str, *, stem: str | None = None, reader: Reader | None = None
) -> tuple[Scenario, Places]:
    """As `parse`, with the places of the scenario's parts, for warnings."""
    try:
        tree = read(text, file)
    except Unreadable as error:
        raise ScenarioError((error.complaint,)) from None
    collector = Collector(tree, file, reader)
    scenario: Scenario | None = None
    try:
        scenario = Scenario.model_validate(tree.value)
    except ValidationError as error:
        shape(error, tree, collector)
    if isinstance(tree.value, dict):
        references(tree.value, collector, stem)
    if collector.complaints or scenario is None:
        raise ScenarioError(tuple(sorted(set(collector.complaints))))
    return scenario, tree.places
