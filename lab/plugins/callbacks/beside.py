"""`--notify`: a receiver of the whole lab, of its tenants, and of what clients choose there, as long as it is served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from lab.cli.console import Console
from lab.core.errors import UsageError
from lab.core.seeds import digest
from lab.dialects.signed import secret_of
from lab.jobs.callbacks import OWN_WIRE, CallbackRegistered, standing
from lab.plugins.callbacks.options import OWN_RECEIVER, DemoNotifySettings, NotifySettings, RehearsedNotifySettings
from lab.plugins.callbacks.own_receiver import OwnReceiver
from lab.server.labs import ServedLab
from lab.server.listener import bind
from lab.server.mock_server import MockServer

RECEIVER = "notify"
"""What the receiver of `--notify` is called."""


@asynccontextmanager
async def sending(settings: NotifySettings, server: MockServer, console: Console) -> AsyncIterator[dict[str, str]]:
    """Tell the receiver that was named."""
    if settings.url is not None:
        add_receiver(settings.url, settings.secret, server)
    yield {} if settings.url is None else {"notify_url": settings.url}


@asynccontextmanager
async def demonstrating(
    settings: DemoNotifySettings, server: MockServer, console: Console
) -> AsyncIterator[dict[str, str]]:
    """Tell the receiver that was named, else one that stands beside, and verifies."""
    url, secret, usual = settings.url, settings.secret, server.labs.usual
    async with AsyncExitStack() as ends:
        if url == OWN_RECEIVER:
            secret = secret or drawn_secret(usual)
            receiver = OwnReceiver(usual.clock, usual.service.config.epoch, secret)
            url = f"{await receiver.start()}/callbacks"
            ends.push_async_callback(receiver.stop, 0)
        add_receiver(url, secret, server)
        yield {}


def drawn_secret(lab: ServedLab) -> str:
    """One that the seed draws, for whom the lab tells of it."""
    return secret_of(digest(lab.service.config.seed, "notify/secret"))


@asynccontextmanager
async def sending_to_client(
    settings: RehearsedNotifySettings, server: MockServer, console: Console
) -> AsyncIterator[dict[str, str]]:
    """Tell the client of a rehearsal, at a port that is free, with a secret that the seed draws."""
    bound = bind("127.0.0.1", 0)
    bound.close()
    url = f"{bound.origin}/callbacks"
    secret = drawn_secret(server.labs.usual)
    add_receiver(url, secret, server)
    yield {"notify_url": url, "notify_secret": secret}


def add_receiver(url: str, secret: str | None, server: MockServer) -> None:
    """Have a receiver told of all labs behind a listener."""
    if server.labs.usual.calls.shared:  # by LAB_LEDGER, which excludes no option
        raise UsageError("A shared lab tells nobody by --notify.", hint="Unset LAB_LEDGER, or leave --notify out.")

    def register(lab: ServedLab) -> None:
        known = standing(lab.service.ledger.get)
        if (OWN_WIRE, RECEIVER, url, secret) not in ((each.wire, each.name, each.url, each.secret) for each in known):
            lab.service.note(CallbackRegistered(at=lab.clock.now(), receiver=RECEIVER, url=url, secret=secret))

    def watch(lab: ServedLab) -> None:
        register(lab)
        # not within what clears it, which may be between two tapes
        lab.service.renewed.append(lambda: asyncio.get_running_loop().call_soon(register, lab))

    for lab in server.labs:
        watch(lab)
    server.labs.watchers.append(watch)
