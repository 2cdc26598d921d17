"""The control plane: its own listener under `/_lab/`, of which the mocked API knows nothing (contract.md §2.7)."""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import web

from lab import __version__
from lab.clocks import ManualClock, ScaledClock, first_of
from lab.core.clock import Millis, iso
from lab.core.errors import UsageError
from lab.core.exchange import Json
from lab.core.journal.fact import ClockAdvanced, ClockScaled, Fact
from lab.core.journal.numbers import NumberUsed
from lab.core.observe import Noted, Observation
from lab.dialects.fusion import final
from lab.dialects.fusion.openapi import openapi
from lab.identity.scopes import api_scope
from lab.jobs.gates import Origin, offers
from lab.jobs.view import JobView
from lab.language.document import Status, duration
from lab.mock.calls import Ruling
from lab.server.control.access import Access, CommandRefused, answer, command, text, text_or_none
from lab.server.control.faults import FaultRoutes
from lab.server.control.journal import Buffer, Subscriber
from lab.server.control.rewind import Recorder, Rewind
from lab.server.listen import Listener
from lab.server.mock_server import MockServer

if TYPE_CHECKING:
    from lab.recording.lines import Header

_NEWEST = 100
"""Jobs listed unless `limit` says otherwise."""


class ControlPlane:
    """Commands a mock that is being served. `trouble` says what is wrong with the lab, if anything is."""

    def __init__(
        self, server: MockServer, token: str, *, trouble: Callable[[], str | None] = lambda: None,
        recorder: Recorder | None = None,
    ) -> None:  # fmt: skip
        self._server = server
        self._service = server.service
        self._clock = server.clock
        self._trouble = trouble
        self._guard = Access(token)
        self._ring = Buffer(self._service, server.limits.exchanges)
        self._past = Rewind(server, recorder, self._begin_anew)
        self._streams: set[Subscriber] = set()
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen; the origin. HostError and UsageError as the mock's own."""
        app = web.Application(middlewares=[self._guard.middleware()], client_max_size=self._server.limits.body)
        self._routes(app)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await runner.setup()
        assert runner.server is not None
        self._listener = Listener.open(runner.server, host, port)
        self._guard.listening(host, int(self._listener.origin.rpartition(":")[2]))
        self._runner = runner
        return self._listener.origin

    async def stop(self) -> None:
        """End the streams, and stop listening."""
        if self._listener is not None and self._runner is not None:
            self._listener.close()
            for stream in tuple(self._streams):
                stream.close()
            await self._runner.cleanup()
            self._listener = None
        self._ring.close()

    def header(self) -> "Header":
        """The header of the journal as it is shown."""
        from lab.recording.header import header_of

        clock = self._clock
        factor = clock.factor if isinstance(clock, ScaledClock) else None
        return header_of(self._service.config, lab=__version__, mode=clock.mode, factor=factor)

    def _routes(self, app: web.Application) -> None:
        faults = FaultRoutes(self._service, self._clock)
        for method, path, handler in (
            ("GET", "health", self._health),
            ("GET", "jobs", self._jobs),
            ("GET", "jobs/{job}", self._job),
            ("POST", "jobs/{job}/decisions", self._decide),
            ("GET", "clock", self._read_clock),
            ("POST", "clock", self._set_clock),
            ("GET", "journal", self._journal),
            ("GET", "faults", faults.list),
            ("POST", "faults", faults.arm),
            ("DELETE", "faults/{name}", faults.disarm),
            ("POST", "tokens", self._tokens),
            ("POST", "devices", self._devices),
            ("POST", "tape", self._past.tape),
            ("POST", "reset", self._past.reset),
            ("GET", "openapi", self._openapi),
        ):
            app.router.add_route(method, f"/_lab/{path}", handler)

    # Looking

    async def _health(self, request: web.Request) -> web.Response:
        config, trouble = self._service.config, self._trouble()
        document: Json = {
            "status": "ok" if trouble is None else "red", "why": trouble, "lab": __version__,
            "base_url": self._server.origin, "clock": self._clock_document(), "seed": config.seed,
            "scenarios": [each.name for each in config.scenarios], "connections": self._server.connections,
        }  # fmt: skip
        return answer(document)

    async def _jobs(self, request: web.Request) -> web.Response:
        given = request.query.get("limit", str(_NEWEST))
        if not (given.isascii() and given.isdigit() and 0 < int(given) <= 100_000):
            raise CommandRefused(400, "limit must be an integer from 1 to 100000.")
        now = self._clock.now()
        newest = deque(self._service.jobs(), int(given))
        looks = [(job, self._service.look(job, now)) for job in newest]
        return answer({"now": now, "jobs": [document_of(job, look, now) for job, look in looks if look]})

    async def _job(self, request: web.Request) -> web.Response:
        job = request.match_info["job"]
        until = request.query.get("until")
        if until is not None:
            if until not in set(Status):
                raise CommandRefused(400, f"until must be one of {', '.join(Status)}.")
            await self._wait_for(job, until, _millis(request.query.get("timeout", "30s")))
        now = self._clock.now()
        document = document_of(job, self._look(job, now), now)
        body = self._service.status_of(job, now)
        return answer({**document, "body": json.loads(body) if body else None})

    def _look(self, job: str, now: Millis) -> JobView:
        look = self._service.look(job, now)
        if look is None:
            raise CommandRefused(404, "There is no such job.", "GET /_lab/jobs lists them.")
        return look

    async def _wait_for(self, job: str, status: str, timeout: Millis) -> None:
        """Return once the job has that status; CommandRefused 408 if it doesn't come in real time, or can't any more."""
        changed = asyncio.Event()

        def notice(told: Observation) -> None:
            if isinstance(told, Noted) and getattr(told.fact, "job", job) == job:
                changed.set()

        self._service.observers.append(notice)
        try:
            async with asyncio.timeout(timeout / 1000):
                while (span := self._look(job, self._clock.now()).span).status != status and not final(span.status):
                    changed.clear()
                    await first_of(changed.wait(), self._moves(span.until))
        except TimeoutError:
            pass
        finally:
            self._service.observers.remove(notice)
        reached = self._look(job, self._clock.now()).span.status
        if reached != status:
            raise CommandRefused(
                408, f"The job is {reached}, not {status}.", "Wait longer, or look at what it waits for."
            )

    async def _moves(self, until: Millis | None) -> None:
        if until is None:
            await asyncio.get_running_loop().create_future()
        else:
            await self._clock.sleep_until(until)

    async def _journal(self, request: web.Request) -> web.StreamResponse:
        """All lines so far; with `follow=1` for as long as the lab lives, with `replies=0` too without `res` lines."""
        if request.query.get("follow") != "1":
            lines = b"".join(await self._onlooker().so_far())
            headers = {"content-type": "application/x-ndjson", "cache-control": "no-store", "server": "lab"}
            return web.Response(body=lines, headers=headers)
        response = web.StreamResponse(
            headers={"content-type": "text/event-stream", "cache-control": "no-store", "server": "lab"}
        )
        await response.prepare(request)
        stream = self._onlooker(replies=request.query.get("replies") != "0")
        self._service.observers.append(stream)
        self._streams.add(stream)
        try:
            with suppress(ConnectionError):
                async for batch in stream.follow():
                    await response.write(b"".join(b"data: %b\n\n" % line.rstrip(b"\n") for line in batch))
        finally:
            self._service.observers.remove(stream)
            self._streams.discard(stream)
        return response

    def _onlooker(self, *, replies: bool = True) -> Subscriber:
        past = self._ring.observations()
        return Subscriber(self._service, self._clock, self.header(), past, replies=replies)

    async def _openapi(self, request: web.Request) -> web.Response:
        config = self._service.config
        chosen = config.switches
        document = openapi(
            __version__, config.origin, scope=api_scope(chosen.pod), local=chosen.local_orchestrator
        )  # fmt: skip
        return answer(document)

    # Commanding

    async def _decide(self, request: web.Request) -> web.Response:
        asked = await command(request, "gate", "verdict", "name", "comment")
        ruling = self._service.decide(
            request.match_info["job"], text(asked, "gate"), text(asked, "verdict"), self._clock.now(),
            by=Origin.PERSON, name=text_or_none(asked, "name"), comment=text_or_none(asked, "comment"),
        )  # fmt: skip
        return ruled(ruling)

    async def _tokens(self, request: web.Request) -> web.Response:
        asked = await command(request, "client", "do")
        return ruled(self._service.end_tokens(text(asked, "client"), text(asked, "do"), self._clock.now()))

    async def _devices(self, request: web.Request) -> web.Response:
        asked = await command(request, "user_code", "answer")
        return ruled(self._service.answer_device(text(asked, "user_code"), text(asked, "answer"), self._clock.now()))

    def _begin_anew(self, facts: tuple[Fact, ...]) -> None:
        """The clock was set back: the journal is what these facts tell, and who follows it must come again."""
        for stream in tuple(self._streams):
            stream.close()
        now = self._clock.now()
        self._ring.restart(Noted(now, fact) for fact in facts if not isinstance(fact, NumberUsed))

    async def _read_clock(self, request: web.Request) -> web.Response:
        return answer(self._clock_document())

    async def _set_clock(self, request: web.Request) -> web.Response:
        asked = await command(request, "advance", "factor")
        match sorted(asked):
            case ["advance"]:
                await self._advance(_millis(text(asked, "advance")))
            case ["factor"]:
                self._scale(text(asked, "factor"))
            case _:
                raise CommandRefused(400, "Send advance or factor.", 'As {"advance":"1h"}, or {"factor":"20"}.')
        return answer(self._clock_document())

    async def _advance(self, millis: Millis) -> None:
        clock = self._clock
        if not isinstance(clock, ManualClock):
            raise CommandRefused(409, "This clock runs by itself.", "Start the lab with --clock manual.")
        origin = clock.now()
        await clock.advance_by(millis)
        self._service.note(ClockAdvanced(at=clock.now(), by="control", origin=origin))

    def _scale(self, factor: str) -> None:
        clock = self._clock
        if not isinstance(clock, ScaledClock):
            raise CommandRefused(409, "This clock has no pace to set.", "Start the lab with --clock scaled:1.")
        try:
            clock.scale(factor)
        except UsageError as error:
            raise CommandRefused(400, error.what, error.hint) from None
        self._service.note(ClockScaled(at=clock.now(), by="control", factor=factor))

    def _clock_document(self) -> Json:
        clock, epoch = self._clock, self._service.config.epoch
        now = clock.now()
        return {"mode": clock.mode, "factor": clock.factor, "now": now, "epoch": epoch, "wall": iso(epoch, now)}


def _millis(given: str) -> Millis:
    try:
        return duration(given)
    except ValueError as error:
        raise CommandRefused(400, f"This is no duration: {error}.", "Write 30s, 15m or 1h30m.") from None


def ruled(ruling: Ruling) -> web.Response:
    """What became of a command."""
    if ruling.status != 200:
        raise CommandRefused(ruling.status, ruling.why)
    return answer({"ok": True, "why": ruling.why})


def document_of(job: str, look: JobView, now: Millis) -> dict[str, Json]:
    """A job at an instant, for people who steer it."""
    record, span = look.record, look.span
    gate: Json = None
    if span.opening is not None:
        opening = span.opening
        gate = {
            "gate": span.id, "code": span.code, "round": opening.visit, "channel": str(opening.gate.channel),
            "opened": opening.opened, "until": opening.deadline,
            "offers": [str(verdict) for verdict in offers(opening.gate)], "approvals": opening.gate.approvals,
            "votes": [{"at": vote.at, "verdict": vote.verdict, "by": vote.name} for vote in span.votes_at(now)],
        }  # fmt: skip
    return {
        "job": job, "status": str(span.status), "step": span.id, "since": span.since, "until": span.until,
        "team": record.team, "scenario": record.scenario, "client": record.client, "accepted": record.at,
        "conversation": record.conversation, "turn": record.turn, "gate": gate,
    }  # fmt: skip
