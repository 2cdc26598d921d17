"""The names under which secrets stand, in bodies, forms, queries and headers (recordings.md §5): on tapes, and on screens."""

import re
from functools import lru_cache

_KEYS = "api|secret|private|signing|encryption|subscription|shared|auth|session|master|(?:secret|shared)[_-]?access"
_TAILS = (
    rf"(?:token|secrets?|passwords?|passwd|pwd|passphrase|passcode|credentials?|assertion|-signature"
    rf"|(?:{_KEYS})[_-]?keys?|access[_-]keys?|code[_-]?verifier|(?:device|user)[_-]?code|token[_-]?hint"
    rf"|sess(?:ion)?[_-]?id|saml[_-]?(?:response|request))"
    r"(?:[_-]?(?:confirm(?:ation)?|again|repeat|value|hash))?[0-9]{0,2}"
)
"""How the names end under which secrets stand, written in whichever case: `apiKey`, `api-key` and `API_KEY` are one."""
_WHOLE = "otp|sig|(?-i:accessKey)"
"""Names that other names end with, too; `accesskey` is what HTML calls a shortcut."""
CLUES = tuple(
    "token secret passw pwd passphrase passcode credential assertion signature key verifier code sess saml otp sig".split()
)
"""What every such name holds one of, in small letters."""
CREDENTIAL_HEADERS = r"(?:[\w-]*-)?authorization|(?:set-)?cookie2?"
"""Headers of credentials which a body tells of by name, beside names that end as above."""
_HEADER = re.compile(rf"(?i)(?:{CREDENTIAL_HEADERS}|.*(?:signature|session|access-?key|functions-?key))")
_NO_HEADER = "access-control-allow-credentials"
_NAME = re.compile(rf"(?i)(?:.*{_TAILS}|{_WHOLE})[\])]*", re.DOTALL)
_TELLS_HEADER = re.compile(rf"(?i){CREDENTIAL_HEADERS}")
_KINDS = {
    "access_token": "token",
    "id_token": "idtoken",
    "token": "token",
    "refresh_token": "refresh",
    "code": "code",
    "device_code": "device",
    "user_code": "usercode",
    "assertion": "assertion",
    "code_verifier": "verifier",
    "client_assertion": "assertion",
}
"""The kinds of stand-ins of what the identity domain takes and gives."""
_WORTH_KEEPING = 256


def is_secret(name: str) -> bool:
    """Whether the member of that name holds a secret, on any route."""
    return _known(name) if len(name) <= _WORTH_KEEPING else _matches(name)


def is_secret_header(name: str) -> bool:
    """Whether the header of that name holds a credential, beside the words that are none."""
    return _HEADER.fullmatch(name) is not None or (is_secret(name) and name.lower() != _NO_HEADER)


def names_header(name: str) -> bool:
    """Whether the member of that name holds what a header of credentials does."""
    return len(name) <= _WORTH_KEEPING and _TELLS_HEADER.fullmatch(name) is not None


def _matches(name: str) -> bool:
    small = name.lower()
    # a letter that only a pattern takes for one of ASCII is in no clue
    return (not name.isascii() or any(clue in small for clue in CLUES)) and _NAME.fullmatch(name) is not None


_known = lru_cache(maxsize=4096)(_matches)


def kind_under(name: str, *, oauth: bool) -> str:
    """The kind of stand-in of a secret under this name; `oauth`: the identity domain takes or gives it."""
    lower = name.lower()
    return "xsrf" if lower == "xsrftoken" else _KINDS.get(lower, "secret") if oauth else "secret"
