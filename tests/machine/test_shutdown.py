"""A lab that is told to stop while it answers: what is due within the grace leaves, the rest is cut, and nothing is left over."""

import asyncio
import json

from lab.clocks import settle
from lab.core.journal.shell import ConnectionClosed
from lab.core.observe import Noted, Observation, Replied, Requested
from lab.dialects.router import ROUTER
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from tests.machine.days import make_config
from tests.machine.memory_wire import MemoryLabs
from tests.machine.model import INVOKED, POLLED
from tests.server.conftest import SCOPE, bearer, request


async def test_what_is_due_within_the_grace_leaves_and_the_rest_is_cut() -> None:
    observations: list[Observation] = []
    labs = MemoryLabs(make_config(), lambda _, observation: observations.append(observation))
    before = asyncio.all_tasks()
    await labs.start()
    (lab,) = labs.servers
    idle, short, long, half, behind = (lab.peer() for _ in range(5))
    login = token_request(DEMO.id, DEMO.secret, SCOPE)
    idle.send(request(login.method, login.path, login.headers, login.body))
    await settle()
    granted = idle.answer()
    assert granted is not None
    token = bearer(str(granted.json["access_token"]))  # type: ignore[index,call-overload]
    invoke = request(
        "POST", ROUTER.path("invoke", code="ONE"), (token, ("content-type", "application/json")),
        json.dumps({"message": "Go on"}).encode(),
    )  # fmt: skip
    long.send(invoke)
    await settle()
    job = next(lab.service.jobs())
    poll = request("GET", ROUTER.path("status", code="ONE", job=job), (token,))
    short.send(poll)
    half.send(poll[:-2])
    behind.send(invoke + invoke)
    await settle()
    stopping = await lab.retire(grace=50)
    assert idle.transport.over, "it asks for nothing"
    await lab.clock.advance_to(lab.clock.now() + POLLED)
    left = short.answer()
    assert left is not None and (left.status, left.headers["connection"]) == (200, "close")
    assert not stopping.done()
    await stopping  # the grace, in real time
    await lab.clock.advance_to(lab.clock.now() + INVOKED)
    assert [peer.answer() for peer in (long, half, behind)] == [None] * 3
    assert all(peer.transport.over for peer in (short, long, half, behind))
    requests = [each.x for each in observations if isinstance(each, Requested)]
    cut = {each.x: (each.cut, each.response.status) for each in observations if isinstance(each, Replied)}
    ends = [
        each.fact.how for each in observations if isinstance(each, Noted) and isinstance(each.fact, ConnectionClosed)
    ]
    assert requests == [1, 2, 3, 4], "what stood behind another request was never taken"
    assert cut == {1: (None, 200), 2: ("shutdown", 0), 3: (None, 200), 4: ("shutdown", 0)}
    assert ends == ["shutdown"] * 5
    await labs.stop()
    assert asyncio.all_tasks() == before
