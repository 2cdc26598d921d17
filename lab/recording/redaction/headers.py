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
_ATTRIBUTES = frozenset(
    "path domain expires max-age secure httponly samesite partitioned priority version comment commenturl discard port".split()
)
"""What a cookie that is set has beside its value (RFC 6265 §5.2, RFC 2965 §3.2.2)."""
_CHALLENGES = ("www-authenticate", "proxy-authenticate", "authentication-info", "proxy-authentication-info")
_PARAMETER = re.compile(
    r"(?P<name>[\w!#$%&'*+.^`|~-]+)(?P<equals>[ \t]*=[ \t]*)(?P<value>\"(?:[^\"\\]|\\.)*\"?|[^\s,\"=][^\s,\"]*)"
    r"|(?P<scheme>(?:\A|(?<=,))[ \t]*[\w-]+[ \t]+)(?P<token>[\w.~+/-]+=*)(?=[ \t]*(?:,|\Z))"
)
"""A parameter of a challenge, or the token of one (RFC 9110 §11.3)."""
_PLAIN = frozenset(
    "realm scope error error_description error_uri error_codes resource resource_metadata authorization_uri as_uri client_id"
    " trusted_issuers algorithm algs qop stale domain charset userhash max_age acr_values title nc".split()
)
"""Parameters of a challenge that say how to ask."""


def header_without_secrets(name: str, value: str, hiding: Hiding) -> str:
    """The value of a header; `name` in lower case."""
    if value and name in _CHALLENGES:
        return _challenge(value, hiding)
    if not value or not is_secret_header(name):
        return hiding.text(value)
    if name.removesuffix("2").endswith("cookie"):
        first, *others = value.split(";")
        attributes = _ATTRIBUTES if name.startswith("set-") else frozenset[str]()
        plain = (each.partition("=")[0].strip().lower() in attributes for each in others)
        later = (
            hiding.text(each) if known else _cookie(each, hiding) for each, known in zip(others, plain, strict=True)
        )
        return ";".join((_cookie(first, hiding), *later))
    if not name.endswith("authorization"):
        return hiding.secrets.alias(value, "secret")
    scheme, blank, rest = value.partition(" ")
    if blank:
        return f"{hiding.text(scheme)} {_credentials(scheme.lower(), rest, hiding)}"
    found = _SCHEME.fullmatch(value)
    word, credentials = found.groups() if found else ("", value)
    return f"{word}{hiding.secrets.alias(credentials, 'secret') if credentials else ''}"


def _challenge(value: str, hiding: Hiding) -> str:
    """The value of a challenge: what nobody knows among its parameters, and the token of a scheme, may be a credential."""
    parts: list[str] = []
    end = 0
    for found in _PARAMETER.finditer(value):
        if (found["name"] or "").lower() in _PLAIN:
            continue
        worth = found["token"] or found["value"].strip('"')
        if worth:
            place = found.start("token" if found["token"] else "value") + (found["value"] or "").startswith('"')
            parts += hiding.text(value[end:place]), hiding.secrets.secret(worth)
            end = place + len(worth)
    return "".join((*parts, hiding.text(value[end:])))


def _cookie(part: str, hiding: Hiding) -> str:
    name, equals, value = part.partition("=")
    if not equals:
        name, value = part[: len(part) - len(part.lstrip())], part.lstrip()
        return name + (hiding.secrets.encoded(value, "cookie") if value else "")
    return f"{hiding.text(name)}={hiding.secrets.encoded(value, 'cookie') if value else ''}"


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
