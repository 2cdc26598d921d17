"""The external app: a generator of Send, Wait and Ask that returns an Outcome; `turn.py` tells it."""

from lab.app.effects import (
    Answer,
    App,
    Ask,
    Backoff,
    Badge,
    Effect,
    Outcome,
    Question,
    Received,
    Result,
    Run,
    Send,
    Silence,
    Wait,
    Woke,
)
from lab.app.turn import run, token_request

__all__ = [
    "Answer",
    "App",
    "Ask",
    "Backoff",
    "Badge",
    "Effect",
    "Outcome",
    "Question",
    "Received",
    "Result",
    "Run",
    "Send",
    "Silence",
    "Wait",
    "Woke",
    "run",
    "token_request",
]
