"""The stores on which each law of shared stores is tested: one in memory, and one in a Redis of the system's package."""

from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest

from tests.stores.memory_store import MemoryStore
from tests.stores.redis_server import RedisServer, SharedRedis

Shared = MemoryStore | SharedRedis
_PREFIXES = (f"lab{number}" for number in count())


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a Redis that is empty at first."""
    with RedisServer() as server:
        yield server.url


@pytest.fixture
async def shared_redis(redis_url: str) -> AsyncIterator[SharedRedis]:
    """A store in Redis that is empty, with ways to make it fail."""
    shared = SharedRedis(redis_url, next(_PREFIXES))
    yield shared
    await shared.close()


@pytest.fixture(params=["memory", "redis"])
def shared(request: pytest.FixtureRequest) -> Shared:
    """Each of the stores in turn, empty."""
    return MemoryStore() if request.param == "memory" else request.getfixturevalue("shared_redis")
