"""The forms in which `lab show --as` prints a recording (recordings.md §9): the kernel's are declared in `lab/kernel.py`.

A film isn't among them: it is the screen's affair.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from lab.recording.format.lines import Recording
from lab.recording.show.har import har
from lab.recording.show.timeline_page import timeline_page
from lab.recording.show.transcript import transcript_lines
from lab.recording.show.walkthrough import walkthrough

Export: TypeAlias = Callable[[Recording, bool], Iterator[str]]
"""Gives the lines; the last argument says whether they begin with their numbers in the file, where that has a meaning."""


def as_transcript(recording: Recording, numbered: bool) -> Iterator[str]:
    """As a transcript."""
    return transcript_lines(recording, numbered)


def as_har(recording: Recording, numbered: bool) -> Iterator[str]:
    """As HAR 1.2."""
    return har(recording)


def as_markdown(recording: Recording, numbered: bool) -> Iterator[str]:
    """As a walk through it, for people."""
    return walkthrough(recording)


def as_page(recording: Recording, numbered: bool) -> Iterator[str]:
    """As a page for browsers."""
    return iter([timeline_page(recording).rstrip("\n")])
