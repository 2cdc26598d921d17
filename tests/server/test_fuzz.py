"""Requests that were right once, with bytes changed, lost, doubled and put in: always an answer, never a 5xx, no bug."""

import logging
import random
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from lab.core.journal.shell import RequestMalformed
from lab.server.limits import ServerLimits
from tests.server.conftest import request
from tests.server.served import Served, ask, basic, serving, token_of
from tests.server.transcript import SCENARIO, STEPS

BITS = (
    b"\r\n", b"%00", b"\0", b"\xff", b"\xed\xa0\x80", b"\\ud800", b'"', b"{", b"&", b"=", b"+", b"//", b"%2e%2e/", b";",
)  # fmt: skip
LINES = (
    b"Transfer-Encoding: chunked", b"Content-Length: 0", b"Content-Length: 5", b"Expect: 100-continue", b"Expect: x",
    b"Upgrade: websocket", b"Content-Encoding: deflate", b"Content-Encoding: gzip", b"Content-Encoding: br",
    b"Authorization: Basic ", b"Cookie: a=b", b"Connection: upgrade", b"Connection: close", b"Host: evil.example",
)  # fmt: skip


def changed(data: bytes, drawn: random.Random) -> bytes:
    """The request with one to five changes."""
    mutated = bytearray(data)
    for _ in range(drawn.randrange(1, 6)):
        place, size = drawn.randrange(len(mutated) + 1), drawn.randrange(1, 40)
        match drawn.randrange(6):
            case 0:
                mutated[place : place + 1] = bytes((drawn.randrange(256),))
            case 1:
                mutated[place:place] = bytes((drawn.randrange(256),))
            case 2:
                del mutated[place : place + size]
            case 3:
                mutated[place:place] = mutated[place - size : place]
            case 4:
                mutated[place:place] = drawn.choice(BITS)
            case _:
                end = mutated.find(b"\r\n")
                mutated[end:end] = b"\r\n" + drawn.choice(LINES)
    return bytes(mutated)


@pytest.fixture(scope="module", params=["oci", "rfc"])
def world(request: pytest.FixtureRequest) -> Iterator[Served]:
    with serving(SCENARIO, profile=request.param, limits=ServerLimits(lingering=0.01)) as served:
        yield served


def answered(world: Served, data: bytes) -> bytes:
    """What comes back until the mock closes, which it must, for the peer says no more."""
    with socket.create_connection(("127.0.0.1", int(world.origin.rpartition(":")[2])), timeout=10) as peer:
        got = b""
        with suppress(ConnectionError):
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while piece := peer.recv(65_536):
                got += piece
    return got


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_no_change_is_too_odd_for_an_answer(world: Served, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    drawn = random.Random(seed)
    known = {"token": token_of(world), "job": "x", "callback": "y", "refresh": "z", "code": "c", "device": "d"}
    for _ in range(60):
        data = changed(drawn.choice(STEPS).bytes_with(known), drawn)
        got = answered(world, data)
        if got:
            assert got.startswith(b"HTTP/1.1 ") and got[9:10] in b"1234", (data, got)
        else:
            assert b"\r\n\r\n" not in data, "only a head that lacks its end gets no answer"
    assert not caplog.records, caplog.text


def test_a_peer_that_closes_before_the_end_of_its_body_is_told_at_once(world: Served) -> None:
    for body in (request("POST", "/x", (("content-length", "10"),)) + b"abc",
                 request("POST", "/x", (("transfer-encoding", "chunked"),)) + b"3\r\nabc\r\n"):  # fmt: skip
        assert ask(world, body).status == 400
        assert world.facts(RequestMalformed)[-1].what == "body-cut"


def test_a_broken_body_that_nobody_reads_is_no_bug_of_ours(world: Served, caplog: pytest.LogCaptureFixture) -> None:
    headers = (("content-encoding", "deflate"), ("upgrade", "websocket"), ("authorization", basic()))
    assert ask(world, request("POST", "/x", headers, b"nothing of the kind" * 9)).status == 426
    assert not caplog.records, caplog.text
