"""The words for colours that mypy knows: what roles of spans are made of (screen.md §10)."""

from typing import Literal

Ink = Literal["fg", "dim", "faint", "line", "run", "wait", "done", "bad", "unknown", "accent", "fill", "panel"]
"""What something is written in."""
Ground = Literal[
    "background",
    "surface",
    "panel",
    "tint-run",
    "tint-wait",
    "tint-done",
    "tint-bad",
    "fill-run",
    "fill-wait",
    "fill-done",
    "fill-bad",
    "fill-unknown",
    "fill-accent",
]
"""What it stands on; on a filled one it is written in `fill`."""
TINTS: dict[Ink, Ground] = {"run": "tint-run", "wait": "tint-wait", "done": "tint-done", "bad": "tint-bad"}
FILLS: dict[Ink, Ground] = {
    "run": "fill-run",
    "wait": "fill-wait",
    "done": "fill-done",
    "bad": "fill-bad",
    "unknown": "fill-unknown",
    "accent": "fill-accent",
}
