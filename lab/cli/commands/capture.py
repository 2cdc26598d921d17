"""`lab capture`: a proxy between a client and a pod, and a recording of what passes (recordings.md §16)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

from lab.cli.console import Console
from lab.cli.loop import Stop, complete
from lab.cli.pods import allowed_origin, trust_in
from lab.cli.serve.ports import open_ports, trust_lines
from lab.cli.serve.settings import CaptureSettings
from lab.cli.serve.surroundings import look_around
from lab.cli.signals import Interrupted
from lab.cli.tapes.capture_tape import CaptureTape
from lab.client.pod_client import PodClient
from lab.clocks import SystemClock, wall_second
from lab.identity.routes import PATHS
from lab.server.pod_proxy import PROXY_LIMITS, PodOrigins, PodProxy


def execute(settings: CaptureSettings, console: Console) -> int:
    """Carry requests on until stopped; that is its end, so 0, or 4 if the tape died."""
    console.serving = True

    async def work(stop: Stop) -> int:
        async with running_capture(settings, console, stop) as tape:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        return tape.exit_code

    try:
        return complete(work)
    except Interrupted:  # stopped before it listened
        return 0


@asynccontextmanager
async def running_capture(settings: CaptureSettings, console: Console, stop: Stop) -> AsyncIterator[CaptureTape]:
    """Listen, announce, and carry on, from the first line of the tape to its footer."""
    clock, epoch, listen = SystemClock(), wall_second(), settings.listen
    pod, _ = allowed_origin("--pod", settings.pod, settings.allowed)
    tokens, path = allowed_origin("--tokens", settings.tokens or settings.pod, settings.allowed, path=True)
    origins = PodOrigins(pod, tokens, path)
    async with AsyncExitStack() as stack:
        ports = open_ports(listen)
        stack.callback(ports.close)
        connect = partial(PodClient, trust_in(settings.ca))
        own = (ports.api.origin, *((ports.https.origin,) if ports.https is not None else ()))
        tape = CaptureTape(clock, epoch, (origins.pod, origins.tokens), own, console)
        tape.begin(settings.target, force=settings.force, shapes=settings.bodies == "shape")
        stack.callback(lambda: tape.close(stop.footer))
        proxy = PodProxy(clock, epoch, origins, connect, console.err)
        proxy.observers.append(tape.observe)
        proxy.prepare = tape.prepare
        stack.push_async_callback(proxy.stop, round(1000 * PROXY_LIMITS.grace), stop.hurry)
        asyncio.get_running_loop().set_exception_handler(proxy.bugs.outside)
        await proxy.start(bound=ports.api)
        say_what_to_call(settings, origins, tape, proxy, ports.start_https(proxy, stack), console)
        stack.callback(asyncio.create_task(look_around([tape.look], proxy.bugs)).cancel)
        yield tape


def say_what_to_call(
    settings: CaptureSettings,
    origins: PodOrigins,
    tape: CaptureTape,
    proxy: PodProxy,
    secure: dict[str, str],
    console: Console,
) -> None:
    """Say, once requests are accepted, what the client is to call in the pod's place."""
    base = proxy.origin
    token_path = origins.token_path or PATHS["token"]
    document = {
        "base_url": base,
        "token_url": base + token_path,
        "pod": origins.pod,
        "tokens": origins.tokens,
        "recording": tape.path,
        **secure,
    }
    if settings.json:
        console.json(document)
        return
    console.out(f"Recording what passes to {tape.path}. Stop with Ctrl-C. Have your client call")
    console.out(f"  {base}  in the place of {origins.pod}")
    console.out(f"  {base + token_path}  in the place of {origins.tokens + token_path}")
    for line in trust_lines(secure["https_url"], secure["ca_file"]) if secure else ():
        console.out(line)
