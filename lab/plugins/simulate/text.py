"""The result as lines of text: tables, a histogram of durations, sentences."""

from collections.abc import Iterator

from lab.language.document.base import duration_text
from lab.plugins.simulate.document import duration_of
from lab.plugins.simulate.histogram import Histogram
from lab.plugins.simulate.sections import ACCURACY, Section, headline, sections
from lab.plugins.simulate.totals import SimulationResult

_ROWS, _WIDTH = 12, 40


def result_lines(result: SimulationResult) -> Iterator[str]:
    """What `lab simulate` prints."""
    yield f"{result.simulation.invocation.scenario}: {headline(result)}"
    for section in sections(result):
        yield ""
        yield from _table(section) if section.rows else [section.title]
        if section.name == "ended":
            yield from _bars(duration_of(result))
        yield from (f"  {note}" for note in section.notes)
    yield ACCURACY


def _table(section: Section) -> Iterator[str]:
    rows = [(section.title, *section.head[1:]), *section.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, (first, *others) in enumerate(rows, -1):
        mark = "" if number < 0 else "> " if number == section.marked else "  "
        cells = [
            cell.ljust(width) if section.head[place] == "status" else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(others, widths[1:], strict=True), 1)
        ]
        yield "  ".join([f"{mark}{first}".ljust(widths[0] + 2), *cells]).rstrip()


def _bars(took: Histogram) -> Iterator[str]:
    stretches = took.stretches(_ROWS)
    most = max((jobs for _, _, jobs in stretches), default=0)
    for low, high, jobs in stretches:
        bar = "#" * -(-jobs * _WIDTH // most)
        yield f"  {duration_text(low):>9} to {duration_text(high):>9}  {bar}{' ' if bar else ''}{jobs or ''}".rstrip()
