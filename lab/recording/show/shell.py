"""Words of a shell: whatever a peer wrote is one argument, on one line, and commands neither a terminal nor CI.

Of these the screen writes its curl lines, and `lab show --as curl` its script; any POSIX shell reads them.
"""

import re
from collections.abc import Iterable
from itertools import groupby
from shlex import quote

LEFT_OUT = frozenset(("host", "content-length", "connection", "user-agent", "accept-encoding", "transfer-encoding"))
"""Headers that curl makes itself, or that say nothing about the request."""

_SECOND_SIGN = re.compile("(?<=#)#")
"""Of what logs of CI take for a command: `##[` and `##vso[`."""
_ESCAPED_IN_FORMATS = re.compile(r"[^ -~]|[\\%'#]|^-")


def curl_command(begin: str, method: str, address: str, options: Iterable[str], *, sends: bool) -> str:
    """The command, one option a line; `begin` is `curl`, or the function of a script that calls it."""
    usual = "POST" if sends else "GET"
    word = "" if method == usual else " --head" if method == "HEAD" else f" -X {shell_word(method)}"
    return " \\\n  ".join((f"{begin}{word} {address}", *options))


def shell_word(text: str) -> str:
    """A word that is this text; what doesn't show is printed into it, but for line feeds, which shells leave out there."""
    if text.isprintable():
        return _SECOND_SIGN.sub("''#", quote(text))
    parts = ("".join(part) for _, part in groupby(text, str.isprintable))
    return "".join(shell_word(part) if part.isprintable() else f'"$({printf(part)})"' for part in parts)


def printf(text: str) -> str:
    """The command that prints the text, byte by byte what isn't ASCII."""
    return f"printf '{_ESCAPED_IN_FORMATS.sub(_octal, text)}'"


def _octal(found: re.Match[str]) -> str:
    try:
        data = found[0].encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = found[0].encode("utf-8", "surrogatepass")
    return "".join(f"\\{byte:03o}" for byte in data)
