"""Clients and users as a header names them: all that a replay needs, and no secret (recordings.md §2.1).

A replay gives each a secret of its own: on disk there are only aliases of the real ones.
"""

from collections.abc import Iterable

from lab.core.exchange import Json
from lab.identity.clients import DEMO, GRANTS, JANE, Account, Client, Grant
from lab.mock.config import Config

_MADE = "lab-made-anew-a:b/c+d%e-"


def told(config: Config) -> Json:
    """Who is known beside the usual ones, or None if nobody is."""
    if config.clients == (DEMO,) and config.accounts == (JANE,):
        return None
    return {"clients": [_client(each) for each in config.clients], "users": [_user(each) for each in config.accounts]}


def _client(client: Client) -> Json:
    said: dict[str, Json] = {"id": client.id}
    if client.public:
        said["public"] = True
    if not client.active:
        said["active"] = False
    if client.redirects:
        said["redirects"] = list(client.redirects)
    if client.grants != GRANTS:
        said["grants"] = [*map(str, sorted(client.grants))]
    if client.certificate:
        said["key_id"] = client.key_id
    return said


def _user(user: Account) -> Json:
    said: dict[str, Json] = {"name": user.name}
    if user.display:
        said["display"] = user.display
    return {**said, "roles": list(user.roles)} if user.roles else said


def made(value: Json) -> tuple[tuple[Client, ...], tuple[Account, ...]]:
    """The clients and users that a header names; ValueError if it doesn't name them so."""
    if not isinstance(value, dict):
        raise ValueError("accounts are clients and users")
    clients = tuple(_client_of(each) for each in _dicts(value.get("clients")))
    users = tuple(
        Account(name, f"{_MADE}{name}", _text(each, "display"), _texts(each, "roles"))
        for each in _dicts(value.get("users"))
        if (name := _text(each, "name"))
    )
    return clients, users


def _client_of(said: dict[str, Json]) -> Client:
    name = _text(said, "id")
    public, keyed = said.get("public") is True, "key_id" in said
    grants = frozenset(map(Grant, _texts(said, "grants"))) if "grants" in said else GRANTS
    # assertions are made anew by the lab's own key, so that is the one which is registered
    return Client(
        name, "" if public else f"{_MADE}{name}", _texts(said, "redirects"), grants, said.get("active") is not False,
        DEMO.key_id if keyed else "", DEMO.certificate if keyed else "",
    )  # fmt: skip


def _dicts(value: Json) -> Iterable[dict[str, Json]]:
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


def _text(said: dict[str, Json], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _texts(said: dict[str, Json], name: str) -> tuple[str, ...]:
    value = said.get(name)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
