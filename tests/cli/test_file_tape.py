"""A tape in its file: what was acknowledged is written, a line waits 50 ms at most, and nobody for another's long body."""

import asyncio
import json
import threading
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from lab.cli.tapes import file_tape
from lab.cli.tapes.file_tape import MOST_HELD, FileTape, TapeOpening
from lab.core.exchange import Json, Request, Response, json_bytes
from lab.core.observe import Noted, Observation, Replied, Requested
from lab.faults.facts import FaultStruck
from lab.files.growing_files import TapeFile
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.identity.scopes import api_scope
from lab.recording.redaction.redactor import Redactor, redactor_of
from lab.recording.tape.header import recording_header
from lab.server.limits import LONG_BODY
from tests.conftest import examples
from tests.recording.joined import Joined, config

SECRET = "hunter2-hunter2"


def file_tape_of(joined: Joined, path: Path) -> FileTape:
    setup = joined.service.config
    return FileTape(
        TapeFile(path), joined.service, TapeOpening(recording_header(setup, lab="0.1.0"), redactor_of(setup), 1 << 40)
    )


@pytest.fixture
def joined() -> Joined:
    return Joined(config(scripted=False))


@pytest.fixture
def tape(joined: Joined, tmp_path: Path) -> FileTape:
    created = file_tape_of(joined, tmp_path / "day.rec.jsonl")
    joined.service.observers.append(created)
    return created


def message(joined: Joined, text: str, parameters: Json = None) -> Request:
    sent = token_request(DEMO.id, DEMO.secret, api_scope(joined.service.config.switches.pod))
    token = json.loads(joined.ask(sent).body)["access_token"]
    headers = (("authorization", f"Bearer {token}"), ("content-type", "application/json"))
    path = "/api/fusion-ai/orchestrator/agent/v2/EXPENSES/invokeAsync"
    return Request("POST", path, "", headers, json_bytes({"message": text, "parameters": parameters or {}}))


def same_bytes(joined: Joined, tape: FileTape) -> bytes:
    """Both tapes closed, if they are the same."""
    tape.flush()
    for each in (joined.tape, tape.tape):
        each.close(joined.now)
    data = tape.path.read_bytes()
    assert data == joined.data
    return data


class Redaction:
    """Long texts wait in other threads until `open` is set."""

    def __init__(self, redactor: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open, self.begun = threading.Event(), threading.Event()
        self.here, self.long = threading.get_ident(), list[int]()
        """The thread of the loop; those in which a long text was redacted."""
        self._flat = redactor.flat
        monkeypatch.setattr(redactor, "flat", self._waiting)

    def _waiting(self, text: str) -> str:
        if len(text) >= LONG_BODY:
            self.long.append(threading.get_ident())
            self.begun.set()
            assert threading.get_ident() == self.here or self.open.wait(10)
        return self._flat(text)


# Long bodies


async def test_nobody_waits_for_anothers_long_body(
    joined: Joined, tape: FileTape, monkeypatch: pytest.MonkeyPatch
) -> None:
    redaction = Redaction(tape.tape.redactor, monkeypatch)
    long = message(joined, "é" * LONG_BODY)
    waiting = asyncio.create_task(tape.redact(Requested(0, 0, "", long)))
    await asyncio.to_thread(redaction.begun.wait, 10)
    assert joined.ask(message(joined, "short")).status == 202
    tape.flush()
    assert tape.path.read_bytes().count(b"job.accepted") == 1 and not waiting.done()
    redaction.open.set()
    await asyncio.wait_for(waiting, 10)
    assert joined.service.serve(long, joined.now).response.status == 202
    assert redaction.here not in redaction.long
    assert same_bytes(joined, tape).count(b"job.accepted") == 2


async def test_what_was_redacted_before_is_told_at_once_as_it_would_have_been(
    joined: Joined, tape: FileTape, monkeypatch: pytest.MonkeyPatch
) -> None:
    redaction = Redaction(tape.tape.redactor, monkeypatch)
    redaction.open.set()
    reply = Replied(0, 1, Response(200, (), b"\xc3\xa9" * LONG_BODY))
    long = Requested(0, 1, "", Request("POST", "/", "", (), b"\xc3\xa8" * LONG_BODY))
    for each in (long, reply):
        await tape.redact(each)
    assert len(redaction.long) == 2 and redaction.here not in redaction.long
    for seen in (long, reply):
        joined.service.tell(seen)
    assert redaction.here not in redaction.long
    same_bytes(joined, tape)


async def test_a_secret_that_another_call_brings_meanwhile_is_hidden(
    joined: Joined, tape: FileTape, monkeypatch: pytest.MonkeyPatch
) -> None:
    redaction = Redaction(tape.tape.redactor, monkeypatch)
    long = message(joined, f"{SECRET} " * (LONG_BODY // 8))
    waiting = asyncio.create_task(tape.redact(Requested(0, 0, "", long)))
    await asyncio.to_thread(redaction.begun.wait, 10)
    joined.ask(Request("GET", "/x", "", (("x-api-key", SECRET),)))
    redaction.open.set()
    await asyncio.wait_for(waiting, 10)
    assert joined.service.serve(long, joined.now).response.status == 202  # its reply is redacted by itself
    assert redaction.here not in redaction.long
    assert SECRET.encode() not in same_bytes(joined, tape)


async def test_a_body_that_brings_secrets_is_redacted_before_as_well(
    joined: Joined, tape: FileTape, monkeypatch: pytest.MonkeyPatch
) -> None:
    redaction = Redaction(tape.tape.redactor, monkeypatch)
    redaction.open.set()
    long = message(joined, f"see {SECRET}" * (LONG_BODY // 8), {"password": SECRET})
    await tape.redact(Requested(0, 0, "", long))
    assert joined.service.serve(long, joined.now).response.status == 202
    assert redaction.long and redaction.here not in redaction.long
    assert SECRET.encode() not in same_bytes(joined, tape)


def test_secrets_get_one_stand_in_each_in_whichever_thread_they_are_met(tape: FileTape) -> None:
    secrets, words = tape.tape.redactor.secrets, list[str]()
    failed, begin = list[BaseException](), threading.Barrier(4)

    def bring(first: int) -> None:
        try:
            begin.wait(10)
            for number in range(first, first + 400):
                words.append(secrets.brought(f"secret-of-somebody-{number}", "secret"))
                assert "somebody" not in secrets.hidden(f"see secret-of-somebody-{number}")
        except BaseException as fault:  # noqa: BLE001 - it is told by the test
            failed.append(fault)

    threads = [threading.Thread(target=bring, args=(first,)) for first in (0, 0, 200, 400)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failed and len(words) == 1600
    assert len(set(words)) == len({secrets.find(f"secret-of-somebody-{number}") for number in range(800)}) == 800


# What is written when


class Later:
    """An event loop's clock, and what it has been asked to do later."""

    class _Handle(Struct):
        cancelled: bool = False

        def cancel(self) -> None:
            self.cancelled = True

    def __init__(self) -> None:
        self.now, self._number = 0.0, count()
        self._due: list[tuple[float, int, Callable[[], object], Later._Handle]] = []

    def call_later(self, delay: float, call: Callable[[], object]) -> "Later._Handle":
        handle = self._Handle()
        heappush(self._due, (self.now + delay, next(self._number), call, handle))
        return handle

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            self.now, _, call, handle = heappop(self._due)
            if not handle.cancelled:
                call()
        self.now = until


MOVES = st.sampled_from(("request", "reply", "fact", "flush")) | st.integers(1, 80)


@examples(40, thorough=1000)
@given(st.lists(MOVES, max_size=200))
def test_no_line_waits_longer_than_50_ms_nor_for_more_than_64_lines(
    tmp_path_factory: pytest.TempPathFactory, moves: list[str | int]
) -> None:
    joined, later = Joined(config()), Later()
    tape = file_tape_of(joined, tmp_path_factory.mktemp("tapes") / "day.rec.jsonl")
    seen: list[tuple[float, int]] = []
    """When each line was complete, and which that is."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(file_tape.asyncio, "get_running_loop", lambda: later)
        x, answered = 0, True
        for move in moves:
            match move:
                case "request":
                    x, answered = x + 1, False
                    tell(tape, Requested(0, x, "", Request("GET", f"/{x}")), seen, later.now)
                case "reply" if not answered:
                    answered = True
                    tell(tape, Replied(0, x, Response(404)), seen, later.now)
                case "fact":
                    tell(tape, Noted(0, FaultStruck(at=0, fault="f", call=1)), seen, later.now)
                case "flush":
                    tape.flush()
                    assert written(tape) == len(seen)
                case int():
                    later.advance(move / 1000)
            behind = [at for at, n in seen if n >= written(tape)]
            assert all(later.now - at < 0.05 for at in behind) and len(behind) <= MOST_HELD
    tape.tape.close(0)


def tell(tape: FileTape, observation: Observation, seen: list[tuple[float, int]], now: float) -> None:
    seen.append((now, len(seen)))
    tape(observation)


def written(tape: FileTape) -> int:
    """Lines that are in the file, but for the header."""
    return tape.path.read_bytes().count(b"\n") - 1


def test_without_a_loop_lines_are_written_once_there_are_enough_and_at_the_end(joined: Joined, tape: FileTape) -> None:
    for number in range(MOST_HELD):
        tape(Noted(0, FaultStruck(at=0, fault="f", call=number)))
        assert written(tape) == (MOST_HELD if number == MOST_HELD - 1 else 0)
    tape(Noted(0, FaultStruck(at=0, fault="f", call=1)))
    tape.tape.close(0)
    assert written(tape) == MOST_HELD + 2
