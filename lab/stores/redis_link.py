"""The way to a store in Redis or Valkey: one connection for all that is asked, and one for who waits for news.

A store answers nothing else on a connection on which somebody waits. On the other, commands are written as they come and
answered in their order, so any number of them may be under way at once. A connection on which an answer is overdue is
cut, however it came to hang, and the next command opens another: nothing is asked twice here, for whoever asks knows
whether that does harm.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from lab.core.clock import Millis
from lab.core.errors import HostError, UsageError
from lab.core.journal.shared import StoreLost, StoreRefused, StoreUnreadable
from lab.stores.address import StoreAddress

ANSWERS_WITHIN: Millis = 2_000
"""So long a store may take for an answer."""
OLDEST = {"redis": (7, 0), "valkey": (7, 2)}
"""The first versions that can be used."""
_RIGHTS = "Its user needs ~PREFIX:* of this --ledger-prefix, and the rights that lab docs shared, §2 lists."
_PASSWORD = "redis://:PASSWORD@HOST or redis://USER:PASSWORD@HOST, as --ledger or in LAB_LEDGER."
_STARTING = ("LOADING", "BUSY", "MASTERDOWN")
"""How answers begin of a server that will do what it was asked once it can."""

RedisCommand: TypeAlias = tuple[str | bytes | int, ...]


class _Question(NamedTuple):
    """Commands that were written together, and whoever waits for their answers."""

    answers: "asyncio.Future[list[Any]]"
    wanted: int
    come: list[Any]


class _Connection(asyncio.Protocol):
    """Commands out, answers in."""

    def __init__(self) -> None:
        import hiredis  # no other start waits for it

        self._pack: Callable[[Any], bytes] = hiredis.pack_command
        self._nothing = object()
        self._reader = hiredis.Reader(notEnoughData=self._nothing)
        self._questions: deque[_Question] = deque()
        self.over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    async def ask(self, commands: Sequence[RedisCommand], within: Millis) -> list[Any]:
        """Their answers; ConnectionError or TimeoutError if they don't come `within` real milliseconds."""
        question = _Question(asyncio.get_running_loop().create_future(), len(commands), [])
        self._questions.append(question)
        self._transport.write(b"".join(map(self._pack, commands)))
        try:
            async with asyncio.timeout(within / 1_000):
                return await question.answers
        except TimeoutError as late:
            self.cut(late)
            raise

    def data_received(self, data: bytes) -> None:
        import hiredis

        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not self._nothing:
                question = self._questions[0]
                question.come.append(reply)
                if len(question.come) == question.wanted:
                    self._questions.popleft()
                    if not question.answers.done():
                        question.answers.set_result(question.come)
        except (hiredis.ProtocolError, IndexError):
            self.cut(ConnectionError("it speaks another protocol"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.cut(exc or ConnectionResetError("it closed the connection"))

    def cut(self, why: Exception) -> None:
        """Give it up: whatever is under way gets no answer."""
        self.over = True
        self._transport.abort()
        while self._questions:
            if not (answers := self._questions.popleft().answers).done():
                answers.set_exception(why)


class RedisLink:
    """The way to one store. Made by `open_link`."""

    def __init__(self, address: StoreAddress) -> None:
        import hiredis

        self.address = address
        self.notes: tuple[str, ...] = ()
        """What whoever starts the lab should know of the store: what it didn't let be checked, and what it may lose."""
        self._connections: dict[bool, _Connection] = {}
        """That of who waits, and that for all others."""
        self._opening = asyncio.Lock()
        self._reply_error = hiredis.ReplyError

    async def ask(self, *command: str | bytes | int) -> Any:
        """The answer to a command; StoreLost if there is none in time, StoreRefused if it is no."""
        return (await self.ask_all(command))[0]

    async def ask_all(self, *commands: RedisCommand, waits: Millis = 0) -> list[Any]:
        """The answers to commands that are written together; the store may take `waits` real milliseconds more for them."""
        try:
            connection = self._connections.get(waits > 0)
            if connection is None or connection.over:
                connection = await self._open(waits > 0)
            answers = await connection.ask(commands, waits + ANSWERS_WITHIN)
        except (OSError, TimeoutError) as fault:
            raise StoreLost(f"the store at {self.address} doesn't answer: {_words(fault)}.") from None
        for answer in answers:
            if isinstance(answer, self._reply_error):
                raise self._refusal(str(answer))
        return answers

    async def _open(self, waits: bool) -> _Connection:
        async with self._opening:
            connection = self._connections.get(waits)
            if connection is None or connection.over:
                async with asyncio.timeout(ANSWERS_WITHIN / 1_000):
                    connection = self._connections[waits] = await self._connect()
            return connection

    async def _connect(self) -> _Connection:
        parts, loop = urlsplit(self.address.url), asyncio.get_running_loop()
        connection: _Connection
        if parts.scheme == "unix":
            _, connection = await loop.create_unix_connection(_Connection, unquote(parts.path))
            database = parse_qs(parts.query).get("db", [""])[0]
        else:
            secured = ssl.create_default_context() if parts.scheme == "rediss" else None
            host, port = parts.hostname or "", parts.port or 6379
            _, connection = await loop.create_connection(_Connection, host, port, ssl=secured)
            database = parts.path.strip("/")
        login = tuple(unquote(each) for each in (parts.username, parts.password) if each)
        commands: list[RedisCommand] = [("AUTH", *login)] if login else []
        commands += [("SELECT", database)] if database else []
        for answer in await connection.ask(commands, ANSWERS_WITHIN) if commands else ():
            if isinstance(answer, self._reply_error):
                connection.cut(ConnectionError())
                raise self._refusal(str(answer))
        return connection

    def _refusal(self, why: str) -> Exception:
        said = f"the store at {self.address} refuses: {why.removesuffix('.')}."
        if why.startswith(_STARTING):
            return StoreLost(said)
        if why.startswith("WRONGTYPE"):
            return self.unreadable("a key is of another type than a lab's")
        return StoreRefused(said, hint=_RIGHTS if why.startswith("NOPERM") else "")

    def unreadable(self, why: object) -> StoreUnreadable:
        """What stands there is no lab's."""
        hint = "Take another --ledger-prefix, or remove the keys that begin with this one: they are left as they are."
        return StoreUnreadable(f"the store at {self.address} holds what this lab can't read: {why}", hint=hint)

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.cut(ConnectionError("it was closed"))


def _words(fault: Exception) -> str:
    return str(fault) or "not in time"


async def open_link(address: StoreAddress) -> RedisLink:
    """A way to the store; HostError if it can't be reached, UsageError if it is none that can be used."""
    try:
        link = RedisLink(address)
    except ModuleNotFoundError:
        hint = "pip install 'invoke-async-lab[shared]'"
        raise UsageError("--ledger redis… needs hiredis, which is not installed.", hint=hint) from None
    try:
        await _reach(link)
        try:
            info = (await link.ask("INFO")).decode()
        except StoreRefused:
            what = "its version, its maxmemory-policy, and whether it is a cluster or a replica"
            link.notes = (f"the store at {address} doesn't let its user see {what}: see to them yourself.",)
        else:
            link.notes = check_server(dict(line.split(":", 1) for line in info.splitlines() if ":" in line), address)
    except BaseException:
        await link.close()
        raise
    return link


async def _reach(link: RedisLink) -> None:
    """Return once the store has answered; what is wrong for good is the caller's to mend."""
    try:
        await link.ask("PING")
    except StoreRefused as refused:
        if "Authentication required" in refused.what:
            raise UsageError(f"the store at {link.address} needs a password", hint=_PASSWORD) from None
        hint = "Look at user, password and database in its URL."
        raise UsageError(refused.what.removesuffix("."), hint=hint) from None
    except StoreLost as lost:
        if "CERTIFICATE" in lost.what:
            hint = "Look at the certificate of rediss://, and at SSL_CERT_FILE."
            raise UsageError(f"the store at {link.address} refuses: {lost.what}", hint=hint) from None
        hint = "Start it, or look at its address."
        raise HostError(f"the store at {link.address} can't be reached: {lost.what}", hint=hint) from None


def check_server(info: dict[str, Any], address: StoreAddress) -> tuple[str, ...]:
    """What should be known of a server, by what INFO says of it; UsageError if it can't be used."""
    name = "valkey" if info.get("server_name") == "valkey" else "redis"
    version = str(info.get("valkey_version") or info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST[name]:
        oldest = ".".join(map(str, OLDEST[name]))
        raise UsageError(f"the store at {address} is {name} {version}", hint=f"It has to be {oldest} or later.")
    mode = str(info.get("redis_mode") or info["server_mode"])
    if mode != "standalone":
        raise UsageError(f"the store at {address} is no single node: its mode is {mode}", hint="Take a node without.")
    if info["role"] != "master":
        raise UsageError(f"the store at {address} is a replica", hint="Give the address of its master.")
    policy = str(info["maxmemory_policy"])
    if policy != "noeviction":
        hint = "CONFIG SET maxmemory-policy noeviction: a record that is thrown away is a job that is lost."
        raise UsageError(f"the store at {address} has maxmemory-policy {policy}", hint=hint)
    if str(info.get("aof_enabled", 0)) != "0":
        return ()
    return (f"the store at {address} has appendonly no: when it ends, acknowledged calls may be lost with it.",)
