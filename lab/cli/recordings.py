"""A recording that a command names: where it lies, what is in it, and the scenarios that it was made with."""

from collections.abc import Mapping, Sequence
from glob import has_magic
from os.path import lexists
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from lab.cli.console import Console
from lab.core.errors import LabError, UsageError
from lab.files.recordings import RECORDING_ENDING, RECORDINGS, open_recording, read_matchers, recording_path
from lab.files.scenarios import SCENARIOS, load_scenario, scenario_names, scenarios_folder, shipped_folder, shipped_path
from lab.program.scenario import Scenario
from lab.recording.format.lines import FileState, Header, Recording
from lab.recording.format.reader import read
from lab.recording.matchers import MatcherFile, parse_matchers
from lab.recording.tape.header import epoch_in, needed_scenarios

if TYPE_CHECKING:
    from lab.tui.state.recording import RecordingTimeline


class PlayableRecording(Struct, frozen=True):
    """A recording as it is played back, open and torn ones to their last whole line."""

    recording: Recording
    timeline: "RecordingTimeline"
    scenarios: Mapping[str, Scenario]
    """By name those of which the very file that was served is at hand."""

    @property
    def title(self) -> str:
        """What stands in the header of the screen before a job shows; names in a file are text from outside."""
        from lab.tui.state import clean  # as below

        header, known = self.recording.header, self.scenarios
        served = [each.name for each in header.scenarios or ()]
        needed = needed_scenarios(self.recording) or served
        names = [known[name].title if name in known else name for name in served if name in needed]
        return clean.line(names[0] if len(names) == 1 else f"{len(names)} scenarios" if names else header.source)

    @property
    def state(self) -> str:
        """What a reader should know of the file: open, torn, or nothing."""
        return "" if self.recording.state is FileState.CLOSED else str(self.recording.state)


def locate(target: str, *, shipped: bool = True) -> Path:
    """The file of that path, else the recording of that name: in `./recordings`, else, if `shipped`, one of the lab's.

    What lies at the path may be written only with `shipped=False`.
    """
    path = Path(target)
    if path.exists() or path.parent != Path():
        return path
    here = recording_path(target)
    there = shipped_folder(RECORDINGS) / here.name
    # ./NAME means this folder alone
    elsewhere = shipped and here.parent == Path(RECORDINGS) and not lexists(here) and there.is_file()
    return there if elsewhere else here


def matched(targets: Sequence[str], console: Console, *, shipped: bool = True) -> tuple[list[Path], bool]:
    """The recordings that the targets mean, each once; and whether one of them means none, which is said.

    `shipped`: a bare name may mean one that the lab carries.
    """
    found = {target: matching(target, shipped=shipped) for target in targets}
    idle = [target for target, files in found.items() if not files]
    for target in idle:
        console.err(f"lab: No recording matched {target}.")
    return list(dict.fromkeys(file for files in found.values() for file in files)), bool(idle)


def matching(target: str, *, shipped: bool) -> list[Path]:
    """The recordings that a path, a folder, a pattern or a bare name means."""
    path = Path(target)
    if path.is_dir():
        return sorted(path.glob(f"*{RECORDING_ENDING}"))
    if has_magic(target) and not path.exists():
        base = Path(path.anchor) if path.anchor else Path()
        return sorted(base.glob(str(path.relative_to(path.anchor) if path.anchor else path)))
    if target.endswith("/"):
        raise UsageError(
            f"There is no folder {target}.", hint="A folder's recordings are replayed, or the one of a name."
        )
    return [locate(target, shipped=shipped)]


def scenarios_for(recording: Path, option: str | None) -> str | None:
    """The folder for `--scenarios` where none is given: a shipped recording was made with the shipped scenarios."""
    shipped = recording.parent == shipped_folder(RECORDINGS)
    return str(shipped_folder(SCENARIOS)) if option is None and shipped else option


def matchers_of(file: Path) -> MatcherFile | None:
    """The exceptions that are written beside a recording; ScenarioError with every complaint about them."""
    written = read_matchers(file)
    if written is None:
        return None
    path, text = written
    return parse_matchers(text, str(path))


def load_recording(target: str) -> tuple[Path, Recording]:
    """A recording by path or bare name, and where it lies."""
    path = locate(target)
    return path, read(open_recording(path), str(path))


def load_playable(target: str, scenarios: str | None) -> PlayableRecording:
    """A recording, ready to be played; `scenarios` is the folder in which its scenarios are looked for."""
    from lab.tui.state.recording import RecordingTimeline  # replaying and repairing need no screen

    path, recording = load_recording(target)
    timeline = RecordingTimeline(recording, epoch_in(recording))
    return PlayableRecording(recording, timeline, scenarios_of(recording.header, scenarios_for(path, scenarios)))


def scenarios_of(header: Header, scenarios: str | None) -> dict[str, Scenario]:
    """The scenarios that were served, as far as the very files are at hand: title, narration and gates are theirs."""
    found: dict[str, Scenario] = {}
    try:
        folder = scenarios_folder(scenarios)
    except LabError:
        return {}
    for each in header.scenarios or ():
        try:
            known = each.name in scenario_names(folder) or shipped_path(each.name, folder)
            program = load_scenario(each.name, folder) if known else None  # never a path that a header names
        except LabError:
            continue
        if program is not None and program.digest == each.sha256:
            found[each.name] = program.scenario
    return found
