"""Rules on a client that lives by a manual clock: they go by the lab's time alone."""

from typing import Any

import pytest

from tests.testing.test_virtual_time import LIBRARIES, Served, mock, ran, server

__all__ = ["mock", "server"]


@pytest.mark.long
@pytest.mark.parametrize("client", LIBRARIES)
def test_a_weekend_of_polls_is_judged_by_the_labs_clock(mock: Served, client: Any) -> None:
    assert ran(mock, client).seen["status"] == "COMPLETE"
    verdicts = {each["rule"]: each["verdict"] for each in mock.control.get("report", over="1")["rules"]}
    # a token is used until a 401 comes, and a second at least passes between polls
    assert (verdicts["A1"], verdicts["A2"], verdicts["C6"]) == ("pass", "fail", "pass")
