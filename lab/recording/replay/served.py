"""Which scenarios a recording was served with, which of them it needs, and which are others now (recordings.md §6)."""

from collections.abc import Sequence

from msgspec import Struct

from lab.core.errors import RecordingError, UsageError
from lab.jobs.program import Program
from lab.language.values import locales_of
from lab.recording.format.lines import CAPTURE, Header, Recording
from lab.recording.tape.header import needed_scenarios


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


def served_scenarios(recording: Recording, scenarios: Sequence[Program], name: str) -> Served:
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
        [f"the scenario {one} has changed since {name} was recorded" for one in changed if one in needed],
        [f"served too, though no job used it, and {how} now: {', '.join(of)}" for how, of in others.items() if of],
    )


def _origin_hint(header: Header) -> str:
    """What to do with a recording of another source instead."""
    if header.source == CAPTURE:
        return "lab replay FILE --against URL asks another server the same; lab serve --from FILE plays it to a client."
    file = header.origin.get("file") if isinstance(header.origin, dict) else None
    return f"Replay {file}, which was played back." if isinstance(file, str) else ""
