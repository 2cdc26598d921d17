"""`lab play`: a recording on the screen, or as lines where there is no terminal."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lab.cli.commands.show import located
from lab.cli.console import Console
from lab.cli.following import JournalTranscript
from lab.cli.loop import Stop, complete
from lab.core.clock import epoch_of
from lab.core.errors import LabError, RecordingError
from lab.files import load_scenario, read_blob, read_recording, scenario_names, scenarios_folder
from lab.language.document import Scenario
from lab.recording.bodies import Blob
from lab.recording.lines import Header, Recording, Result
from lab.recording.reader import read
from lab.settings import Settings
from lab.tui.line_mode import opening
from lab.tui.state.recording import RecordingTimeline
from lab.tui.state.screen import SourceState

if TYPE_CHECKING:
    from lab.tui.sources import ScreenSource


def execute(asked: Settings, console: Console) -> int:
    """The screen on a terminal that can show it, else every line at once; an open or torn file to its last whole line."""
    (target,) = asked.targets
    path = located(target)
    recording = read(read_recording(path), str(path))
    reel = reel_of(recording, path, partial(read_blob, path))
    known = scenarios_of(recording.header, asked)
    if asked.plain or asked.dumb or not console.terminal:
        plainly(recording, reel, known, console)
        return 0
    return on_screen(recording, reel, known, console)


def reel_of(recording: Recording, path: Path, blob: Blob) -> RecordingTimeline:
    """The recording, ready to be played; RecordingError if its epoch is no instant."""
    try:
        epoch = epoch_of(recording.header.clock.epoch)
    except ValueError:
        raise RecordingError(f"{path}:1: the epoch {recording.header.clock.epoch!r} is no instant") from None
    return RecordingTimeline(recording, epoch, blob)


def scenarios_of(header: Header, asked: Settings) -> dict[str, Scenario]:
    """The scenarios that were served, as far as the very files are at hand: title, narration and gates are theirs."""
    found: dict[str, Scenario] = {}
    try:
        folder = scenarios_folder(asked.scenarios)
        names = set(scenario_names(folder))
    except LabError:
        return {}
    for told in header.scenarios or ():
        try:
            compiled = load_scenario(told.name, folder) if told.name in names else None
        except LabError:
            continue
        if compiled is not None and compiled.digest == told.sha256:
            found[told.name] = compiled.scenario
    return found


def state_of(recording: Recording) -> str:
    """What a reader should know of the file: open, torn, or nothing."""
    return "" if recording.result is Result.CLOSED else str(recording.result)


def title_of(header: Header, known: Mapping[str, Scenario]) -> str:
    """What stands in the header of the screen before a job shows."""
    names = [known[told.name].title if told.name in known else told.name for told in header.scenarios or ()]
    return names[0] if len(names) == 1 else f"{len(names)} scenarios" if names else header.source


def on_screen(recording: Recording, reel: RecordingTimeline, known: dict[str, Scenario], console: Console) -> int:
    """The screen until the person quits."""
    from lab.cli.commands.demo import shown
    from lab.tui.app import LabApp
    from lab.tui.sources.playback import Playback

    header = recording.header
    source = Playback(
        reel, title=title_of(header, known), seed=header.seed, known=known, state=state_of(recording)
    )  # fmt: skip

    async def work(stop: Stop) -> int:
        # The protocol asks for attributes where the source has properties; nobody sets them.
        await shown(LabApp(cast("ScreenSource", source)), stop, console)
        return 0

    return complete(work)


def plainly(recording: Recording, reel: RecordingTimeline, known: dict[str, Scenario], console: Console) -> None:
    """Line mode: what `lab demo --plain` would have told, job after job as they come."""
    header = recording.header
    scenario = next(iter(known.values())) if len(known) == 1 else None
    team = scenario.agent.code if scenario is not None else header.source
    for line in opening(SourceState(title=title_of(header, known), team=team, seed=header.seed, scenario=scenario)):
        console.out(line)
    told = JournalTranscript(console, known.get, scenario)
    for jobs, way in reel.ways():
        told(way, jobs)
    if state := state_of(recording):
        console.err(f"The recording is {state}: it was told to its last whole line. lab repair makes it whole.")
