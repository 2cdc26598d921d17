"""The settings file: switches for the whole server, its limits, who may log in (contract.md §7.1, §10)."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from lab.core.exchange import Json
from lab.program.callers import Role
from lab.program.switches import SaidSwitches
from lab.program.words import NAME, ORIGIN, Part

GrantWord = Literal[
    "client_credentials", "password", "authorization_code", "refresh_token", "device_code", "jwt-bearer"
]


class User(Part, frozen=True):
    """Someone who may log in."""

    name: Annotated[str, Meta(pattern=NAME)]
    password: str
    """at least 8 characters, and not one that opens anything real"""
    display: Annotated[str, Meta(max_length=200)] = ""
    """the name to show"""
    roles: Annotated[tuple[Role, ...], Meta(max_length=100)] = ()


class Application(Part, frozen=True):
    """A client of the identity domain."""

    id: Annotated[str, Meta(pattern=NAME)]
    secret: str | None = None
    """at least 8 characters; none for a public client"""
    public: bool = False
    """true: it can't keep a secret, and has none"""
    active: bool = True
    """false: its application isn't activated, so it may use no grant"""
    grants: tuple[GrantWord, ...] | None = None
    """those it may use; all, if absent"""
    redirects: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    """its redirect URIs, exactly"""
    key_id: str = ""
    """the kid of its assertions"""
    certificate: str | None = None
    """PEM of the certificate, or of the public key, for its assertions"""
    jwk: Mapping[str, Json] | None = None
    """the same as a public JWK"""
    user: Annotated[str, Meta(pattern=NAME)] | None = None
    """the pod's user whom its own tokens (client credentials) stand for; one with its id, if it has roles"""
    roles: Annotated[tuple[Role, ...], Meta(max_length=100)] = ()
    """that user's roles, unless they are told with the users"""


class Accounts(Part, frozen=True):
    """Who is known beside the usual ones; the first user and the first client come before them."""

    users: Annotated[tuple[User, ...], Meta(max_length=1000)] = ()
    clients: Annotated[tuple[Application, ...], Meta(max_length=1000)] = ()


class Server(Part, frozen=True):
    """A settings file: switches by their names, and what no scenario may say."""

    further: ClassVar[str] = "switches"
    base: Annotated[str, Meta(pattern=ORIGIN)] | None = None
    """the origin that URLs in answers name"""
    limits: Mapping[str, Json] = {}
    """sizes, counts and deadlines of the server"""
    accounts: Accounts = Accounts()
    switches: SaidSwitches = {}
