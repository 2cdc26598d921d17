"""Three processes of a lab under load, and trouble at random: `python -m tests.machine.trouble SECONDS [SEED]`.

Processes are killed, or stand still for a while; ways to the store are cut, or stay open and nothing comes through. Prints
of each kind how often it was tried, and how often the process was ready again afterwards. In the end nothing that was
acknowledged may be lost or there twice.
"""

import asyncio
import signal
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import aiohttp

from lab.clocks import SystemClock, real_millis
from lab.stores.address import store_address
from lab.stores.redis_log import open_store
from tests.cli.test_killed_processes import CLIENTS, BusyMinute, Killable, busy_labs, check, up_to
from tests.stores.bad_link import BadLink
from tests.stores.redis_server import RedisServer

KINDS = ("killed", "stopped", "cut", "half-open")
READY_WITHIN = 30_000


async def make(kind: str, lab: Killable, link: BadLink, chance: Random) -> None:
    """That trouble, and its end."""
    if kind == "killed":
        await lab.kill()
        await lab.start()
    elif kind == "stopped":
        lab.send(signal.SIGSTOP)
        await SystemClock().hold(chance.randrange(50, 4_000))
        lab.send(signal.SIGCONT)
    elif kind == "cut":
        link.cut()
    else:
        link.through.clear()
        await SystemClock().hold(chance.randrange(50, 4_000))
        link.through.set()


async def ready(minute: BusyMinute, lab: Killable) -> bool:
    """Whether it is ready again in time."""
    until = real_millis() + READY_WITHIN
    while real_millis() < until:
        try:
            async with minute.session.get(f"{lab.document['control_url']}/_lab/ready") as reply:
                if reply.status == 200:
                    return True
        except (aiohttp.ClientError, TimeoutError):
            pass
        await SystemClock().hold(50)
    return False


async def main(seconds: int, seed: int) -> int:
    chance, tried, withstood = Random(seed), Counter[str](), Counter[str]()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="lab-")))
        server = stack.enter_context(RedisServer("--appendonly", "yes", "--appendfsync", "always"))
        to = server.url.removeprefix("unix://")
        links = [await stack.enter_async_context(BadLink(to, folder / f"l{n}").open()) for n in range(3)]
        minute = await stack.enter_async_context(busy_labs([link.url for link in links], folder, seed))
        numbers: list[int] = []
        over = asyncio.Event()

        async def load() -> None:
            while not over.is_set():
                await minute.client(up_to(len(numbers) + 1, numbers))

        clients = [asyncio.create_task(load()) for _ in range(CLIENTS)]
        until = real_millis() + 1_000 * seconds
        while real_millis() < until:
            kind, place = chance.choice(KINDS), chance.randrange(3)
            tried[kind] += 1
            await make(kind, minute.labs[place], links[place], chance)
            withstood[kind] += await ready(minute, minute.labs[place])
        over.set()
        await asyncio.gather(*clients)
        store = await open_store(store_address(server.url), "lab")
        await check(minute, store)
        await store.close()
    print("| trouble | tried | held |\n|---|---|---|")
    for kind in KINDS:
        print(f"| {kind} | {tried[kind]} | {withstood[kind]} |")
    print(
        f"{minute.finished} jobs from invocation to end, {minute.unanswered} calls without an answer; none lost or doubled"
    )
    return int(tried != withstood)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*map(int, (*sys.argv[1:], "1")[:2]))))
