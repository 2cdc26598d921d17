"""Rules E: what a client does with its connections."""

from collections.abc import Iterator
from itertools import pairwise

from lab.core.clock import Millis
from lab.core.jsontext import integer_or_none
from lab.core.tolerance import most
from lab.plugins.rehearsal.report.history import ClientHistory
from lab.plugins.rehearsal.report.rule import Occasion, broken, kept, rules_in
from lab.recording.exchange import RecordedExchange

FEW = 5
"""With fewer requests nobody needs to keep a connection."""
WATCHED: Millis = 300_000
"""How long after its last call a client's connections may be open."""
NOT_ITS_DOING = ("idle", "shutdown")
"""How connections end that their client has left open."""
WRONG_PORT = ("tls-on-plain-port", "plain-on-tls-port")
"""What the parser refuses that is well-formed elsewhere."""


def reuses_connections(history: ClientHistory) -> Iterator[Occasion]:
    """E1: of five requests and more one at least goes over a connection that was there, where the server kept it."""
    connections = {each.c: each for each in history.connections}
    used: set[int] = set()
    fresh: list[RecordedExchange] = []
    for before, call in pairwise(history.calls):
        used.add(before.connection)
        if call.connection in used:
            if connections and len(history.calls) >= FEW:
                yield kept(before, call)
            return
        connection = connections.get(before.connection)
        if connection is None or not before.whole or call.sent < before.left:
            continue
        if not (connection.ended_by_server and connection.line < call.line):
            fresh.append(call)
    if len(fresh) >= FEW - 1:
        yield broken(*fresh)


def survives_closed_connections(history: ClientHistory) -> Iterator[Occasion]:
    """E2: after the server has ended a connection, with an answer or while it was idle, the client opens another."""
    for connection in history.connections:
        later = [each for each in history.calls if each.line > connection.line]
        if connection.ended_by_server and later:
            yield kept(connection.calls[-1], later[0])


def leaves_nothing_open(history: ClientHistory) -> Iterator[Occasion]:
    """E3: five minutes after its last call, with all its jobs ended, nothing is open that the client opened."""
    if not history.connections or not history.jobs or any(job.end is None for job in history.jobs):
        return
    last = max(history.calls, key=lambda call: call.left)
    late = last.left + most(WATCHED)
    if any(each.closed is None or each.closed > late for each in history.connections):
        if history.until > late:
            yield broken(last)
    elif not any(each.how in NOT_ITS_DOING and (each.closed or 0) > last.left for each in history.connections):
        yield kept(last)


def sends_valid_http(history: ClientHistory) -> Iterator[Occasion]:
    """E4: nothing is sent that the parser refuses; on a connection without any request it may be anybody's."""
    if not history.connections:
        return
    refused = [
        fact.n + 1
        for fact in history.facts
        if fact.type == "request.malformed"
        and integer_or_none(fact.get("c")) not in history.foreign
        and fact.text("what") not in WRONG_PORT
    ]
    yield Occasion(False, tuple(refused)) if refused else kept(history.calls[0])


def stays_within_limit(history: ClientHistory) -> Iterator[Occasion]:
    """E5: at most so many requests under way at once as every scenario of the recording allows."""
    if history.concurrent is None:
        return
    under_way: list[RecordedExchange] = []
    together: list[RecordedExchange] = []
    for call in sorted(history.calls, key=lambda call: call.sent):
        under_way = [*(each for each in under_way if each.left > call.sent), call]
        together = max(together, under_way, key=len)
    if len(together) > 1:
        yield broken(*together) if len(together) > history.concurrent else kept(*together[:2])


TRANSPORT_RULES = rules_in(
    """
    E1 | reuses_connections | reuse connections | minor | L | Keep one client, or session, for all calls, so that its connections are used again. | RFC 9112 §9.3 | any scenario with five requests, on a socket
    E2 | survives_closed_connections | survive a closed connection | major | L | When the server has closed a connection, open another for the next call. | RFC 9112 §9.3.1; RFC 9112 §9.6 | idle-close; drills `p-close`
    E3 | leaves_nothing_open | leave nothing open | information | T | Close the client, or session, when the last job has ended. | RFC 9112 §9.6 | any scenario, on a socket, recorded until the client has ended
    E4 | sends_valid_http | send valid HTTP | critical | L | Let an HTTP library write requests: one Host, and a length that is true. | RFC 9112 §3.2; RFC 9112 §6.3 | any scenario, on a socket
    E5 | stays_within_limit | stay within the limit of requests at once | minor | L | Share a semaphore among all calls, of as many places as the service allows. | scenarios.md §3 | crowd
    """,
    globals(),
)
