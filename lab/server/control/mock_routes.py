"""The control plane's routes about one mock: of one lab (contract.md §2.7)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web
from msgspec import UNSET

from lab.clocks import apart, wall_second
from lab.core.clock import Epoch
from lab.core.exchange import Json
from lab.core.journal.fact import Fact
from lab.core.journal.numbers import NumberUsed
from lab.core.observe import Noted, Requested
from lab.core.version import __version__
from lab.identity.routes import PATHS
from lab.identity.scopes import api_scope
from lab.language.shape import write_part
from lab.mock.config import MOUNT_PATH
from lab.mock.history import BEFORE
from lab.plugin import plugins
from lab.program.scenario import Scenario
from lab.server.control.access import CommandRefused, Handler, obeyed
from lab.server.control.armed_faults import FaultRoutes
from lab.server.control.calls import RouteContext, ServedJournal, calls, plugin_handler
from lab.server.control.clock import ClockRoutes
from lab.server.control.commands import AnswerDevice, EndTokens, JournalQuery, command_in, query_in
from lab.server.control.jobs import JobRoutes
from lab.server.control.journal import Subscriber
from lab.server.control.last_exchanges import Buffer, SharedBytes
from lab.server.control.metrics import CONNECTIONS, MetricsRoute, MockMeter, counts_of_others
from lab.server.control.rewind import Rewind
from lab.server.control.shared import UNSHARED, SharedBuffer, SharedReset, SharedSubscriber, following
from lab.server.labs import LabChoice, ServedLab
from lab.server.mock_server import MockServer

if TYPE_CHECKING:
    from lab.recording.format.lines import Header

_STREAM = {"cache-control": "no-store", "server": "lab"}


class MockRoutes:
    """Handlers for one mock of a server. `trouble` says what is wrong with the lab, if anything is."""

    def __init__(
        self,
        server: MockServer,
        lab: ServedLab,
        shared: SharedBytes,
        trouble: Callable[[], str | None],
        second: Callable[[], Epoch] = wall_second,
    ) -> None:
        """As the control plane's; `shared` is what the last exchanges of all mocks are counted in."""
        self.others: Callable[[], Iterable[MockRoutes]] = tuple
        """Of the usual mock: the routes about those that were chosen, and called."""
        self._server = server
        self._lab = lab
        self._service = lab.service
        self._clock = lab.clock
        self._trouble = trouble
        # our own app lives by the lab's clock
        self._outside = lab.recorder is None or lab.recorder.outside
        self._calls, relay = lab.calls, lab.calls.relay
        self._buffer = (Buffer if relay is None else SharedBuffer)(self._service, server.limits, shared)
        if relay is not None and isinstance(self._buffer, SharedBuffer):
            relay.onlookers.append(self._buffer.relay)
        self.meter = MockMeter(server, lab, server.totals)
        """What counts its calls and jobs."""
        self._rewind = Rewind(server, lab, self._begin_anew, second)
        self._jobs = JobRoutes(self._service, self._clock, self._calls)
        self.clock = ClockRoutes(self._service, self._clock, self._jobs, self._calls)
        """Those about the clock."""
        self._subscribers: set[Subscriber] = set()
        self._begin_anew(lab.past)
        self.handlers = self._handlers()
        """By the names of their routes: all but those of the plane itself."""

    async def written(self) -> None:
        """Return once what a command brought is on the tape, if one runs."""
        if self._lab.recorder is not None:
            await self._lab.recorder.written()

    def _handlers(self) -> Mapping[str, Handler]:
        jobs, faults = self._jobs, FaultRoutes(self._service, self._clock, self._calls)
        server = self._server
        metrics = MetricsRoute(server, self._lab, self.meter, lambda: (each.meter for each in self.others()))
        handlers: dict[str, Handler] = {
            "health": self._health, "jobs": jobs.list, "job": jobs.look, "decide": jobs.decide,
            "clock": self.clock.look, "set_clock": self.clock.set,
            "metrics": metrics.scrape,
            "journal": self._journal, "calls": lambda request: calls(self.journal, request),
            "scenarios": self._scenarios, "openapi": self._openapi,
            "faults": faults.list, "arm": faults.arm, "disarm": faults.disarm,
            "tokens": self._tokens, "devices": self._devices, "tape": self._rewind.tape, "reset": self._rewind.reset,
        }  # fmt: skip
        rows = (row for plugin in plugins() for row in plugin.routes if row.run)
        handlers |= {row.name: plugin_handler(row, self._context) for row in rows}
        if self._calls.shared:
            reset = SharedReset(self._service, self._calls, partial(self._begin_anew, None))
            handlers |= {**UNSHARED, "reset": reset.reset}
        return handlers

    def end_streams(self) -> None:
        """Whoever follows the journal is at its end."""
        for subscriber in tuple(self._subscribers):
            subscriber.close()

    def close(self) -> None:
        """Observe no more."""
        self._buffer.close()
        self.meter.close()

    # Looking

    async def _health(self, request: web.Request) -> Json:
        config, trouble = self._service.config, self._trouble()
        others = (await counts_of_others(self._server, self._server.labs.usual)).values()
        return {
            "status": "ok" if trouble is None else "red", "why": trouble, "lab": __version__,
            "set_back": self._calls.set_back,
            "base_url": f"{self._server.public_origin}{config.prefix}", "clock": self.clock.document(),
            "seed": config.seed, "scenarios": [each.name for each in config.scenarios],
            "connections": self._server.connections + sum(int(n) for each in others if each for _, (n,) in each.get(CONNECTIONS, ())),
        }  # fmt: skip

    async def _scenarios(self, request: web.Request) -> Json:
        """What is served, and what a client sends to have it played; of what can be chosen also where, and what a good one does."""
        if self._lab.choices:
            return {"scenarios": [self._choice(each) for each in self._lab.choices.values()]}
        return {"scenarios": [client_part(each.scenario) for each in self._service.config.scenarios]}

    def _choice(self, choice: LabChoice) -> Json:
        from lab.jobs.own_run import ends_in

        chosen, scenario = self._lab.chosen.get(choice.name), choice.messages()
        ends: list[Json] = [*(choice.good_client or map(str, ends_in(scenario)))]
        base = f"{self._server.public_origin}{self._service.config.prefix}{MOUNT_PATH}{choice.name}"
        return {
            **client_part(scenario), "name": choice.name, "base_url": base, "token_url": base + PATHS["token"],
            "calls": 0 if chosen is None else chosen.service.exchanges, "jobs": choice.jobs, "good_client": ends,
            "strikes": choice.strikes,
        }  # fmt: skip

    @property
    def journal(self) -> ServedJournal:
        """That of this mock."""
        return ServedJournal(self._service, self.subscriber, self._lab.choice)

    def _context(self) -> RouteContext:
        return RouteContext(
            self.journal,
            lambda: (each.journal for each in self.others()),
            self._lab.choices.values,
        )

    async def _journal(self, request: web.Request) -> web.StreamResponse:
        """All lines so far; with `follow=1` for as long as the lab lives, with `replies=0` too without `res` lines."""
        query = query_in(request, JournalQuery)
        follows = query.follow == "1"
        kind = "text/event-stream" if follows else "application/x-ndjson"
        response = web.StreamResponse(headers={"content-type": kind, **_STREAM})
        await response.prepare(request)
        if not follows:
            async for batch in self.subscriber().so_far():
                if batch:  # writing nothing would end the chunks
                    await response.write(b"".join(batch))
            return response
        subscriber = self.subscriber(replies=query.replies == "1")
        self._subscribers.add(subscriber)
        connection: Any = request.protocol
        connection.at_end = subscriber.close  # nothing may be written for long that would show that the peer is gone
        try:
            with suppress(ConnectionError), following(self._service, self._calls.relay, subscriber):
                async for batch in subscriber.follow(connection.shell.turn.begin):
                    await response.write(b"".join(b"data: %b\n\n" % line.rstrip(b"\n") for line in batch))
        finally:
            connection.at_end = None
            self._subscribers.discard(subscriber)
        return response

    def subscriber(self, *, replies: bool = True) -> Subscriber:
        """Who gets the lines of the journal."""
        past, header = self._buffer.exchanges(), self.header()
        walled = self._outside and apart(self._clock)
        kind = Subscriber if self._calls.relay is None else SharedSubscriber
        created = kind(self._service, self._clock, header, past, replies=replies, walled=walled)
        if self._calls.relay is None:
            created.after = self._buffer.after
        return created

    def header(self) -> "Header":
        """The header of the journal as it is shown."""
        from lab.recording.tape.header import recording_header

        return recording_header(self._service.config, lab=__version__, clock=self._clock)

    def _begin_anew(self, facts: Sequence[Fact] | None) -> int:
        """The lab begins, or its clock was set back: the journal is what these facts tell, and who follows it must come again.

        None: it is empty, but whoever follows it goes on. How many exchanges it told of before.
        """
        before = sum(isinstance(each.observation, Requested) for each in self._buffer.exchanges())
        for subscriber in tuple(self._subscribers) if facts is not None else ():
            subscriber.close()
        now = self._clock.now()
        # an edit from before the clock began stands in the header
        shown = (fact for fact in facts or () if not isinstance(fact, NumberUsed) and fact.at > BEFORE)
        self._buffer.restart(Noted(now, fact) for fact in shown)
        return before

    async def _openapi(self, request: web.Request) -> Json:
        from lab.dialects.openapi import openapi  # no start waits for it

        config = self._service.config
        switches = config.switches
        document = openapi(__version__, config.origin, api_scope(switches.pod), local=switches.local_orchestrator)
        own = "That of the control plane, which serves this document, is GET /_lab/openapi.json."
        info = document["info"]
        assert isinstance(info, dict)
        return {**document, "info": {**info, "description": f"{info['description']} {own}"}}

    # Commanding

    async def _tokens(self, request: web.Request) -> Json:
        command = await command_in(request, EndTokens)
        if command.do == "rotate":
            if command.client is not UNSET:
                raise CommandRefused(400, "The key is every client's.", 'Send {"do": "rotate"} alone.')
            return obeyed(await self._calls.run(self._service.rotate_key))
        if command.client is UNSET:
            raise CommandRefused(400, "client is missing.")
        return obeyed(await self._calls.run(partial(self._service.end_tokens, command.client, command.do)))

    async def _devices(self, request: web.Request) -> Json:
        command = await command_in(request, AnswerDevice)
        return obeyed(await self._calls.run(partial(self._service.answer_device, command.user_code, command.answer)))


def client_part(scenario: Scenario) -> dict[str, Json]:
    """What a client sends to have a scenario played."""
    asks: list[Json] = [
        {"message": each.message, "parameters": dict(each.parameters)} for each in scenario.user_messages
    ]
    callers = scenario.callers
    whom: dict[str, Json] = {} if callers is None else {"for": write_part(callers)}
    return {"name": scenario.name, "agent_code": scenario.agent.code, "asks": asks, **whom}
