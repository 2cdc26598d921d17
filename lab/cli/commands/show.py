"""`lab show`: a recording as a transcript (git's textconv too), in the forms of other tools, or filmed as an asciicast."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

from lab.cli.command_settings import ShowSettings
from lab.cli.console import Console
from lab.cli.loop import Stop, complete
from lab.cli.recordings import load_playable, load_recording
from lab.plugin import every_plugin, resolve
from lab.recording.format.lines import Recording

if TYPE_CHECKING:
    from lab.tui.film import FilmedPlayback


def execute(settings: ShowSettings, console: Console) -> int:
    """Print it, open and torn ones up to their last whole line."""
    if settings.form == "cast":
        film = filmed_recording(settings.target, settings.scenarios)
        for line in cast_lines(film, settings.size, light=settings.light, stage=settings.stage):
            console.out(line.decode().rstrip("\n"))
        return 0
    form = next(each for plugin in every_plugin() for each in plugin.forms if each.word == settings.form)
    export = cast("Callable[[Recording, bool], Iterator[str]]", resolve(form.run))
    _, recording = load_recording(settings.target)
    for text in export(recording, settings.numbered):
        console.out(text)
    return 0


def filmed_recording(target: str, scenarios: str | None = None) -> "FilmedPlayback":
    """A recording by path or name, ready for one film; `scenarios` as in `load_playable`."""
    from lab.tui.film import FilmedPlayback  # no other form needs the screen

    playable = load_playable(target, scenarios)
    return FilmedPlayback(
        playable.timeline,
        title=playable.title,
        seed=playable.recording.header.seed,
        known=playable.scenarios,
    )


def cast_lines(
    source: "FilmedPlayback", size: tuple[int, int], *, light: bool = False, stage: int | None = None
) -> list[bytes]:
    """The film, a line an event; `stage` as in `film`. It is printed afterwards: while an app runs, Textual holds stdout."""
    from lab.tui.film import film

    lines: list[bytes] = []

    async def work(stop: Stop) -> list[bytes]:
        # cancelling would have the film's own tasks wait for one another
        stop.leave = lambda: None
        await film(source, lines.append, size, light=light, stage=stage, ended=lambda: stop.reason is not None)
        stop.obeyed()
        return lines

    return complete(work)
