"""The control plane's route about clients' calls, and what plugins' routes are handed (plugins.md)."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from aiohttp import web
from msgspec import UNSET, Struct

from lab.core.exchange import Json
from lab.dialects.router import UNKNOWN_ROUTE
from lab.jobs.facts import job_named
from lab.mock.service import Service
from lab.plugin import ControlRoute, resolve
from lab.program.routes import FAULT_ROUTES
from lab.program.scenario import Scenario
from lab.program.words import nearest
from lab.server.control.access import CommandRefused, Handler, read_object
from lab.server.control.commands import CallsQuery, asked_of, query_in, struct_of
from lab.server.control.journal import Subscriber
from lab.server.labs import LabChoice

if TYPE_CHECKING:
    from lab.recording.format.lines import Recording

JOURNAL = "journal"
"""The name of what is read, where evidence names its lines."""
_ROUTES = (*FAULT_ROUTES, UNKNOWN_ROUTE)


class ServedJournal(Struct, frozen=True):
    """The journal of one mock, and of one that was chosen what a good client does there."""

    service: Service
    subscriber: Callable[[], Subscriber]
    choice: LabChoice | None

    async def lines(self) -> list[bytes]:
        """All of it so far."""
        return [line async for lines in self.subscriber().so_far() for line in lines]

    @property
    def name(self) -> str:
        """By which it was chosen, or that of the usual one."""
        return JOURNAL if self.choice is None else self.choice.name

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """What is played there."""
        return tuple(each.scenario for each in self.service.config.scenarios)


class RouteContext(Struct, frozen=True):
    """What a plugin's route is handed: the journal that the path means, and of the usual one what else is served."""

    journal: ServedJournal
    others: Callable[[], Iterable[ServedJournal]]
    """Of the usual mock: those that were chosen, and called."""
    choices: Callable[[], Iterable[LabChoice]]
    """Of the usual mock: what may be chosen."""


Asked = TypeVar("Asked", bound=Struct, contravariant=True)


class RouteAnswer(Protocol[Asked]):
    """A plugin's route: given what is asked, a Struct of its own, a document; CommandRefused if there is none."""

    def __call__(self, context: RouteContext, query: Asked, /) -> Awaitable[Json]: ...


def plugin_handler(row: ControlRoute, context: Callable[[], RouteContext]) -> Handler:
    """Answers a plugin's route: path, query and, of a command, body are read into the Struct of the function's second parameter."""

    async def handle(request: web.Request) -> Json:
        answer, kind = cast("RouteAnswer[Struct]", resolve(row.run)), asked_of(row)
        assert kind is not None
        given = {**request.query, **({} if row.body is None else await read_object(request)), **request.match_info}
        hint = f"As {row.method} /_lab/{row.example or row.path}"
        return await answer(context(), struct_of(given, kind, strict=False, hint=hint))

    return handle


def recording_of(lines: list[bytes]) -> "Recording":
    """The lines of a journal as the recording that they are."""
    from lab.recording.format.reader import read  # no start waits for it

    return read(b"".join(lines), JOURNAL)


async def calls(journal: ServedJournal, request: web.Request) -> Json:
    """How often clients called, with which pauses, and what they got: on one route, about one job, or all."""
    query = query_in(request, CallsQuery)
    route, job = (None if each is UNSET else each for each in (query.route, query.job))
    if route is not None and route not in _ROUTES:
        hint = nearest(route, _ROUTES) or f"Known: {', '.join(_ROUTES)}."
        raise CommandRefused(400, f"There is no route {json.dumps(route)}.", hint)
    ledger = journal.service.ledger

    def own(job: str) -> str:
        found = job_named(ledger, job)
        return found[0] if found is not None else job

    return await asyncio.to_thread(_summary, await journal.lines(), route, job, own)


def _summary(lines: list[bytes], route: str | None, job: str | None, own: Callable[[str], str]) -> Json:
    from lab.recording.call_summary import call_summary

    return call_summary(recording_of(lines), route, job, own)
