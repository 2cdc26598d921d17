"""`lab show`: a recording as a transcript (git's textconv too), in the forms of other tools, or filmed as an asciicast."""

from collections.abc import Callable, Iterator
from typing import cast

from lab.cli.command_settings import ShowSettings
from lab.cli.console import Console
from lab.cli.recordings import load_recording
from lab.plugin import every_plugin, resolve
from lab.recording.format.lines import Recording


def execute(settings: ShowSettings, console: Console) -> int:
    """Print it, open and torn ones up to their last whole line."""
    if settings.form == "cast":
        from lab.cli.screen.films import cast_lines, filmed_recording

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
