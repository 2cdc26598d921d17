"""Clients and users of a settings file: what they become, and what they may not be (contract.md §7.1)."""

import json
import math
import re
from collections import Counter
from urllib.parse import urlsplit

from lab.identity.assertions import reads_key
from lab.identity.clients import DEMO, GRANTS, JANE, REFUSED_SECRET, Account, Client, Grant
from lab.language.document import Application
from lab.language.parse import Given, Path

SHORTEST_SECRET = 8
"""Characters of a secret, so that a recording can do without it."""
_WORDS = {"device_code": Grant.DEVICE, "jwt-bearer": Grant.ASSERTION}
_REAL = re.compile(
    r"eyJ[\w-]+\.eyJ|ocid1\.|-----BEGIN|^idcscs-|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE
)
_LONG, _MIXED = 20, 3.6
"""From these many characters on, and these many bits a character, a secret looks like one that was drawn."""
_NEVER = ("javascript", "data", "vbscript", "file")


def clients_of(given: Given) -> tuple[Client, ...]:
    """The clients, and the one that every lab knows unless the file says otherwise of it."""
    listed = given.server.accounts.clients
    _once(given, "clients", [each.id for each in listed])
    made = tuple(_client(given, ("accounts", "clients", place), each) for place, each in enumerate(listed))
    return made if any(each.id == DEMO.id for each in made) else (*made, DEMO)


def users_of(given: Given) -> tuple[Account, ...]:
    """The users, and the one that every lab knows unless the file says otherwise of her."""
    listed = given.server.accounts.users
    _once(given, "users", [each.name for each in listed])
    for place, each in enumerate(listed):
        _secret(given, ("accounts", "users", place, "password"), each.password)
    made = tuple(Account(each.name, each.password, each.display, each.roles) for each in listed)
    return made if any(each.name == JANE.name for each in made) else (*made, JANE)


def _once(given: Given, kind: str, names: list[str]) -> None:
    counted = Counter(names)
    for place, name in enumerate(names):
        if counted[name] > 1 and name in names[:place]:
            given.collector.add(("accounts", kind, place), f"a second one called {name}")


def _client(given: Given, path: Path, told: Application) -> Client:
    complain = given.collector.add
    if told.secret is not None:
        _secret(given, (*path, "secret"), told.secret)
        if told.public:
            complain((*path, "secret"), "a public client has no secret", "leave it out, or public")
    elif not told.public:
        complain(path, "secret is missing", "one that can't keep a secret says public: true")
    for place, redirect in enumerate(told.redirects):
        if why := _no_redirect(redirect):
            complain((*path, "redirects", place), why)
    grants = GRANTS if told.grants is None else frozenset(_WORDS.get(each) or Grant(each) for each in told.grants)
    return Client(
        told.id, told.secret or "", told.redirects, grants, told.active, told.key_id, _key(given, path, told)
    )  # fmt: skip


def _key(given: Given, path: Path, told: Application) -> str:
    complain = given.collector.add
    if told.certificate is not None and told.jwk is not None:
        complain((*path, "jwk"), "the key is there twice", "give certificate or jwk")
    member = "jwk" if told.certificate is None else "certificate"
    text = json.dumps(told.jwk) if told.jwk is not None and told.certificate is None else told.certificate or ""
    if "PRIVATE KEY" in text or (told.jwk is not None and "d" in told.jwk):
        complain(
            (*path, member), "this is a private key", "give its public half; the private one stays with the client"
        )
    elif text and not reads_key(text):
        complain((*path, member), "no RSA key can be read here", "a certificate or public key in PEM, or a public JWK")
    elif text and not told.key_id and "CERTIFICATE" not in text:
        complain(path, "key_id is missing", "assertions name their key by it")
    return text


def _secret(given: Given, path: Path, secret: str) -> None:
    """Complain of one that a recording can't do without, or that looks like a real one (bad-inputs.md §6, 5)."""
    if len(secret) < SHORTEST_SECRET:
        given.collector.add(path, f"is too short to be kept out of a recording: {SHORTEST_SECRET} characters or more")
    elif secret == REFUSED_SECRET:
        given.collector.add(path, f"{REFUSED_SECRET} is the secret that no lab takes")
    elif looks_real(secret):
        given.collector.add(path, "this looks like a real secret", "the lab's look false: begin it with lab-")


def looks_real(secret: str) -> bool:
    """Whether a secret looks like one that opens something: by its shape, or as if it had been drawn."""
    if _REAL.search(secret):
        return True
    if secret.startswith("lab-") or len(secret) < _LONG or not secret.isascii() or " " in secret:
        return False
    counts = Counter(secret).values()
    return -sum(n / len(secret) * math.log2(n / len(secret)) for n in counts) >= _MIXED and any(
        map(str.isdigit, secret)
    )


def _no_redirect(redirect: str) -> str:
    try:
        parts = urlsplit(redirect)
        absolute = bool(parts.scheme and (parts.netloc or parts.path))
    except ValueError:
        return "this is no URI"
    if not absolute or not redirect.isascii() or not redirect.isprintable() or " " in redirect:
        return "a redirect URI is absolute, as http://127.0.0.1:8000/callback"
    if parts.scheme in _NEVER:
        return f"{parts.scheme}: is never redirected to"
    return "a redirect URI has no fragment" if "#" in redirect else ""
