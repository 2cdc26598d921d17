"""What a lab was begun with, beside what this process was told: it is taken up only where the two agree.

A journal has it in its header, a store that processes share in its setup. Where they differ the start ends, with every
difference and both values.
"""

from collections.abc import Mapping
from typing import TypeAlias

from lab.core.errors import UsageError
from lab.core.exchange import text_of
from lab.identity.clients import Client
from lab.recording.tape.header import REVIEWER

LabTerms: TypeAlias = Mapping[str, object]
"""By name what a lab was begun with, or is to be. What the other says alone counts as what is usual."""
_SCENARIO = "scenario "


def scenario_terms(digests: Mapping[str, str]) -> LabTerms:
    """The digest of each scenario that is served."""
    return {f"{_SCENARIO}{name}": digests[name] for name in sorted(digests)}


def differences(begun: LabTerms, now: LabTerms) -> dict[str, str]:
    """What differs, by its name: what it was, and what it is to be."""
    names = (name for name in {**begun, **now} if begun.get(name) != now.get(name))
    return {name: f"{_word(begun, name)}, now {_word(now, name)}" for name in names}


def begun_otherwise(where: str, found: Mapping[str, str], hint: str) -> UsageError:
    """Why the lab that is kept there isn't taken up."""
    named = "; ".join(f"{name} {words}" for name, words in found.items())
    return UsageError(f"{where} was begun otherwise: {named}.", hint=f"Serve as it was begun, {hint}")


def _word(terms: LabTerms, name: str) -> str:
    match value := terms.get(name):
        case None if name.startswith(_SCENARIO):
            return "not served"
        case None:
            return "script" if name == REVIEWER else "as it is by default"
        case bool():
            return "on" if value else "off"
        case tuple():  # their secrets are never shown
            return ", ".join(each.id if isinstance(each, Client) else each.name for each in value)
        case str():
            return f"{value[:12]}…" if name.startswith(_SCENARIO) else value or "none"
        case _:
            return text_of(value).strip('"')
