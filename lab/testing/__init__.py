"""Tests of your client against the lab: a fixture for pytest, and the same without it (lab/docs/testing.md).

These modules import pytest and the standard library alone, and each other by a dot: they stand beside whatever
versions a client needs, and are a distribution of their own, `pytest-invoke-async-lab`, under another name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .control import ControlRefused
    from .drills import DrillCase, DrillFailed
    from .lab import Lab
    from .process import LabUnavailable
    from .values import CallLog, LabJob, OpenGate, RuleReport
    from .virtual_clock import VirtualTimeRefused

__all__ = [
    "CallLog",
    "ControlRefused",
    "DrillCase",
    "DrillFailed",
    "Lab",
    "LabJob",
    "LabUnavailable",
    "OpenGate",
    "RuleReport",
    "VirtualTimeRefused",
]
_PLACES = {
    "control": ("ControlRefused",),
    "drills": ("DrillCase", "DrillFailed"),
    "lab": ("Lab",),
    "process": ("LabUnavailable",),
    "values": ("CallLog", "LabJob", "OpenGate", "RuleReport"),
    "virtual_clock": ("VirtualTimeRefused",),
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import what is asked for: pytest, which loads the plugin beside this, mustn't start the later for it."""
        for place, names in _PLACES.items():
            if name in names:
                return getattr(import_module(f".{place}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
