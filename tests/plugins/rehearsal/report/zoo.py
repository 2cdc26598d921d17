"""Clients that break one rule each, and rehearsals in which they do; good clients that break none."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.dialects.base import Look
from lab.dialects.client import Seen
from lab.program.words import Status
from tests.plugins.rehearsal.report.good import MINUTE, WIRE, Plain, Steps, Stopped
from tests.plugins.rehearsal.report.good_kinds import Backoff
from tests.plugins.rehearsal.report.rehearsal import Rehearsal
from tests.plugins.rehearsal.report.together import Came, Send, Story

HEAD = "lab: 1\nname: quick\ntitle: Quick\nagent: {code: QUICK, version: 1}\nask: go\nlatency: {token: 100ms, invoke: 200ms, status: 100ms}\n"


def worked(takes: str, *faults: str) -> str:
    """A job that works so long, with faults."""
    struck = "faults:\n" + "".join(f"  - {{{fault}}}\n" for fault in faults) if faults else ""
    return f"{HEAD}steps:\n  - {{work: run, takes: {takes}}}\n  - {{complete: done, output: Done.}}\n{struck}"


def approved(first: str, after: str, then: str = "20s") -> str:
    """Work, a gate that somebody answers after a while, work."""
    return (
        f"{HEAD}steps:\n  - {{work: read, takes: {first}}}\n"
        f"  - {{gate: may-it, asks: May it?, patience: 48h, reviewer: {{after: {after}, verdict: approved}},"
        " verdicts: {rejected: done}}\n"
        f"  - {{work: pay, takes: {then}}}\n  - {{complete: done, output: Done.}}\n"
    )


QUICK, SLOW, APPROVAL, LONG_WAIT = worked("5s"), worked("180s"), approved("5s", "70s"), approved("25s", "10m")
BUSY = worked(
    "60s",
    "route: status, calls: 2, answer: 429, retry_after: 10s",
    "route: status, calls: 4, answer: 503, retry_after: 20s",
)
MINUTE_OF_503 = worked("180s", "route: status, calls: 2-11, answer: 503")
ENDLESS = worked("9999h")
ODD_STATUS = worked("40s", "route: status, calls: 3-4, status_word: QUEUED_V2")
ODD_CASE = worked("40s", "route: status, calls: 3, status_word: Complete")
ODD_BODY = worked("60s", "route: status, calls: 3, odd_body: true")
LATE = worked("60s", "route: status, calls: 2, delay: 10s")
NULL = f"{HEAD}steps:\n  - {{work: run, takes: 20s}}\n  - {{complete: done, output: null}}\n"


@dataclass
class Deaf(Plain):
    """Polls 2 s after `Retry-After: 10`, with growing pauses."""

    def pause(self, attempt: int, came: Came) -> Steps[None]:
        yield from self.wait(2_000 + self.lot(2_000))

    def pace(self) -> Millis:
        return 0 if self.answers and self.answers[-1].response.status != 200 else super().pace()


@dataclass
class NeverDone(Plain):
    """Polls three more times after COMPLETE, or more often."""

    more: int = 3

    def follow(self, job: Seen) -> Steps[None]:
        yield from super().follow(job)
        for _ in range(self.more):
            yield from self.wait(5_000)
            yield from self.poll(job.job)


@dataclass
class Impatient(Plain):
    """Stops after 30 s of RUNNING."""

    deadline: Millis = 30_000


@dataclass
class Lingering(Impatient):
    """The same, and it goes on living with its connection open."""

    def story(self) -> Story:
        yield from super().story()
        yield from self.wait(5 * MINUTE)


@dataclass
class WaitingIsFailure(Plain):
    """Stops at the first WAITING."""

    def ended(self, seen: Seen) -> bool:
        return seen.final or seen.status is Status.WAITING


@dataclass
class SamePace(Plain):
    """6 s in RUNNING and in WAITING."""

    running: Millis = 6_000
    waiting: Millis = 6_000


@dataclass
class Eager(Plain):
    """200 ms, doubled to 10 s."""

    def pace(self) -> Millis:
        return min(10_000, 200 << len(self.answers))


@dataclass
class Metronome(Plain):
    """2 s fixed in RUNNING, 10 s in WAITING."""

    running: Millis = 2_000
    waiting: Millis = 10_000

    def lot(self, pause: Millis) -> Millis:
        return 0


@dataclass
class Lockstep(Plain):
    """Exact 1, 2, 4, 8 s after failures."""

    def pause(self, attempt: int, came: Came) -> Steps[None]:
        yield from self.wait(1_000 << min(attempt - 1, 3))

    def pace(self) -> Millis:
        return 0 if self.answers and self.answers[-1].response.status != 200 else super().pace()


@dataclass
class InStep(Backoff):
    """Many jobs that begin at once, with the same growing pauses."""

    def lot(self, pause: Millis) -> Millis:
        return 0


@dataclass
class ForEver(Plain):
    """Has no deadline."""

    deadline: Millis = 54 * 60 * MINUTE
    running: Millis = 50_000


@dataclass
class ClosedList(Plain):
    """Stops at a status that it doesn't know."""

    def ended(self, seen: Seen) -> bool:
        return seen.final or (seen.status is None and seen.word.upper() not in Status.__members__)


@dataclass
class AnyCase(Plain):
    """Takes `Complete` for the end."""

    def ended(self, seen: Seen) -> bool:
        return seen.word.upper() in ("COMPLETE", "ERROR")


@dataclass
class StrictBody(Plain):
    """Stops at an unknown member."""

    known: int = 27

    def job_in(self, came: Came, route: str) -> Seen | None:
        from tests.plugins.rehearsal.report.good import members

        seen = super().job_in(came, route)
        if seen is not None and len(members(came)) > self.known:
            raise Stopped
        return seen


@dataclass
class NullIsNotYet(Plain):
    """Polls on when the output is null, five times."""

    def ended(self, seen: Seen) -> bool:
        return seen.final and (seen.output is not None or len(self.answers) > 9)


@dataclass
class OneBudget(Plain):
    """One deadline of 80 s over all of it, well before the end, whichever way its pauses fall."""

    def follow(self, job: Seen) -> Steps[None]:
        self.deadline = 10**9
        self.begun = self.now
        yield from super().follow(job)

    def pace(self) -> Millis:
        if self.now - self.begun > 80_000:
            raise Stopped
        return super().pace()


@dataclass
class DoublePoll(Plain):
    """Sends a second poll while the first is open."""

    def poll(self, job: str) -> Steps[Came]:
        if len(self.answers) == 1:
            request = WIRE.ask(Look(team=self.team, job=job))[1]
            token = yield from self.valid_token()
            bearer = ("authorization", f"Bearer {token.token}")
            yield Send(replace(request, headers=(bearer, *self.headers())), c=self.c + 50, awaited=False)
        return (yield from super().poll(job))


ZOO: Mapping[str, Rehearsal] = {
    "C1": Rehearsal(BUSY, Deaf),
    "C2": Rehearsal(QUICK, NeverDone),
    "C3": Rehearsal(SLOW, Impatient),
    "C4": Rehearsal(APPROVAL, WaitingIsFailure),
    "C5": Rehearsal(LONG_WAIT, SamePace),
    "C6": Rehearsal(SLOW, Eager),
    "C7": Rehearsal(SLOW, Metronome),
    "C8": Rehearsal(MINUTE_OF_503, Lockstep, crowd=5),
    "C9": Rehearsal(SLOW, DoublePoll),
    "C10": Rehearsal(ENDLESS, ForEver),
    "C11": Rehearsal(ODD_STATUS, ClosedList),
    "C12": Rehearsal(ODD_CASE, AnyCase),
    "C13": Rehearsal(ODD_BODY, StrictBody),
    "C14": Rehearsal(NULL, NullIsNotYet),
    "C15": Rehearsal(APPROVAL, OneBudget),
    "C3 lingering": Rehearsal(SLOW, Lingering, idle=20_000),
    "C8 without latency": Rehearsal(MINUTE_OF_503.replace(", status: 100ms", ""), Lockstep, crowd=5),
    "C8 at once": Rehearsal(SLOW, InStep, good=Backoff, crowd=5, apart=0),
    "C2 forgotten": Rehearsal(f"{QUICK}retention: 2s\n", partial(NeverDone, more=6)),
}
"""By the rule that it breaks."""
