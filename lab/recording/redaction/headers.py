"""Headers without their credentials (recordings.md §5).

What of a credential is no secret stays, for it decides what is answered: the scheme, that nothing comes after it, that two
come in a row, the names of cookies.
"""

import re

from lab.identity.clients import read_basic
from lab.recording.redaction.bearer_tokens import IS_JWT
from lab.recording.redaction.hiding import Hiding
from lab.recording.redaction.secret_names import is_secret_header

_SCHEME = re.compile(r"(?i)(bearer|basic)(.*)", re.DOTALL)
_BETWEEN = re.compile(r"([, ]+)")
_SCHEMES = frozenset(("", "bearer", "basic"))


def header_without_secrets(name: str, value: str, hiding: Hiding) -> str:
    """The value of a header; `name` in lower case."""
    if not value or not is_secret_header(name):
        return hiding.text(value)
    if name.endswith("cookie"):
        first, *others = value.split(";")
        attributes = name == "set-cookie"
        later = (hiding.text(each) if attributes else _cookie(each, hiding) for each in others)
        return ";".join((_cookie(first, hiding), *later))
    if not name.endswith("authorization"):
        return hiding.secrets.alias(value, "secret")
    scheme, blank, rest = value.partition(" ")
    if blank:
        return f"{hiding.text(scheme)} {_credentials(scheme.lower(), rest, hiding)}"
    found = _SCHEME.fullmatch(value)
    word, credentials = found.groups() if found else ("", value)
    return f"{word}{hiding.secrets.alias(credentials, 'secret') if credentials else ''}"


def _cookie(part: str, hiding: Hiding) -> str:
    name, equals, value = part.partition("=")
    if not equals:
        name, value = part[: len(part) - len(part.lstrip())], part.lstrip()
        return name + (hiding.secrets.alias(value, "cookie") if value else "")
    return f"{hiding.text(name)}={hiding.secrets.alias(value, 'cookie') if value else ''}"


def _credentials(scheme: str, rest: str, hiding: Hiding) -> str:
    if scheme == "bearer":
        return "".join(_bearer(part, hiding) for part in _BETWEEN.split(rest))
    bare = rest.strip(" ")
    if not bare:
        return rest
    if scheme != "basic":
        alias = hiding.secrets.alias(bare, "secret")
    else:
        readings = read_basic(bare)
        alias = hiding.secrets.pair(readings, bare) if readings else hiding.secrets.no_pair(bare)
    return rest.replace(bare, alias)


def _bearer(part: str, hiding: Hiding) -> str:
    if part.lower() in _SCHEMES or _BETWEEN.fullmatch(part):
        return part
    return hiding.secrets.alias(part, "wrong", "unknown" if IS_JWT.fullmatch(part) else "malformed")
