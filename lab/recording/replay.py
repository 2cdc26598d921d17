"""Server replay: drive a recording through the mock again, and report where the two differ (recordings.md §6)."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import assert_never

from msgspec import Struct

from lab.core.clock import Epoch
from lab.core.errors import UsageError
from lab.core.exchange import Json, Response
from lab.dialects import CLIENT_OF
from lab.dialects.client import Seen
from lab.dialects.router import ROUTER
from lab.identity.clients import DEMO, Client
from lab.jobs.plan import CompiledScenario
from lab.mock.config import Config
from lab.recording.bodies import Blob
from lab.recording.fast_replay import FastReplay
from lab.recording.header import config_of
from lab.recording.lines import Enc, Entry, Line, Other, Recording, Req, Res
from lab.recording.match import (
    Canon,
    class_of,
    diff,
    first_difference,
    learn_all,
    same,
    same_reply,
)
from lab.recording.reader import demand_closed, read
from lab.recording.replayer import TapedReplay
from lab.recording.text import dumps


class Difference(Struct, frozen=True):
    """One place where recording and replay differ; `line` counts from 1."""

    job: str | None
    line: int
    what: str
    diff: tuple[str, ...] = ()


class Report(Struct, frozen=True):
    """What a replay found: the first divergence of each job, and how many more there are."""

    name: str
    exchanges: int
    facts: int
    differences: tuple[Difference, ...]
    more: int
    warnings: tuple[str, ...]
    skipped: int
    again: Callable[[], bytes]

    @property
    def actual(self) -> bytes:
        """The recording of this time."""
        return self.again()

    @property
    def passed(self) -> bool:
        """Whether everything was equal."""
        return not self.differences

    def text(self) -> str:
        """The report for people: warnings first, each divergence with its place and diff."""
        lines = [f"warning: {warning}" for warning in self.warnings]
        for found in self.differences:
            lines.append(f"{self.name}:{found.line}  {found.what}")
            # untrusted text stands behind a bar, so no runner obeys it
            lines += [f"| {line}" for line in found.diff]
        if self.more:
            lines.append(f"{self.more} more after the first of each job.")
        return "\n".join(lines).replace("##[", "##\\x5b")


def replay(
    recording: Recording,
    scenarios: Sequence[CompiledScenario],
    *,
    name: str = "recording",
    clients: tuple[Client, ...] = (DEMO,),
    blob: Blob | None = None,
) -> Report:
    """Drive a closed recording through a mock of `scenarios`; RecordingError or UsageError if it can't be done."""
    demand_closed(recording, name)
    warnings, chosen = _chosen(recording, scenarios, name)
    config = config_of(recording, chosen, clients)
    unknown = Counter(entry.type for entry in recording.facts() if class_of(entry) == "unknown")
    warnings += [f"{count} facts of type {type_} are not known to this lab" for type_, count in sorted(unknown.items())]
    edited = sorted({entry.text("scenario") or "" for entry in recording.facts() if entry.type == "scenario.loaded"})
    warnings += [f"the scenario {one} was edited while {name} was recorded" for one in edited]
    fast = FastReplay(recording, config, blob)
    if fast.same():
        again = TapedReplay(recording, config, blob).run
        return Report(name, fast.exchanges, fast.facts, (), 0, tuple(warnings), 0, again)
    return _compared(recording, config, name, blob, tuple(warnings))


def _compared(recording: Recording, config: Config, name: str, blob: Blob | None, warnings: tuple[str, ...]) -> Report:
    taped = TapedReplay(recording, config, blob)
    data = taped.run()
    sides = _Sides(recording, read(data, f"{name} (replayed)"), config.epoch, name)
    found = sorted(sides.compare(), key=lambda one: one.line)
    firsts: dict[str | None, Difference] = {}
    for one in found:
        firsts.setdefault(one.job, one)
    return Report(
        name, sides.exchanges, sides.facts, tuple(firsts.values()), len(found) - len(firsts), warnings,
        taped.skipped, lambda: data,
    )  # fmt: skip


def _chosen(
    recording: Recording, scenarios: Sequence[CompiledScenario], name: str
) -> tuple[list[str], list[CompiledScenario]]:
    """Warnings, and the scenarios that the recording was served with, in its order."""
    if recording.header.source != "mock" or recording.header.scenarios is None:
        raise UsageError(f"{name} is a {recording.header.source}; a mock can replay only what a mock recorded.")
    there = {each.name: each for each in scenarios}
    warnings: list[str] = []
    chosen: list[CompiledScenario] = []
    for ref in recording.header.scenarios:
        found = there.get(ref.name)
        if found is None:
            raise UsageError(f"{name} needs the scenario {ref.name}, which is not there.")
        if found.digest != ref.sha256:
            warnings.append(f"the scenario {ref.name} has changed since {name} was recorded")
        chosen.append(found)
    return warnings, chosen


class _Sides:
    """The recorded side and the replayed one, canonicalised."""

    def __init__(self, recorded: Recording, actual: Recording, epoch: Epoch, name: str) -> None:
        self.exchanges = 0
        self.facts = 0
        self._name = name
        self._recorded, self._actual = _Side(recorded, epoch), _Side(actual, epoch)

    def compare(self) -> Iterator[Difference]:
        """Every difference, exchange by exchange, then derived facts by job."""
        for x, req in self._recorded.requests.items():
            if x in self._actual.requests:
                yield from self._exchange(x, req)
        jobs = dict.fromkeys((*self._recorded.derived, *self._actual.derived))
        for job in jobs:
            recorded, replayed = self._recorded.derived.get(job, []), self._actual.derived.get(job, [])
            anchor = self._recorded.lines_of.get(job, 0)
            yield from self._facts(recorded, replayed, job, anchor, f"derived facts of {job}")

    def _exchange(self, x: int, req: Req) -> Iterator[Difference]:
        self.exchanges += 1
        recorded, replayed = self._recorded.replies.get(x), self._actual.replies.get(x)
        job = self._recorded.job_of(x)
        title = self._recorded.canon.title(req)
        facts = self._recorded.facts.get(x, []), self._actual.facts.get(x, [])
        yield from self._facts(*facts, job, req.n, title)
        if recorded is None or replayed is None or same_reply(recorded, replayed):
            return
        expected, actual = self._recorded.canon.reply(recorded), self._actual.canon.reply(replayed)
        if recorded.cut is None and not same(dict(expected), dict(actual)):
            place = f"{self._name}:{recorded.n + 1} → res x={x}"
            what = f"{title}: {first_difference(expected, actual)}"
            yield Difference(job, recorded.n + 1, what, tuple(diff(dict(expected), dict(actual), place)))

    def _facts(
        self, recorded: list[Entry], replayed: list[Entry], job: str | None, anchor: int, title: str
    ) -> Iterator[Difference]:
        for index in range(max(len(recorded), len(replayed))):
            expected: dict[str, Json] = self._recorded.canon.fact(recorded[index]) if index < len(recorded) else {}
            actual: dict[str, Json] = self._actual.canon.fact(replayed[index]) if index < len(replayed) else {}
            self.facts += 1
            if same(dict(expected), dict(actual)):
                continue
            n = recorded[index].n if index < len(recorded) else recorded[-1].n if recorded else anchor
            what = _fact_words(expected, actual)
            place = f"{self._name}:{n + 1} → fact"
            yield Difference(job, n + 1, f"{title}: {what}", tuple(diff(dict(expected), dict(actual), place)))


def _fact_words(expected: dict[str, Json], actual: dict[str, Json]) -> str:
    if not actual:
        return f"{expected['type']} is missing"
    if not expected:
        return f"{actual['type']} was not recorded"
    return first_difference(expected, actual)


class _Side:
    """One recording, sorted by what is compared."""

    def __init__(self, recording: Recording, epoch: Epoch) -> None:
        self.canon = Canon(epoch)
        learn_all(self.canon, recording.lines)
        self.requests: dict[int, Req] = {}
        self.replies: dict[int, Res] = {}
        self.facts: dict[int, list[Entry]] = {}
        self.derived: dict[str, list[Entry]] = {}
        self.lines_of: dict[str, int] = {}
        for line in recording.lines:
            self._sort(line)

    def _sort(self, line: Line) -> None:
        match line:
            case Req():
                self.requests[line.x] = line
            case Res():
                self.replies[line.x] = line
            case Entry():
                self._sort_fact(line)
            case Other():
                return
            case _:
                assert_never(line)

    def _sort_fact(self, line: Entry) -> None:
        kind = class_of(line)
        job = self.canon.id(line.text("job") or "")
        struck = line.type == "fault.struck"
        if (kind == "input" or struck) and line.x is not None:
            self.facts.setdefault(line.x, []).append(line)
        if kind == "derived" and not struck:
            self.derived.setdefault(job, []).append(line)
        if line.type == "job.accepted":
            self.lines_of.setdefault(job, line.n)

    def job_of(self, x: int) -> str | None:
        """The job that an exchange is about."""
        for entry in self.facts.get(x, ()):
            if job := entry.text("job"):
                return self.canon.id(job)
        match, reply = ROUTER.at(self.requests[x].path), self.replies.get(x)
        if match is None or match.job or reply is None or reply.body.enc is not Enc.JSON:
            return self.canon.id(match.job) if match is not None and match.job else None
        client = CLIENT_OF.get(match.name)
        response = Response(reply.status, reply.headers, dumps(reply.body.value).encode())
        found = client.understand(match.name, response) if client is not None else None
        return self.canon.id(found.job) if isinstance(found, Seen) else None
