"""One port at which several processes listen, here several sockets."""

import os
import select
import socket
from collections import Counter

import pytest

from lab.core.errors import HostError, UsageError
from lab.server.listener import bind, inherited, reserve

HOST = "127.0.0.1"


def test_connections_to_a_reserved_port_come_to_those_that_listen() -> None:
    place = reserve(HOST, 0)
    listeners = [bind(HOST, place.port, shared=True) for _ in range(2)]
    assert {each.origin for each in listeners} == {place.origin}
    callers = [socket.create_connection((HOST, place.port), timeout=5) for _ in range(64)]
    taken: Counter[int] = Counter()
    while taken.total() < len(callers):
        ready, _, _ = select.select([each.sock for each in listeners], [], [], 5)
        assert ready, "a connection came to nobody"
        for sock in ready:
            sock.accept()[0].close()
            taken[sock.fileno()] += 1
    assert len(taken) == 2
    for each in (place, *listeners, *callers):
        each.close()


def test_a_port_at_which_somebody_listens_is_not_reserved() -> None:
    place = reserve(HOST, 0)
    listener = bind(HOST, place.port, shared=True)
    with pytest.raises(HostError, match="can't listen on"):
        reserve(HOST, place.port)
    listener.close()
    place.close()


def test_a_listener_is_taken_over_by_its_descriptor() -> None:
    bound = bind(HOST, 0)
    other = inherited(os.dup(bound.sock.fileno()), HOST)
    bound.close()
    with socket.create_connection((HOST, other.port), timeout=5):
        assert select.select([other.sock], [], [], 5)[0]
    assert other.origin == bound.origin
    other.close()


def test_where_no_two_can_listen_at_one_port_it_is_said_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_REUSEPORT")
    with pytest.raises(UsageError, match=r"listen at one port \(SO_REUSEPORT\)"):
        reserve(HOST, 0)
