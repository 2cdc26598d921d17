"""Gates: what one decision is, which decisions end an opening, and whether a decision may be admitted now.

An opening is one visit to a gate: the half-open stretch `opened <= at < deadline` in which it takes decisions, where
deadline = opened + patience. Each decision taken is a *vote*; the last vote ends the opening, and its verdict says where
the job goes on.

What must hold
    1. Every opening ends: by the deadline at the latest, with the verdict timed-out.
    2. It ends once. The first decision wins, and one that comes later finds the gate shut. In a quorum of n the opening
       ends with its n-th approval, or with the first rejection or request for changes, whoever it comes from.
    3. Who looks, and how often, changes nothing: `votes` is a function of the opening and of what was decided.

The table of edges: patience 10 s, opened at 100 000, so the deadline is 110 000

    a decision at   is
     99 999         early: not of this opening
    100 000         a vote; `<=`, for the gate is open at the instant at which the job reaches it
    109 999         a vote: the last instant
    110 000         late: at this instant the gate has timed out, and what follows has begun

    Were both ends closed, an instant could belong to two spans, and a decision at the deadline would both win and have
    come too late.

Script before live, at the same instant
    A scenario's reviewer is settled before time begins; a person's answer arrives. If both fall on one instant, the
    script's counts. Otherwise the outcome would depend on whether somebody had looked at that instant before the person
    answered: whoever looked had been told of the script's verdict.
    A script that would answer at the deadline or later doesn't answer: the opening is over.

A worked example: approvals 2, patience 10 s, opened at 0, `reviewer: {after: 3s, verdict: approved, by: Ann}`

    nobody else decides             votes at 3 000 (Ann) and 6 000 (nameless): approved at 6 000
    Bob approves at 1 000           votes at 1 000 (Bob) and 4 000 (Ann): approved at 4 000; the script's next answer is
                                    counted from the vote before it
    Ann approves at 1 000           the person is Ann, so the script's vote at 4 000 goes without its name
    Ann at 1 000, Ann at 2 000      the second isn't counted: a name counts once
    Bob rejects at 2 999            rejected at 2 999
    Bob rejects at 3 000            Ann's approval comes first, then Bob's rejection: rejected at 3 000, by two votes

Escalation: `escalate: {after: 5s, reviewer: {after: 2s, verdict: approved, by: Eve}}` beside that, Ann at 9 s
    It ends no opening, and its votes and deadline stay; only one more may decide. Eve's votes are due 2 s after the
    escalation, or after the vote before if that came later, and whoever's is due first is the next: Eve at 7 000, and
    again, without her name, at 9 000. At 9 000 Ann's is due too, but the vote before was at 7 000, so hers is due at 16 000.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from operator import itemgetter
from typing import assert_never

from msgspec import Struct

from lab.core.clock import Millis
from lab.program.steps import Gate, Script, Vote
from lab.program.words import Verdict


class Origin(StrEnum):
    """Who decided (recordings.md §2.3, `by`).

    A time-out counts as the script's: nobody decided, and that was settled before time began.
    """

    PERSON = "person"
    SCRIPT = "script"
    API = "api"
    RECORDING = "recording"


CANCEL = ""
"""In the place of a step's id: the decision is about the job."""


class Decision(Struct, frozen=True):
    """One answer to one opening of a gate, or (`verdict` None) the early end of one wait, or of the job (`step` CANCEL).

    It names the step *and the visit*: a loop comes by the same gate again, and an answer to the first draft is none to
    the second. Who answers over the API names neither; the door writes down which opening was open.
    """

    at: Millis
    step: str
    visit: int
    verdict: Verdict | None
    by: Origin = Origin.PERSON
    name: str | None = None
    comment: str | None = None

    @property
    def cancels(self) -> bool:
        """Whether it is the request to cancel the job."""
        return self.step == CANCEL


class Opening(Struct, frozen=True):
    """One stretch in which a gate takes decisions: `opened <= at < deadline`. A quorum takes several, others one."""

    gate: Gate
    visit: int
    """Which opening of this gate it is, from 0: a decision names it, so one for the last round can't answer this one."""
    opened: Millis
    scripted: bool = True
    """Whether the scenario's reviewer answers; False when a person does."""
    earlier_votes: int = 0
    """How many votes the gate took in its earlier openings: each used up an entry of the script, a live one too."""

    @property
    def deadline(self) -> Millis:
        """When the gate times out: the first instant that is not of the opening."""
        return self.opened + self.gate.patience

    @property
    def escalates(self) -> Millis | None:
        """When it escalates if it is still open then; None: never."""
        escalate = self.gate.escalate
        if escalate is None or escalate.after >= self.gate.patience:
            return None
        return self.opened + escalate.after

    def vote(
        self, at: Millis, verdict: Verdict, by: Origin, name: str | None = None, comment: str | None = None
    ) -> Decision:
        return Decision(at, self.gate.id, self.visit, verdict, by, name, comment)


def votes(opening: Opening, decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
    """The votes of an opening in order, if nobody decides but these: the last one ends it.

    That is the approval that makes the quorum, the first other verdict, or the time-out at the deadline. `decisions` are
    the job's, in the order in which they were accepted.
    """
    gate, visit, opened, deadline = opening.gate.id, opening.visit, opening.opened, opening.deadline
    live = [each for each in decisions if (each.step, each.visit) == (gate, visit) and opened <= each.at < deadline]
    cast: list[Decision] = []
    # Ends: each turn takes a live decision away, adds a vote to at most `approvals`, or times out.
    while True:
        script = _scripted(opening, cast)
        # a name counts once; the door refuses these, but a recording made elsewhere may hold one
        live = [each for each in live if each.name is None or not _voted(each.name, cast)] if cast else live
        if live and (script is None or live[0].at < script.at):  # `<`: at the same instant the script comes first
            cast.append(live.pop(0))
        elif script is not None:
            cast.append(script)
        else:
            return (*cast, opening.vote(deadline, Verdict.TIMED_OUT, Origin.SCRIPT))
        if cast[-1].verdict is not Verdict.APPROVED or len(cast) == opening.gate.approvals:
            return tuple(cast)


def _voted(name: str | None, cast: Iterable[Decision]) -> bool:
    return any(vote.name == name for vote in cast)


def _scripted(opening: Opening, cast: list[Decision]) -> Decision | None:
    """The script's answer for the next vote, if one is due before the deadline: that of the reviewer who is first."""
    if not opening.scripted:
        return None
    escalate, escalates = opening.gate.escalate, opening.escalates
    # from the vote before, not from the opening: in a quorum one person answers after the other
    before = cast[-1].at if cast else opening.opened
    due: list[tuple[Millis, Vote]] = []
    if (vote := scripted_vote(opening.gate, opening.earlier_votes + len(cast))) is not None:
        due.append((before + vote.after, vote))
    if escalate is not None and escalates is not None and isinstance(escalate.reviewer, Vote):
        due.append((max(before, escalates) + escalate.reviewer.after, escalate.reviewer))
    if not due:
        return None
    at, vote = min(due, key=itemgetter(0))  # of two at one instant the first reviewer
    if at >= opening.deadline:
        return None
    name = None if _voted(vote.by, cast) else vote.by
    return opening.vote(at, Verdict(vote.verdict), Origin.SCRIPT, name, vote.comment)


def scripted_vote(gate: Gate, number: int) -> Vote | None:
    """What the scenario's reviewer says as the gate's vote of that number, from 0 and over all its openings."""
    match gate.reviewer:
        case None | "nobody":
            return None
        case Vote() as vote:
            return vote  # the same at each opening, and for every vote that is missing
        case Script(script=entries):
            return entries[number] if number < len(entries) else None
        case _:
            assert_never(gate.reviewer)


def offers(gate: Gate) -> tuple[Verdict, ...]:
    """The verdicts a decision may carry, in the order of buttons; timed-out is nobody's to give.

    A gate that only collects a text is approved by it. Changes can be asked for where there is a step to go back to; that
    the rounds are used up doesn't take the button away: the last request ends the job, and its output says why.
    """
    if not gate.approval:
        return (Verdict.APPROVED,)
    changes = () if gate.verdicts.changes_requested is None else (Verdict.CHANGES,)
    return (Verdict.APPROVED, Verdict.REJECTED, *changes)


def labels(gate: Gate) -> dict[Verdict, str]:
    """What may be answered through the API, with its label; a gate without approval takes a reply, as changes."""
    words = gate.labels
    offered = {Verdict.APPROVED: words.approve, Verdict.REJECTED: words.reject, Verdict.CHANGES: words.changes}
    return {verdict: offered[verdict] for verdict in (offers(gate) if gate.approval else (Verdict.CHANGES,))}


_DECIDERS: Mapping[str, str] = {
    Origin.PERSON: "control plane", Origin.SCRIPT: "script", Origin.API: "API", Origin.RECORDING: "recording",
}  # fmt: skip
"""Who decided, in words. The screen decides over the API where its gate takes an answer there, else over the control plane."""


def decision_text(
    verdict: str, by: str, name: str | None = None, comment: str | None = None, *, approved: int = 0, approvals: int = 1
) -> str:
    """One decision as transcripts and plans say it: `script: approved by finance, 2 of 2: Fine.`

    `approved` counts the approvals of a quorum, this one too, of which there must be `approvals`. Name and comment are
    the reviewer's own words: the caller cleans them for where they go.
    """
    count = f"{approved} of {approvals}" if approvals > 1 else ""
    if verdict == Verdict.TIMED_OUT:
        return f"{f'{count} approved' if count and approved else 'nobody decided'}: timed out"
    text = f"{_DECIDERS.get(by, by)}: {verdict}{f' by {name}' if name else ''}"
    text += f", {count}" if count and verdict == Verdict.APPROVED else ""
    return f"{text}: {comment}" if comment else text


class Inadmissible(StrEnum):
    """Why a decision is refused at the door: 409, and the reason in words of the dialect.

    The job goes on as if nobody had answered. Of two answers at the same instant the one that arrives second is told
    `decided`: the instant is the same, the order in the journal is not.
    """

    EARLY = "early"
    """No gate is open: the job has not reached one, has passed it, or is over."""
    OTHER_GATE = "other-gate"
    NOT_OFFERED = "not-offered"
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
    caller's part, for only the timeline knows what came before. What is refused here never becomes a fact, so a journal
    holds no decision that `votes` would have to pass over.
    """
    # in the order in which a person would want to know: is it my turn, is it this question, is it an answer to it
    if open_now is None:
        return Inadmissible.EARLY
    if open_now.gate.id != step:
        return Inadmissible.OTHER_GATE
    if verdict not in offers(open_now.gate):
        return Inadmissible.NOT_OFFERED
    if verdict is Verdict.CHANGES and not (comment or "").strip():
        return Inadmissible.NO_COMMENT
    # who gives no name may vote again: two people without names can't be told apart from one
    if name is not None and _voted(name, cast):
        return Inadmissible.VOTED
    return None
