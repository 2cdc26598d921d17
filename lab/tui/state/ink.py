"""The words for colours that mypy knows: roles of spans are these, or made of them by `ink` (screen.md §10)."""

from typing import Literal

Ink = Literal["fg", "dim", "faint", "line", "run", "wait", "done", "bad", "unknown", "accent", "fill", "panel"]
"""What something is written in."""
SpanRole = (
    Ink
    | Literal["fg b", "dim b", "run b", "wait b", "done b", "bad b", "accent b", "unknown b", "fill b"]
    | Literal["fill b @fill-run", "fill b @fill-wait", "fill b @fill-done", "fill b @fill-bad", "fill b @fill-accent"]
    | Literal["fill @fill-wait", "done b @tint-done", "ink @paper"]
)
"""A role as it may be written out: an ink, perhaps bold, and what is filled."""
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
