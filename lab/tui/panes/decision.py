"""What is said of a decision, in every part that tells of one: who took it, when, in which words, and what follows."""

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.jsontext import members_of
from lab.jobs.gates import Origin
from lab.tui.rows.blocks import at_text
from lab.tui.rows.spans import clip
from lab.tui.state.gate import GateDecision, GateState, verdict_face
from lab.tui.state.run import Exchange, RunState
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import decision_shown, finished


def decision_now(state: ScreenState, now: Millis) -> GateDecision | None:
    """The decision that the approval bar tells of: one that is narrated, or one that is due and nobody has looked yet.

    What a script decides, and that patience is over, a mock tells when somebody calls; its journal said before when that
    would be.
    """
    gate, opening = state.run.gate, state.run.matched_opening
    if gate is None:
        return decision_shown(state.run)
    if opening is None or gate.sent is not None or now < opening.otherwise.at:
        return None
    if opening.otherwise.by is not None and opening.approvals > 1:
        return None  # one vote of several: which it is, and when the next is due, isn't told
    at, by = opening.otherwise.at, opening.otherwise.by or "script"
    return GateDecision(
        at, opening.otherwise.verdict, by, at, at, opening.gate, opening.round, gate=gate, approvals=1, approved=1
    )


MOST_NAME = 48
"""Cells of a name at most: what was said, and when, must have room beside it."""
LEAST_NAME = 8


def who(state: ScreenState, decision: GateDecision, cells: int = MOST_NAME) -> str:
    """Who decided, as this screen says it, in so many cells."""
    return clip(decision.who(state.source.own_decisions, follows=state.source.follows), cells)


def by_whom(state: ScreenState, decision: GateDecision | None, cells: int = MOST_NAME) -> str:
    """` by Ann`; nothing where nobody decided."""
    return "" if decision is None or decision.verdict == "timed-out" else f" by {who(state, decision, cells)}"


def answer_sent(run: RunState, decision: GateDecision) -> tuple[Exchange | None, str, str]:
    """The call that carried a decision, if one did; what that wire calls the answer, and the answer as it was sent."""
    word = verdict_face(decision.verdict).word
    if decision.by != Origin.API:
        return None, "", word
    calls = (each for each in reversed(run.exchanges) if each.command == "invoke" and each.at <= decision.at)
    call = next(calls, None)
    sent: Json = dict(members_of(call.request_body.encode())) if call is not None else None
    for name in run.labels.answer:
        sent = sent.get(name) if isinstance(sent, dict) else None
    return (call, run.labels.answer[-1], sent) if isinstance(sent, str) else (call, "decision", word)


def decision_head(state: ScreenState, decision: GateDecision, room: int | None = None) -> str:
    """`APPROVED by you · 00:40.9`; an approval of several is counted. What is too long for its room is the name."""
    word = verdict_face(decision.verdict).word.upper()
    several = decision.approvals > 1 and decision.verdict == "approved"
    count = f" {decision.approved} of {decision.approvals}" if several else ""
    at = at_text(state.run.since_start(decision.at))
    cells = MOST_NAME if room is None else room - len(f"{word}{count} by  · {at}")
    return f"{word}{count}{by_whom(state, decision, max(LEAST_NAME, min(cells, MOST_NAME)))} · {at}"


def gate_text(state: ScreenState, gate: GateState, *, short: bool = False) -> str:
    """`gate 1 of 2 · BUYER_APPROVAL · CHAT · round 1 of 3`; `short`: without what the gate is called."""
    total = state.gates
    number = f"gate {gate.number} of {max(total, gate.number)}" if total else f"gate {gate.number}"
    again = f"round {gate.round} of {gate.rounds}" if gate.round and gate.rounds is not None else ""
    named = () if short else (gate.code, gate.channel)
    return " · ".join(part for part in (number, *named, again) if part)


def last_decision(state: ScreenState) -> GateDecision | None:
    """The decision that has a receipt: the last one of the turn, until it ends, or another gate opens."""
    run = state.run
    if run.gate is not None or finished(run):
        return None
    return next((each.decision for each in reversed(run.milestones) if each.decision is not None), None)
