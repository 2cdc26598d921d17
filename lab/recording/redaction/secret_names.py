"""The names under which secrets stand, in bodies, forms, queries and headers (recordings.md §5): on tapes, and on screens."""

import re
from functools import lru_cache

NAMES = r"(?:[\w.-]*(?:token|secret|password)|assertion|client_assertion|code_verifier|device_code|user_code|api_key)"
TAILS = ("token", "secret", "password", "assertion", "code_verifier", "device_code", "user_code", "api_key")
"""How the names end under which secrets stand: where none of them is, no such name is."""
_HEADER = re.compile(r"(?i)(?:proxy-)?authorization|cookie|set-cookie|x-api-key|.*-token|.*-secret|.*-signature")
_NAME = re.compile(rf"(?i).*(?:token|secret|password)|{NAMES}", re.DOTALL)
_KINDS = {
    "access_token": "token",
    "id_token": "token",
    "token": "token",
    "refresh_token": "refresh",
    "code": "code",
    "device_code": "device",
    "user_code": "usercode",
    "assertion": "assertion",
    "client_assertion": "assertion",
    "client_secret": "token",
}
"""The kinds of alias of what the identity domain takes and gives."""
_WORTH_KEEPING = 256


def is_secret(name: str) -> bool:
    """Whether the member of that name holds a secret, on any route."""
    return _known(name) if len(name) <= _WORTH_KEEPING else _matches(name)


def is_secret_header(name: str) -> bool:
    """Whether the header of that name holds a credential, beside the words that are none."""
    return _HEADER.fullmatch(name) is not None


def _matches(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


_known = lru_cache(maxsize=4096)(_matches)


def kind_under(name: str, *, oauth: bool) -> str:
    """The kind of alias of a secret under this name; `oauth`: the identity domain takes or gives it."""
    return _KINDS.get(name.lower(), "secret") if oauth else "secret"


@lru_cache(maxsize=1024)
def kind_given(name: str, *, oauth: bool) -> str | None:
    """The kind of alias that a text under this name of a reply is known by from then on; None: it is no secret."""
    return kind_under(name, oauth=oauth) if is_secret(name) else None
