"""The labs of a run of pytest: one for each marker that is distinct, in each worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from .lab import Lab
from .process import LabUnavailable

MOST_LABS = 6
"""That run at a time: each takes some 70 MB, and the one that was used least lately is ended first."""


class LabPool:
    """Labs by what they serve, the one that was used last at the end."""

    def __init__(self, folder: Path) -> None:
        """They are started in `folder`, so that paths in markers count from there."""
        self._folder = folder
        self._labs: dict[str, Lab] = {}

    def lab(self, targets: Sequence[str], options: Mapping[str, Any], drills: str | None = None) -> Lab:
        """The lab that serves this, and the drills of a scenario, as it is at its start."""
        key = repr((targets, sorted(options.items()), drills))
        found = self._labs.pop(key, None)
        if found is not None and found.process.running:
            found.reset()
            found.process.remarks()
        else:
            found = self._start(targets, options, drills)
        self._labs[key] = found
        if len(self._labs) > MOST_LABS:
            self._labs.pop(next(iter(self._labs))).stop()
        return found

    def _start(self, targets: Sequence[str], options: Mapping[str, Any], drills: str | None) -> Lab:
        known = list(signature(Lab).parameters)[1:]
        for name in options:
            if name not in known:
                pytest.fail(f"The marker lab takes no {name}=; it takes {', '.join(known)}.", pytrace=False)
        lab = Lab(*targets, **options)
        lab.folder, lab.drills = self._folder, drills
        try:
            lab.start()
        except LabUnavailable as error:
            pytest.fail(str(error), pytrace=False)
        return lab

    def stop(self) -> None:
        """End all of them, at the same time."""
        for each in self._labs.values():
            each.process.leave()
        for each in self._labs.values():
            each.stop()
        self._labs.clear()
