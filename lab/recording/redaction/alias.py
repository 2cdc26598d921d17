"""Aliases: what stands in a recording in a secret's place, numbered by first appearance (recordings.md §5)."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from lab.identity.clients import SHORTEST_SECRET

# a pattern that begins with a fixed sign is looked for as fast as a text; only the first of a run of them is tried, for
# from each other one the rest of the run would be gone through again: a body of nothing else took the square of its length
GRAMMAR = r"«(?<!««)«*[a-z]+(?::[A-Za-z0-9._%-]+){1,2}»"
ALIAS = re.compile(GRAMMAR)

_NUMBERED = re.compile("«[a-z]+:[A-Z]([0-9]{1,9})(?![0-9])")
_NUMBER = re.compile("«(?:number|digits):N([0-9]{1,9}):([0-9]{1,9})»")
NUMBER = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)((?:[eE][+-]?[0-9]+)?)")
"""Its digits, and its exponent, which isn't hidden: a number may be refused for it."""
LONGEST_NUMBER = 4096
"""Characters of a number that is made anew, at most: no reader takes longer ones."""

LONGEST_ID = 200
"""Characters of an id on any wire."""
_ODD = {"odd": "!", "unprintable": "\x7f", "long": "x" * LONGEST_ID}
"""How the last part of an alias ends whose value no id may be: it holds other signs than letters, digits and `-._~:=+/`,
one that can't be printed, or too many. With what is added to a value made anew, so that it is none either."""
_LONG = re.compile(r"-long-([0-9]{1,9})\Z")

KINDS = {
    "token": "T", "refresh": "R", "code": "C", "device": "D", "usercode": "U", "cookie": "K", "assertion": "A",
    "wrong": "W", "host": "H", "secret": "S",
    "number": "N", "client": "C", "user": "U",
}  # fmt: skip
"""The numbered kinds of alias, and the letter before their number."""
CONFIGURED = ("«client:", "«user:")
"""How the aliases begin of what the lab was configured with."""
_USUAL = re.compile(r"[A-Za-z0-9._~:=+/-]*")

CUT = "«part:cut»"
"""The beginning of a secret, where the rest was cut off."""
HERE = "«host:lab»"
"""The origin at which the lab listened, where no public one was given: its port varies from start to start."""


def named(kind: str, name: str) -> str:
    """The alias of a client or user by name; characters outside the grammar are percent-encoded."""
    return f"«{kind}:{quote(name, safe='').replace('~', '%7E')}»"


def numbered(kind: str, number: int, why: str = "") -> str:
    """The n-th alias of a kind; a wrong one says why."""
    return f"«{kind}:{KINDS[kind]}{number}{':' + why if why else ''}»"


def why_odd(value: str, kind: str, why: str) -> str:
    """The last part of an alias; to that of a value which no id may be it is added why, for it is refused as one."""
    if kind not in ("secret", "wrong", "cookie"):
        return why
    if not value.isprintable():
        odd = "unprintable"
    elif len(value) > LONGEST_ID:
        odd = f"long-{len(value)}"
    else:
        odd = "" if _USUAL.fullmatch(value) else "odd"
    return "-".join(filter(None, (why, odd)))


def number_of(alias: str) -> int:
    """The number of an alias among those of its kind; 0: it has none."""
    found = _NUMBERED.match(alias)
    return int(found[1]) if found else 0


def kind_of(alias: str) -> str:
    """The kind of an alias: what stands before its first colon."""
    return alias[1 : alias.index(":")]


def number_alias(number: int, written: str) -> str:
    """The n-th alias of a JSON number: how many characters it was written with is kept."""
    return numbered("number", number, str(len(written)))


def secret_of(pair: str, why: str) -> str:
    """The alias of the secret in a refused pair, where it stands without its name."""
    number = pair.split(":")[1]
    return f"«part:{number}{':' + why if why else ''}»"


def in_text(alias: str) -> str:
    """The alias of the same digits where they stand in a text, and not as a number."""
    return alias.replace("«number:", "«digits:", 1)


def made_number(alias: str) -> str | None:
    """A number that is written with as many characters; None: the alias is of no number."""
    found = _NUMBER.fullmatch(alias)
    if found is None:
        return None
    length = min(int(found[2]), LONGEST_NUMBER)
    return str(10 ** (length - 1) + int(found[1]))[:length] if length > 1 else str(1 + int(found[1]) % 9)


def made_text(alias: str, longest: int) -> str:
    """A text that stands for any other, as odd as the alias says, and as long up to `longest` characters.

    A host that nobody has, and its origin, stand for a pod's.
    """
    if kind_of(alias) == "host":
        name = f"host{number_of(alias)}.invalid"
        return name if alias.endswith(":name»") else f"https://{name}"
    name = alias.strip("«»").replace(":", "-").ljust(SHORTEST_SECRET, "-")
    long = _LONG.search(name)
    return name.ljust(min(int(long[1]), longest), "x") if long else name + _ODD.get(name.rpartition("-")[2], "")


def aliases(text: str) -> list[str]:
    """The aliases in a text, in order; traffic that only looks like one stands behind a doubled `«`."""
    return [found for found in ALIAS.findall(text) if not found.startswith("««")]


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with aliases replaced where a value is known, and one `«` taken off what only looked like one."""

    def put(found: re.Match[str]) -> str:
        return found[0][1:] if found[0].startswith("««") else values.get(found[0], found[0])

    return ALIAS.sub(put, text) if "«" in text else text
