"""Who may ask for tokens: clients and users, their secrets, and the redirect URIs registered for them."""

import re
from base64 import b64decode
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from urllib.parse import unquote_plus, urlsplit

from msgspec import Struct

from lab.identity.testkey import CLIENT_CERTIFICATE_PEM, CLIENT_KEY_ID


class Grant(StrEnum):
    """The grants that are served, by the word of the form."""

    CLIENT_CREDENTIALS = "client_credentials"
    PASSWORD = "password"
    ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    CODE = "authorization_code"
    REFRESH = "refresh_token"
    DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


GRANTS = frozenset(Grant)


class Client(Struct, frozen=True):
    """A client; one without a secret is public."""

    id: str
    secret: str = ""
    redirects: tuple[str, ...] = ()
    grants: frozenset[Grant] = GRANTS
    active: bool = True
    """Whether its application is activated; one that isn't may use no grant."""
    key_id: str = ""
    certificate: str = ""
    """PEM; what its assertions are checked with."""
    anywhere: bool = False
    """Whether every redirect URI of this machine is one of its own (`clients: any`)."""
    user: str = ""
    """The pod's user whom its own tokens stand for; empty: they stand for itself, and it has no roles."""
    roles: tuple[str, ...] = ()
    """That user's, where no account has them."""

    @property
    def public(self) -> bool:
        """Whether it can't keep a secret."""
        return not self.secret

    def may_use(self, grant: Grant) -> bool:
        """Whether it is activated, and has the grant."""
        return self.active and grant in self.grants


SHORTEST_SECRET = 8
"""Characters of a secret: a shorter one can't be told from other text, and so not be kept out of a recording."""
REFUSED_SECRET = "lab-wrong"
"""The secret that no lab takes, not even with `clients: any`: so a refusal stays in reach."""


class Account(Struct, frozen=True):
    """A user who may log in."""

    name: str
    password: str
    display: str = ""
    roles: tuple[str, ...] = ()


def pod_users(clients: Iterable[Client], accounts: Iterable[Account]) -> tuple[Account, ...]:
    """Whom the pod knows: the users who may log in, and those whom clients stand for, who have no password and may not."""
    known = {each.name: each for each in accounts}
    for client in clients:
        if client.user:
            known.setdefault(client.user, Account(client.user, "", roles=client.roles))
    return tuple(known.values())


OOB = "urn:ietf:wg:oauth:2.0:oob"
"""The redirect URI of a client that listens nowhere: a page shows the code, and a person copies it."""
_REDIRECT = "http://127.0.0.1:43188/callback"
DEMO = Client("demo", "lab-secret-a:b/c+d%e", (_REDIRECT,), key_id=CLIENT_KEY_ID, certificate=CLIENT_CERTIFICATE_PEM)
"""The client that every lab knows; its secret holds the characters that clients encode wrongly."""
JANE = Account("jane", "lab-password-a:b/c+d%e", "Jane Doe")
"""The user that every lab knows: the default one where nobody logs in."""


@lru_cache(maxsize=16)
def aistudio_cli(pod: str) -> Client:
    """The public client of Oracle's CLI, with what its how-to has registered but the implicit grant (contract.md §7.2)."""
    name = f"urn_opc_resource_fusion_{pod}_fusion-ai_aistudio_cli_client_APPID"
    return Client(name, "", (_REDIRECT, OOB), frozenset({Grant.CODE, Grant.REFRESH}))


_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?(/[^#]*)?")
_THIS_MACHINE = re.compile(r"https?://(?:127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]{1,5})?(?:[/?][!-~]*)?")


def has_port(uri: str) -> bool:
    """Whether a connection can be made to the port that the URI names, if it names one."""
    try:
        return urlsplit(uri).port != 0
    except ValueError:
        return False


def registered(client: Client, redirect: str) -> bool:
    """Whether the redirect URI is one of the client's, to the letter.

    Of a public client's loopback address the port is free: a program on somebody's machine takes the one that it gets
    (RFC 8252 §7.3). Host, path and query are not. With `clients: any` every address of
    this machine is one of its own beside, and the page that shows the code, which is one too.
    """
    if redirect in client.redirects or (client.anywhere and redirect == OOB):
        return True
    if not has_port(redirect):
        return False
    if client.anywhere:
        return "#" not in redirect and _THIS_MACHINE.fullmatch(redirect) is not None
    sent = _LOOPBACK.fullmatch(redirect)
    if sent is None or not client.public:
        return False
    own = (_LOOPBACK.fullmatch(each) for each in client.redirects)
    return any(each is not None and each.groups() == sent.groups() for each in own)


def read_basic(value: str) -> tuple[tuple[str, str], ...]:
    """Name and secret that `Authorization: Basic` holds, in two readings: as they stand, and form-decoded.

    RFC 6749 §2.3.1 has both form-encoded before they are joined and put into base64; RFC 7617 knows nothing of it, and
    many clients send them as they are. A secret with `+` or `%` in it differs between the two, and nothing on the wire
    says which is meant: whoever checks tries both. None if it is no base64, has no colon or no name, or isn't UTF-8.
    """
    try:
        text = b64decode(value.strip(), validate=True).decode("utf-8")
    except ValueError:
        return ()
    name, colon, secret = text.partition(":")
    if not colon or not name or "\0" in text:
        return ()
    return (name, secret), (unquote_plus(name), unquote_plus(secret))
