"""What a person prefers, on the screen: keys of their own, the layout, and what of a key's effect is kept for the next start."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from textual.binding import Binding, BindingsMap, BindingType
from textual.keys import format_key

from lab.tui.panes.keys import Reaction
from lab.tui.panes.layout import NARROW
from lab.tui.panes.registry import SCREEN_KEYS
from lab.tui.state.acts import HOLD
from lab.tui.state.preferences import ScreenStart
from lab.tui.state.screen import ScreenState, UiState


def bindings() -> Iterator[BindingType]:
    """What each key of the table is bound to."""
    for key in SCREEN_KEYS:
        if key.keys:
            press = f"press({key.name!r})"
            yield Binding(key.keys, press, key.label, show=False, tooltip=key.help, id=key.name)


_FACES = {key.keys: key.face for key in SCREEN_KEYS}


def rebind(bindings: BindingsMap, keys: Mapping[str, str]) -> None:
    """Give actions, by their names, other keys; two that share a key (digits do) are told apart."""
    table = bindings.key_to_bindings
    moved = [binding for each in table.values() for binding in each if binding.id in keys]
    for usual, each in list(table.items()):
        table[usual] = [binding for binding in each if binding.id not in keys]
    for binding in {each.id: each for each in moved}.values():
        key = keys[str(binding.id)]
        table.setdefault(key, []).append(replace(binding, key=key))


def faces_of(keys: Mapping[str, str]) -> dict[str, str]:
    """By the name of an action what the screen calls its key, where that isn't the usual one."""
    return {name: _FACES.get(key) or format_key(key) for name, key in keys.items()}


def ui_at_start(start: ScreenStart, columns: int) -> UiState:
    """What is chosen at first. Where the drawer would hide all else, in one column and over acts, it isn't open."""
    preferred = start.preferences
    stage = preferred.stage not in ("", "off")
    return UiState(
        presenter=preferred.layout == "presenter",
        wire=preferred.layout == "wire" and columns >= NARROW and not stage,
        faces=faces_of(preferred.keys),
        first=start.first,
        stage=stage,
        hold=int(preferred.stage) * 1000 if preferred.stage.isdigit() else HOLD,
        remark=start.notice,
    )


def changes_of(state: ScreenState, reaction: Reaction, columns: int) -> Iterator[tuple[str, str]]:
    """The preferences that a key's effect changes, and into what."""
    before, after = state.ui, reaction.ui
    if after is not None and after.stage != before.stage:
        yield "stage", str(after.hold // 1000) if after.stage else "off"
    elif after is not None and _layout(after) != _layout(before) and (columns >= NARROW or after.wire == before.wire):
        yield "layout", _layout(after)


def _layout(ui: UiState) -> str:
    return "presenter" if ui.presenter else "wire" if ui.wire else "panes"
