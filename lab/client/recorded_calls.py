"""Sends the calls of a client replay over a transport, at its pace."""

import asyncio

import aiohttp

from lab.client.driver import Transport, TransportLost, carry
from lab.client.pod_client import failure_of
from lab.core.clock import Clock
from lab.core.errors import HostError
from lab.core.exchange import Response
from lab.recording.client_replay.replay import ClientReplay, Outgoing


async def send_recorded(replay: ClientReplay, transport: Transport, clock: Clock) -> None:
    """Drive a replay to its end; HostError if nobody listens there."""
    sending: dict[asyncio.Future[Response], Outgoing] = {}
    try:
        while not replay.over:
            for out in replay.ready(clock.now()):
                call = carry(transport, clock, out.route, out.request, out.until)
                sending[asyncio.ensure_future(call)] = out
            due = replay.due(clock.now())
            sleeper = asyncio.ensure_future(clock.sleep_until(due)) if due is not None else None
            if waiting := {*sending, *(() if sleeper is None else (sleeper,))}:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if sleeper is not None:
                sleeper.cancel()
            for done in [each for each in sending if each.done()]:
                _take(replay, sending.pop(done), done, clock)
    finally:
        for left in sending:
            left.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


def _take(replay: ClientReplay, out: Outgoing, done: "asyncio.Future[Response]", clock: Clock) -> None:
    try:
        replay.take(out, clock.now(), done.result())
    except TransportLost as lost:
        if lost.why == "refused":
            fault = lost.__cause__ or lost
            hint = "" if isinstance(fault, aiohttp.ClientSSLError) else "Is it running?"
            what = f"nobody answers {out.request.method} {out.request.path} there: {failure_of(fault).why}"
            raise HostError(what, hint=hint) from None
        replay.take(out, clock.now(), None, lost.why)
