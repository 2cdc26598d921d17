"""Calls whose texts do much work go one at a time: others are served in between, however many come at once."""

import asyncio
import json

from lab.clocks import ManualClock
from lab.core.clock import INSTANT_EPOCH
from lab.core.observe import Observation, Requested
from lab.dialects.router import ROUTER
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from tests.server.conftest import Stage, bearer, request, serving

SLOW = """\
lab: 1
name: {name}
title: A title
agent: {{code: {code}}}
ask: go
steps:
  - work: think
    takes: 1h
    says: "{says}"
  - {{complete: done, output: Done.}}
"""
LOOPS = "{% for a in range(200) %}{% for b in range(20) %}{{ a + b }}{% endfor %}{% endfor %}"
MANY = 12


def stage_of(says: str) -> Service:
    texts = (SLOW.format(name="slow", code="SLOW", says=says), SLOW.format(name="fair", code="FAIR", says="Hello."))
    programs = tuple(program_of(parse_scenario(text, "x.yaml")) for text in texts)
    return Service(Config(programs, Switches(), 42, INSTANT_EPOCH))


def ask(token: str, code: str) -> bytes:
    headers = (bearer(token), ("content-type", "application/json"))
    body = json.dumps({"message": "go", "progressMessage": True}).encode()
    return request("POST", ROUTER.path("invoke", code=code), headers, body)


async def served_in_order(stage: Stage, behind: int) -> list[str]:
    """The teams of calls in the order in which they are served: many of one team at once, and one of another that comes
    once `behind` of them are."""
    token = await stage.token()
    slow = [await stage.peer() for _ in range(MANY)]
    fair = await stage.peer()
    assert (await slow[0].ask(ask(token, "SLOW"))).status == 202
    order: list[str] = []

    def observe(observation: Observation) -> None:
        if isinstance(observation, Requested):
            order.append(observation.request.path.split("/")[-2])
            if len(order) == behind:
                fair.writer.write(ask(token, "FAIR"))

    stage.service.observers.append(observe)
    for peer in slow:
        peer.writer.write(ask(token, "SLOW"))
    answers = await asyncio.gather(*(peer.answer() for peer in (*slow, fair)))
    assert {each.status for each in answers} == {202}
    return order


async def test_another_call_waits_for_one_of_them_not_for_all() -> None:
    async with serving(stage_of(LOOPS), ManualClock()) as stage:
        order = await served_in_order(stage, 2)
    assert sorted(order) == ["FAIR"] + ["SLOW"] * MANY
    assert order.index("FAIR") <= 3, order


async def test_calls_that_take_no_time_wait_for_nobody() -> None:
    async with serving(stage_of("{{ message }}"), ManualClock()) as stage:
        order = await served_in_order(stage, 2)
        assert not stage.server._long_teams
    assert len(order) == MANY + 1


async def test_virtual_time_waits_for_those_whose_turn_has_not_come() -> None:
    async with serving(stage_of(LOOPS), ManualClock()) as stage:
        waited: list[bool] = []
        stage.service.observers.append(lambda each: waited.append(stage.server.preparing))
        await served_in_order(stage, 2)
        assert any(waited) and not stage.server.preparing
