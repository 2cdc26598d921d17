"""A recording -> the history of each client in it."""

import re
from collections.abc import Iterator

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.plugins.rehearsal.report.history import ClientHistory, ConnectionHistory, GrantHistory
from lab.plugins.rehearsal.report.stops import stops_of
from lab.recording.exchange import RecordedExchange, exchanges_of
from lab.recording.format.lines import Entry, Recording, Req, Res
from lab.recording.story import job_histories
from lab.recording.tape.header import ACCOUNTS, epoch_in

_EXIT = re.compile("exit (-?[0-9]+)")


def histories_of(recording: Recording, *, over: bool = False, code: int | None = None) -> tuple[ClientHistory, ...]:
    """One a client; `over`: the clients are known to have ended; `code`: with what exit code the one there is did.

    A recording of a rehearsal says both itself, by the reason of its end.
    """
    if recording.end is not None and (found := _EXIT.fullmatch(recording.end.reason)):
        over, code = True, int(found[1])
    all_calls, facts = exchanges_of(recording), tuple(recording.facts())
    calls = tuple(call for call in all_calls if call.listener is None)
    real = [line.w for line in recording.lines if isinstance(line, Req | Res) and line.w is not None]
    within = not any(fact.type == "connection.opened" for fact in facts)
    whole = ClientHistory(
        client="",
        calls=calls,
        elsewhere=tuple(call for call in all_calls if call.listener is not None),
        grants=(),
        jobs=(),
        connections=tuple(_connections(recording, calls)),
        foreign=frozenset(),
        concurrent=_limit(recording),
        stops=(),
        facts=facts,
        exact=not real,
        # nobody was configured, so it is the client that every lab knows
        odd_secret=ACCOUNTS not in recording.header.settings,
        over=over or within,
        failed=None if code is None else code != 0,
        until=real[-1] if real else recording.until,
        epoch=epoch_in(recording),
    )
    return tuple(_of_client(name, whole) for name in dict.fromkeys(call.client for call in calls))


def _limit(recording: Recording) -> int | None:
    limits = [each.concurrent for each in recording.header.scenarios or ()]
    return max((each for each in limits if each is not None), default=None) if None not in limits else None


def _of_client(client: str, whole: ClientHistory) -> ClientHistory:
    calls = tuple(call for call in whole.calls if call.client == client)
    history = replace(
        whole,
        client=client,
        calls=calls,
        elsewhere=tuple(call for call in whole.elsewhere if call.client == client),
        grants=tuple(_grants(calls)),
        jobs=tuple(job_histories(calls, whole.facts)),
        connections=tuple(each for each in whole.connections if each.calls[0].client == client),
        foreign=frozenset(call.connection for call in whole.calls if call.client != client),
    )
    return replace(history, stops=tuple(stops_of(history)))


def _grants(calls: tuple[RecordedExchange, ...]) -> Iterator[GrantHistory]:
    for call in calls:
        for fact in call.facts:
            until = fact.get("until")
            if fact.type != "token.granted" or not isinstance(until, int):
                continue
            yield GrantHistory(
                call=call,
                token=fact.text("token") or "",
                refresh=fact.text("refresh"),
                scope=fact.text("scope") or "",
                grant=fact.text("grant") or "",
                user=fact.text("user"),
                life=until - fact.instant,
            )


def _connections(recording: Recording, calls: tuple[RecordedExchange, ...]) -> Iterator[ConnectionHistory]:
    by_connection: dict[int, list[RecordedExchange]] = {}
    for call in calls:
        by_connection.setdefault(call.connection, []).append(call)
    opened: list[int] = []
    closed: dict[int, tuple[Millis | None, str | None, int]] = {}
    real: Millis | None = None
    for line in recording.lines:
        if isinstance(line, Req | Res):
            real = line.w
        elif isinstance(line, Entry) and isinstance(c := line.get("c"), int):
            if line.type == "connection.opened":
                opened.append(c)
            elif line.type == "connection.closed":
                # facts have no real time of their own: it was that of the exchange before, or later
                closed[c] = line.instant if real is None else real, line.text("how"), line.n + 1
    for c in opened:
        if c in by_connection:
            when, how, n = closed.get(c, (None, None, 0))
            yield ConnectionHistory(c=c, calls=tuple(by_connection[c]), closed=when, how=how, line=n)
