"""What systems of CI read: JUnit's XML, and what a GitHub runner takes, annotations and a summary (recordings.md §12)."""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from string import punctuation

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.errors import Complaint, Level
from lab.core.logtext import harmless_text

# JUnit: suites of testcases, each with what came of it

_NO_XML = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML can't hold, not even escaped (XML 1.0 §2.2)."""


class CaseEnd(StrEnum):
    """What came of a testcase that didn't pass, by the name of its element."""

    FAILURE = "failure"
    ERROR = "error"
    SKIPPED = "skipped"
    TOLD = "system-out"
    """It passed, and there is something to say."""


class JunitCase(Struct, frozen=True):
    """One testcase."""

    group: str
    """Its classname."""
    name: str
    end: CaseEnd | None = None
    """None: it passed."""
    message: str = ""
    text: str = ""
    took: Millis | None = None
    """Real milliseconds; None: nobody measured it."""

    def xml(self) -> str:
        """Its element."""
        attributes = {"classname": self.group, "name": self.name, **_time(self.took)}
        head = "  <testcase " + " ".join(f"{name}={_quoted(value)}" for name, value in attributes.items())
        if self.end is None:
            return f"{head}/>"
        message = f" message={_quoted(self.message)}" if self.message else ""
        from xml.sax.saxutils import escape  # which takes urllib and email along: no start waits for it

        return f"{head}><{self.end}{message}>{escape(_clean(self.text))}</{self.end}></testcase>"


def junit_file(*suites: tuple[str, Sequence[JunitCase]], began: str = "") -> str:
    """All suites, each with its name; `began`: when, as 2026-01-01T00:00:00.000Z, if it matters."""
    parts = [_suite(name, cases, began) for name, cases in suites]
    return "\n".join(('<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", *parts, "</testsuites>", ""))


def _suite(name: str, cases: Sequence[JunitCase], began: str) -> str:
    failures, errors, skipped = (
        sum(case.end is end for case in cases) for end in (CaseEnd.FAILURE, CaseEnd.ERROR, CaseEnd.SKIPPED)
    )
    counts = f'tests="{len(cases)}" failures="{failures}" errors="{errors}" skipped="{skipped}"'
    measured = [case.took for case in cases if case.took is not None]
    when = {**_time(sum(measured) if measured else None), **({"timestamp": began} if began else {})}
    head = " ".join((f"<testsuite name={_quoted(name)} {counts}", *(f'{key}="{text}"' for key, text in when.items())))
    return "\n".join((f"{head}>", *(case.xml() for case in cases), "</testsuite>"))


def _time(took: Millis | None) -> dict[str, str]:
    """The attribute, in seconds."""
    return {} if took is None else {"time": f"{took // 1000}.{took % 1000:03d}"}


def _clean(text: str) -> str:
    return _NO_XML.sub("?", text)


def _quoted(text: str) -> str:
    from xml.sax.saxutils import quoteattr  # as above

    return quoteattr(_clean(text))


# A GitHub runner. What it is told comes out of files and from peers, and it obeys what it reads: so all of it is escaped

MOST_NOTES = 9
"""Annotations: a runner shows ten of a step, and the last place is for how many there are."""
LONGEST_SUMMARY = 1024 * 1024
"""Bytes that a runner takes of a step."""
LONGEST_CELL = 1000
"""Characters."""
_IN_MARKDOWN = str.maketrans(
    {sign: f"\\{sign}" for sign in punctuation if sign not in "/-,;()"} | {"<": "&lt;", "&": "&amp;"}
)


def note(what: str, level: Level = "error") -> Complaint:
    """Something to be shown beside a run, at no line of a file."""
    return Complaint("", 1, 1, what, level=level)


def annotations(title: str, notes: Sequence[Complaint]) -> Iterator[str]:
    """The runner's commands: the first notes, then how many more there are."""
    for each in notes[:MOST_NOTES]:
        place = f"file={_property(each.file)},line={each.line},col={each.column}," if each.file else ""
        yield f"::{each.level} {place}title={_property(title)}::{_escaped(each.advice)}"
    if (more := len(notes) - MOST_NOTES) > 0:
        yield f"::error title={_property(title)}::and {more} more"


def _escaped(text: str) -> str:
    return harmless_text(text, lines=True).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    # a colon first: at the beginning it would be taken for that of a command
    bare = text.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return harmless_text(bare, lines=True).replace("\n", "%0A")


def in_markdown(text: str) -> str:
    """The text as one line that Markdown shows as it is, and makes nothing of: no link, no image, no cell of a table."""
    short = text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…"
    return harmless_text(short).translate(_IN_MARKDOWN)


def table(heads: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    """The lines of a table in Markdown; cells are Markdown already."""
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows)
