"""Server replay: drive a recording through the mock again, and report where the two differ (recordings.md §6)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from lab.core.errors import RecordingError
from lab.identity.clients import DEMO, Client
from lab.jobs.program import Program
from lab.mock.config import Config
from lab.recording.divergences import Difference, divergence_text
from lab.recording.format.lines import Recording
from lab.recording.format.reader import demand_closed
from lab.recording.matchers import Matcher
from lab.recording.replay.compare import Comparison
from lab.recording.replay.redrawn import redrawn
from lab.recording.replay.replayer import TapedReplay, edited_scenarios
from lab.recording.replay.served import Served, served_scenarios
from lab.recording.replay.step_times import retimed_steps
from lab.recording.tape.header import config_of, needed_scenarios


class Comparing(Struct, frozen=True):
    """What of a recording may differ from its replay, and what is drawn anew for it."""

    matchers: Sequence[Matcher] = ()
    versions: Mapping[str, str] = {}
    """Of what makes generated values here, by name, as a header has them."""
    anew: bool = False
    """Whether everything is drawn anew, instead of taking what was recorded."""


STRICTLY = Comparing()
"""Nothing may differ, and it isn't known what makes generated values."""


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
    again: Callable[[], bytes]
    """Encodes the recording of this time, as one that is to replace the old one."""

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
        return divergence_text(lines, self.name, self.differences, self.more)


def replay(
    recording: Recording,
    scenarios: Sequence[Program],
    *,
    name: str = "recording",
    clients: tuple[Client, ...] = (DEMO,),
    comparing: Comparing = STRICTLY,
) -> ReplayResult:
    """Drive a closed recording through a mock of `scenarios`; RecordingError or UsageError if it can't be done.

    Of several that were served, those that no job used may be missing. RecordingError too if nothing could be compared, for
    none of its replies left a byte.
    """
    demand_closed(recording, name)
    served = served_scenarios(recording, scenarios, name)
    recorded = config_of(recording, served.scenarios, clients)
    anew = replace(recorded, recorded=None)
    config = anew if comparing.anew else recorded
    # where a scenario draws otherwise than it did; where all is drawn anew, that shows it
    texts = _same_faker(recording, comparing)
    edits = () if comparing.anew else tuple(redrawn(recording, config, served.changed, texts=texts))
    comparison = Comparison(recording, config, name, comparing.matchers)
    found = comparison.differences()
    if comparison.silent and comparison.empty == comparison.exchanges:
        raise RecordingError(f"{name}: none of its replies left a byte: there is nothing to compare")
    edited = served.changed - edited_scenarios(recording)
    steps = retimed_steps(recording, config, edited) if found else {}
    told = (replace(one, what=f"{one.what}; {steps[one.job]}") if one.job in steps else one for one in found)
    differences = tuple(sorted((*edits, *told), key=lambda one: one.line))
    return ReplayResult(
        name, comparison.exchanges, comparison.facts, differences, comparison.found.more,
        (*served.warnings, *_unlike(recording, served, comparing, name), *(served.remarks if differences else ())),
        comparison.skipped, comparison.silent, frozenset(comparison.comparator.applied),
        partial(_again, recording, anew if edits else config, comparing.versions),
    )  # fmt: skip


def _again(recording: Recording, config: Config, versions: Mapping[str, str]) -> bytes:
    if config.recorded is None:
        recording = replace(recording, header=replace(recording.header, generators=versions))
    return TapedReplay(recording, config).run()


def _same_faker(recording: Recording, comparing: Comparing) -> bool:
    return (recording.header.generators or {}).get("faker") == comparing.versions.get("faker")


def _unlike(recording: Recording, served: Served, comparing: Comparing, name: str) -> list[str]:
    unknown = sorted(recording.unknown.items())
    text = served.generated and not _same_faker(recording, comparing)
    edited = sorted(edited_scenarios(recording) & needed_scenarios(recording))
    return [
        *(f"{count} facts of type {type_} are not known to this lab" for type_, count in unknown),
        *(["generated text isn't compared: it was made by another version of Faker"] if text else []),
        *(f"the scenario {one} was edited while {name} was recorded" for one in edited),
    ]
