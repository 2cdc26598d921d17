"""What the rules find in what clients did, as a running lab tells it (control-plane.md): read tolerantly, and cleaned."""

from collections.abc import Mapping

from msgspec import Struct

from lab.core.exchange import Json
from lab.core.jsontext import text_or_none
from lab.tui.state.clean import line

MOST_RULES = 200


class RuleFinding(Struct, frozen=True):
    """What one rule says: pass, fail or not exercised, and what to do, or what would exercise it."""

    rule: str
    asks: str
    severity: str
    verdict: str
    advice: str


class ReportFindings(Struct, frozen=True):
    """The report, in short."""

    score: int | None = None
    grade: str = ""
    rules: tuple[RuleFinding, ...] = ()

    def with_verdict(self, verdict: str) -> tuple[RuleFinding, ...]:
        """The rules that say so."""
        return tuple(each for each in self.rules if each.verdict == verdict)


def findings_of(document: Mapping[str, Json]) -> ReportFindings:
    """What the control plane's answer holds."""
    rows, score = document.get("rules"), document.get("score")
    return ReportFindings(
        score if isinstance(score, int) else None,
        _text(document, "grade"),
        tuple(_rule(each) for each in (rows if isinstance(rows, list) else [])[:MOST_RULES] if isinstance(each, dict)),
    )


def _rule(row: Mapping[str, Json]) -> RuleFinding:
    verdict = _text(row, "verdict")
    advice = _text(row, "fix") if verdict == "fail" else f"try {_text(row, 'tried')}"
    return RuleFinding(_text(row, "rule"), _text(row, "asks"), _text(row, "severity"), verdict, advice)


def _text(row: Mapping[str, Json], name: str) -> str:
    return line(text_or_none(row.get(name)) or "", 400)
