"""The way to a store in Redis or Valkey: checked when it is opened, and given up in time when nothing answers.

An answer that gets lost is asked for again, at growing pauses, for 2 s at most: a store that is restarted, or a
connection that is cut, costs time and no more. Whatever is asked so may therefore happen twice, and must do no harm then.
After that the store counts as lost. What is asked within the next pause fails at once, and only then is it tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from ssl import SSLError
from typing import Any, TypeAlias

from lab.core.clock import Millis
from lab.core.errors import HostError, UsageError
from lab.core.journal.shared import StoreLost, StoreRefused
from lab.stores.address import StoreAddress

ANSWERS_WITHIN: Millis = 2_000
"""So long a store may take for an answer."""
OPENS_WITHIN: Millis = 5_000
"""So long it may take until a store that is opened answers."""
MOST_COMMANDS = 32
"""Commands that are under way at once, each on a connection of its own; the next waits for its turn. The library refuses
it beyond a hundred connections."""
_FIRST_PAUSE: Millis = 50
_LONGEST_PAUSE: Millis = 1_000
OLDEST = {"redis": (7, 0), "valkey": (7, 2)}
"""The first versions that can be used."""

RIGHTS = "Its user needs ~PREFIX:* of this --ledger-prefix, and the rights that lab docs shared, §2 lists."
_PASSWORD = "redis://:PASSWORD@HOST or redis://USER:PASSWORD@HOST, as --ledger or in LAB_LEDGER."

_Command: TypeAlias = Callable[..., Awaitable[Any]]


class RedisLink:
    """Connections to one store. Made by `open_link`."""

    def __init__(self, address: StoreAddress) -> None:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import ExponentialBackoff, NoBackoff
        from redis.exceptions import NoPermissionError, RedisError, ResponseError

        # how long is waited is said here, for an answer as a whole; a time-out of each step would be a task more each time
        untimed: dict[str, Any] = {"socket_timeout": None, "socket_connect_timeout": None}
        growing = ExponentialBackoff(cap=_LONGEST_PAUSE / 2_000, base=_FIRST_PAUSE / 1_000)
        self.redis: Any = Redis.from_url(address.url, retry=Retry(growing, 5), **untimed)
        """Asks again when an answer got lost."""
        self.redis_once: Any = Redis.from_url(address.url, retry=Retry(NoBackoff(), 0), **untimed)
        """Asks once: for what may not happen twice, and for what waits."""
        self.address = address
        self.notes: tuple[str, ...] = ()
        """What whoever starts the lab should know of the store: what it didn't let be checked, and what it may lose."""
        self.failures = (RedisError, OSError, TimeoutError)
        self._refusals, self._no_permission = ResponseError, NoPermissionError
        self._at_hand: list[Any] = []
        """Connections for scripts alone, outside of the pool: those that no script is under way on."""
        self._turns = asyncio.Semaphore(MOST_COMMANDS)
        self._pause: Millis = 0
        self._lost_until = 0.0
        self._why = ""

    async def ask(self, command: _Command, *args: Any, **options: Any) -> Any:
        """The answer to a command of `redis`, or a script; StoreLost if there is none in time, StoreRefused if it is no."""
        time = asyncio.get_running_loop().time
        if time() < self._lost_until:
            raise self._lost()
        try:
            async with asyncio.timeout(ANSWERS_WITHIN / 1_000), self._turns:
                answer = await command(*args, **options)
        except self._refusals as refusal:
            hint = RIGHTS if isinstance(refusal, self._no_permission) else ""
            raise StoreRefused(
                f"the store at {self.address} refuses: {str(refusal).removesuffix('.')}.", hint=hint
            ) from None
        except self.failures as fault:
            self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
            self._lost_until = time() + self._pause / 1_000
            raise self._lost(f"doesn't answer: {str(fault) or 'not in time'}") from None
        self._pause = 0
        return answer

    async def run(self, script: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """The answer of a script that was registered with `redis`; StoreLost if there is none in time."""
        return await self.ask(self._run, script, keys, args)

    async def _run(self, script: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:
        # every call that is served comes by here: a connection at hand costs half of what the client's pool does
        own = self._at_hand.pop() if self._at_hand else None
        try:
            own = own or await self.redis.connection_pool.get_connection()
            await own.send_command("EVALSHA", script.sha, len(keys), *keys, *args, check_health=False)
            return await own.read_response()
        except self.failures:  # cut off, or the server has forgotten the script: the client knows what to do
            return await script(keys, args)
        finally:
            if own is not None:
                self._at_hand.append(own)

    async def ask_once(self, within: Millis, command: _Command, *args: Any, **options: Any) -> Any:
        """The answer to a command of `redis_once`; that it fails says nothing about the store, for it isn't repeated."""
        if asyncio.get_running_loop().time() < self._lost_until:
            raise self._lost()
        try:
            async with asyncio.timeout(within / 1_000), self._turns:
                return await command(*args, **options)
        except self.failures as fault:
            raise self._lost(f"gave no answer: {str(fault) or 'not in time'}") from None

    def _lost(self, why: str = "") -> StoreLost:
        self._why = why or self._why
        return StoreLost(f"the store at {self.address} {self._why.removesuffix('.')}.")

    async def close(self) -> None:
        """Close all connections."""
        for own in self._at_hand:
            await own.disconnect()
        await self.redis.aclose()
        await self.redis_once.aclose()


async def open_link(address: StoreAddress) -> RedisLink:
    """A way to the store; HostError if it can't be reached, UsageError if it is none that can be used."""
    try:
        link = RedisLink(address)
    except ModuleNotFoundError:
        hint = "pip install 'invoke-async-lab[shared]'"
        raise UsageError("--ledger redis… needs redis, which is not installed.", hint=hint) from None
    try:
        await _check(link)
    except BaseException:
        await link.close()
        raise
    return link


async def _check(link: RedisLink) -> None:
    from redis.exceptions import NoPermissionError

    await _reach(link)
    try:
        info: dict[str, Any] = await link.redis.info()
    except NoPermissionError:
        what = "its version, its maxmemory-policy, and whether it is a cluster or a replica"
        link.notes = (f"the store at {link.address} doesn't let its user see {what}: see to them yourself.",)
    except link.failures as fault:
        raise HostError(f"the store at {link.address} doesn't answer: {fault}") from None
    else:
        link.notes = check_server(info, link.address)


async def _reach(link: RedisLink) -> None:
    """Return once the store answers."""
    from redis.exceptions import AuthenticationError, AuthorizationError, ResponseError

    time = asyncio.get_running_loop().time
    until = time() + OPENS_WITHIN / 1_000
    why = "not in time"
    client = link.redis_once  # what is wrong for good is said at once
    while (left := until - time()) > 0:
        try:
            async with asyncio.timeout(left):
                await client.ping()
                return
        except link.failures as fault:
            for reason in (fault, fault.__cause__, fault.__context__):  # the client wraps some of them
                if isinstance(reason, AuthenticationError | AuthorizationError | ResponseError | SSLError):
                    if "HELLO must be called" in str(reason) or "Authentication required" in str(reason):
                        raise UsageError(f"the store at {link.address} needs a password", hint=_PASSWORD) from None
                    hint = "Look at user, password and database in its URL, and at the certificate of rediss://."
                    raise UsageError(f"the store at {link.address} refuses: {reason}", hint=hint) from None
            why = str(fault) or why
        client = link.redis
    raise HostError(f"the store at {link.address} can't be reached: {why}", hint="Start it, or look at its address.")


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
    if info.get("aof_enabled"):
        return ()
    return (f"the store at {address} has appendonly no: when it ends, acknowledged calls may be lost with it.",)
