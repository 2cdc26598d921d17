"""The rows in which the person types: what stands before them, and what becomes of the text."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.tui.state.intents import Intent
from lab.tui.state.screen import ScreenState


@dataclass(frozen=True, slots=True)
class InputRow:
    """One thing that can be typed: its prompt, and the row of the bar in which it stands (in the tight bar: `tight`)."""

    prompt: str
    row: int
    tight: int
    intent: Callable[[ScreenState, str], Intent]
    """What is asked of the source with the text."""
    suggestions: Callable[[ScreenState], tuple[str, ...]] = lambda state: ()
    """What the field holds at first, and ↑ ↓ go through."""
    placeholder: Callable[[ScreenState], str] = lambda state: ""
