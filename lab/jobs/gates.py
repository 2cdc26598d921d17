"""Gates: one decision, what settles an opening, and whether a decision may be admitted now.

An opening is the half-open stretch `opened <= at < deadline`. The first decision in it wins; in a quorum the first
that makes its approvals full, or is none. A script's answer due at an instant comes before a live one at the same
instant, because the script's was settled before time began.
"""

from dataclasses import dataclass
from enum import StrEnum

from lab.core.clock import Millis
from lab.language.document import Gate, Script, Verdict, Vote


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
    """One stretch in which a gate takes decisions: `opened <= at < deadline`. A quorum takes several, others one."""

    gate: Gate
    visit: int
    rounds_used: int
    opened: Millis
    deadline: Millis
    before: int = 0
    """How many votes the gate took in its earlier openings: each used up an entry of the script."""
    scripted: bool = True
    """Whether the scenario's reviewer answers."""


def opening(
    gate: Gate, visit: int, rounds_used: int, opened: Millis, *, scripted: bool, before: int = 0
) -> Opening:  # fmt: skip
    """The opening that begins at `opened`; `scripted` False leaves the scenario's reviewer out."""
    return Opening(gate, visit, rounds_used, opened, opened + gate.patience, before, scripted)


def votes(opening: Opening, decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
    """The votes of an opening in order, if nobody decides but these: the last one ends it.

    That is the approval that makes the quorum, the first other verdict, or the time-out at the deadline.
    """
    live = [
        each for each in decisions
        if each.step == opening.gate.gate and each.visit == opening.visit
        and opening.opened <= each.at < opening.deadline
    ]  # fmt: skip
    cast: list[Decision] = []
    while True:
        script = _scripted(opening, cast)
        while live and live[0].name is not None and live[0].name in _voters(cast):
            del live[0]  # a name counts once
        if live and (script is None or live[0].at < script.at):
            cast.append(live.pop(0))
        elif script is not None:
            cast.append(script)
        else:
            late = Decision(
                opening.deadline, opening.gate.gate, opening.visit, Verdict.TIMED_OUT, Origin.SCRIPT
            )  # fmt: skip
            return (*cast, late)
        if cast[-1].verdict is not Verdict.APPROVED or len(cast) == opening.gate.approvals:
            return tuple(cast)


def _voters(cast: list[Decision]) -> list[str | None]:
    return [vote.name for vote in cast]


def _scripted(opening: Opening, cast: list[Decision]) -> Decision | None:
    """The script's answer for the next vote, if one is due before the deadline."""
    vote = _entry(opening.gate, opening.before + len(cast)) if opening.scripted else None
    if vote is None:
        return None
    due = (cast[-1].at if cast else opening.opened) + vote.after
    if due >= opening.deadline:
        return None
    name = None if vote.by in _voters(cast) else vote.by
    return Decision(
        due, opening.gate.gate, opening.visit, Verdict(vote.verdict), Origin.SCRIPT, name, vote.comment
    )  # fmt: skip


def _entry(gate: Gate, number: int) -> Vote | None:
    match gate.reviewer:
        case Vote() as vote:
            return vote
        case Script(script=entries):
            return entries[number] if number < len(entries) else None
        case _:
            return None


def settle(opening: Opening, decisions: tuple[Decision, ...]) -> Decision:
    """How the opening ends if nobody decides but these."""
    return votes(opening, decisions)[-1]


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
    VOTED = "voted"
    """In a quorum a name counts once."""


def admit(
    open_now: Opening | None, step: str, verdict: Verdict, comment: str | None,
    *, name: str | None = None, cast: tuple[Decision, ...] = (),
) -> Inadmissible | None:  # fmt: skip
    """None if the decision may enter the journal now, else why not.

    `open_now` is the opening at this instant, or None, and `cast` its votes so far; telling early from late is the
    caller's part, for only the timeline knows what came before.
    """
    if open_now is None:
        return Inadmissible.EARLY
    if open_now.gate.gate != step:
        return Inadmissible.OTHER_GATE
    if verdict not in offers(open_now.gate):
        return Inadmissible.NOT_OFFERED
    if verdict is Verdict.CHANGES and not (comment or "").strip():
        return Inadmissible.NO_COMMENT
    if name is not None and any(vote.name == name for vote in cast):
        return Inadmissible.VOTED
    return None
