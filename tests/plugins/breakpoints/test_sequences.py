"""A sample of the days in which somebody holds exchanges; `sequences` plays more of them."""

import pytest

from tests.plugins.breakpoints.sequences import replayed


@pytest.mark.parametrize("number", range(20))
async def test_days_with_breakpoints_replay(number: int) -> None:
    result, _ = await replayed(number)
    assert result.passed, result.text()
