"""Text of others as a log, a terminal or a page may show it: nothing in it is obeyed (recordings.md §12)."""

import json
import re

_COMMAND = re.compile(r"##(?=\w*\[)|^([^\S\n]*):(?=:)", re.MULTILINE)
"""What runners of CI take for a command: `##[` and `##vso[` anywhere, `::` at the beginning of a line."""


def harmless_text(text: str, *, lines: bool = False) -> str:
    """The text; what doesn't show, or commands a runner, is written as JSON has it.

    Line feeds too, unless `lines` are wanted.
    """
    parts = text.split("\n") if lines else (text,)
    shown = (part if part.isprintable() else "".join(map(_sign, part)) for part in parts)
    return no_command("\n".join(shown))


def _sign(char: str) -> str:
    return char if char.isprintable() else json.dumps(char)[1:-1]


def no_command(text: str) -> str:
    """The text with nothing in it that a runner of CI obeys; JSON stays JSON, with the same value."""
    if "::" not in text and "##" not in text:
        return text
    return _COMMAND.sub(lambda found: f"{found[1] or ''}\\u003a" if found[0][-1] == ":" else "#\\u0023", text)
