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
    password: Annotated[str, Meta(description="at least 8 characters, and not one that opens anything real")]
    display: Annotated[str, Meta(max_length=200, description="the name to show")] = ""
    roles: Annotated[tuple[Role, ...], Meta(max_length=100)] = ()


class Application(Part, frozen=True):
    """A client of the identity domain."""

    id: Annotated[str, Meta(pattern=NAME)]
    secret: Annotated[str | None, Meta(description="at least 8 characters; none for a public client")] = None
    public: Annotated[bool, Meta(description="true: it can't keep a secret, and has none")] = False
    active: Annotated[bool, Meta(description="false: its application isn't activated, so it may use no grant")] = True
    grants: Annotated[tuple[GrantWord, ...] | None, Meta(description="those it may use; all, if absent")] = None
    redirects: Annotated[tuple[str, ...], Meta(max_length=100, description="its redirect URIs, exactly")] = ()
    key_id: Annotated[str, Meta(description="the kid of its assertions")] = ""
    certificate: Annotated[
        str | None, Meta(description="PEM of the certificate, or of the public key, for its assertions")
    ] = None
    jwk: Annotated[Mapping[str, Json] | None, Meta(description="the same as a public JWK")] = None
    user: (
        Annotated[
            str,
            Meta(
                pattern=NAME,
                description="the pod's user whom its own tokens (client credentials) stand for; one with its id, if it "
                "has roles",
            ),
        ]
        | None
    ) = None
    roles: Annotated[
        tuple[Role, ...],
        Meta(max_length=100, description="that user's roles, unless they are told with the users"),
    ] = ()


class Accounts(Part, frozen=True):
    """Who is known beside the usual ones; the first user and the first client come before them."""

    users: Annotated[tuple[User, ...], Meta(max_length=1000)] = ()
    clients: Annotated[tuple[Application, ...], Meta(max_length=1000)] = ()


class Server(Part, frozen=True):
    """A settings file: switches by their names, and what no scenario may say."""

    further: ClassVar[str] = "switches"
    base: Annotated[str, Meta(pattern=ORIGIN, description="the origin that URLs in answers name")] | None = None
    limits: Annotated[Mapping[str, Json], Meta(description="sizes, counts and deadlines of the server")] = {}
    accounts: Accounts = Accounts()
    switches: SaidSwitches = {}
