"""One call of the API: what its rules are given, what comes of it, and how its reply is withheld and struck."""

from collections.abc import Callable, Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Request
from lab.core.journal.fact import Fact
from lab.core.journal.ledger import Changes, Ledger
from lab.core.reply import Reply
from lab.core.routes import RouteMatch
from lab.dialects.base import Dialect
from lab.faults.model import Place, Rule
from lab.faults.striking import FaultInjector, rules_of
from lab.faults.substitutes import Alter, Refuse
from lab.identity.bearer import token_of
from lab.identity.facts import TokenRevoked
from lab.identity.records import TokenRecord
from lab.identity.scopes import api_scope
from lab.jobs.facts import JobView
from lab.jobs.program import Program
from lab.mock.catalog import Catalog
from lab.mock.config import Config
from lab.mock.job_index import JobIndex
from lab.mock.latencies import FirstAnswers, planned_latency
from lab.program.switches import Switches


class Call(Struct):
    """A request whose path, method and bearer are in order. Made for it alone."""

    config: Config
    catalog: Catalog
    index: JobIndex
    first_answers: FirstAnswers
    ledger: Ledger
    """The state as it was before, and as it is once the call counts."""
    changes: Changes
    """The state, and the facts that the call brings."""
    match: RouteMatch
    code: str
    """The agent team's; empty, while a path says nothing of it and the request wasn't read."""
    dialect: Dialect
    bearer: TokenRecord
    now: Millis
    request: Request
    switches: Switches
    """Those of the team; once its scenario is chosen, those of the scenario."""
    flags: tuple[str, ...]
    """What is noted of the request, sorted once it is read."""
    touched: str | None = None
    """The job that was looked at or changed, also where the request is refused."""
    _views: dict[str, JobView | None] = field(default_factory=dict)

    def note(self, flags: Iterable[str]) -> None:
        """Let these be noted of the request, too."""
        self.flags = tuple(sorted({*self.flags, *flags}))

    @property
    def team(self) -> tuple[Program, ...]:
        """The team's scenarios, published or not."""
        return self.catalog.team(self.code)

    def job(self, job: str) -> JobView | None:
        """The job as it is now, if it is the caller's, and of this team where one is named. Planned once a call."""
        if job not in self._views:
            view = self.index.view(self.changes, job, self.now)
            own = view is not None and view.record.owner == self.bearer.owner and self.code in ("", view.record.team)
            self._views[job] = view if own else None
        return self._views[job]


def ends_token(request: Request, now: Millis) -> Callable[[str], Fact]:
    """What gives the fact that ends the request's token, by the name of the fault that does."""
    return lambda by: TokenRevoked(at=now, by=by, token=token_of(request), why="control")


class Planner(Struct, frozen=True):
    """Whose answer it is: in these words a fault refuses, alters it, and ends the caller's token."""

    config: Config
    changes: Changes
    """What the call brings."""
    now: Millis
    request: Request
    refuse: Refuse
    alter: Alter
    revoke: Callable[[str], Fact] | None = None
    """Gives the fact that ends the caller's token, by the name of the fault that does; None: there is no token."""

    def plan(self, reply: Reply, program: Program | None, place: Place) -> Reply:
        """The reply to a call that goes by its route's name alone, as a scenario (None: none) and armed faults plan it."""
        routes = (reply.route,)
        if program is not None:
            stream = place.client or reply.route
            reply = replace(reply, latency=planned_latency(self.config.seed, program, routes, stream, self.now))
        return self.strike(reply, rules_of(self.changes, routes, program), place)

    def strike(self, reply: Reply, rules: tuple[Rule, ...], place: Place) -> Reply:
        """The reply as it leaves under these faults."""
        if not rules:
            return reply
        path, query = self.request.path, self.request.query
        injector = FaultInjector(
            changes=self.changes,
            rules=rules,
            now=self.now,
            scope=api_scope(self.config.switches.pod),
            refuse=self.refuse,
            alter=self.alter,
            target=self.config.prefix + (f"{path}?{query}" if query else path),
            elsewhere=self.config.elsewhere,
            revoke=self.revoke,
        )
        return injector.strike(reply, place, self.config.seed, self.config.epoch)
