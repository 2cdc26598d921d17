"""Gates: one decision, what settles an opening, and whether a decision may be admitted now.

An opening is the half-open stretch `opened <= at < deadline`. The first decision in it wins. A script's
answer due at an instant comes before a live one at the same instant, because the script's was settled
before time began.
"""

from dataclasses import dataclass
from enum import StrEnum

from lab.core.clock import Millis
from lab.core.scenario import Gate, Script, Verdict, Vote


class Origin(StrEnum):
    """Who decided (recording.md §2.3, `by`)."""

    PERSON = "person"
    SCRIPT = "script"
    API = "api"
    RECORDING = "recording"


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer to one opening of a gate, or (`verdict` None) the early end of one wait."""

    at: Millis
    step: str
    visit: int
    verdict: Verdict | None
    by: Origin = Origin.PERSON
    name: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """One stretch in which a gate takes a decision: `opened <= at < deadline`."""

    gate: Gate
    visit: int
    rounds_used: int
    opened: Millis
    deadline: Millis
    script: Decision | None
    """The scripted answer of this opening, if one is due before the deadline."""

    @property
    def ends(self) -> Millis:
        """When it ends if nobody decides: the script's instant, else the deadline."""
        return self.script.at if self.script else self.deadline


def opening(gate: Gate, visit: int, rounds_used: int, opened: Millis, *, scripted: bool) -> Opening:
    """The opening that begins at `opened`; `scripted` False leaves the scenario's reviewer out."""
    deadline = opened + gate.patience
    vote = _vote(gate, visit) if scripted else None
    script = None
    if vote is not None and opened + vote.after < deadline:
        script = Decision(
            opened + vote.after, gate.gate, visit, Verdict(vote.verdict), Origin.SCRIPT, vote.by, vote.comment
        )
    return Opening(gate, visit, rounds_used, opened, deadline, script)


def _vote(gate: Gate, visit: int) -> Vote | None:
    match gate.reviewer:
        case Vote() as vote:
            return vote
        case Script(script=votes):
            return votes[visit] if visit < len(votes) else None
        case _:
            return None


def settle(opening: Opening, decisions: tuple[Decision, ...]) -> Decision:
    """How the opening ends, given the live decisions: a live one, the script's, or the time-out at the deadline."""
    for decision in decisions:
        if decision.step == opening.gate.gate and decision.visit == opening.visit:
            if opening.opened <= decision.at < opening.ends:
                return decision
    if opening.script is not None:
        return opening.script
    return Decision(opening.deadline, opening.gate.gate, opening.visit, Verdict.TIMED_OUT, Origin.SCRIPT)


def offers(gate: Gate) -> tuple[Verdict, ...]:
    """The verdicts a decision may carry, in the order of buttons."""
    if not gate.approval:
        return (Verdict.APPROVED,)
    if gate.verdicts.changes_requested is None:
        return (Verdict.APPROVED, Verdict.REJECTED)
    return (Verdict.APPROVED, Verdict.REJECTED, Verdict.CHANGES)


class Inadmissible(StrEnum):
    """Why a decision is refused at the door."""

    EARLY = "early"
    """The job has not reached a gate yet, or the gate's opening lies ahead."""
    DECIDED = "decided"
    """This gate has had its decision."""
    LATE = "late"
    """Patience ran out."""
    OTHER_GATE = "other-gate"
    """Another gate is open."""
    ENDED = "ended"
    """The job is over."""
    NOT_OFFERED = "not-offered"
    """The gate doesn't offer this verdict."""
    NO_COMMENT = "no-comment"
    """A request for changes says what should be different."""


def admit(open_now: Opening | None, step: str, verdict: Verdict, comment: str | None) -> Inadmissible | None:
    """None if the decision may enter the journal now, else why not.

    `open_now` is the opening at this instant, or None; telling early from late is the caller's part,
    for only the timeline knows what came before.
    """
    if open_now is None:
        return Inadmissible.EARLY
    if open_now.gate.gate != step:
        return Inadmissible.OTHER_GATE
    if verdict not in offers(open_now.gate):
        return Inadmissible.NOT_OFFERED
    if verdict is Verdict.CHANGES and not (comment or "").strip():
        return Inadmissible.NO_COMMENT
    return None
