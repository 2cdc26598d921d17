"""The trace ids of exchanges: the journal of the control plane tells them, recordings and answers don't."""

import json

from msgspec.structs import replace

from lab.core.exchange import Json, Request
from lab.identity.clients import Client
from lab.mock.service import Service
from lab.recording.format.lines import Req
from lab.recording.format.reader import read
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests import wire_peer
from tests.server.test_control import Plane, plane
from tests.server.test_mounts import ask, stage, token

__all__ = ["plane", "stage"]

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SENT = ("Traceparent", f"00-{TRACE}-{PARENT}-01")


async def journal(plane: Plane, path: str = "journal") -> bytes:
    return (await plane.ask("GET", path)).body


def traces(lines: bytes) -> list[Json]:
    return [line.get("trace") for line in map(json.loads, lines.splitlines()) if line["k"] == "req"]


async def test_the_journal_tells_the_trace_of_each_request_and_no_answer_does(plane: Plane) -> None:
    peer = await plane.stage.peer()
    answers = [await ask(peer, "/a", *headers) for headers in ((SENT,), (), (SENT, SENT))]
    first, second, third = traces(await journal(plane))
    assert first == TRACE
    assert second != third and {len(str(each)) for each in (second, third)} == {32}
    assert traces(await journal(plane)) == [first, second, third]
    text = repr(answers)
    assert "trace" not in text and TRACE not in text and str(second) not in text


async def test_mocks_that_clients_chose_have_traces_of_their_own(plane: Plane) -> None:
    peer = await plane.stage.peer()
    for name in (None, "consent", "strict"):
        await token(peer, name=name)
    paths = ("journal", "scenario/consent/journal", "scenario/strict/journal")
    found = [traces(await journal(plane, path)) for path in paths]
    assert [len(each) for each in found] == [1, 1, 1] and len({str(each) for each in found}) == 3


async def test_a_recording_holds_no_trace_and_a_journal_that_was_kept_can_be_read(plane: Plane) -> None:
    service, written = plane.stage.service, list[bytes]()
    service.observers.append(Tape(service, written.append, recording_header(service.config, lab="1")))
    await ask(await plane.stage.peer(), "/a", SENT)
    text = await journal(plane)
    assert traces(text) == [TRACE] and traces(b"".join(written)) == [None]
    (kept,), (recorded,) = read(text).of(Req), read(b"".join(written)).of(Req)
    assert replace(kept, w=None) == recorded


def test_a_secret_that_is_sent_as_a_trace_is_hidden_as_anywhere() -> None:
    usual = wire_peer.service().config
    service, written = Service(replace(usual, clients=(Client("odd", TRACE),))), list[bytes]()
    tape = Tape(service, written.append, recording_header(usual, lab="1"))
    tape.traced = True
    service.observers.append(tape)
    service.serve(Request("GET", "/a", headers=((SENT[0].lower(), SENT[1]),)), 0)
    tape.flush()
    assert TRACE not in b"".join(written).decode() and b'"trace":"lab-C1-secret"' in written[-1]
