"""What the screen keeps from one start to the next: theme, acts, layout, and which keys do what (screen.md §12).

A file that is wrong in one place is left alone, and so is all that it says: what holds then is what is usual.
"""

import re

from msgspec.structs import replace
from textual.keys import Keys, _character_to_key, key_to_character

from lab.core.errors import ScenarioError
from lab.core.exchange import Json
from lab.language.complaints import Complaints
from lab.language.parse.yaml_tree import DocumentKind, read_yaml
from lab.program.words import nearest
from lab.tui.panes.registry import SCREEN_KEYS
from lab.tui.state.preferences import Preferences

LAYOUTS = ("panes", "wire", "presenter")
_KIND = DocumentKind(
    "preferences are a mapping of names", "as in theme: light", "one set of preferences", "as in theme: light"
)
_HEAD = "# What the screen of lab demo, watch and play keeps: lab docs screen, §12."


def parse_preferences(text: str | bytes, file: str) -> Preferences:
    """What a file says; ScenarioError carries every complaint at its place."""
    raw = text if isinstance(text, str) else text.decode("utf-8", "replace")
    if not any(line.strip() and not line.lstrip().startswith("#") for line in raw.lstrip("\ufeff").splitlines()):
        return Preferences()
    tree = read_yaml(text, file, _KIND)
    found, complain = tree.value if isinstance(tree.value, dict) else {}, tree.complaints
    for name in found:
        if name not in Preferences.__struct_fields__:
            hint = nearest(name, Preferences.__struct_fields__) or f"known: {', '.join(Preferences.__struct_fields__)}"
            complain.add((name,), f"unknown key {name}", hint, at_key=True)
    words = {name: _word(name, found.get(name), allowed, complain) for name, allowed in _WORDS.items()}
    keys = _keys(found.get("keys"), complain)
    complain.check()
    return Preferences(**words, keys=keys)


THEMES = ("dark", "light")
"""What a theme may be called."""
_WORDS = {"theme": THEMES, "layout": LAYOUTS, "stage": ("off", *map(str, range(61)))}
"""What each setting that is one word may be."""


def _word(name: str, value: Json, allowed: tuple[str, ...], complaints: Complaints) -> str:
    text = "" if value is None else str(value)
    if value is not None and text not in allowed:
        complaints.add((name,), f"there is no {name} {text}", nearest(text, allowed) or f"known: {', '.join(allowed)}")
    return text


# Keys


def movable_actions() -> tuple[str, ...]:
    """The actions that may have another key; a follow-up's is its number."""
    return tuple(key.name for key in SCREEN_KEYS if key.keys and not key.name.startswith("ask-"))


def _keys(value: Json, complaints: Complaints) -> dict[str, str]:
    """By action its key; a key that two actions would have is complained of, unless they share it anyway."""
    if not isinstance(value, dict):
        if value is not None:
            complaints.add(("keys",), "takes actions and their keys", "as in wire: x")
        return {}
    usual = {key.name: key.keys.split(",") for key in SCREEN_KEYS if key.keys}
    known = movable_actions()
    found: dict[str, str] = {}
    for name, given in value.items():
        path, key = ("keys", name), _key(given)
        if name not in known:
            complaints.add(
                path, "there is no such action", nearest(name, known) or "lab docs screen, §12 lists them", at_key=True
            )
        elif key is None:
            complaints.add(path, f"{given} is no key", "as in x, ctrl+x, f5, or '?' in quotes")
        else:
            found[name] = key
    holders = {name: [found[name]] if name in found else keys for name, keys in usual.items()}
    for name, key in found.items():
        other = next((each for each, keys in holders.items() if each != name and key in keys), None)
        if other is not None:
            complaints.add(("keys", name), f"{other} has that key too", "give each a key of its own")
    return found


_NAMED = {str(key.value) for key in Keys} | {key for each in SCREEN_KEYS for key in each.keys.split(",") if key}


def _key(value: Json) -> str | None:
    """The key as Textual names it; None if there is none such."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if len(text) == 1:
        return _character_to_key(text) if text.isprintable() and text != " " else None
    return text if text in _NAMED or (text and key_to_character(text) is not None) else None


# What changes on the screen


def changed_text(text: str, name: str, value: str, file: str) -> str | None:
    """A file's text with another value of one setting; all else stays as it is written, comments too.

    None if it is written in a way that can't be changed so; ScenarioError if it is wrong already.
    """
    before = parse_preferences(text, file)
    line = re.compile(rf"(?m)^{name}[ \t]*:[^#\n]*?([ \t]+#[^\n]*)?$")
    changed, found = line.subn(lambda at: f"{name}: {value}{at[1] or ''}", text, count=1)
    if not found:
        changed = f"{text.rstrip() or _HEAD}\n{name}: {value}\n"
    try:
        return changed if parse_preferences(changed, file) == replace(before, **{name: value}) else None
    except ScenarioError:
        return None
