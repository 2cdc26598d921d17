"""Callbacks over sockets, on a manual clock: what the receiver sees, what is noted, and that nobody waits a real second."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lab.cli.console import Console
from lab.clocks import real_millis
from lab.jobs.callbacks import CallbackAnswered, CallbackRegistered, CallbackSent, answers_key, standing
from lab.mock.history import History
from lab.mock.service import Service
from lab.plugins.callbacks.beside import RECEIVER, add_receiver, sending
from lab.plugins.callbacks.options import NotifySettings
from lab.plugins.callbacks.sender import LARGEST_REPLY
from lab.server.labs import ServedLab
from tests.plugins.callbacks.receivers import Came, Hook, receiving
from tests.plugins.callbacks.worlds import EPOCH, SECRET, document
from tests.server.conftest import request
from tests.server.served import API, Served, ask, serving, text, token_of
from tests.wire_peer import invoke
from tests.wire_peer import token as peer_token


@contextmanager
def notifying(
    hook: Hook, callbacks: dict[str, Any] | None = None, secret: str | None = SECRET, **more: object
) -> Iterator[Served]:
    """A lab on a manual clock whose jobs that receiver is told of."""
    with serving({**document(callbacks), **more}, epoch=EPOCH) as world:
        world.call(add_receiver, hook.url, secret, world.server)
        yield world


def invoked(world: Served, bearer: str | None = None) -> str:
    headers = (("authorization", f"Bearer {bearer or token_of(world)}"), ("content-type", "application/json"))
    got = ask(world, request("POST", f"{API}/agent/v2/TOLD/invokeAsync", headers, text({"message": "go"})))
    return str(got.json["jobId"])


def sent(world: Served, job: str) -> list[CallbackSent]:
    found = world.call(world.service.derived, job, world.clock.now())
    return [each for each in found.facts if isinstance(each, CallbackSent)]


def test_a_job_whose_only_news_is_the_callback() -> None:
    began = real_millis()
    with receiving() as hook, notifying(hook) as world:
        job = invoked(world)
        world.sleep(86_400)
        assert [json.loads(each.body)["data"]["status"] for each in hook.came] == ["WAITING", "COMPLETE"]
        assert {json.loads(each.body)["data"]["job"] for each in hook.came} == {job}
        assert [each.path for each in hook.came] == ["/hook?a=%20b"] * 2
        assert [each.status for each in world.facts(CallbackAnswered)] == [204, 204]
        assert [int(each.headers["webhook-timestamp"]) - EPOCH for each in hook.came] == [2, 6]
    assert real_millis() - began < 5_000


def test_a_receiver_that_is_killed_and_comes_back_is_tried_as_scheduled() -> None:
    tries = {"on": ["COMPLETE"], "tries": ["0s", "5s", "1m", "1h"]}
    with receiving() as hook, notifying(hook, tries) as world:
        hook.stop()
        job = invoked(world)
        world.sleep(30)
        assert [(each.number, each.why) for each in world.facts(CallbackAnswered)] == [(1, "refused"), (2, "refused")]
        hook.start()
        world.sleep(7_200)
        assert [(each.number, each.status) for each in world.facts(CallbackAnswered)][2:] == [(3, 204)]
        assert len(hook.came) == 1
        assert [each.number for each in sent(world, job)] == [1, 2, 3]


def test_no_redirect_is_followed() -> None:
    with receiving() as elsewhere, receiving(lambda _: (307, {"location": elsewhere.url})) as hook:
        with notifying(hook, {"on": ["COMPLETE"]}) as world:
            invoked(world)
            world.sleep(600)
        assert (len(hook.came), len(elsewhere.came)) == (3, 0)


def test_a_receiver_that_wants_no_more_is_told_no_more() -> None:
    with receiving(lambda _: (410, {})) as hook, notifying(hook) as world:
        bearer = token_of(world)
        invoked(world, bearer), invoked(world, bearer)
        world.sleep(600)
        invoked(world, bearer)
        world.sleep(600)
        # both had been told of the change at one instant
        assert [json.loads(each.body)["data"]["status"] for each in hook.came] == ["WAITING", "WAITING"]


def test_retry_after_is_heeded() -> None:
    answers = iter([(503, {"retry-after": "40"}), (204, {})])
    with receiving(lambda _: next(answers)) as hook, notifying(hook, {"on": ["COMPLETE"]}) as world:
        job = invoked(world)
        world.sleep(600)
        first, second = sent(world, job)
        assert second.at - first.at == 40_000


def test_a_receiver_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr("lab.plugins.callbacks.sender.TRY_LIMIT", 300)

    def hang(came: Came) -> tuple[int, dict[str, str]]:
        go.wait(10)
        return 204, {}

    with receiving(hang) as hook, notifying(hook, {"on": ["COMPLETE"], "tries": ["0s"]}) as world:
        job, bearer = invoked(world), token_of(world)
        world.sleep(60)
        got = ask(world, request("GET", f"{API}/agent/v2/TOLD/status/{job}", (("authorization", f"Bearer {bearer}"),)))
        assert got.json["status"] == "COMPLETE"
        (answered,) = world.facts(CallbackAnswered)
        assert (answered.status, answered.why) == (None, "timeout")
        go.set()


def test_the_end_of_a_lab_waits_for_no_receiver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr("lab.plugins.callbacks.sender.END_LIMIT", 50)

    def hang(came: Came) -> tuple[int, dict[str, str]]:
        go.wait(10)
        return 204, {}

    with receiving(hang) as hook, notifying(hook, {"on": ["COMPLETE"]}) as world:
        job = invoked(world)
        advancing = asyncio.run_coroutine_threadsafe(world.clock.advance_to(60_000), world.loop)  # type: ignore[union-attr]
        while not hook.came:
            world.call(lambda: None)
        assert world.run(world.end_acting()) == [] and not world.facts(CallbackAnswered)
        assert [each.number for each in sent(world, job)] == [1]
        advancing.result(10)
        go.set()


def test_what_is_under_way_when_a_lab_ends_is_answered_before_the_rest_is_listed() -> None:
    go = threading.Event()

    def refuse(came: Came) -> tuple[int, dict[str, str]]:
        go.wait(10)
        return 503, {}

    with receiving(refuse) as hook, notifying(hook, {"on": ["COMPLETE"]}) as world:
        invoked(world)
        advancing = asyncio.run_coroutine_threadsafe(world.clock.advance_to(6_001), world.loop)  # type: ignore[union-attr]
        while not hook.came:
            world.call(lambda: None)
        ending = asyncio.run_coroutine_threadsafe(world.end_acting(), world.loop)  # type: ignore[arg-type]
        world.call(lambda: None)
        go.set()
        lines = ending.result(10)
        assert len(lines) == 2 and ", try 2 at 2026-01-01T00:00:11." in lines[1]
        advancing.result(10)


def test_an_answer_that_is_too_large_is_read_no_further() -> None:
    once = {"on": ["COMPLETE"], "tries": ["0s"]}
    with receiving(lambda _: (200, {})) as hook, notifying(hook, once) as world:
        hook.body = bytes(LARGEST_REPLY + 1)
        invoked(world)
        world.sleep(60)
        hook.body = bytes(LARGEST_REPLY)
        invoked(world)
        world.sleep(60)
        answers = [(each.status, each.why) for each in world.facts(CallbackAnswered)]
        assert answers == [(None, "too-large"), (200, None)]


def test_what_is_left_is_listed_and_never_told_of() -> None:
    with receiving(lambda _: (500, {})) as hook, notifying(hook) as world:
        job = invoked(world)
        world.sleep(30)
        lines = world.run(world.end_acting())
        assert lines[0] == "lab: 2 callbacks were still to be tried when the lab ended:"
        assert f" WAITING of job {job}, try 3 at 2026-01-01T00:01:" in lines[1]
        assert f" COMPLETE of job {job}, try 3 at 2026-01-01T00:01:" in lines[2]
        before = len(sent(world, job))
        world.sleep(10_000)
        assert len(sent(world, job)) == before == 4


def test_a_lab_that_is_reset_tells_on() -> None:
    with receiving() as hook, notifying(hook, {"on": ["COMPLETE"]}) as world:
        invoked(world)
        world.sleep(3)
        world.call(world.service.reset, world.clock.now())
        world.sleep(60)
        assert hook.came == []
        invoked(world)
        world.sleep(60)
        assert len(hook.came) == 1


def test_a_lab_that_is_set_back_or_begins_anew_tells_what_comes_then() -> None:
    with receiving() as hook, notifying(hook, {"on": ["COMPLETE"]}) as world:
        history = History()
        world.service.journals.append(lambda facts: [history.add([each]) for each in facts])
        world.call(history.add, [CallbackRegistered(at=0, receiver=RECEIVER, url=hook.url, secret=SECRET)])
        job = invoked(world)
        world.sleep(60)
        (first,) = hook.came

        def back(instant: int) -> None:
            world.clock.rewind(instant)  # type: ignore[union-attr]
            world.service.rewind(tuple(history.until(instant)), instant)

        world.call(back, 3_000)
        world.run(world.clock.advance_to(50_000))  # type: ignore[union-attr]
        assert [each.body for each in hook.came] == [first.body, first.body]
        assert json.loads(first.body)["data"]["job"] == job
        world.call(world.clock.rewind, 0)  # type: ignore[union-attr]
        world.call(world.service.restart, EPOCH)
        invoked(world)
        world.run(world.clock.advance_to(60_000))  # type: ignore[union-attr]
        assert len(hook.came) == 3


def test_what_came_of_a_job_goes_with_it() -> None:
    with receiving() as hook, notifying(hook, {"on": ["COMPLETE"]}, retention="2s") as world:
        bearer = token_of(world)
        job = invoked(world, bearer)
        world.sleep(60)
        assert len(hook.came) == 1 and world.service.ledger.get(answers_key(job)) is not None
        invoked(world, bearer)
        world.sleep(5)
        invoked(world, bearer)
        assert world.service.ledger.get(answers_key(job)) is None


def test_a_scenario_that_a_client_chose_and_a_tenant_are_told_of_too() -> None:
    with serving(document({"on": ["COMPLETE"]}), epoch=EPOCH) as world, receiving() as hook:
        server, other = world.server, Service(world.service.config)

        async def came() -> int:
            settings = NotifySettings(url=hook.url, secret=SECRET)
            async with sending(settings, server, Console()) as said:
                assert said == {"notify_url": hook.url}
                lab = ServedLab(other, world.clock)
                server.labs.watch(lab)
                bearer = peer_token(other)
                other.serve(invoke(bearer, b'{"message":"go"}', "TOLD"), 0)
                await world.clock.advance_to(60_000)  # type: ignore[union-attr]
                for leaver in server.labs.leavers:
                    leaver(lab)
                return len(hook.came)

        assert world.run(came()) == 1
        assert standing(other.ledger.get) == ()
