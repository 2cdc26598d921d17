"""`lab show`: a recording as a transcript (git's textconv too), in the forms of other tools, or filmed as an asciicast."""

from functools import partial

from lab.cli.console import Console
from lab.cli.recordings import load_recording
from lab.files.recordings import read_blob
from lab.recording.format.lines import Recording
from lab.recording.redaction.bodies import Blob
from lab.recording.show.exports import EXPORTS
from lab.recording.show.timeline_page import anchors, timeline_page
from lab.settings import Flags


def execute(flags: Flags, console: Console) -> int:
    """Print it, open and torn ones up to their last whole line."""
    if flags["kind"] == "cast":
        from lab.cli.screen.films import cast_lines, filmed_recording

        film = filmed_recording(flags["target"], flags["scenarios"])
        for line in cast_lines(film, flags["size"], light=flags["light"], stage=flags["stage"]):
            console.out(line.decode().rstrip("\n"))
    elif flags["kind"] == "html":
        path, recording = load_recording(flags["target"])
        console.out(_page(recording, partial(read_blob, path)))
    else:
        path, recording = load_recording(flags["target"])
        for text in EXPORTS[flags["kind"]](recording, partial(read_blob, path), flags["line_numbers"]):
            console.out(text)
    return 0


def _page(recording: Recording, blob: Blob) -> str:
    """The timeline, and what the client did well and badly if any of its calls says."""
    from lab.report.gather import histories_of
    from lab.report.html import report_part
    from lab.report.judge import report_on

    report, there = report_on({recording.name: histories_of(recording, blob=blob)}), anchors(recording)
    part = "" if report.score is None else report_part(report, lambda _, line: there.get(line, ""), {})
    return timeline_page(recording, blob, part).rstrip("\n")
