"""Warnings about gates that time out (nobody answers, or too late, or too few), and that escalate in vain."""

from collections.abc import Iterator
from typing import assert_never

from lab.core.clock import Millis
from lab.jobs.compiled import CompiledScenario
from lab.jobs.gates import Opening, votes
from lab.language.parse import KeyPath
from lab.program.steps import Gate, Script, Vote
from lab.program.words import Verdict, duration_text


def unanswered_gates(part: CompiledScenario) -> Iterator[tuple[KeyPath, str, str]]:
    """Gates that nobody answers in time."""
    for place, step in enumerate(part.scenario.steps):
        path: KeyPath = ("steps", place)
        if not isinstance(step, Gate):
            continue
        if step.escalate is not None and isinstance(step.escalate.reviewer, Vote):
            late = step.escalate.reviewer.late or any(vote.late for vote in _votes(step))
            if votes(Opening(step, 0, 0, 0), ())[-1].verdict is Verdict.TIMED_OUT and not late:
                hint = f"patience ends after {duration_text(step.patience)}; write late: true if that is meant"
                yield (*path, "escalate", "reviewer"), f"{step.id} times out before its reviewers answer", hint
            continue
        if step.reviewer is None:
            hint = "write reviewer: nobody if that is meant"
            yield path, f"{step.id} has no reviewer: without a person the job waits until it times out", hint
        due = _due(step)
        own = _votes(step)
        if due is not None and due >= step.patience and not any(vote.late for vote in own):
            hint = f"{duration_text(due)} after the opening, patience ends after {duration_text(step.patience)}; write late: true if that is meant"
            answers = "answers" if step.approvals == 1 else f"has given {step.approvals} approvals"
            yield (*path, "reviewer"), f"{step.id} times out before its reviewer {answers}", hint
        approves = all(vote.verdict == "approved" for vote in own)
        if isinstance(step.reviewer, Script) and len(own) < step.approvals and approves:
            hint = f"{len(own)} of {step.approvals} votes are scripted"
            yield (*path, "reviewer"), f"{step.id} times out: its script holds too few votes", hint


def idle_escalations(part: CompiledScenario) -> Iterator[tuple[KeyPath, str, str]]:
    """Escalations that are never reached, change nothing, or come too late for who is asked then."""
    for place, step in enumerate(part.scenario.steps):
        if not isinstance(step, Gate) or (escalate := step.escalate) is None:
            continue
        path: KeyPath = ("steps", place, "escalate")
        end = votes(Opening(step, 0, 0, 0), ())[-1]
        # a script may say something else at a later opening, and past its last entry nobody answers
        if isinstance(step.reviewer, Vote) and end.at < escalate.after:
            answers = duration_text(end.at)
            hint = f"let it come before {answers}, or the reviewer later; as it is only a person can be so slow"
            yield (*path, "after"), f"{step.id} never escalates: its reviewer decides after {answers}", hint
        if escalate.asks is None and escalate.reviewer is None:
            hint = "give it asks or a reviewer; write reviewer: nobody in it if that is meant"
            yield path, f"the escalation of {step.id} changes nothing: it asks nobody else, and nothing else", hint
        second = escalate.reviewer
        if not isinstance(second, Vote) or second.late or end.verdict is Verdict.TIMED_OUT:
            continue  # of a gate that times out is told as such
        if (due := escalate.after + second.after) >= step.patience:
            hint = f"{duration_text(due)} after the opening, patience ends after {duration_text(step.patience)}; write late: true if that is meant"
            yield (*path, "reviewer"), f"{step.id} times out before who is asked in the escalation answers", hint


def _votes(gate: Gate) -> tuple[Vote, ...]:
    match gate.reviewer:
        case Vote() as vote:
            return (vote,) * gate.approvals
        case Script(script=votes):
            return votes
        case None | "nobody":
            return ()
        case _:
            assert_never(gate.reviewer)


def _due(gate: Gate) -> Millis | None:
    """When the script ends the gate's slowest opening, counted from that opening, if nobody else votes."""
    # one vote ends an opening, so the entries are those of different openings; in a quorum they follow each other
    if gate.approvals == 1:
        return max((vote.after for vote in _votes(gate)), default=None)
    total: Millis = 0
    votes = _votes(gate)[: gate.approvals]
    for vote in votes:
        total += vote.after
        if vote.verdict != "approved":
            break
    return total if votes else None
