"""A recording -> the history of each client in it."""

import re
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.plugins.rehearsal.report.history import ClientHistory, ConnectionHistory, GrantHistory
from lab.plugins.rehearsal.report.stops import stops_of
from lab.recording.exchange import RecordedExchange, exchanges_of
from lab.recording.format.lines import Recording, Req, Res
from lab.recording.story import job_histories
from lab.recording.tape.header import ACCOUNTS, epoch_in

_EXIT = re.compile("exit (-?[0-9]+)")


def histories_of(recording: Recording, *, over: bool = False, code: int | None = None) -> tuple[ClientHistory, ...]:
    """One a client; `over`: the clients are known to have ended; `code`: with what exit code the one there is did.

    A recording of a rehearsal says both itself, by the reason of its end.
    """
    if recording.end is not None and (found := _EXIT.fullmatch(recording.end.reason)):
        over, code = True, int(found[1])
    everywhere, facts = exchanges_of(recording), tuple(recording.facts())
    calls = [call for call in everywhere if call.listener is None]
    real = [line.w for line in recording.lines if isinstance(line, Req | Res) and line.w is not None]
    connections, limits = list(_connections(recording, calls)), [e.concurrent for e in recording.header.scenarios or ()]
    histories = list[ClientHistory]()
    for client in dict.fromkeys(call.client for call in calls):
        own = tuple(call for call in calls if call.client == client)
        history = ClientHistory(
            client=client,
            calls=own,
            elsewhere=tuple(each for each in everywhere if each.listener is not None and each.client == client),
            grants=tuple(_grants(own)),
            jobs=tuple(job_histories(own, facts)),
            connections=tuple(each for each in connections if each.calls[0].client == client),
            foreign=frozenset(call.connection for call in calls if call.client != client),
            concurrent=max((each for each in limits if each is not None), default=None) if None not in limits else None,
            stops=(),
            facts=facts,
            exact=not real,
            # nobody was configured, so it is the client that every lab knows
            odd_secret=ACCOUNTS not in recording.header.settings,
            # within the lab's own process there are no sockets
            over=over or not any(fact.type == "connection.opened" for fact in facts),
            failed=None if code is None else code != 0,
            until=real[-1] if real else recording.until,
            epoch=epoch_in(recording),
        )
        histories.append(replace(history, stops=tuple(stops_of(history))))
    return tuple(histories)


def _grants(calls: Sequence[RecordedExchange]) -> Iterator[GrantHistory]:
    for call in calls:
        for fact in call.facts:
            if fact.type == "token.granted" and isinstance(until := fact.get("until"), int):
                yield GrantHistory(
                    call=call,
                    token=fact.text("token") or "",
                    refresh=fact.text("refresh"),
                    scope=fact.text("scope") or "",
                    grant=fact.text("grant") or "",
                    user=fact.text("user"),
                    life=until - fact.instant,
                )


def _connections(recording: Recording, calls: Sequence[RecordedExchange]) -> Iterator[ConnectionHistory]:
    by_connection: dict[object, list[RecordedExchange]] = {}
    for call in calls:
        by_connection.setdefault(call.connection, []).append(call)
    opened: dict[int, ConnectionHistory] = {}
    real: Millis | None = None
    for line in recording.lines:
        if isinstance(line, Req | Res):
            real = line.w
        elif line.type == "connection.opened" and isinstance(c := line.get("c"), int) and c in by_connection:
            opened[c] = ConnectionHistory(c=c, calls=tuple(by_connection[c]))
        elif line.type == "connection.closed" and isinstance(c := line.get("c"), int) and c in opened:
            # facts have no real time of their own: it was that of the exchange before, or later
            closed = line.instant if real is None else real
            opened[c] = replace(opened[c], closed=closed, how=line.text("how"), line=line.n + 1)
    yield from opened.values()
