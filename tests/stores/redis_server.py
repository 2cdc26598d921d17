"""A Redis of the system's package, started for tests, and processes' accesses to it that fail on demand."""

import shutil
import signal
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest

from lab.core.clock import Millis
from lab.core.journal.shared import SNAPSHOT_EVERY, LogPosition, Snapshot, StoreLost
from lab.stores.address import store_address
from lab.stores.redis_link import RedisCommand, RedisLink
from lab.stores.redis_log import RedisLog

PROGRAM = shutil.which("redis-server")


class RedisServer:
    """A server in a folder of its own: it starts with the `with`, and ends with it."""

    def __init__(self, *options: str | Path) -> None:
        if PROGRAM is None:
            pytest.skip("there is no redis-server: apt-get install redis-server")
        self._folder = TemporaryDirectory(prefix="lab-redis-")  # a short path: that of a socket has 107 bytes at most
        socket = Path(self._folder.name) / "s"
        self.url = f"unix://{socket}"
        here = ("--port", "0", "--unixsocket", str(socket), "--dir", self._folder.name)
        self._command = (PROGRAM, *here, "--save", "", *options)

    def __enter__(self) -> "RedisServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._folder.cleanup()

    def start(self) -> None:
        """Start it, with what it had written before; returns once it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        printed = []
        for line in self._process.stdout:
            printed.append(line)
            if "Ready to accept connections" in line:
                return
        raise RuntimeError("".join(printed))

    def kill(self) -> None:
        """End it at once, by SIGKILL."""
        with self._process:
            self._process.kill()

    def stop(self) -> None:
        """Let it stand still: it is connected and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self._process.send_signal(signal.SIGCONT)


class FailingLink(RedisLink):
    """A link whose answers get lost as its `SharedRedis` says."""

    shared: "SharedRedis"

    async def ask_all(self, *commands: RedisCommand, waits: Millis = 0) -> list[Any]:
        """The answers, unless they get lost."""
        if self.shared.gone:
            raise StoreLost("gone")
        answers = await super().ask_all(*commands, waits=waits)
        if self.shared.lost > 0:
            self.shared.lost -= 1
            raise StoreLost("lost")
        return answers


class SharedRedis:
    """What processes share under one prefix of a server, with the ways to fail that `MemoryStore` has."""

    def __init__(self, url: str, prefix: str) -> None:
        self.address = store_address(url)
        self.prefix = prefix
        self.lost = 0
        self.gone = False
        self.kept = SNAPSHOT_EVERY
        self.stores: list[RedisLog] = []

    def process(self) -> RedisLog:
        """Another process's access."""
        link = FailingLink(self.address)
        link.shared = self
        self.stores.append(RedisLog(link, self.prefix, kept=self.kept))
        return self.stores[-1]

    async def lose_history(self, until: LogPosition) -> None:
        """Be what a store is that came back with an older state: without the commits after that position."""
        await lose_history(self.stores[0].link, self.prefix, until)

    async def close(self) -> None:
        """Close all accesses."""
        for store in self.stores:
            await store.close()


async def lose_history(link: RedisLink, prefix: str, until: LogPosition) -> None:
    """Leave no commits after that position in a lab's log, nor a snapshot of them: what is older is still in the log."""
    log, snapshot = f"{prefix}:log", f"{prefix}:snapshot"
    head = await link.ask("LINDEX", snapshot, 0)
    if head is not None and msgspec.json.decode(head, type=Snapshot).place.position > until:
        await link.ask("DEL", snapshot)
    commits = [each for each in await link.ask("XRANGE", log, "-", "+") if int(each[0].split(b"-")[0]) <= until]
    await link.ask("DEL", log)
    for name, members in commits:
        await link.ask("XADD", log, name, *members)
