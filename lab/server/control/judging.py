"""The control plane's routes about clients: their calls, what the rules find in them so far, how a run of one ended."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from aiohttp import web
from msgspec import Struct

from lab.core.exchange import Json
from lab.dialects.router import UNKNOWN_ROUTE
from lab.jobs.records import job_named
from lab.language.document import FAULT_ROUTES, Scenario, nearest
from lab.mock.service import Service
from lab.server.control.access import CommandRefused
from lab.server.control.journal import Subscriber
from lab.server.mounts import MountChoice

if TYPE_CHECKING:
    from lab.recording.format.lines import Recording
    from lab.report.outcomes import Expectation
    from lab.report.runs import JudgedRun

JOURNAL = "journal"
"""The name of what is judged, where evidence names its lines."""


class JudgedJournal(Struct, frozen=True):
    """The journal of one mock, and of one that was chosen what a good client does there."""

    service: Service
    subscriber: Callable[[], Subscriber]
    choice: MountChoice | None

    async def lines(self) -> list[bytes]:
        """All of it so far."""
        return [line async for lines in self.subscriber().so_far() for line in lines]

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """What is played there."""
        return tuple(each.scenario for each in self.service.config.scenarios)


class JudgingRoutes:
    """Handlers for one mock; a report on the usual one is on all that were chosen, too, which `others` gives."""

    def __init__(
        self,
        journal: JudgedJournal,
        others: Callable[[], Iterable[JudgedJournal]] = tuple,
        faults: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """`faults` gives the drills whose faults a client could meet."""
        self._journal = journal
        self._service = journal.service
        self._others = others
        self._faults = faults

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

        return await asyncio.to_thread(_calls, await self._journal.lines(), route, request.query.get("job"), own)

    async def report(self, request: web.Request) -> Json:
        """The report as `lab report --json` prints it; with `over=1` the clients are known to have ended."""
        over = request.query.get("over", "0")
        if over not in ("0", "1"):
            raise CommandRefused(400, "over must be 0 or 1.")
        parts = [(each, await each.lines()) for each in (self._journal, *self._others())]
        # elsewhere, for a long journal takes a second, and the mock must not be late
        return await asyncio.to_thread(_report, parts, over == "1", self._journal.scenarios, tuple(self._faults()))

    async def outcome(self, request: web.Request) -> Json:
        """How a client's run ended that came to its end with the exit code `code`; where it was chosen nobody need know it."""
        choice = self._journal.choice
        turns, strikes = (1, 0) if choice is None else (_turns(self._journal), int(choice.strikes))
        turns, strikes = _integer(request, "turns", turns), _integer(request, "strikes", strikes)
        code = _integer(request, "code", None) if choice is None or "code" in request.query else None
        return await asyncio.to_thread(_outcome, self._journal, await self._journal.lines(), code, turns, strikes)


_ROUTES = (*FAULT_ROUTES, UNKNOWN_ROUTE)


def _integer(request: web.Request, name: str, usual: int | None) -> int:
    text = request.query.get(name)
    if text is None and usual is not None:
        return usual
    if text is None or not (text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 6):
        raise CommandRefused(400, f"{name} must be an integer.", "As GET /_lab/outcome?code=0&turns=1&strikes=0")
    return int(text)


def _recording(lines: list[bytes]) -> "Recording":
    from lab.recording.format.reader import read  # no start waits for it, nor for the rules

    return read(b"".join(lines), JOURNAL)


def _calls(lines: list[bytes], route: str | None, job: str | None, own: Callable[[str], str]) -> Json:
    from lab.report.call_summary import call_summary

    return call_summary(_recording(lines), route, job, own)


def _turns(journal: JudgedJournal) -> int:
    """How many messages a client is to send where it chose."""
    return len(journal.scenarios[0].user_messages) * (1 if journal.choice is None else journal.choice.jobs)


def _expectation(journal: JudgedJournal, turns: int, strikes: bool) -> "Expectation":
    from lab.faults.drills import GoodEnd
    from lab.report.outcomes import Expectation, ends_in

    choice = journal.choice
    if choice is None:
        return Expectation((), turns, strikes)
    ends = ends_in(journal.scenarios[0]) if choice.good_client is None else tuple(map(GoodEnd, choice.good_client))
    return Expectation(ends, turns, strikes)


def _judged(journal: JudgedJournal, lines: list[bytes], over: bool) -> "JudgedRun":
    from lab.report.outcomes import UNWATCHED
    from lab.report.runs import judged_run

    choice = journal.choice
    name, strikes = (JOURNAL, False) if choice is None else (choice.name, choice.strikes)
    expected = _expectation(journal, _turns(journal), strikes)
    return judged_run(name, _recording(lines), expected, UNWATCHED, over=over)


def _report(
    parts: Sequence[tuple[JudgedJournal, list[bytes]]],
    over: bool,
    scenarios: tuple[Scenario, ...],
    faults: tuple[str, ...],
) -> Json:
    from lab.report.coverage import Coverage, joined, possible_in
    from lab.report.formats import report_document
    from lab.report.judge import report_on

    judged = [_judged(*part, over) for part in parts]
    possible = {**possible_in(scenarios), **({"faults": frozenset(faults)} if faults else {})}
    coverage = Coverage(joined(*(run.met for run in judged)), possible)
    runs = [run for (part, _), run in zip(parts, judged, strict=True) if part.choice is not None]
    return report_document(report_on({run.name: run.histories for run in judged}, coverage, runs))


def _outcome(journal: JudgedJournal, lines: list[bytes], code: int | None, turns: int, strikes: int) -> Json:
    from lab.report.outcomes import UNWATCHED, ProcessEnd
    from lab.report.runs import judged_run

    end, expected = UNWATCHED if code is None else ProcessEnd(code), _expectation(journal, turns, strikes > 0)
    name = JOURNAL if journal.choice is None else journal.choice.name
    run = judged_run(name, _recording(lines), expected, end)
    return {"outcome": run.outcome} if journal.choice is None else run.document()
