"""What is said of a decision, in every part that tells of one: who took it, when, in which words, and what follows."""

from rich.cells import cell_len

from lab.core.clock import Millis
from lab.tui.panes.layout import projector
from lab.tui.panes.pane import View
from lab.tui.rows.blocks import at_text
from lab.tui.rows.spans import BLANK, Rows, backed, clip, cut, fill, plain, row, wrap
from lab.tui.state.gate import GateDecision, GateState, verdict_face
from lab.tui.state.run import TimelineRow
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import decision_shown

MOST_COMMENT_ROWS = 4
"""How many rows of a timeline a comment takes at most."""
LEAST_NAME = 10
"""Cells of `by` and a name under which it isn't cut, but left out; so is one of less than twice as many."""
_GROUNDS = {"done": "@tint-done", "bad": "@tint-bad"}


def decision_now(state: ScreenState, now: Millis) -> GateDecision | None:
    """The decision that the approval bar tells of: one that is narrated, or one that is due and nobody has looked yet.

    What a script decides, and that patience is over, a mock tells when somebody calls; its journal said before when that
    would be.
    """
    gate, opening = state.run.gate, state.run.matched_opening
    if gate is None:
        return decision_shown(state.run)
    if opening is None or gate.sent is not None or now < opening.then_at:
        return None
    if opening.by is not None and opening.approvals > 1:
        return None  # one vote of several: which it is, and when the next is due, isn't told
    at, by = opening.then_at, opening.by or "script"
    return GateDecision(
        at, opening.verdict, by, at, at, opening.gate, opening.round, gate=gate, approvals=1, approved=1
    )


def who(state: ScreenState, decision: GateDecision) -> str:
    """Who decided, as this screen says it."""
    return decision.who(state.source.own_decisions, follows=state.source.follows)


def by_whom(state: ScreenState, decision: GateDecision | None) -> str:
    """` by Ann`; nothing where nobody decided."""
    return "" if decision is None or decision.verdict == "timed-out" else f" by {who(state, decision)}"


def decision_head(state: ScreenState, decision: GateDecision) -> str:
    """`APPROVED by you · 00:40.9`; an approval of several is counted."""
    word = verdict_face(decision.verdict).word.upper()
    several = decision.approvals > 1 and decision.verdict == "approved"
    count = f" {decision.approved} of {decision.approvals}" if several else ""
    return f"{word}{count}{by_whom(state, decision)} · {at_text(state.run.since_start(decision.at))}"


def gate_text(state: ScreenState, gate: GateState) -> str:
    """`gate 1 of 2 · BUYER_APPROVAL · CHAT · round 1 of 3`."""
    total = state.gates
    number = f"gate {gate.number} of {max(total, gate.number)}" if total else f"gate {gate.number}"
    again = f"round {gate.round} of {gate.rounds}" if gate.round and gate.rounds is not None else ""
    return " · ".join(part for part in (number, gate.code, gate.channel, again) if part)


def decision_bar(view: View, decision: GateDecision) -> Rows:
    """The approval bar once its gate is decided: the decision, its question, what was said, how the client learns it."""
    state, gate, tone = view.state, decision.gate, verdict_face(decision.verdict).role
    tight = projector(state, view.columns)
    inner = view.columns - (2 if tight else 3)
    place = "" if gate is None else f"  {gate_text(state, gate)}"
    lines = [cut(row(("◇ ", tone), (decision_head(state, decision), f"{tone} b"), (place, "dim")), inner)]
    if gate is not None:
        lines.append(cut(row((gate.question.replace("\n", " "), "fg")), inner))
    if decision.comment:
        lines += wrap(row((f"“{decision.comment}”", "fg b")), inner, most=1 if tight else 2)
    lines.append(row((_follows(state, decision), "dim")))
    shown = lines if tight or len(lines) >= view.rows else [BLANK, *lines]
    edge, ground = row(("▌", tone), " " if tight else "  "), _GROUNDS.get(tone, "@tint-wait")
    drawn = [*shown, *[BLANK] * (view.rows - len(shown))][: view.rows]
    return tuple(backed(fill(row(edge, cut(line, inner)), view.columns), ground) for line in drawn)


def _follows(state: ScreenState, decision: GateDecision) -> str:
    client = "the client" if state.source.follows else "the app"
    if decision.by == "api":
        return "the API took it at once; the next poll shows how the job goes on"
    return f"{client} learns of it with its next poll"


def with_comments(state: ScreenState, inner: int) -> list[TimelineRow]:
    """The rows; below a decision what was said, and who decided where its own row has no room for that."""
    rows: list[TimelineRow] = []
    for each in state.run.timeline:
        rows.append(each)
        comment = f" “{each.decision.comment}”" if each.decision is not None and each.decision.comment else ""
        by = by_whom(state, each.decision)
        if said := ("" if by_fits(state, each, by, inner) else by) + comment:
            room = inner - len(at_text(state.run.since_start(each.at))) - 3
            lines = wrap(row(said.strip()), room, most=MOST_COMMENT_ROWS)
            rows += [TimelineRow(each.at, "said", plain(line)) for line in lines]
    return rows


def decision_within(state: ScreenState, each: TimelineRow, cells: int) -> str:
    """`◇ approved by Ann`: a long name is cut to so many cells, one for which these are too few goes; the verdict stays."""
    verdict, by = f"◇ {each.word}", by_whom(state, each.decision)
    left = cells - cell_len(verdict)
    if cell_len(by) > left:
        by = clip(by, left) if left >= LEAST_NAME < cell_len(by) // 2 else ""
    return verdict + by


def by_fits(state: ScreenState, each: TimelineRow, by: str, inner: int) -> bool:
    """Whether a row of the timeline has room for who decided."""
    return cell_len(f"{at_text(state.run.since_start(each.at))} ◇ {each.word}{by}") <= inner
