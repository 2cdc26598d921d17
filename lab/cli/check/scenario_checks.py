"""What is said of scenarios that are checked: of each by itself, and of those of one folder, which are served together."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct, field

from lab.app.effects import USUAL_DEADLINE
from lab.cli.verdicts import complaints_in_error
from lab.core.errors import Complaint, ScenarioError, UsageError
from lab.files.programs import OutputFiles
from lab.files.scenarios import read_scenario
from lab.jobs.lint import KnownCallers, lint
from lab.jobs.program import shadowed
from lab.language.parse import Locations, parse_with_locations
from lab.program.scenario import Scenario


class ParsedScenario(Struct, frozen=True):
    """A scenario's file as it was read: what is wrong with it, or what stands in it and where."""

    file: Path
    complaints: tuple[Complaint, ...] = ()
    scenario: Scenario | None = None
    locations: Locations | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    """The texts that outputs name."""

    def warnings(self, known: KnownCallers | None) -> tuple[Complaint, ...]:
        """What is allowed and probably not meant, of this scenario by itself."""
        if self.scenario is None or self.locations is None:
            return ()
        return lint(self.scenario, str(self.file), self.locations, self.outputs, known, USUAL_DEADLINE)


def parse_files(files: Iterable[Path]) -> dict[Path, ParsedScenario]:
    """All that are to be checked; one must not keep the others from being looked at."""
    files = tuple(files)
    names = Counter(file.with_suffix("") for file in set(files))
    return {file: _parsed(file, alone=names[file.with_suffix("")] == 1) for file in files}


def _parsed(file: Path, *, alone: bool) -> ParsedScenario:
    beside = OutputFiles(file.parent)
    try:
        if not alone:
            raise UsageError(f"{file} has another scenario of its name beside it.", hint="Rename one of them.")
        scenario, locations = parse_with_locations(read_scenario(file), str(file), stem=file.stem, reader=beside)
    except (ScenarioError, UsageError) as error:
        return ParsedScenario(file, complaints_in_error(error, str(file)))
    return ParsedScenario(file, (), scenario, locations, beside.found)


def shadow_warnings(parsed: Iterable[ParsedScenario]) -> dict[Path, Complaint]:
    """Warnings, by file, of scenarios that others of their folder leave nothing; none of one that is meant to be alone."""
    folders: dict[Path, dict[str, tuple[Scenario, ParsedScenario]]] = {}
    for each in parsed:
        if each.scenario is not None and not each.scenario.alone:
            folders.setdefault(each.file.parent, {})[each.scenario.name] = each.scenario, each
    found: dict[Path, Complaint] = {}
    for named in folders.values():
        for later, earlier in shadowed(scenario for scenario, _ in named.values()):
            _, own = named[later.name]
            assert own.locations is not None
            at = own.locations.value_at(("agent", "code"))
            what = f"never chosen: {earlier.name}, before it by name, takes all that this one takes"
            hint = "rename this one so that it comes before by name, if that one is for all others; or give that one"
            hint += " a match or a for; or write alone: true if it is served alone or called for by its name"
            found[own.file] = Complaint(str(own.file), at.line, at.column, what, hint)
    return found
