"""The stores on which each law of shared stores is tested."""

import pytest

from tests.stores.memory_store import MemoryStore


@pytest.fixture
def shared() -> MemoryStore:
    """A store that is empty, with ways to make it fail."""
    return MemoryStore()
