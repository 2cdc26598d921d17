"""What sends callbacks as long as a lab is served: of it, of its tenants, and of what clients choose there."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

from yarl import URL

from lab.cli.console import Console
from lab.client.driver import TransportLost
from lab.client.transport import HttpTransport
from lab.core.clock import iso
from lab.core.errors import UsageError
from lab.core.exchange import Headers, Request, Response
from lab.core.seeds import digest
from lab.jobs.callbacks import CallbackSent
from lab.plugins.callbacks.options import OWN_RECEIVER, DemoNotifySettings, NotifySettings, RehearsedNotifySettings
from lab.plugins.callbacks.own_receiver import OwnReceiver
from lab.plugins.callbacks.sender import CallbackSender
from lab.plugins.callbacks.wires import SECRET_BEGIN
from lab.server.labs import ServedLab
from lab.server.listener import bind
from lab.server.mock_server import MockServer

RECEIVER = "notify"
"""What the receiver of `--notify` is called."""
LARGEST_REPLY = 65_536
"""Bytes of a receiver's answer that are read: only its status and Retry-After count."""
_MOST_LISTED = 20


class CallbackPosts:
    """The way to receivers: a connection a try, for one that was kept may be dead, and that would be a try for nothing."""

    def __init__(self) -> None:
        self._transports: dict[str, HttpTransport] = {}

    async def post(self, url: str, headers: Headers, body: bytes) -> Response | str:
        target = URL(url, encoded=True)
        origin = str(target.origin())
        if origin not in self._transports:
            self._transports[origin] = HttpTransport(origin, origin, largest=LARGEST_REPLY)
        head = (*headers, ("connection", "close"))
        request = Request("POST", target.raw_path, target.raw_query_string, head, body)
        try:
            return await self._transports[origin].send("callback", request)
        except TransportLost as lost:
            return lost.why

    def ports(self) -> Iterator[int]:
        """From which it calls at present."""
        for transport in self._transports.values():
            yield from transport.ports

    async def close(self) -> None:
        for transport in self._transports.values():
            await transport.close()


@asynccontextmanager
async def sending(settings: NotifySettings, server: MockServer, console: Console) -> AsyncIterator[dict[str, str]]:
    """Tell the receiver that was named."""
    async with _telling(settings.url, settings.secret, server, console):
        yield {"notify_url": settings.url}


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
        await ends.enter_async_context(_telling(url, secret, server, console))
        yield {}


def drawn_secret(lab: ServedLab) -> str:
    """One that the seed draws, for whom the lab tells of it."""
    return f"{SECRET_BEGIN}{b64encode(digest(lab.service.config.seed, 'notify/secret')).decode()}"


@asynccontextmanager
async def sending_to_client(
    settings: RehearsedNotifySettings, server: MockServer, console: Console
) -> AsyncIterator[dict[str, str]]:
    """Tell the client of a rehearsal, at a port that is free, with a secret that the seed draws."""
    bound = bind("127.0.0.1", 0)
    bound.close()
    url = f"{bound.origin}/callbacks"
    secret = drawn_secret(server.labs.usual)
    async with _telling(url, secret, server, console):
        yield {"notify_url": url, "notify_secret": secret}


@asynccontextmanager
async def _telling(url: str, secret: str | None, server: MockServer, console: Console) -> AsyncIterator[None]:
    """Tell the receiver of all labs behind a listener; at the end list what is left."""
    if server.labs.usual.calls.shared:  # by LAB_LEDGER, which excludes no option
        raise UsageError("A shared lab tells nobody by --notify.", hint="Unset LAB_LEDGER, or leave --notify out.")
    posts, senders, ending = CallbackPosts(), dict[ServedLab, CallbackSender](), set[asyncio.Task[object]]()

    def begin(lab: ServedLab) -> None:
        senders[lab] = CallbackSender(lab, RECEIVER, url, secret, posts.post)
        senders[lab].begin()

    def leave(lab: ServedLab) -> None:
        if (sender := senders.pop(lab, None)) is not None:
            task = asyncio.ensure_future(sender.end())
            ending.add(task)
            task.add_done_callback(ending.discard)

    for lab in server.labs:
        begin(lab)
    server.labs.watchers.append(begin)
    server.labs.leavers.append(leave)
    server.calling = posts.ports
    try:
        yield
    finally:
        for lab, sender in senders.items():
            for line in left_lines(lab, await sender.end()):
                console.err(line)
        await posts.close()


def left_lines(lab: ServedLab, left: list[CallbackSent]) -> Iterator[str]:
    """The tries that come no more, the first of them one by one."""
    if left:
        many = "1 callback was" if len(left) == 1 else f"{len(left)} callbacks were"
        yield f"lab: {many} still to be tried when the lab ended:"
    for each in left[:_MOST_LISTED]:
        when = iso(lab.service.config.epoch, each.at)
        yield f"  {each.callback} {each.status} of job {each.job}, try {each.number} at {when}"
    if len(left) > _MOST_LISTED:
        yield f"  ... and {len(left) - _MOST_LISTED} more"
