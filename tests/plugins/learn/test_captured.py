"""Learnt: a session with a pod that was captured, and a recording that the lab carries."""

import pytest

from lab.clocks import ScaledClock
from lab.core.clock import INSTANT_EPOCH
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.program.words import Status
from lab.server.mock_server import MockServer
from tests.cli.test_capture import captured, client_of, session
from tests.cli.test_shipped_recordings import assert_found, empty
from tests.conftest import Lab

__all__ = ["empty"]


@pytest.mark.long
async def test_what_was_captured_is_learned_and_served_to_the_same_client_again(lab: Lab) -> None:
    answers, _ = await captured("order")
    learned = lab("learn", "order")
    assert learned.code == 0, learned.err
    scenario = program_of(parse_scenario(learned.out, "order.yaml"))
    service = Service(Config((scenario,), Switches(), 42, INSTANT_EPOCH))
    server = MockServer(service, ScaledClock("1"))  # the tape's clock was the wall's
    outcome, again = await session(*client_of(await server.start()))
    await server.stop(0)
    assert (outcome.status, outcome.output) == (Status.COMPLETE, "Ordered.")
    assert list(dict.fromkeys(again)) == list(dict.fromkeys(answers))


def test_a_name_finds_what_the_lab_carries(empty: Lab) -> None:
    assert_found(empty, "learn")
