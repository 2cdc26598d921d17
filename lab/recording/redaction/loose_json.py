"""Secrets by name in a text that holds JSON, whole or broken, or JSON in JSON (recordings.md §5).

Nothing is parsed: what can't be read must be hidden too, and all else must come back as it was.
"""

import json
import re

from lab.recording.redaction.alias import aliases
from lab.recording.redaction.hiding import Hiding
from lab.recording.redaction.secret_names import CLUES, is_secret

_NAME = re.compile(rf"((?:{'|'.join(CLUES)})[\w-]*+)\\*[\"']?\s*[:,]")
_ESCAPED = re.compile(r"\\u00[2-7][0-9a-f]")
_LONGEST_BEGINNING = 24
"""Characters before a clue that tell whether it ends the name of a secret."""
_TOKEN = re.compile(r'"(?:[^"\\]++|\\[\s\S])*+"?|\s++|[{}\[\],:]|[^\s{}\[\],:"]++|[\s\S]')
_BARE = re.compile(r"'?[\w.-]+'?")
"""A name without quotes, or with others than JSON has."""
NUMBER = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)((?:[eE][+-]?[0-9]+)?)")
"""Its digits, and its exponent, which isn't hidden: a number may be refused for it."""
_QUOTED = re.compile(r'"\s*[{\[]\s*"\w')
"""A quote before JSON whose own quotes aren't escaped: they would be read the wrong way round."""
_SHORT = 6
"""Characters between two secrets that are none, nor look like one."""
_ALONE = frozenset(("otp", "sig", "accesskey"))
_CONSTANTS = frozenset(("true", "false", "null"))


def worth_reading(text: str) -> bool:
    """Whether the text may hold the name of a secret before a colon, or one that is escaped."""
    if ":" not in text:
        return False
    if "\\u00" in text and _ESCAPED.search(text):
        return True
    small = text.lower()
    return any(
        found[1] in _ALONE or is_secret(small[max(0, found.start() - _LONGEST_BEGINNING) : found.end(1)])
        for found in _NAME.finditer(small)
    )


def hide(text: str, hiding: Hiding) -> str:
    """The text with what stands under the name of a secret replaced: texts, numbers, all of a list or an object."""
    if _QUOTED.match(text):
        return '"' + hide(text[1:], hiding)
    tokens = _TOKEN.findall(text)
    parts: list[str] = []
    rest: list[str] = []
    depth, hidden, armed, begins, name = 0, 0, False, False, ""
    for index, token in enumerate(tokens):
        put: str | None = None
        if token in "{[":
            depth += 1
            if armed and not hidden:
                hidden = depth
            armed = False
        elif token in "}]":
            if depth == hidden:
                hidden = 0
            depth, armed = max(0, depth - 1), False
        elif token == ":":
            armed = armed or is_secret(name)
        elif token == ",":
            armed = False
        elif token.isspace():
            rest.append(token)
            continue
        else:
            name = plain_text(token) if token[0] == '"' or (begins and _BARE.fullmatch(token)) else ""
            if (armed or hidden) and not _names(tokens, index):
                put, armed = _alias(token, hiding), False
            elif token[0] == '"' and "\\" in token:
                put = _inner(token, hiding)
        begins = token in "{,"
        if put is None:
            rest.append(token)
        else:
            parts += (_flat(rest, hiding), put)
            rest = []
    return "".join((*parts, _flat(rest, hiding)))


def _flat(tokens: list[str], hiding: Hiding) -> str:
    text = "".join(tokens)
    return text if len(text) < _SHORT and "«" not in text else hiding.flat(text)


def _names(tokens: list[str], index: int) -> bool:
    """Whether a colon follows."""
    return next((token == ":" for token in tokens[index + 1 : index + 3] if not token.isspace()), False)


def plain_text(token: str) -> str:
    """What a token of JSON means, with its quotes or without."""
    if token[0] != '"':
        return token.strip("'")
    try:
        return str(json.loads(token))
    except ValueError:
        return token.strip('"')


def number_without_secret(written: str, hiding: Hiding) -> str:
    """The alias of its digits, and its exponent."""
    number = NUMBER.fullmatch(written)
    return hiding.secrets.number(number[1]) + number[2] if number else hiding.secrets.number(written)


def _alias(token: str, hiding: Hiding) -> str | None:
    if token in _CONSTANTS or token in ('""', "''"):
        return None
    if NUMBER.fullmatch(token):
        return number_without_secret(token, hiding)
    quote = token[0] if token[0] in "\"'" else ""
    return (
        f"{quote}{hiding.secrets.secret(plain_text(token))}{quote if token.endswith(quote) and len(token) > 1 else ''}"
    )


def _inner(token: str, hiding: Hiding) -> str | None:
    """A text with escapes, if what it means holds a secret that can't be seen in what is written."""
    plain = plain_text(token)
    clean = hiding.text(plain)
    return json.dumps(clean, ensure_ascii=False) if aliases(clean) else None
