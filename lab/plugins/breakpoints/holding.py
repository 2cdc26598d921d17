"""Which exchanges a lab holds.

A breakpoint belongs to this process and to no record: who starts the lab again, or resets it, begins without any.
"""

from collections import Counter
from collections.abc import Sequence

from lab.core.exchange import Request
from lab.core.journal.fact import ClockRestarted, Fact, LedgerCleared
from lab.core.journal.holds import HeldSide
from lab.core.reply import Reply
from lab.dialects.router import ROUTER
from lab.jobs.facts import job_named
from lab.plugins.breakpoints.commands import SetBreakpoint
from lab.program.words import duration
from lab.recording.exchange import ASKED_OVER_ANY_WIRE, call_kind, client_call_of
from lab.server.holds import HoldOrder
from lab.server.labs import ServedLab


class Breakpoints:
    """Those of one lab."""

    def __init__(self, lab: ServedLab) -> None:
        self._service = lab.service
        self.breakpoints: dict[str, SetBreakpoint] = {}
        """By name, in the order in which they were set."""
        self._seen = Counter[str]()
        """How many exchanges have fitted each."""

    def begin_anew(self, facts: Sequence[Fact]) -> None:
        """Take them all away, if these facts begin the lab anew."""
        if any(isinstance(fact, LedgerCleared | ClockRestarted) for fact in facts):
            self.breakpoints.clear()

    def __call__(self, side: HeldSide, request: Request, reply: Reply | None) -> HoldOrder | None:
        """The first breakpoint that fits holds it; all that fit count it, and those that hold once are over."""
        routes, job = self._of(request)
        job = job if reply is None else reply.job or job
        status = None if reply is None else reply.response.status

        def fits(one: SetBreakpoint) -> bool:
            there = one.route in (None, *routes) and one.job in (None, job)
            return one.side == side and there and one.status in (None, status)

        fitting = [each for each in self.breakpoints.values() if fits(each)]
        self._seen.update(each.name for each in fitting)
        takers = [each for each in fitting if each.call in (None, self._seen[each.name])]
        for each in takers:
            if each.once or each.call is not None:
                del self.breakpoints[each.name], self._seen[each.name]
        if not takers:
            return None
        after = takers[0].release_after
        return HoldOrder(takers[0].name, routes[0], job, None if after is None else duration(after))

    def _of(self, request: Request) -> tuple[tuple[str, ...], str | None]:
        """What a call goes by, its route's name and what it asks; and the job that it names."""
        route, match = ROUTER.name(request.method, request.path, local=True), ROUTER.at(request.path)
        call = client_call_of(route, request)
        command = None if call is None else call.command
        asks = ASKED_OVER_ANY_WIRE.get(call_kind(route, command), route)
        named = match.job if match is not None and match.job else getattr(command, "job", None)
        found = job_named(self._service.ledger, named) if named else None
        return (route, asks), named if found is None else found[0]
