"""A tape behind its queue: the same bytes as without one, and nobody waits for a long body."""

import asyncio
import json
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from lab.cli.tapes.tape_queue import TapeQueue
from lab.recording.redaction.trial_secrets import TrialSecrets

from lab.cli.tapes import tape_queue
from lab.core.exchange import Json, Request, Response, json_bytes
from lab.core.observe import Replied, Requested
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.identity.scopes import api_scope
from lab.program.words import Verdict
from lab.recording.redaction.redactor import Redactor, redactor_of
from lab.recording.redaction.stand_ins import KnownSecrets
from lab.recording.tape.header import recording_header
from lab.recording.tape.line_cache import LineCache
from lab.recording.tape.tape import Tape
from lab.server.limits import LONG_BODY
from tests.recording.joined import Joined, config


class Queued:
    """A tape behind a queue; lines of long bodies are written once `open` is set."""

    def __init__(self, joined: Joined) -> None:
        self.lines: list[bytes] = []
        self.open, self.begun = threading.Event(), threading.Event()
        self.threads: set[int] = set()
        self.places: list[tuple[str, int]] = []
        """Of what was long the kind of line, and the thread that wrote it."""
        header = recording_header(joined.service.config, lab="0.1.0")
        self.queue = TapeQueue(joined.service)
        tails = LineCache(redactor_of(joined.service.config))
        self.tape = self.queue.tape = Tape(self.queue, self.write, header, tails=tails)
        joined.service.observers.append(self.queue)

    def write(self, line: bytes) -> None:
        if len(line) > LONG_BODY:
            self.threads.add(threading.get_ident())
            self.places.append((json.loads(line)["k"], threading.get_ident()))
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


def message(joined: Joined, text: str, parameters: Json = None) -> Request:
    sent = token_request(DEMO.id, DEMO.secret, api_scope(joined.service.config.switches.pod))
    token = json.loads(joined.ask(sent).body)["access_token"]
    headers = (("authorization", f"Bearer {token}"), ("content-type", "application/json"))
    path = "/api/fusion-ai/orchestrator/agent/v2/EXPENSES/invokeAsync"
    return Request("POST", path, "", headers, json_bytes({"message": text, "parameters": parameters or {}}))


def invoke(joined: Joined, text: str) -> Response:
    return joined.ask(message(joined, text))


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

    class Walls(Tape):
        def __call__(self, _: object) -> None:
            walls.append(queued.queue.wall())

    queued.queue.tape = Walls(queued.queue, queued.lines.append, recording_header(queued.queue.config, lab="0.1.0"))
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


async def ahead(joined: Joined, queued: Queued, request: Request) -> None:
    await queued.queue.redact(Requested(0, 0, "", request), partial(joined.service.said, request))


async def test_what_was_redacted_before_is_written_at_once_as_it_would_have_been(
    joined: Joined, queued: Queued, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = message(joined, "é" * LONG_BODY, {"key": ["é" * LONG_BODY]})
    queued.open.set()
    await ahead(joined, queued, request)
    redactor, here = queued.tape.redactor, threading.get_ident()

    def text(text: str) -> str:
        assert len(text) < LONG_BODY or threading.get_ident() != here
        return Redactor.text(redactor, text)

    monkeypatch.setattr(redactor, "text", text)
    assert joined.ask(request).status == 202
    own = threading.get_ident()
    assert queued.places[:2] == [("req", own), ("fact", own)]
    joined.now += 60_000
    assert invoke(joined, "short").status == 202
    queued.queue.flush()
    for tape in (joined.tape, queued.tape):
        tape.close(joined.now)
    assert queued.lines == joined.lines and sum(map(len, queued.lines)) > 6 * LONG_BODY


async def test_what_was_redacted_by_fewer_secrets_is_redacted_again_and_its_call_can_wait_for_that(
    joined: Joined, queued: Queued
) -> None:
    secret = "hunter2-hunter2"
    request = message(joined, f"{secret} " * (LONG_BODY // 8))
    await ahead(joined, queued, request)
    for tape in (joined.tape, queued.tape):
        tape.redactor.secrets.secret(secret)
    assert joined.ask(request).status == 202
    waiting = asyncio.create_task(queued.queue.written())
    await asyncio.to_thread(queued.begun.wait, 10)
    assert queued.queue.busy and not waiting.done()
    queued.open.set()
    await asyncio.wait_for(waiting, 10)
    assert threading.get_ident() not in queued.threads
    assert queued.lines == joined.lines and secret.encode() not in b"".join(queued.lines)


async def test_a_body_that_brings_secrets_is_redacted_before_as_well(joined: Joined, queued: Queued) -> None:
    queued.open.set()
    request = message(joined, '{"password": "hunter2-hunter2"} hunter2-hunter2 ' * (LONG_BODY // 40))
    await ahead(joined, queued, request)
    assert joined.ask(request).status == 202
    assert [thread == threading.get_ident() for _, thread in queued.places[:2]] == [True, True]
    queued.queue.flush()
    assert queued.lines == joined.lines
    assert b"hunter2" not in b"".join(queued.lines)


async def test_secrets_are_numbered_in_the_order_of_the_lines_whichever_body_was_redacted_first(
    joined: Joined, queued: Queued
) -> None:
    queued.open.set()
    first, second = ({"password": f"hunter2-hunter2-{number}", "b": "x" * LONG_BODY} for number in range(2))
    requests = [message(joined, "long", each) for each in (first, second)]
    for request in requests:
        await ahead(joined, queued, request)
    for request in requests[::-1]:  # the one that comes first is as it was redacted, the other one is redacted again
        assert joined.ask(request).status == 202
    queued.queue.flush()
    assert queued.lines == joined.lines


def test_a_long_body_that_names_its_secret_behind_it_is_put_nowhere_with_it(joined: Joined) -> None:
    blobs: dict[str, bytes] = {}
    cache = LineCache(redactor_of(joined.service.config))
    body = json_bytes({"a": "hunter2-hunter2", "b": "x" * LONG_BODY, "password": "hunter2-hunter2"})
    line = cache.request(Requested(0, 1, "unknown", Request("POST", "/", "", (), body)))
    assert len(blobs) == 1 and b"hunter2" not in b"".join((line, *blobs.values()))


def test_what_a_body_brings_is_known_once_its_line_comes_and_not_before(joined: Joined) -> None:
    cache = LineCache(redactor_of(joined.service.config))
    body = json_bytes({"password": "hunter2-hunter2", "b": "x" * LONG_BODY})
    seen = Requested(0, 1, "unknown", Request("POST", "/", "", (), body))
    cache.long.keep(cache.long.redacted(seen, tuple, cache.long.trial()))
    assert cache.redactor.secrets.find("hunter2-hunter2") is None
    cache.request(seen)
    assert cache.redactor.secrets.find("hunter2-hunter2") == "«secret:S1»"


def test_two_bodies_that_bring_a_token_each_do_not_get_one_alias() -> None:
    secrets = KnownSecrets()
    trials = [TrialSecrets(secrets) for _ in range(2)]
    aliases = [
        trial.alias(f"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn{n}.{'a' * 43}", "token") for n, trial in enumerate(trials)
    ]
    assert aliases == ["«token:T1»"] * 2 and all(trial.fits() for trial in trials)
    trials[0].settle()
    assert trials[0].fits() and not trials[1].fits()
