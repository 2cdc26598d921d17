"""What is planned for a reply that is in order: how long it is withheld, and the fault that strikes it."""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Request
from lab.core.journal.fact import Fact
from lab.core.journal.ledger import Changes
from lab.core.reply import Reply
from lab.faults.model import Place, Rule
from lab.faults.striking import FaultInjector, rules_of
from lab.faults.substitutes import Alter, Refuse
from lab.identity.bearer import token_of
from lab.identity.facts import TokenRevoked
from lab.identity.scopes import api_scope
from lab.jobs.program import Program
from lab.mock.config import Config
from lab.mock.latencies import planned_latency


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
