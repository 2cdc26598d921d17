"""YAML text -> Scenario, or every complaint with file, line, column and a hint.

`yaml_tree` reads values with their places, `lab.language.shape` makes parts of them, `references` checks what one part
says of another, `names` the names in texts. All complain to one `Complaints`. Nothing is loaded from a file with a
complaint.
"""

from lab.language.complaints import Locations, Position
from lab.language.parse.references import Reader, check_references
from lab.language.parse.yaml_tree import read_yaml
from lab.language.shape import read_part
from lab.program.scenario import Scenario
from lab.program.words import KeyPath


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
    scenario = read_part(Scenario, tree.value, tree.complaints)
    check_references(scenario, tree.complaints, stem, reader)
    tree.complaints.check()
    return scenario, tree.complaints.locations
