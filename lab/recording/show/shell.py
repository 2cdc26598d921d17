"""Requests as curl lines, of a recording and on the screen: whatever a peer wrote is one argument, and commands nobody.

What a person has to fill in, as secrets, stands in them as a variable. Any POSIX shell reads them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from shlex import quote
from typing import TypeAlias
from urllib.parse import urlencode

from lab.core.exchange import Headers, header_of

LEFT_OUT = frozenset(("host", "content-length", "connection", "user-agent", "accept-encoding", "transfer-encoding"))
"""Headers that curl makes itself, or that say nothing about the request."""

Piece: TypeAlias = tuple[bool, str]
"""Whether it is a variable, and its name or the text."""
Fill: TypeAlias = Callable[[str, str], Sequence[Piece]]
"""What a value is made of, by the name of the header or field that has it; a body's has none."""
Fields: TypeAlias = Sequence[tuple[str, str]]

_CURL = "curl -g --proto =http,https"
"""A peer's braces and brackets are no list of URLs, and nothing but a web server is asked."""
_LONGEST_WORD = 30_000
"""Characters of a body that is an argument: systems take no longer ones than 128 KiB."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SECOND_SIGN = re.compile("(?<=#)#")
"""Of what logs of CI take for a command: `##[` and `##vso[`."""
_ESCAPED_IN_FORMATS = re.compile(r"[^ -~]|[\\%'#]|^-")


def curl_line(method: str, address: str, headers: Headers, body: str | Fields | None, fill: Fill) -> str:
    """The command, one option a line; `address` is a word already, a form's body its pairs."""
    fields = body if body and not isinstance(body, str) and _are_options(body) else ()
    left_out = LEFT_OUT | {"content-type"} if fields else LEFT_OUT
    sent = [(name, value) for name, value in headers if name.lower() not in left_out and _TOKEN.fullmatch(name)]
    options = [_header(name, value, fill) for name, value in sent]
    options += [f"--data-urlencode {shell_words([(False, f'{name}='), *fill(name, value)])}" for name, value in fields]
    before = ""
    if body is not None and not fields:
        pieces = fill("", body if isinstance(body, str) else urlencode(body, errors="surrogatepass"))
        if header_of(headers, "content-type") is None:
            options.append("-H content-type:")
        if sum(len(text) for _, text in pieces) <= _LONGEST_WORD and all(text.isprintable() for _, text in pieces):
            options.append(f"--data-raw {shell_words(pieces)}")
        else:  # no argument holds it
            before = f"{_printf(pieces)} | "
            options.append("--data-binary @-")
    usual = "GET" if body is None else "POST"
    word = "" if method == usual else " --head" if method == "HEAD" else f" -X {shell_word(method)}"
    return before + " \\\n  ".join((f"{_CURL}{word} {address}", *options))


def _are_options(fields: Fields) -> bool:
    return sum(len(name) + len(value) for name, value in fields) <= _LONGEST_WORD and all(
        name.isidentifier() and value.isprintable() for name, value in fields
    )


def _header(name: str, value: str, fill: Fill) -> str:
    pieces = [*_joined(fill(name, value))]
    if name.lower() == "authorization" and value[:6].lower() == "basic " and any(":" in text for _, text in pieces):
        # a name and a secret, and not what is made of them: curl does that
        return f"-u {shell_words([(False, pieces[0][1][6:]), *pieces[1:]])}"
    return f"-H {shell_words([(False, f'{name}: ' if value else f'{name};'), *pieces])}"


def shell_words(pieces: Iterable[Piece]) -> str:
    """One word that is all of these."""
    return "".join(f'"${text}"' if is_variable else shell_word(text) for is_variable, text in _joined(pieces)) or "''"


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same, texts that follow one another in one."""
    for is_variable, group in groupby(pieces, itemgetter(0)):
        if is_variable:
            yield from group
        elif text := "".join(text for _, text in group):
            yield False, text


def shell_word(text: str) -> str:
    """A word that is this text; what doesn't show is printed into it, but for line feeds, which shells leave out there."""
    if text.isprintable():
        return _SECOND_SIGN.sub("''#", quote(text))
    parts = ("".join(part) for _, part in groupby(text, str.isprintable))
    return "".join(shell_word(part) if part.isprintable() else f'"$({_printf([(False, part)])})"' for part in parts)


def _printf(pieces: Sequence[Piece]) -> str:
    """The command that prints them, byte by byte what isn't ASCII."""
    said = "".join("%s" if is_variable else _ESCAPED_IN_FORMATS.sub(_octal, text) for is_variable, text in pieces)
    return f"printf '{said}'" + "".join(f' "${text}"' for is_variable, text in pieces if is_variable)


def _octal(found: re.Match[str]) -> str:
    try:
        data = found[0].encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = found[0].encode("utf-8", "surrogatepass")
    return "".join(f"\\{byte:03o}" for byte in data)
