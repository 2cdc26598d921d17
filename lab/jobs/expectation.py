"""What a scenario expects of a run (`expect`), compared with what came of one.

The same comparison serves two: `lab run`, of what happened, and a warning, of what would happen if nobody but the
scenario's own reviewers acted. The status is that of the last message's job, for every message before it needs an answer;
verdicts and polls are those of the whole run.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from lab.jobs.span import Span
from lab.language.document import ExpectedRun, Status


class TurnResult(Struct, frozen=True):
    """What is compared of one turn."""

    status: str | None
    """Of its job as it was seen last; None: no job is known."""
    refused: int | None = None
    """The HTTP status because of which the client gave up."""
    verdicts: Mapping[str, str] | None = None
    """How its gates ended, by id; None: nobody can tell."""
    polls: int = 0


def verdicts_at(span: Span) -> dict[str, str]:
    """How the gates before a span ended; of several openings the last."""
    return {vote.step: vote.verdict for vote in span.settled if vote.verdict is not None}


def unmet(expect: ExpectedRun, turns: Sequence[TurnResult], messages: int) -> Iterator[str]:
    """Each difference in one line; `messages` is how many turns there would have been."""
    last = turns[-1]
    if len(turns) < messages:
        yield f"turn {len(turns)} of {messages}: {last.status or 'no job'}, expected {Status.COMPLETE}"
        return
    if not expect.any_status and last.status != expect.status:
        yield f"status: {last.status or 'no job'}, expected {expect.status or 'no job'}"
    if expect.refused not in (None, last.refused):
        yield f"refused: {last.refused or 'no'}, expected {expect.refused}"
    known = {gate: verdict for turn in turns for gate, verdict in (turn.verdicts or {}).items()}
    for gate, verdict in expect.verdicts.items() if last.verdicts is not None else ():
        if known.get(gate) != verdict:
            yield f"{gate}: {known.get(gate, 'no verdict')}, expected {verdict}"
    polls = sum(turn.polls for turn in turns)
    if expect.polls is not None and polls > expect.polls:
        yield f"polls: {polls}, expected at most {expect.polls}"
