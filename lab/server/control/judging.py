"""The control plane's routes about clients: their calls, what the rules find in them so far, how a run of one ended."""

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

from lab.core.exchange import Json
from lab.dialects.router import UNKNOWN_ROUTE
from lab.jobs.records import job_named
from lab.language.document import FAULT_ROUTES, Scenario, nearest
from lab.mock.service import Service
from lab.server.control.access import CommandRefused
from lab.server.control.journal import Subscriber

if TYPE_CHECKING:
    from lab.recording.lines import Recording

JOURNAL = "journal"
"""The name of what is judged, where evidence names its lines."""


class JudgingRoutes:
    """Handlers for one service; `journal` gives its lines so far."""

    def __init__(self, service: Service, journal: Callable[[], Subscriber]) -> None:
        self._service = service
        self._journal = journal

    async def calls(self, request: web.Request) -> Json:
        """How often clients called, with which pauses, and what they got: on one route, about one job, or all."""
        for name in request.query:
            if name not in ("route", "job"):
                raise CommandRefused(400, f"There is no parameter {name} here.", "Known: route, job.")
        route = request.query.get("route")
        if route is not None and route not in _ROUTES:
            hint = nearest(route, _ROUTES) or f"Known: {', '.join(_ROUTES)}."
            raise CommandRefused(400, f"There is no route {json.dumps(route)}.", hint)
        ledger = self._service.ledger

        def own(job: str) -> str:
            found = job_named(ledger, job)
            return found[0] if found is not None else job

        return await asyncio.to_thread(_calls, await self._lines(), route, request.query.get("job"), own)

    async def report(self, request: web.Request) -> Json:
        """The report as `lab report --json` prints it; with `over=1` the clients are known to have ended."""
        over = request.query.get("over", "0")
        if over not in ("0", "1"):
            raise CommandRefused(400, "over must be 0 or 1.")
        scenarios = tuple(each.scenario for each in self._service.config.scenarios)
        # elsewhere, for a long journal takes a second, and the mock must not be late
        return await asyncio.to_thread(_report, await self._lines(), over == "1", scenarios)

    async def outcome(self, request: web.Request) -> Json:
        """How a client's run ended that came to its end with the exit code `code`."""
        code, turns, strikes = (_integer(request, *each) for each in (("code", None), ("turns", 1), ("strikes", 0)))
        return await asyncio.to_thread(_outcome, await self._lines(), code, turns, strikes)

    async def _lines(self) -> list[bytes]:
        return [line async for lines in self._journal().so_far() for line in lines]


_ROUTES = (*FAULT_ROUTES, UNKNOWN_ROUTE)


def _integer(request: web.Request, name: str, usual: int | None) -> int:
    text = request.query.get(name)
    if text is None and usual is not None:
        return usual
    if text is None or not (text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 6):
        raise CommandRefused(400, f"{name} must be an integer.", "As GET /_lab/outcome?code=0&turns=1&strikes=0")
    return int(text)


def _recording(lines: list[bytes]) -> "Recording":
    from lab.recording.reader import read  # no start waits for it, nor for the rules

    return read(b"".join(lines), JOURNAL)


def _calls(lines: list[bytes], route: str | None, job: str | None, own: Callable[[str], str]) -> Json:
    from lab.report.call_summary import call_summary

    return call_summary(_recording(lines), route, job, own)


def _report(lines: list[bytes], over: bool, scenarios: tuple[Scenario, ...]) -> Json:
    from lab.report.coverage import Coverage, met_in, possible_in
    from lab.report.formats import report_document
    from lab.report.gather import histories_of
    from lab.report.judge import report_on

    recording = _recording(lines)
    histories = histories_of(recording, over=over)
    coverage = Coverage(met_in(recording, histories), possible_in(scenarios))
    return report_document(report_on({JOURNAL: histories}, coverage))


def _outcome(lines: list[bytes], code: int, turns: int, strikes: int) -> Json:
    from lab.report.gather import histories_of
    from lab.report.outcomes import Expectation, ProcessEnd, outcome_of

    histories = histories_of(_recording(lines), over=True)
    return {"outcome": outcome_of(histories, ProcessEnd(code), Expectation((), turns, strikes > 0))}
