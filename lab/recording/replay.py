"""Server replay: drive a recording through the mock again, and report where the two differ (recordings.md §6)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from msgspec import Struct

from lab.core.errors import RecordingError, UsageError
from lab.identity.clients import DEMO, Client
from lab.jobs.plan import CompiledScenario
from lab.mock.config import Config
from lab.recording.bodies import Blob, Blobs
from lab.recording.compare import Comparison, Difference
from lab.recording.fast_replay import FastReplay
from lab.recording.header import config_of
from lab.recording.lines import CAPTURE, Header, Recording
from lab.recording.matchers import Matcher
from lab.recording.reader import demand_closed
from lab.recording.replayer import NONE_LATE, Replayer, TapedReplay, edited_scenarios

_MOST_TIMES = 4
"""Times that a recording is compared again: each secret that is found out may hide another."""


class ReplayResult(Struct, frozen=True, eq=False):
    """What a replay found: the first divergence of each job, and how many more there are."""

    name: str
    exchanges: int
    facts: int
    differences: tuple[Difference, ...]
    more: int
    warnings: tuple[str, ...]
    skipped: int
    silent: int
    """Replies of which nothing left, so that what the mock said was not compared."""
    applied: frozenset[int]
    """The numbers of the matchers whose place was there."""
    again: Callable[[Blobs | None], bytes]
    """Encodes the recording of this time; with somewhere to put long bodies, as one that is to replace the old one."""

    @property
    def actual(self) -> bytes:
        """The recording of this time."""
        return self.again(None)

    @property
    def passed(self) -> bool:
        """Whether everything was equal."""
        return not self.differences

    def text(self) -> str:
        """The same for people: warnings first, each divergence with its place and diff."""
        lines = [f"warning: {warning}" for warning in self.warnings]
        if self.skipped:
            lines.append(f"warning: {self.skipped} exchanges were not asked: only the shell knows what became of them")
        if self.silent:
            lines.append(f"warning: {self.silent} replies left no byte, and were not compared")
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
    matchers: Sequence[Matcher] = (),
) -> ReplayResult:
    """Drive a closed recording through a mock of `scenarios`; RecordingError or UsageError if it can't be done.

    RecordingError too if nothing could be compared, for none of its replies left a byte. `matchers` say what may differ.
    """
    demand_closed(recording, name)
    warnings, chosen = _chosen(recording, scenarios, name)
    config = config_of(recording, chosen, clients)
    warnings += _unlike(recording, name)
    late: Mapping[str, str] = NONE_LATE
    found: tuple[Difference, ...] = ()
    more, applied = 0, frozenset[int]()
    replayer: Replayer
    replayer = fast = FastReplay(recording, config, blob)
    if matchers or not fast.same():  # which matchers there is something for, only a comparison tells
        comparison, found = compare(partial(Comparison, recording, config, blob, name, matchers=matchers))
        replayer, applied = comparison, frozenset(comparison.applied)
        late, more = comparison.late, comparison.count - len(found)
    if replayer.silent and replayer.empty == replayer.exchanges:
        raise RecordingError(f"{name}: none of its replies left a byte: there is nothing to compare")
    return ReplayResult(
        name,
        replayer.exchanges,
        replayer.facts,
        found,
        more,
        tuple(warnings),
        replayer.skipped,
        replayer.silent,
        applied,
        partial(_again, recording, config, blob, late),
    )


def compare(begin: Callable[[Mapping[str, str]], Comparison]) -> tuple[Comparison, tuple[Difference, ...]]:
    """The first comparison, and what differs; a later one if nothing does in it.

    It is compared once more as long as that finds out what further aliases stand for; `begin` takes what is known of them.
    """
    first = comparison = begin(NONE_LATE)
    differences = found = tuple(first.differences())
    for _ in range(_MOST_TIMES):
        if not found or comparison.open_values == comparison.late:
            break
        comparison = begin(comparison.open_values)
        found = tuple(comparison.differences())
    return (first, differences) if found else (comparison, found)


def _again(
    recording: Recording, config: Config, blob: Blob | None, late: Mapping[str, str], blobs: Blobs | None
) -> bytes:
    return TapedReplay(recording, config, blob, late=late, blobs=blobs).run()


def _origin_hint(header: Header) -> str:
    """What to do with a recording of another source instead."""
    if header.source == CAPTURE:
        return "lab serve --from FILE plays it to a client."
    file = header.origin.get("file") if isinstance(header.origin, dict) else None
    return f"Replay {file}, which was played back." if isinstance(file, str) else ""


def _unlike(recording: Recording, name: str) -> list[str]:
    unknown, edited = sorted(recording.unknown.items()), sorted(edited_scenarios(recording))
    return [
        *(f"{count} facts of type {type_} are not known to this lab" for type_, count in unknown),
        *(f"the scenario {one} was edited while {name} was recorded" for one in edited),
    ]


def _chosen(
    recording: Recording, scenarios: Sequence[CompiledScenario], name: str
) -> tuple[list[str], list[CompiledScenario]]:
    """Warnings, and the scenarios that the recording was served with, in its order."""
    if recording.header.source != "mock" or recording.header.scenarios is None:
        raise UsageError(
            f"{name} is a {recording.header.source}; a mock can replay only what a mock recorded.",
            hint=_origin_hint(recording.header),
        )
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
