"""The forms in which `lab show --as` prints a recording, by their words (recordings.md §9)."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from lab.recording.format.lines import Recording
from lab.recording.redaction.bodies import Blob
from lab.recording.show.curl_script import curl_script
from lab.recording.show.har import har
from lab.recording.show.timeline_page import timeline_page
from lab.recording.show.transcript import transcript_lines
from lab.recording.show.walkthrough import walkthrough

Export: TypeAlias = Callable[[Recording, Blob, bool], Iterator[str]]
"""Gives the lines; the last argument says whether they begin with their numbers in the file, where that has a meaning."""

EXPORTS: dict[str, Export] = {
    "text": lambda recording, _, numbered: transcript_lines(recording, numbered),
    "curl": lambda recording, blob, _: curl_script(recording, blob),
    "har": lambda recording, blob, _: har(recording, blob),
    "html": lambda recording, blob, _: iter([timeline_page(recording, blob).rstrip("\n")]),
    "md": lambda recording, blob, _: walkthrough(recording, blob),
}
"""A film isn't among them: it is the screen's affair."""
