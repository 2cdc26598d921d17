"""The settings file: switches for the whole server, its limits, who may log in (contract.md §7.1, §10)."""

from typing import Literal

from pydantic import Field
from pydantic import JsonValue as Json

from lab.language.document.base import NAME, ORIGIN, Model
from lab.language.document.callers import Role
from lab.language.document.switches import Switches

GrantWord = Literal[
    "client_credentials", "password", "authorization_code", "refresh_token", "device_code", "jwt-bearer"
]


class User(Model):
    """Someone who may log in."""

    name: str = Field(pattern=NAME)
    password: str = Field(description="at least 8 characters, and not one that opens anything real")
    display: str = Field("", max_length=200, description="the name to show")
    roles: tuple[Role, ...] = Field((), strict=False, max_length=100)


class Application(Model):
    """A client of the identity domain."""

    id: str = Field(pattern=NAME)
    secret: str | None = Field(None, description="at least 8 characters; none for a public client")
    public: bool = Field(False, description="true: it can't keep a secret, and has none")
    active: bool = Field(True, description="false: its application isn't activated, so it may use no grant")
    grants: tuple[GrantWord, ...] | None = Field(None, strict=False, description="those it may use; all, if absent")
    redirects: tuple[str, ...] = Field((), strict=False, max_length=100, description="its redirect URIs, exactly")
    key_id: str = Field("", description="the kid of its assertions")
    certificate: str | None = Field(
        None, description="PEM of the certificate, or of the public key, for its assertions"
    )
    jwk: dict[str, Json] | None = Field(None, description="the same as a public JWK")
    user: str | None = Field(
        None,
        pattern=NAME,
        description="the pod's user whom its own tokens (client credentials) stand for; one with its id, if it has roles",
    )
    roles: tuple[Role, ...] = Field(
        (), strict=False, max_length=100, description="that user's roles, unless they are told with the users"
    )


class Accounts(Model):
    """Who is known beside the usual ones; the first user and the first client come before them."""

    users: tuple[User, ...] = Field((), strict=False, max_length=1000)
    clients: tuple[Application, ...] = Field((), strict=False, max_length=1000)


class Server(Switches):
    """A settings file: switches by their names, and what no scenario may say."""

    base: str | None = Field(None, pattern=ORIGIN, description="the origin that URLs in answers name")
    limits: dict[str, Json] = Field(default_factory=dict, description="sizes, counts and deadlines of the server")
    accounts: Accounts = Accounts()

    @property
    def switches(self) -> dict[str, object]:
        """The switches that were set, by name."""
        return {name: value for name, value in self.said.items() if name in Switches.model_fields}
