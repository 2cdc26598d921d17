"""What the screen keeps from one start to the next: a line each for theme, layout and stage pace (screen.md §12).

A file that is wrong in one place is left alone, and so is all that it says: what holds then is what is usual.
"""

import re

from lab.language.complaints import START, Complaints, Position
from lab.program.words import nearest
from lab.tui.state.preferences import Preferences

THEMES = ("dark", "light")
"""What a theme may be called."""
_WORDS = {"theme": THEMES, "layout": ("panes", "wire", "presenter"), "stage": ("off", *map(str, range(61)))}
"""What each setting may be."""
_HEAD = "# What the screen of lab demo, watch and play keeps: lab docs screen, §12."
# YAML, as far as words need it: a comment has a blank before it
_SETTING = re.compile(
    r"""(?P<name>[\w-]+)[ \t]*:[ \t]+(?P<quote>["']?)(?P<value>[^\s#"'][^#]*?)(?P=quote)(?:[ \t]+#.*)?\s*"""
)


def parse_preferences(raw: bytes, file: str) -> Preferences:
    """What a file says; ScenarioError carries every complaint at its place."""
    found: dict[str, str] = {}
    complaints = Complaints(file)
    for number, line in enumerate(_lines(raw, file), 1):
        setting = _SETTING.fullmatch(line)
        name, value = (setting["name"], setting["value"]) if setting else ("", "")
        if setting is None:
            if line.strip() and not line.lstrip().startswith("#"):
                complaints.syntax(Position(number, 1), "this is no setting", "write one a line, as in theme: light")
        elif name not in _WORDS:
            hint = nearest(name, tuple(_WORDS)) or f"known: {', '.join(_WORDS)}"
            complaints.syntax(Position(number, 1), f"unknown key {name}", hint)
        elif name in found:
            complaints.syntax(Position(number, 1), f"{name} is there twice", "leave one of them")
        elif value not in _WORDS[name]:
            hint = nearest(value, _WORDS[name]) or f"known: {', '.join(_WORDS[name])}"
            place = Position(number, setting.start("value") + 1)
            complaints.syntax(place, f"{name}: there is no {name} {value}", hint)
        else:
            found[name] = value
    complaints.check()
    return Preferences(**found)


def changed_text(raw: bytes, name: str, value: str, file: str) -> str:
    """A file's text with another value of one setting; all else stays as it is written, comments too.

    ScenarioError if it is wrong already.
    """
    parse_preferences(raw, file)
    lines = _lines(raw, file)
    for at, line in enumerate(lines):
        setting = _SETTING.fullmatch(line)
        if setting is not None and setting["name"] == name:
            lines[at] = line[: setting.start("value")] + value + line[setting.end("value") :]
            return "\n".join(lines)
    before = "\n".join(lines).rstrip() or _HEAD
    return f"{before}\n{name}: {value}\n"


def _lines(raw: bytes, file: str) -> list[str]:
    try:
        return raw.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise Complaints(file).alone(START, "the file is not UTF-8", "save it as UTF-8") from None
