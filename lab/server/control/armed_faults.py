"""The control plane's routes for faults: list, arm, disarm (contract.md §2.7)."""

from functools import partial

from aiohttp import web

from lab.clocks import AnyClock, ManualClock
from lab.core.exchange import Json
from lab.mock.service import ControlResult, Service
from lab.program.faults import JobFault
from lab.server.control.access import CommandRefused, read_object
from lab.server.control.commands import check_names
from lab.server.shared.calls import LedgerCalls

_OF_CALLS = 'Send calls: "1-2" strikes the next two.'
_MEANT = {
    "status": "Send answer, as 503.",
    "code": "Send answer, as 503.",
    "times": _OF_CALLS,
    "count": _OF_CALLS,
}


_NOBODY_WAITS = "The clock is manual, so the reply leaves at once and its delay is only recorded; a client that drives the clock does wait."


class FaultRoutes:
    """Handlers for one service."""

    def __init__(self, service: Service, clock: AnyClock, calls: LedgerCalls) -> None:
        self._service = service
        self._clock = clock
        self._calls = calls

    async def list(self, request: web.Request) -> Json:
        """All faults that may strike: those armed, then those of the scenarios."""
        faults: list[Json] = [
            {
                "name": each.name, "armed": each.scenario is None, "scenario": each.scenario, "struck": each.struck,
                "fault": dict(each.fault),
            }
            for each in self._service.faults()
        ]  # fmt: skip
        return {"faults": faults}

    async def arm(self, request: web.Request) -> Json:
        """A fault as a scenario writes it."""
        check_names(fault := await read_object(request), JobFault.__struct_fields__, _MEANT)
        answer = _named(await self._calls.run(partial(self._service.arm, fault)))
        waits = not isinstance(self._clock, ManualClock) or self._clock.withholds
        return answer if waits or "delay" not in fault else {**answer, "why": _NOBODY_WAITS}

    async def disarm(self, request: web.Request) -> Json:
        """The fault of that name."""
        return _named(await self._calls.run(partial(self._service.disarm, request.match_info["name"])))


def _named(result: ControlResult) -> dict[str, Json]:
    if result.status != 200:
        raise CommandRefused(result.status, result.why, "GET /_lab/faults lists them.")
    return {"ok": True, "name": result.why}
