"""What a run of a client needs beside its scenario, whose language has no words for it."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from lab.files.scenarios import made_for_rehearsals


class Conditions(Struct, frozen=True):
    """How many jobs, and how the lab treats connections."""

    jobs: int = 1
    """How many the client is to start at once."""
    idle: float | None = None
    """How many seconds the lab keeps a connection without a request; None: as usual."""


CONDITIONS: Mapping[str, Conditions] = {"crowd": Conditions(jobs=20), "idle-close": Conditions(idle=1.0)}
"""By the name of a scenario that is made for rehearsals."""


def conditions_of(name: str, folder: Path) -> Conditions:
    """Those of a scenario, by name in the folder or by path."""
    found = CONDITIONS.get(name)
    return found if found is not None and made_for_rehearsals(name, folder) else Conditions()
