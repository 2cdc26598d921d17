"""How a client's run in a rehearsal ended, and whether a good client's would have (clients.md §9)."""

from collections.abc import Collection, Sequence
from enum import StrEnum

from msgspec import Struct

from lab.jobs.own_run import GoodEnd
from lab.plugins.rehearsal.report.history import ClientHistory

_TRACEBACKS = ("Traceback (most recent call last)", "panic: ", "Unhandled exception", "Exception in thread")
"""What runtimes print of an error that nobody caught."""


class RunOutcome(StrEnum):
    """How a run ended."""

    RESULT = "result"
    """Every job's end was delivered, nothing was asked after it, and of an output it didn't say that it failed."""
    CLEAN_STOP = "clean stop"
    """It stopped without a result, and said so: by an exit code other than 0."""
    FALSE_SUCCESS = "false success"
    """It ended with 0 though no result was delivered."""
    DUPLICATE = "duplicate"
    """More jobs began than messages were to be sent."""
    HANG = "hang"
    """It had to be stopped at its limit."""
    CRASH = "crash"
    """A signal ended it, or an error that it caught nowhere."""
    NO_CALL = "no call"
    """It called nothing."""
    NOT_STRUCK = "not struck"
    """The client never came to the place where the fault strikes."""
    TOO_LONG = "too long"
    """Its jobs take longer than its limit, at which it was at work yet, or without a limit than an hour."""
    INTERRUPTED = "interrupted"
    """The rehearsal was ended meanwhile."""


UNJUDGED = (RunOutcome.NOT_STRUCK, RunOutcome.TOO_LONG, RunOutcome.INTERRUPTED)
"""Neither as expected nor otherwise."""


class ProcessEnd(Struct, frozen=True):
    """What became of the client's process."""

    code: int | None
    """Its exit code, negative for a signal; None: it was stopped at the limit."""
    errors: str = ""
    """The end of its stderr."""
    watched: bool = True
    """Whether the lab saw it end."""

    @property
    def exit_code(self) -> int | None:
        """What it said by its exit code; None: nothing."""
        return self.code if self.watched else None


UNWATCHED = ProcessEnd(1, watched=False)
"""Of a client that the lab didn't start: where it stopped without a result, it is believed to have said so."""


class Expectation(Struct, frozen=True):
    """What a good client does in this run."""

    ends: Collection[GoodEnd]
    """Any of these."""
    turns: int = 1
    """As many messages, and jobs."""
    strikes: bool = False
    """Whether a fault has to strike, or the run says nothing."""


def outcome_of(histories: Sequence[ClientHistory], end: ProcessEnd, expected: Expectation) -> RunOutcome:
    """The first of them that is true: what is worse comes first."""
    jobs = [job for history in histories for job in history.jobs]
    if end.code is None:
        return RunOutcome.HANG
    if end.code < 0 or any(each in end.errors for each in _TRACEBACKS):
        return RunOutcome.CRASH
    if not any(history.calls for history in histories):
        return RunOutcome.NO_CALL
    if len(jobs) > expected.turns:
        return RunOutcome.DUPLICATE
    struck = any(call.struck is not None for history in histories for call in history.calls)
    if expected.strikes and not struck:
        return RunOutcome.NOT_STRUCK
    ends = [job.end for job in jobs]
    last = ends[-1].seen if ends and ends[-1] is not None else None
    polled_on = any(charge.later for history in histories for charge in history.stops)
    if last is not None and None not in ends and not polled_on:
        # after an ERROR there is no next message, and its client may end as it likes
        if last.status != "COMPLETE" or (len(jobs) == expected.turns and not end.exit_code):
            return RunOutcome.RESULT
    return RunOutcome.CLEAN_STOP if end.code else RunOutcome.FALSE_SUCCESS


def as_expected(outcome: RunOutcome, expected: Expectation) -> bool | None:
    """Whether a good client's run could have ended so; None: nothing can be said."""
    if outcome in UNJUDGED:
        return None
    return outcome in (RunOutcome(end.value) for end in expected.ends)
