"""Clients and users of a settings file: what they become, and what they may not be (contract.md §7.1)."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import urlsplit

from lab.identity.assertions import reads_key
from lab.identity.clients import DEMO, GRANTS, JANE, REFUSED_SECRET, SHORTEST_SECRET, Account, Client, Grant, has_port
from lab.program.settings_file import Accounts, Application
from lab.program.words import nearest

_GRANT_WORDS = {"device_code": Grant.DEVICE, "jwt-bearer": Grant.ASSERTION}
"""What a file may say in place of the long URNs."""
_REAL = re.compile(
    r"eyJ[\w-]+\.eyJ|ocid1\.|-----BEGIN|^idcscs-|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE
)
_LONG, _MIXED = 20, 3.6
"""From these many characters on, and these many bits a character, a secret looks like one that was drawn."""
_NEVER_REDIRECTED = ("javascript", "data", "vbscript", "file")


class Complain(Protocol):
    """Takes what is wrong with the value at a path of the file, and what to do about it."""

    def __call__(self, path: tuple[str | int, ...], what: str, hint: str = "") -> None:
        """Note it; all complaints come at once."""


def clients_of(accounts: Accounts, complain: Complain) -> tuple[Client, ...]:
    """The clients, and the one that every lab knows unless the file says otherwise of it."""
    _complain_of_doubles("clients", (each.id for each in accounts.clients), complain)
    clients = tuple(_client(at, each, complain) for at, each in enumerate(accounts.clients))
    _complain_of_pod_users(accounts, clients, complain)
    return clients if any(each.id == DEMO.id for each in clients) else (*clients, DEMO)


def users_of(accounts: Accounts, complain: Complain) -> tuple[Account, ...]:
    """The users, and the one that every lab knows unless the file says otherwise of her."""
    _complain_of_doubles("users", (each.name for each in accounts.users), complain)
    for at, each in enumerate(accounts.users):
        _complain_of_secret(("accounts", "users", at, "password"), each.password, complain)
    users = tuple(Account(each.name, each.password, each.display, each.roles) for each in accounts.users)
    return users if any(each.name == JANE.name for each in users) else (*users, JANE)


def _complain_of_doubles(kind: str, names: Iterable[str], complain: Complain) -> None:
    known: set[str] = set()
    for at, name in enumerate(names):
        if name in known:
            complain(("accounts", kind, at), f"a second one called {name}")
        known.add(name)


def _client(at: int, application: Application, complain: Complain) -> Client:
    path = ("accounts", "clients", at)
    if application.secret is not None:
        _complain_of_secret((*path, "secret"), application.secret, complain)
        if application.public:
            complain((*path, "secret"), "a public client has no secret", "leave it out, or public")
    elif not application.public:
        complain(path, "secret is missing", "one that can't keep a secret says public: true")
    for place, redirect in enumerate(application.redirects):
        if why := _wrong_redirect(redirect):
            complain((*path, "redirects", place), why)
    words = application.grants
    grants = GRANTS if words is None else frozenset(_GRANT_WORDS.get(word) or Grant(word) for word in words)
    return Client(
        application.id,
        application.secret or "",
        application.redirects,
        grants,
        application.active,
        application.key_id,
        _key(path, application, complain),
        user=application.user or (application.id if application.roles else ""),
        roles=application.roles,
    )


def _complain_of_pod_users(accounts: Accounts, clients: tuple[Client, ...], complain: Complain) -> None:
    """Complain of a client's user whom nobody knows, whose roles are told twice, or whose token can't be had."""
    named = {JANE.name, *(each.name for each in accounts.users)}
    first: dict[str, tuple[str, ...]] = {}
    for at, client in enumerate(clients):
        path = ("accounts", "clients", at)
        member = (*path, "user" if accounts.clients[at].user is not None else "roles")
        if not client.user:
            continue
        if client.public or Grant.CLIENT_CREDENTIALS not in client.grants:
            complain(member, "its own tokens alone stand for it", "needs a secret and the grant client_credentials")
        elif client.user in named and client.roles:
            complain((*path, "roles"), f"the roles of {client.user} are those under users", "name them there alone")
        elif client.user not in named and not client.roles:
            hint = nearest(client.user, named) or "name one of users, or give it roles here"
            complain(member, f"nobody is called {client.user}", hint)
        elif set(first.setdefault(client.user, client.roles)) != set(client.roles):
            complain((*path, "roles"), f"{client.user} has other roles above", "give the same, or the user under users")


def _key(path: tuple[str | int, ...], application: Application, complain: Complain) -> str:
    """What the client's assertions are checked with: PEM, or a JWK as JSON; empty if there is nothing."""
    pem, jwk = application.certificate, application.jwk
    if pem is not None and jwk is not None:
        complain((*path, "jwk"), "the key is there twice", "give certificate or jwk")
    text = pem if pem is not None else "" if jwk is None else json.dumps(jwk)
    member = (*path, "jwk" if pem is None else "certificate")
    if "PRIVATE KEY" in text or (jwk is not None and "d" in jwk):
        complain(member, "this is a private key", "give its public half; the private one stays with the client")
    elif text and not reads_key(text):
        complain(member, "no RSA key can be read here", "a certificate or public key in PEM, or a public JWK")
    elif text and not application.key_id and "CERTIFICATE" not in text:
        complain(path, "key_id is missing", "assertions name their key by it")
    return text


def _complain_of_secret(path: tuple[str | int, ...], secret: str, complain: Complain) -> None:
    """Complain of one that a recording can't do without, or that looks like a real one (limits.md §6, row 5)."""
    if len(secret) < SHORTEST_SECRET:
        complain(path, f"is too short to be kept out of a recording: {SHORTEST_SECRET} characters or more")
    elif secret == REFUSED_SECRET:
        complain(path, f"{REFUSED_SECRET} is the secret that no lab takes")
    elif looks_real(secret):
        complain(path, "this looks like a real secret", "the lab's look false: begin it with lab-")


def looks_real(secret: str) -> bool:
    """Whether a secret looks like one that opens something: by its shape, or as if it had been drawn."""
    if _REAL.search(secret):
        return True
    if secret.startswith("lab-") or len(secret) < _LONG or not secret.isascii() or " " in secret:
        return False
    counts = Counter(secret).values()
    entropy = -sum(n / len(secret) * math.log2(n / len(secret)) for n in counts)
    return entropy >= _MIXED and any(map(str.isdigit, secret))


def _wrong_redirect(redirect: str) -> str:
    """What is wrong with a redirect URI (RFC 6749 §3.1.2), or empty."""
    try:
        parts = urlsplit(redirect)
        absolute = bool(parts.scheme and (parts.netloc or parts.path))
    except ValueError:
        return "this is no URI"
    if not absolute or not redirect.isascii() or not redirect.isprintable() or " " in redirect:
        return "a redirect URI is absolute, as http://127.0.0.1:8000/callback"
    if parts.scheme in _NEVER_REDIRECTED:
        return f"{parts.scheme}: is never redirected to"
    if not has_port(redirect):
        return "a port is a number from 1 to 65535"
    return "a redirect URI has no fragment" if "#" in redirect else ""
