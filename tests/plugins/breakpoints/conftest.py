from collections.abc import AsyncIterator

import pytest

from tests.plugins.breakpoints.lab import HoldingLab, holding_lab


@pytest.fixture
async def lab() -> AsyncIterator[HoldingLab]:
    """On a manual clock."""
    async with holding_lab() as created:
        yield created
