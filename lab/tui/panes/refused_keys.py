"""Why a key does nothing now: the sentence that is said in the narration's place."""

from collections.abc import Callable, Iterable, Mapping

from lab.tui.panes.finale import pane_digits
from lab.tui.panes.keys import ScreenKey
from lab.tui.state.course import follow_ups
from lab.tui.state.screen import ScreenState

Why = Callable[[ScreenState], str]


def _no_answer(state: ScreenState) -> str:
    gate = state.newest.gate
    if gate is None:
        return "No gate is open."
    return "The gate doesn't offer this." if gate.sent is None else "The answer is on its way."


def _no_call(state: ScreenState) -> str:
    if not state.run.exchanges:
        return "Nothing has been sent yet."
    return f"Focus a pane first: {digits}." if (digits := pane_digits(state)) else "Focus a pane first: esc shows them."


def _no_time(state: ScreenState) -> str:
    if state.newest.ended is not None:
        return "The run has ended: 0 goes back to the start."
    return "The run hasn't begun: space begins it." if state.newest.start is None else "Not while this shows."


def _no_question(state: ScreenState) -> str:
    digits = pane_digits(state)
    if any(each.key for each in follow_ups(state)) and state.in_sight.finale:
        return "There is no follow-up of this number." + (f" {digits} for a pane." if digits else "")
    return f"{digits} for a pane; at the end each follow-up shows the digit that asks it."


def _saying(text: str) -> Why:
    return lambda state: text


_GATE_KEYS = ("approve", "reject", "changes", "approve-saying", "reject-saying")
KEY_REASONS: Mapping[str, Why] = {
    **dict.fromkeys(_GATE_KEYS, _no_answer),
    "qr": _saying("No gate is open."),
    "message": _saying("A job is running: m says the next turn when it has ended."),
    **{f"focus-{pane}": _no_question for pane in ("token", "job", "polling", "output", "wire")},
    **{f"ask-{number}": _no_question for number in range(1, 10)},
    **dict.fromkeys(("earlier", "later"), _saying("There is one turn only.")),
    "output-view": _saying("There is no output yet."),
    "open": _no_call,
    "copy": _saying("There is nothing to copy yet."),
    "reset": _saying("This is the start."),
    **dict.fromkeys(("pause", "step", "skip"), _no_time),
    "hit-before": _saying("Nothing is searched for: / begins a search."),
}
"""By the name of a key, why it isn't offered in a state."""


def why_refused(keys: Iterable[ScreenKey], state: ScreenState) -> str:
    """Why none of the keys on one button is offered; empty if one is, or there is nothing to say."""
    found = list(keys)
    if any(key.is_offered(state) for key in found):
        return ""
    served = [key for key in found if key.is_served(state)]
    if found and not served:
        return f"{found[0].label}: not in {state.source.pill}."
    return next((KEY_REASONS[key.name](state) for key in served if key.name in KEY_REASONS), "")
