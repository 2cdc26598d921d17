"""A tape behind its queue: the same bytes as without one, and nobody waits for a long body."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lab.cli.tapes import tape_queue
from lab.cli.tapes.tape_queue import TapeQueue
from lab.core.exchange import Request, Response, json_bytes
from lab.core.observe import Replied, Requested
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.identity.scopes import api_scope
from lab.language.document import Verdict
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from lab.server.limits import LONG_BODY
from tests.recording.joined import Joined, config


class Queued:
    """A tape behind a queue; lines of long bodies are written once `open` is set."""

    def __init__(self, joined: Joined) -> None:
        self.lines: list[bytes] = []
        self.open, self.begun = threading.Event(), threading.Event()
        self.threads: set[int] = set()
        header = recording_header(joined.service.config, lab="0.1.0")
        self.queue = TapeQueue(joined.service)
        self.tape = self.queue.tape = Tape(self.queue, self.write, header)
        joined.service.observers.append(self.queue)

    def write(self, line: bytes) -> None:
        if len(line) > LONG_BODY:
            self.threads.add(threading.get_ident())
            self.begun.set()
            assert self.open.wait(10)
        self.lines.append(line)


@pytest.fixture
def joined() -> Joined:
    return Joined(config(scripted=False))


@pytest.fixture
def queued(joined: Joined) -> Iterator[Queued]:
    created = Queued(joined)
    yield created
    created.open.set()
    created.queue.close()


def invoke(joined: Joined, message: str) -> Response:
    sent = token_request(DEMO.id, DEMO.secret, api_scope(joined.service.config.switches.pod))
    token = json.loads(joined.ask(sent).body)["access_token"]
    headers = (("authorization", f"Bearer {token}"), ("content-type", "application/json"))
    path = "/api/fusion-ai/orchestrator/agent/v2/EXPENSES/invokeAsync"
    return joined.ask(Request("POST", path, "", headers, json_bytes({"message": message})))


def test_what_comes_while_a_long_body_is_written_stands_behind_it_as_it_would_have_stood(
    joined: Joined, queued: Queued
) -> None:
    assert invoke(joined, "é" * LONG_BODY).status == 202
    assert queued.begun.wait(10)
    written = len(queued.lines)
    job = next(joined.service.jobs())
    joined.now += 60_000
    assert joined.play(((Verdict.APPROVED, None),)).complete
    assert joined.decide(job, "manager", "approved") == 200
    joined.now += 60_000
    invoke(joined, "short")
    assert len(queued.lines) == written and queued.queue.busy
    queued.open.set()
    queued.queue.flush()
    assert queued.threads and threading.get_ident() not in queued.threads
    for tape in (joined.tape, queued.tape):
        tape.close(joined.now)
    assert queued.lines == joined.lines and sum(map(len, queued.lines)) > 4 * LONG_BODY


def test_a_tape_that_reaches_its_limit_in_a_long_body_tells_of_all_jobs(joined: Joined, queued: Queued) -> None:
    queued.open.set()
    joined.play_until_accepted()
    joined.tape.limit = queued.tape.limit = LONG_BODY
    joined.now += 60_000
    assert invoke(joined, "a" * LONG_BODY).status == 202
    queued.queue.flush()
    assert queued.lines == joined.lines and b'"reason":"limit"' in queued.lines[-1]
    assert any(b"gate.opened" in line for line in queued.lines)


def test_what_is_told_is_of_the_real_time_at_which_it_was_told(
    joined: Joined, queued: Queued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tape_queue, "real_millis", lambda: now[0])
    now, walls = [queued.queue._begun], []
    queued.queue.tape = lambda _: walls.append(queued.queue.wall())  # type: ignore[assignment]
    for size in (LONG_BODY + 1, 1):
        now[0] += 5
        queued.queue(Requested(0, 1, "unknown", Request("POST", "/", "", (), b"a" * size)))
    queued.queue.flush()
    assert walls == [5, 10]


async def test_further_long_requests_wait_until_some_are_written(
    queued: Queued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tape_queue, "MOST_BEHIND", LONG_BODY)
    await queued.queue.room()
    queued.queue(long_reply())
    waiting: asyncio.Task[Any] = asyncio.create_task(queued.queue.room())
    await asyncio.to_thread(queued.begun.wait, 10)
    assert not waiting.done()
    queued.open.set()
    await asyncio.wait_for(waiting, 10)
    assert not queued.queue.busy


def test_replies_that_nobody_can_put_off_fill_no_memory(queued: Queued, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape_queue, "_MOST_WAITING", 2 * LONG_BODY)
    queued.open.set()
    for x in range(1, 5):
        queued.queue(long_reply(x))
        assert len(queued.queue._under_way) <= 1


def long_reply(x: int = 1) -> Replied:
    return Replied(0, x, Response(200, (), b"a" * (LONG_BODY + 1)))
