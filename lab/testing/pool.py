"""The labs of a run of pytest: one for each marker that is distinct, in each worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from .drills import DrillCase, drill_cases
from .lab import Lab
from .process import LabUnavailable

MOST_LABS = 6
"""That run at a time: each takes some 70 MB, and the one that was used least lately is ended first."""
_DRILLS = pytest.StashKey["dict[str, list[DrillCase]]"]()


def _check(options: Mapping[str, Any]) -> None:
    """Fail the test if a marker says what no lab takes."""
    known = [name for name in signature(Lab).parameters if name != "targets"]
    for name in options:
        if name not in known:
            why = f"The marker lab takes no {name}=; it takes {', '.join(known)}."
            raise pytest.fail.Exception(why, pytrace=False)


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
            _check(options)
            found = Lab(*targets, **options)
            found.folder, found.drills = self._folder, drills
            try:
                found.start()
            except LabUnavailable as error:
                raise pytest.fail.Exception(str(error), pytrace=False) from None
        self._labs[key] = found
        if len(self._labs) > MOST_LABS:
            self.drop(next(iter(self._labs.values())))
        return found

    def drop(self, lab: Lab) -> None:
        """End one that nobody needs any more."""
        self._labs = {key: each for key, each in self._labs.items() if each is not lab}
        lab.stop()

    def stop(self) -> None:
        """End all of them, at the same time."""
        for each in self._labs.values():
            each.process.leave()
        for each in self._labs.values():
            each.stop()
        self._labs.clear()


def drills_of_marker(config: pytest.Config, marker: pytest.Mark) -> list[DrillCase]:
    """The drills that a marker `lab_drills` names; they are derived once."""
    known = config.stash.setdefault(_DRILLS, {})
    key = repr((marker.args, sorted(marker.kwargs.items())))
    if key not in known:
        if len(marker.args) != 1:
            raise pytest.UsageError("The marker lab_drills names one scenario, as lab_drills('quick', family='W,K').")
        try:
            known[key] = drill_cases(marker.args[0], marker.kwargs, config.rootpath)
        except LabUnavailable as error:
            raise pytest.UsageError(str(error)) from None
    return known[key]


def seen_by(lab: Lab) -> str:
    """What stands beside a test that failed."""
    try:
        return lab.story()
    except Exception as error:  # noqa: BLE001 - the test has failed already, and its own error is what counts
        return f"The lab can't be asked any more: {error!r}"
