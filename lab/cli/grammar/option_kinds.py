"""Options that several commands take, and the texts that options are read from: each that is wrong says how it is written."""

import re
from collections.abc import Callable

from lab.core.errors import UsageError
from lab.core.ranges import SEEDS, number
from lab.plugin import Option


def flag(name: str, help: str, *, excludes: tuple[str, ...] = ()) -> Option:
    """An option without a value."""
    return Option(name, help=help, excludes=excludes)


def port(name: str, of: str, usual: int | None = None, shown: str | None = None) -> Option:
    """The port that an option names."""
    shown = shown or str(usual)
    return Option(name, "PORT", f"of {of}; default: {shown}", number(name, 0, 65_535), usual=usual)


def origin(text: str) -> str:
    """The origin that `lab serve --base` names, without a slash at its end."""
    from lab.program.words import ORIGIN  # slow to load, and only this needs it

    if not re.fullmatch(ORIGIN, text):
        raise UsageError(f"--base {text} is no origin.", hint="Write it as https://host or http://host:port.")
    return text.rstrip("/")


def span(name: str) -> Callable[[str], int]:
    """What reads the milliseconds that an option names, as 90s."""

    def read(text: str) -> int:
        from lab.program.words import duration  # slow to load, and few options need it

        try:
            return duration(text)
        except ValueError as error:
            raise UsageError(f"{name} {text}: {error}.", hint="Write it as 90s or 10m.") from None

    return read


def json_object(name: str) -> Callable[[str], object]:
    """What reads the JSON object that an option gives."""

    def read(text: str) -> object:
        from lab.core.jsontext import BadJson, read_json  # the help needs neither

        try:
            value = read_json(text.encode("utf-8", "surrogateescape"))
        except BadJson:
            value = None
        if not isinstance(value, dict):
            raise UsageError(f"{name} {text} is no JSON object.", hint="Write it as '{\"amount\": 1200}'.")
        return value

    return read


def theme(text: str) -> str:
    """The name of a theme, where there is a screen and where there is none."""
    from lab.program.words import nearest  # only this option needs these
    from lab.tui.preference_syntax import THEMES

    if text not in THEMES:
        raise UsageError(f"There is no theme {text}.", hint=nearest(text, THEMES) or f"There are {', '.join(THEMES)}.")
    return text


def screen_size(text: str) -> tuple[int, int]:
    """Columns and rows, as 80x24."""
    columns, _, rows = text.partition("x")
    hint = "Write columns and rows, as 80x24."
    if not (columns.isdecimal() and rows.isdecimal()):
        raise UsageError(f"--size {text} is no size.", hint=hint)
    width, height = int(columns), int(rows)
    if not (72 <= width <= 500 and 20 <= height <= 200):
        hint = f"{hint} The screen needs 72x20, and is at most 500x200."
        raise UsageError(f"--size {text} is out of range.", hint=hint)
    return width, height


def seed(help: str) -> Option:
    """The seed, and what it is for."""
    return Option("--seed", "N", help, number("--seed", 0, SEEDS - 1))
