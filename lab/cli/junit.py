"""JUnit's XML, as CI systems read it: suites of testcases, each with what came of it."""

import re
from collections.abc import Sequence
from enum import StrEnum
from xml.sax.saxutils import escape, quoteattr

from msgspec import Struct

from lab.core.clock import Millis

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
    return quoteattr(_clean(text))
