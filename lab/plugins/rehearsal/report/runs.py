"""One run of a client, judged: what it did, what it met, how it ended (clients.md §9, §10)."""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.seeds import Seed
from lab.plugins.rehearsal.report.coverage import Elements, met_in
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.history import ClientHistory
from lab.plugins.rehearsal.report.outcomes import Expectation, ProcessEnd, RunOutcome, as_expected, outcome_of
from lab.recording.format.lines import Recording


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
    def failure(self) -> str:
        """In one line what it was, and what it should have been."""
        return f"FAIL  {self.name}: {self.outcome}; a good client: {self.wanted}"

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
