"""One run of a client, judged: how it ended, and whether a good client's would have; what it did, what it met (clients.md §9)."""

from collections import Counter
from collections.abc import Collection, Sequence
from enum import StrEnum

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.seeds import Seed
from lab.jobs.own_run import GoodEnd
from lab.plugins.rehearsal.report.coverage import Elements, met_in
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.history import ClientHistory, callback_tries
from lab.recording.format.lines import Recording

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
    # one that nobody took says nothing of its client, unless it was to be lost
    tries = (each for job in jobs for each in callback_tries(job))
    struck = struck or any(each.fault == "lost" or (each.fault and each.status is not None) for each in tries)
    if expected.strikes and not struck:
        return RunOutcome.NOT_STRUCK
    ends = [job.end for job in jobs]
    last = ends[-1].seen if ends and ends[-1] is not None else None
    polled_on = any(charge.later for history in histories for charge in history.stops)
    if last is not None and None not in ends and not polled_on:
        # after an ERROR there is no next message, and its client may end as it likes
        whole = last.status != "COMPLETE" or (len(jobs) == expected.turns and not end.exit_code)
        # what was said elsewhere is no turn, and what came of it no result
        if whole and [job.turn for job in jobs] == [*range(1, len(jobs) + 1)]:
            return RunOutcome.RESULT
    return RunOutcome.CLEAN_STOP if end.code else RunOutcome.FALSE_SUCCESS


def as_expected(outcome: RunOutcome, expected: Expectation) -> bool | None:
    """Whether a good client's run could have ended so; None: nothing can be said."""
    if outcome in UNJUDGED:
        return None
    return outcome in (RunOutcome(end.value) for end in expected.ends)


class JudgedRun(Struct, frozen=True):
    """What came of a run."""

    name: str
    expected: Expectation
    outcome: RunOutcome
    histories: tuple[ClientHistory, ...] = ()
    met: Elements = {}
    """What its client went through."""
    seed: Seed | None = None
    """Of the lab that it called, if that was known."""
    details: tuple[str, ...] = ()
    """For people, as all that follows: why it came out so."""
    about: tuple[str, ...] = ()
    """What the client met."""
    advice: str = ""
    """What it should have done then."""
    notes: tuple[str, ...] = ()
    """What else is to be seen of it."""
    broken: tuple[str, ...] = ()
    """The rules that count, and were broken in it."""
    commands: tuple[str, ...] = ()
    """What repeats it, and what shows its recording."""
    printed: tuple[str, ...] = ()
    """The end of what the client printed."""
    took: Millis | None = None
    """Real milliseconds, its client's and the lab's; None: nobody measured it."""

    @property
    def good(self) -> bool | None:
        """Whether it is what a good client would have done; None: nothing can be said."""
        return as_expected(self.outcome, self.expected)

    @property
    def wanted(self) -> str:
        """How a good client's ends."""
        return " or ".join(self.expected.ends)

    @property
    def ended(self) -> str:
        """What it was, and what it should have been."""
        return f"{self.outcome}; a good client: {self.wanted}"

    @property
    def lines(self) -> tuple[str, ...]:
        """All that there is for people, a line each."""
        return (*self.own_lines, *self.printed)

    @property
    def own_lines(self) -> tuple[str, ...]:
        """The same without what the client printed."""
        advice = (self.advice,) if self.advice else ()
        broken = (f"rules broken in it: {' '.join(self.broken)}",) if self.broken else ()
        return (*self.details, *self.about, *advice, *self.notes, *broken, *self.commands)

    def document(self) -> dict[str, Json]:
        """For programs."""
        return {
            "scenario": self.name,
            **({} if self.seed is None else {"seed": self.seed}),
            "outcome": str(self.outcome),
            "good_client": [str(end) for end in self.expected.ends],
            "good": self.good,
            **({"details": [*self.lines]} if self.lines else {}),
        }


def summary_of_runs(runs: Sequence[JudgedRun], not_called: int = 0) -> str:
    """`221 runs: 200 result, 21 clean stop; 3 otherwise than a good client's`; without runs that none was chosen."""
    counts = Counter(run.outcome for run in runs)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    if not runs:
        return f"No scenario was chosen by path or header, of {not_called} that can be."
    left = f"; {not_called} not called" if not_called else ""
    otherwise = sum(run.good is False for run in runs)
    return (
        f"{len(runs)} run{'s' if len(runs) != 1 else ''}: {outcomes}; {otherwise} otherwise than a good client's{left}"
    )


def judged_run(
    name: str,
    recording: Recording,
    expected: Expectation,
    end: ProcessEnd,
    *,
    over: bool = True,
) -> JudgedRun:
    """The run that a recording tells, of a client that ended so; `over`: it is known to have ended."""
    # one that was stopped didn't end by itself: what it would have done next nobody knows
    histories = histories_of(recording, over=over and end.code is not None, code=end.exit_code)
    outcome, met = outcome_of(histories, end, expected), met_in(recording, histories)
    if expected.strikes and outcome is not RunOutcome.NOT_STRUCK:
        met = {**met, "faults": frozenset((name,))}
    return JudgedRun(name, expected, outcome, histories, met, recording.header.seed)
