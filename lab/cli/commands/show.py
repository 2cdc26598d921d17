"""`lab show`: a recording as a transcript (git's textconv too), in the forms of other tools, or filmed as an asciicast."""

from collections.abc import Callable, Iterator
from typing import cast

from lab.cli.console import Console
from lab.cli.recordings import load_recording
from lab.plugin import every_plugin, resolve
from lab.recording.format.lines import Recording
from lab.settings import Flags


def execute(flags: Flags, console: Console) -> int:
    """Print it, open and torn ones up to their last whole line."""
    if flags["kind"] == "cast":
        from lab.cli.screen.films import cast_lines, filmed_recording

        film = filmed_recording(flags["target"], flags["scenarios"])
        for line in cast_lines(film, flags["size"], light=flags["light"], stage=flags["stage"]):
            console.out(line.decode().rstrip("\n"))
        return 0
    form = next(each for plugin in every_plugin() for each in plugin.forms if each.word == flags["kind"])
    export = cast("Callable[[Recording, bool], Iterator[str]]", resolve(form.run))
    _, recording = load_recording(flags["target"])
    for text in export(recording, flags["line_numbers"]):
        console.out(text)
    return 0
