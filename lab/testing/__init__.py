"""Tests of your client against the lab: a fixture for pytest, and the same without it (lab/docs/testing.md).

These modules import pytest and the standard library alone, and each other by a dot: they stand beside whatever
versions a client needs, and are a distribution of their own, `pytest-invoke-async-lab`, under another name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .control import ControlRefused as ControlRefused
    from .drills import DrillCase as DrillCase
    from .drills import DrillFailed as DrillFailed
    from .lab import Lab as Lab
    from .process import LabUnavailable as LabUnavailable
    from .values import CallLog as CallLog
    from .values import LabJob as LabJob
    from .values import OpenGate as OpenGate
    from .values import RuleReport as RuleReport
    from .virtual_clock import VirtualTimeRefused as VirtualTimeRefused
else:
    _PLACES = {
        "control": ("ControlRefused",),
        "drills": ("DrillCase", "DrillFailed"),
        "lab": ("Lab",),
        "process": ("LabUnavailable",),
        "values": ("CallLog", "LabJob", "OpenGate", "RuleReport"),
        "virtual_clock": ("VirtualTimeRefused",),
    }

    def __getattr__(name: str) -> object:
        """Import what is asked for: pytest, which loads the plugin beside this, mustn't start the later for it."""
        for place, names in _PLACES.items():
            if name in names:
                return getattr(import_module(f".{place}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
