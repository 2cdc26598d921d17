"""The external app as a machine: a generator of Send, Wait and Ask that returns an Outcome. `run.py` tells it."""

from lab.app.effects import (
    Answer,
    App,
    Ask,
    Backoff,
    Effect,
    EffectResult,
    Outcome,
    Received,
    Run,
    Send,
    Silence,
    Wait,
    Woke,
)
from lab.app.run import run

__all__ = [
    "Answer",
    "App",
    "Ask",
    "Backoff",
    "Effect",
    "EffectResult",
    "Outcome",
    "Received",
    "Run",
    "Send",
    "Silence",
    "Wait",
    "Woke",
    "run",
]
