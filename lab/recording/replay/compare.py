"""Where a recording and its replay differ: both are gone through together, and neither is kept (recordings.md §6, §7)."""

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TypeAlias, assert_never

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.exchange import Json, Response
from lab.core.observe import Observation, Touched
from lab.dialects import client_of
from lab.dialects.client import Seen
from lab.dialects.router import ROUTER
from lab.mock.config import Config
from lab.recording.format.facts import class_of
from lab.recording.format.lines import Enc, Entry, Header, Line, Recording, Req, Res
from lab.recording.format.reader import lines_of
from lab.recording.format.text import dumps
from lab.recording.redaction.late_secrets import open_values
from lab.recording.replay.match import Canon, alike, cut_elsewhere, diff, first_difference, same
from lab.recording.replay.matchers import Matcher, excuse
from lab.recording.replay.replayer import NONE_LATE, TapedReplay

Members: TypeAlias = dict[str, Json]


class Difference(Struct, frozen=True):
    """One place where recording and replay differ; `line` counts from 1."""

    job: str | None
    line: int
    what: str
    diff: tuple[str, ...] = ()


class _Exchange(Struct):
    """What one side holds of an exchange."""

    req: Req | None = None
    res: Res | None = None
    facts: list[Entry] = field(default_factory=list)


class _Written(Struct, frozen=True):
    """A derived fact, and the recorded line that brought it."""

    entry: Entry
    cause: int


class _Side:
    """One recording, sorted by what is compared; what was compared is let go."""

    def __init__(self, canon: Canon) -> None:
        self.canon = canon
        self.exchanges: dict[int, _Exchange] = {}
        self.derived: dict[str, deque[_Written]] = {}
        self.lines_of: dict[str, int] = {}

    def take(self, line: Line, cause: int) -> None:
        """Sort in one more line, which came of the recorded line `cause`."""
        self.canon.learn(line)
        match line:
            case Req():
                self._of(line.x).req = line
            case Res():
                self._of(line.x).res = line
            case Entry():
                self._take_fact(line, cause)
            case _:
                assert_never(line)

    def _of(self, x: int) -> _Exchange:
        return self.exchanges.setdefault(x, _Exchange())

    def _take_fact(self, line: Entry, cause: int) -> None:
        kind = class_of(line)
        struck = line.type == "fault.struck"
        if (kind == "input" or struck) and line.x is not None:
            self._of(line.x).facts.append(line)
        job = self.canon.id(line.text("job") or "")
        if kind == "derived" and not struck:
            self.derived.setdefault(job, deque()).append(_Written(line, cause))
        if line.type == "job.accepted":
            self.lines_of.setdefault(job, line.n)

    def job_of(self, exchange: _Exchange) -> str | None:
        """The job that an exchange is about."""
        for entry in exchange.facts:
            if job := entry.text("job"):
                return self.canon.id(job)
        match, reply = ROUTER.at(exchange.req.path) if exchange.req else None, exchange.res
        if match is None or match.job or reply is None or reply.body.enc is not Enc.JSON:
            return self.canon.id(match.job) if match is not None and match.job else None
        client = client_of(match.name)
        response = Response(reply.status, reply.headers, dumps(reply.body.value).encode())
        found = client.understand(match.name, response) if client is not None else None
        return self.canon.id(found.job) if isinstance(found, Seen) else None


class Comparison(TapedReplay):
    """A replay whose tape is held against the recording while it is written."""

    def __init__(
        self, recording: Recording, config: Config, name: str, late: Mapping[str, str] = NONE_LATE,
        matchers: Sequence[Matcher] = (),
    ) -> None:  # fmt: skip
        """`late`: what some aliases stand for that a replay would make up; `matchers` say what may differ."""
        self._recorded, self._replayed = _Side(Canon(config.epoch)), _Side(Canon(config.epoch))
        self._name, self._matchers = name, matchers
        self.applied: set[int] = set()
        """The numbers of the matchers whose place was there."""
        self.found: dict[str | None, Difference] = {}
        """The first difference of each job so far: all of a long recording would fill memory."""
        self.count = 0
        """How many differences there are."""
        self.late = late
        self.open_values = dict(late)
        """The same, with what was found out."""
        self._repaired = recording.end is not None and recording.end.reason == "repaired"
        self._cause = 0
        """The recorded line that is gone through."""
        self._last_cause = 0
        """The last one that asked something of the mock, the opening of a tape that begins late apart."""
        self._opening, self._opened = recording.header.t > 0, 0
        """Whether the opening isn't over, and its last line so far."""
        self._touched: dict[str, Millis] = {}
        """When each job was last looked at before the last cause."""
        self._touching: dict[str, Millis] = {}
        """The same since it."""
        super().__init__(recording, config, self._write, late, repeats=False)
        self.service.observers.append(self._observe)

    def differences(self) -> list[Difference]:
        """The first difference of each job, in the order of their lines."""
        self.run()
        for x in sorted(self._recorded.exchanges.keys() | self._replayed.exchanges.keys()):
            self._compare(x, killed=self._repaired)
        for job in dict.fromkeys((*self._recorded.derived, *self._replayed.derived)):
            self._compare_left_over(job)
        return sorted(self.found.values(), key=lambda one: one.line)

    def alias_of(self, job: str) -> str:
        """What differences call a recorded job."""
        return self._recorded.canon.id(job)

    # Both sides, line by line

    def take(self, line: Line) -> bool:
        """One more recorded line, and what comes of it."""
        if isinstance(line, Req) or (isinstance(line, Entry) and line.x is None and class_of(line) == "input"):
            self._opening = self._opening and isinstance(line, Entry) and line.t == self.recording.header.t
            if self._opening:
                self._opened = line.n
            else:
                self._touched |= self._touching
                self._touching = {}
                self._last_cause = line.n
        self._cause = line.n
        super().take(line)
        self._recorded.take(line, line.n)
        if isinstance(line, Res):
            self._compare(line.x, killed=False)
        elif isinstance(line, Entry):
            job = self._recorded.canon.id(line.text("job") or "")
            self._compare_derived(job)
        return True

    def close(self) -> None:
        """What is written from now on, the end of the tape brings."""
        self._cause = self.recording.end.n if self.recording.end else 0
        super().close()

    def _write(self, raw: bytes) -> None:
        lines = lines_of(raw)
        for line in () if isinstance(lines, Header) else lines:
            self._replayed.take(line, self._cause)

    def _observe(self, observation: Observation) -> None:
        if isinstance(observation, Touched) and not self._opening:
            self._touching[self._replayed.canon.id(observation.job)] = observation.at

    # What is equal

    def _compare(self, x: int, *, killed: bool) -> None:
        """Compare an exchange; `killed`: with it its lab may have been, before all its facts were written."""
        recorded, replayed = (side.exchanges.pop(x, _Exchange()) for side in (self._recorded, self._replayed))
        req = recorded.req
        if req is None or replayed.req is None:  # it wasn't asked
            return
        self.exchanges += 1
        job, title = self._recorded.job_of(recorded), self._recorded.canon.title(req)
        cut_off = killed and req.n == self._last_cause
        facts = replayed.facts[: len(recorded.facts)] if cut_off else replayed.facts
        for expected, actual in zip_longest(recorded.facts, facts):
            self._compare_facts(job, title, expected, actual, (recorded.facts[-1].n if recorded.facts else req.n))
        one, other = recorded.res, replayed.res
        if one is None or other is None or (not self._matchers and alike(one, other)):
            return
        struck = any(fact.type == "fault.struck" for fact in recorded.facts)
        if (struck or one.cut is not None) and cut_elsewhere(one, other):
            return
        expected, actual = self._recorded.canon.reply(one), self._replayed.canon.reply(other)
        match = ROUTER.at(req.path)
        actual = self._excused("res", match.name if match else None, expected, actual)
        self._compare_members(job, title, f"res x={x}", one.n, expected, actual)

    def _compare_derived(self, job: str) -> None:
        """Compare the derived facts of a job as far as both sides have them."""
        recorded, replayed = self._recorded.derived.get(job), self._replayed.derived.get(job)
        while recorded and replayed:
            expected, actual = recorded.popleft().entry, replayed.popleft().entry
            self._recorded.lines_of[job] = expected.n
            self._compare_facts(job, f"derived facts of {job}", expected, actual, expected.n)

    def _compare_left_over(self, job: str) -> None:
        self._compare_derived(job)
        anchor, title = self._recorded.lines_of.get(job, 0), f"derived facts of {job}"
        for written in self._recorded.derived.get(job, ()):
            self._compare_facts(job, title, written.entry, None, anchor)
        for written in self._replayed.derived.get(job, ()):
            if not self._written_at_the_end(job, written):
                self._compare_facts(job, title, None, written.entry, anchor)

    def _written_at_the_end(self, job: str, written: _Written) -> bool:
        """Whether the tape hadn't come to this fact when its lab was killed: nothing else may be left out."""
        if not self._repaired:
            return False
        restated = written.cause <= self._opened and self._touched.get(job, -1) < written.entry.instant
        return written.cause >= self._last_cause or restated

    def _compare_facts(self, job: str | None, title: str, one: Entry | None, other: Entry | None, anchor: int) -> None:
        self.facts += 1
        expected = self._recorded.canon.fact(one) if one else {}
        actual = self._replayed.canon.fact(other) if other else {}
        actual = self._excused("fact", one.type if one else None, expected, actual)
        self._compare_members(job, title, "fact", one.n if one else anchor, expected, actual)

    def _compare_members(
        self, job: str | None, title: str, what: str, n: int, expected: Members, actual: Members
    ) -> None:
        if same(expected, actual):
            return
        for alias, text in open_values(expected, actual):
            self.open_values.setdefault(alias, text)
        if not self._first(job, n + 1):
            return
        if not actual:
            found = f"{expected['type']} is missing"
        elif not expected:
            found = f"{actual['type']} was not recorded"
        else:
            found = first_difference(expected, actual)
        shown = tuple(diff(expected, actual, f"{self._name}:{n + 1} → {what}"))
        self.found[job] = Difference(job, n + 1, f"{title}: {found}", shown)

    def _excused(self, where: str, name: str | None, recorded: Members, got: Members) -> Members:
        got, applied = excuse(self._matchers, where, name, recorded, got)
        self.applied |= applied
        return got

    def _first(self, job: str | None, line: int) -> bool:
        """Count a difference; whether it is the first of its job so far."""
        self.count += 1
        return job not in self.found or line < self.found[job].line
