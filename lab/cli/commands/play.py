"""`lab play`: a recording played back, on the screen or as lines."""

from lab.cli.command_settings import PlaySettings
from lab.cli.console import Console
from lab.cli.loop import Stop, complete
from lab.cli.recordings import PlayableRecording, load_playable
from lab.cli.run.transcript import JournalTranscript
from lab.tui.line_mode import opening
from lab.tui.state.screen import SourceState


def execute(settings: PlaySettings, console: Console) -> int:
    """The screen on a terminal that can show it, else every line at once; an open or torn file to its last whole line."""
    playable = load_playable(settings.target, settings.scenarios)
    if settings.screen.plain or settings.environment.dumb or not console.terminal:
        play_lines(playable, console)
        return 0
    from lab.cli.screen.kept_preferences import screen_start
    from lab.cli.screen.screen import show_screen
    from lab.tui.sources.playback import Playback

    start = screen_start(settings.screen, console)
    source = Playback(
        playable.timeline,
        title=playable.title,
        seed=playable.recording.header.seed,
        known=playable.scenarios,
        damage=playable.state,
    )

    async def work(stop: Stop) -> int:
        await show_screen(source, stop, console, start)
        return 0

    return complete(work)


def play_lines(playable: PlayableRecording, console: Console) -> None:
    """Line mode: what `lab demo --plain` would have printed, job after job as they come."""
    header, known = playable.recording.header, playable.scenarios
    scenario = next(iter(known.values())) if len(known) == 1 else None
    team = scenario.agent.code if scenario is not None else header.source
    for line in opening(SourceState(title=playable.title, team=team, seed=header.seed, scenario=scenario)):
        console.out(line)
    transcript = JournalTranscript(console, known.get, scenario)
    for journal, changed in playable.timeline.changes():
        transcript(changed, journal)
    if state := playable.state:
        console.err(f"The recording is {state}: it was told to its last whole line. lab repair makes it whole.")
