"""Clients and users as a header names them: all that a replay needs, and no secret (recordings.md §2.1).

A replay gives each a secret of its own: on disk there are only aliases of the real ones.
"""

import msgspec
from msgspec.structs import replace

from lab.core.exchange import Json
from lab.identity.clients import DEMO, GRANTS, JANE, Account, Client, Grant
from lab.mock.config import Config

_SECRET = "lab-made-anew-a:b+c%d-"
"""Two readings of credentials differ in it; it has no `/`, for in a path it may stand as one segment."""


class _Client(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    public: bool = False
    active: bool = True
    redirects: tuple[str, ...] = ()
    grants: tuple[Grant, ...] | None = None
    key_id: str | None = None
    user: str = ""
    roles: tuple[str, ...] = ()

    def client(self) -> Client:
        # assertions are made anew by the lab's own key, so that is the one which is registered
        key = (DEMO.key_id, DEMO.certificate) if self.key_id is not None else ("", "")
        secret = "" if self.public else _SECRET + self.id
        grants = GRANTS if self.grants is None else frozenset(self.grants)
        return Client(self.id, secret, self.redirects, grants, self.active, *key, user=self.user, roles=self.roles)


class _User(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    display: str = ""
    roles: tuple[str, ...] = ()


class _Accounts(msgspec.Struct, frozen=True):
    clients: tuple[_Client, ...]
    users: tuple[_User, ...]


def accounts_member(config: Config) -> Json:
    """Who is known beside the usual ones, or None if nobody is."""
    if config.clients == (DEMO,) and config.accounts == (JANE,):
        return None
    clients = tuple(
        _Client(
            id=each.id, public=each.public, active=each.active, redirects=each.redirects,
            grants=None if each.grants == GRANTS else tuple(sorted(each.grants)),
            key_id=each.key_id if each.certificate else None, user=each.user, roles=each.roles,
        )
        for each in config.clients
    )  # fmt: skip
    users = tuple(_User(name=each.name, display=each.display, roles=each.roles) for each in config.accounts)
    member: Json = msgspec.to_builtins(_Accounts(clients, users))
    return member


def accounts_of(member: Json) -> tuple[tuple[Client, ...], tuple[Account, ...]]:
    """The clients and users that a header names; msgspec.ValidationError if it doesn't name them so."""
    named = msgspec.convert(member, _Accounts)
    users = (Account(each.name, _SECRET + each.name, each.display, each.roles) for each in named.users)
    return tuple(each.client() for each in named.clients), tuple(users)


def with_secrets(config: Config, clients: tuple[Client, ...], accounts: tuple[Account, ...]) -> Config:
    """The mock of a recording for peers outside: who is known by name among these has its own secret, and keys."""
    by_id, by_name = {each.id: each for each in clients}, {each.name: each for each in accounts}
    return replace(
        config,
        clients=tuple(by_id.get(each.id, each) for each in config.clients),
        accounts=tuple(by_name.get(each.name, each) for each in config.accounts),
    )
