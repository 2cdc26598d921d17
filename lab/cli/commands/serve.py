"""`lab serve`: the mock alone, for other people's clients."""

import asyncio
import json
from contextlib import suppress
from shlex import quote

from lab.cli.console import Console, Interrupted
from lab.cli.embedded_mock import EmbeddedMock, embedded
from lab.cli.https import trusting
from lab.cli.loop import Stop, complete
from lab.cli.setup import Setup, own_client, world
from lab.identity.scopes import api_scope
from lab.settings import Settings, loopback

EXPOSED = "EXPOSED:"
"""How the one advice begins that is a banner."""


def execute(asked: Settings, console: Console) -> int:
    """Serve until stopped; that is its end, so 0, or 4 if the tape died."""
    try:
        return until_stopped(asked, console)
    except Interrupted:  # stopped before it listened
        return 0


def until_stopped(asked: Settings, console: Console) -> int:
    """Listen, announce, and wait for a signal."""
    made = world(asked)

    async def work(stop: Stop) -> int:
        async with embedded(asked, made, console, stop, outside=True) as served:
            announce(asked, made, served, console)
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        return served.dead

    return complete(work)


def announce(asked: Settings, made: Setup, served: EmbeddedMock, console: Console) -> None:
    """Say, once requests are accepted, where and with what."""
    document = ready(made, served)
    if asked.json:
        console.out(json.dumps(document, separators=(",", ":")))
    else:
        for line in for_people(made, document):
            console.out(line)
    for advice in advices(asked, made):
        console.alarm(advice, color=asked.color and advice.startswith(EXPOSED))


def ready(made: Setup, served: EmbeddedMock) -> dict[str, str]:
    """What a client needs."""
    client = own_client(made.config)
    return {
        "base_url": served.base_url,
        "token_url": served.token_url,
        "client_id": client.id,
        "client_secret": client.secret,
        "scope": api_scope(made.config.switches.pod),
        "control_url": served.control_url,
        "control_token": served.control_token,
        **({"https_url": served.https_url, "ca_file": served.ca_file} if served.https_url and served.ca_file else {}),
    }


def for_people(made: Setup, document: dict[str, str]) -> list[str]:
    """The same to read, with a line to try."""
    names = ", ".join(compiled.name for compiled in made.config.scenarios)
    login = quote(f"{document['client_id']}:{document['client_secret']}")
    scope = quote(f"scope={document['scope']}")
    return [
        f"Serving {names}, seed {made.config.seed}. Stop with Ctrl-C.",
        *(f"  {name.replace('_', ' '):<14} {value}" for name, value in document.items()),
        "Try:",
        f"  curl -s -u {login} -d grant_type=client_credentials -d {scope} {document['token_url']}",
        *(trusting(document["https_url"], document["ca_file"]) if "ca_file" in document else ()),
    ]


def advices(asked: Settings, made: Setup) -> list[str]:
    """What a person should know before pointing a client here."""
    found: list[str] = []
    if asked.clock == "manual" or (asked.clock == "scaled" and float(asked.factor) < 1):
        found.append(
            "note: this clock falls behind the wall; tokens look expired to a client that compares exp with it."
        )
    if not loopback(asked.host):
        found.append(f"{EXPOSED} {asked.host} can be reached by others; the client's secret and the key are public.")
    return found
