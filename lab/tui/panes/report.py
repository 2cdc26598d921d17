"""The report on a page: what clients did well and badly so far, what failed first."""

from collections.abc import Iterator

from lab.tui.panes.page import PageContent, PageReaction
from lab.tui.rows.spans import BLANK, Row, cut, row, wrap
from lab.tui.state.findings import ReportFindings, RuleFinding
from lab.tui.state.intents import JudgeClients


class ReportPage(PageContent):
    """What the rules find; `r` asks anew."""

    opener = "i"
    title = "REPORT"
    foot = "r judge anew · i or esc"
    keys = ("r",)

    def body(self, inner: int, rows: int) -> list[Row]:
        """Score and grade, what failed with what to do, what passed, what was not exercised."""
        findings = self.state.source.findings
        if findings is None:
            return [row((self.state.source.trouble or "The lab is judging…", "dim"))]
        return [part for each in _rows(findings) for part in wrap(each, inner)]

    def press(self, key: str) -> PageReaction:
        """Judge anew."""
        return PageReaction(intent=JudgeClients())


def _rows(findings: ReportFindings) -> Iterator[Row]:
    failed, passed = findings.with_verdict("fail"), findings.with_verdict("pass")
    rest = findings.with_verdict("not exercised")
    score = "no score yet" if findings.score is None else f"{findings.score} of 100"
    yield row(
        (findings.grade or "–", "fg b"),
        ("  ", "fg"),
        (score, "fg"),
        (f"  {len(passed)} passed", "done"),
        (f"  {len(failed)} failed", "bad"),
        (f"  {len(rest)} not exercised", "dim"),
    )
    for each in failed:
        yield BLANK
        yield row((f"{each.rule:<4}", "bad b"), (each.asks, "fg b"), (f"  {each.severity}", "dim"))
        yield row(f"    {each.advice}")
    yield BLANK
    yield from (_short(each, "done") for each in passed)
    yield from (_short(each, "faint", each.advice) for each in rest)


def _short(each: RuleFinding, role: str, more: str = "") -> Row:
    return cut(row((f"{each.rule:<4}", role), (each.asks, "dim"), (f"  {more}" if more else "", "faint")), 500)
