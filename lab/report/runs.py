"""One run of a client, judged: what it did, what it met, how it ended (clients.md §9, §10)."""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from lab.core.exchange import Json
from lab.recording.bodies import Blob
from lab.recording.lines import Recording
from lab.report.coverage import Elements, met_in
from lab.report.gather import histories_of
from lab.report.history import ClientHistory
from lab.report.outcomes import Expectation, ProcessEnd, RunOutcome, as_expected, outcome_of


class JudgedRun(Struct, frozen=True):
    """What came of a run."""

    name: str
    expected: Expectation
    outcome: RunOutcome
    histories: tuple[ClientHistory, ...] = ()
    met: Elements = {}
    """What its client went through."""

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

    def document(self) -> dict[str, Json]:
        """For programs."""
        return {
            "scenario": self.name,
            "outcome": str(self.outcome),
            "good_client": [str(end) for end in self.expected.ends],
            "good": self.good,
        }


def summary_of_runs(runs: Sequence[JudgedRun]) -> str:
    """`221 runs: 200 result, 21 clean stop; 3 otherwise than a good client's`."""
    counts = Counter(run.outcome for run in runs)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    return f"{len(runs)} run{'s' if len(runs) != 1 else ''}: {outcomes}; {sum(run.good is False for run in runs)} otherwise than a good client's"


def judged_run(
    name: str,
    recording: Recording,
    expected: Expectation,
    end: ProcessEnd,
    *,
    blob: Blob | None = None,
    over: bool = True,
) -> JudgedRun:
    """The run that a recording tells, of a client that ended so; `over`: it is known to have ended."""
    # one that was stopped didn't end by itself: what it would have done next nobody knows
    histories = histories_of(recording, blob=blob, over=over and end.code is not None, code=end.exit_code)
    outcome, met = outcome_of(histories, end, expected), met_in(recording, histories)
    if expected.strikes and outcome is not RunOutcome.NOT_STRUCK:
        met = {**met, "faults": frozenset((name,))}
    return JudgedRun(name, expected, outcome, histories, met)
