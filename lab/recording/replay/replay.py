"""Server replay: drive a recording through the mock again, and report where the two differ (recordings.md §6)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from lab.core.errors import RecordingError, UsageError
from lab.identity.clients import DEMO, Client
from lab.jobs.program import Program
from lab.language.values import locales_of
from lab.mock.config import Config
from lab.recording.divergences import Divergences, Remark, no_end_of
from lab.recording.format.lines import CAPTURE, Header, Recording
from lab.recording.format.reader import demand_closed
from lab.recording.matchers import Matcher
from lab.recording.replay.compare import Comparison
from lab.recording.replay.edits import edited_scenarios, redrawn
from lab.recording.replay.replayer import TapedReplay
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


class ReplayResult(Divergences, frozen=True, eq=False, kw_only=True):
    """What a mock's replay found."""

    exchanges: int
    facts: int
    applied: frozenset[int]
    """The numbers of the matchers whose place was there."""
    again: Callable[[], bytes]
    """Encodes the recording of this time, as one that is to replace the old one."""


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
    served = _served_scenarios(recording, scenarios, name)
    recorded = config_of(recording, served.scenarios, clients)
    anew = replace(recorded, recorded=None)
    config = anew if comparing.anew else recorded
    # where a scenario draws otherwise than it did; where all is drawn anew, that shows it
    texts = _same_faker(recording, comparing)
    meanwhile = edited_scenarios(recording)
    edits = () if comparing.anew else tuple(redrawn(recording, config, served.changed, meanwhile, texts=texts))
    comparison = Comparison(recording, config, name, comparing.matchers, served.changed - meanwhile)
    found = comparison.differences()
    if comparison.silent and comparison.empty == comparison.exchanges:
        raise RecordingError(f"{name}: none of its replies left a byte: there is nothing to compare")
    differences = tuple(sorted((*edits, *found), key=lambda one: one.line))
    warnings = [
        *served.warnings,
        *_unlike(recording, served, comparing, meanwhile),
        *(served.remarks if differences else ()),
    ]
    if comparison.skipped:
        warnings.append(f"{comparison.skipped} exchanges were not asked: only the shell knows what became of them")
    if comparison.silent:
        warnings.append(f"{comparison.silent} replies left no byte, and were not compared")
    unfinished = (Remark(no_end_of(job), line) for job, line in comparison.ends.shown.items())
    return ReplayResult(
        name, differences, comparison.found.more, (*map(Remark, warnings), *unfinished),
        exchanges=comparison.exchanges, facts=comparison.facts, applied=frozenset(comparison.comparator.applied),
        again=partial(_again, recording, anew if edits else config, comparing.versions),
    )  # fmt: skip


def _again(recording: Recording, config: Config, versions: Mapping[str, str]) -> bytes:
    if config.recorded is None:
        recording = replace(recording, header=replace(recording.header, generators=versions))
    return TapedReplay(recording, config).run()


def _same_faker(recording: Recording, comparing: Comparing) -> bool:
    return (recording.header.generators or {}).get("faker") == comparing.versions.get("faker")


def _unlike(recording: Recording, served: "Served", comparing: Comparing, meanwhile: set[str]) -> list[str]:
    unknown = sorted(recording.unknown.items())
    text = served.generated and not _same_faker(recording, comparing)
    edited = sorted(meanwhile & needed_scenarios(recording)) if meanwhile else ()
    return [
        *(f"{count} facts of type {type_} are not known to this lab" for type_, count in unknown),
        *(["generated text isn't compared: it was made by another version of Faker"] if text else []),
        *(f"the scenario {one} was edited while it was recorded" for one in edited),
    ]


# Which scenarios


class Served(Struct, frozen=True):
    """The scenarios of a recording that are at hand, in its order."""

    scenarios: list[Program] = []
    changed: frozenset[str] = frozenset()
    """Those needed that aren't as they were recorded."""
    warnings: list[str] = []
    remarks: list[str] = []
    """What may explain a difference, and is no matter where nothing differs: others that changed or are missing."""

    @property
    def generated(self) -> bool:
        """Whether one of the changed ones has generated text."""
        changed = (each for each in self.scenarios if each.name in self.changed)
        entries = (entry for each in changed for entry in (each, *each.turns))
        return any(locales_of(entry.scenario.data.values()) for entry in entries)


def _served_scenarios(recording: Recording, scenarios: Sequence[Program], name: str) -> Served:
    """Of `scenarios` those of the recording, which its messages call `name`; UsageError if one that it needs isn't there."""
    if recording.header.source == "mock" and recording.header.scenarios is None:
        raise RecordingError(f"{name}:1: scenarios is missing: what a mock recorded names those that it served")
    if recording.header.scenarios is None or recording.header.source != "mock":
        raise UsageError(
            f"{name} is a {recording.header.source}; a mock can replay only what a mock recorded.",
            hint=_origin_hint(recording.header),
        )
    there, needed = {each.name: each for each in scenarios}, needed_scenarios(recording)
    refs = recording.header.scenarios
    missing = [ref.name for ref in refs if ref.name not in there]
    changed = [ref.name for ref in refs if ref.name in there and there[ref.name].digest != ref.sha256]
    for one in missing:
        if one in needed:
            raise UsageError(f"{name} needs the scenario {one}, which is not there.")
    others = {"missing": missing, "changed": [one for one in changed if one not in needed]}
    return Served(
        [there[ref.name] for ref in refs if ref.name in there],
        needed.intersection(changed),
        [f"the scenario {one} has changed since it was recorded" for one in changed if one in needed],
        [f"served too, though no job used it, and {how} now: {', '.join(of)}" for how, of in others.items() if of],
    )


def _origin_hint(header: Header) -> str:
    """What to do with a recording of another source instead."""
    if header.source == CAPTURE:
        return "lab replay FILE --against URL asks another server the same; lab serve --from FILE plays it to a client."
    file = header.origin.get("file") if isinstance(header.origin, dict) else None
    return f"Replay {file}, which was played back." if isinstance(file, str) else ""
