"""The mock server without I/O: `handle(ledger, request, now)` gives a reply and the facts it brings."""

from collections.abc import Callable
from functools import partial

from lab.core.clock import Millis
from lab.core.exchange import Request, Response
from lab.core.journal.ledger import Changes, Ledger
from lab.core.refusal import Refusal
from lab.core.reply import Reply
from lab.core.routes import RouteMatch
from lab.dialects.fusion import read_mode
from lab.dialects.fusion.refusals import error_response
from lab.dialects.router import ROUTER
from lab.faults.model import Rule
from lab.faults.striking import Occasion, rules_of
from lab.identity.bearer import bearer_of, token_of, with_metadata
from lab.identity.endpoints import answer_identity
from lab.identity.endpoints.context import TokenContext
from lab.identity.facts import TokenRevoked
from lab.identity.records import TokenRecord
from lab.identity.routes import IDENTITY_NAMES
from lab.identity.scopes import api_scope
from lab.jobs.plan import CompiledScenario
from lab.jobs.records import job_named
from lab.mock import a2a
from lab.mock.calls import Answered, Call
from lab.mock.doors import absent, no_job
from lab.mock.invoke import invoke
from lab.mock.private import pod
from lab.mock.private.documents import documents, documents_attach, documents_batch
from lab.mock.views import UNMATCHED, Config, Views
from lab.mock.withheld import withheld

_RELAYS: dict[str, Callable[[TokenContext, Request], Response | Refusal]] = {
    "relay": pod.relay, "anticsrf": pod.anticsrf, "relay-basic": pod.relay_basic,
}  # fmt: skip
_API: dict[str, Callable[[Call], Answered]] = {
    "invoke": invoke, "stream": invoke, "chat": invoke, "debug": invoke, "tokens": pod.tokens, "multiplex": pod.multiplex,
    "a2a": a2a.rpc, "a2a-stream": a2a.rpc, "a2a-card": a2a.card, "a2a-search": a2a.search,
    "documents": documents, "documents-batch": documents_batch, "documents-attach": documents_attach,
}  # fmt: skip
"""The routes behind a bearer, but status, which is the one that everybody waits for."""
_FAULTED = {"invoke": "invoke", "stream": "stream", "chat": "stream", "debug": "stream"}
"""The route under which a scenario's faults name each of these (contract.md §2)."""


def _revoked(request: Request, now: Millis, by: str) -> TokenRevoked:
    """The fact that the token of a request ends now."""
    return TokenRevoked(at=now, by=by, token=token_of(request), why="control")


class Mock:
    """Made with scenarios, switches, seed and epoch; holds no state but memos.

    A team whose scenario has switches of its own is served by a mock of its own, over the same ledger.
    """

    def __init__(self, config: Config, views: Views | None = None) -> None:
        self.config = config
        self.views = views or Views(config)
        self._identity_config = config.identity
        self._scope = api_scope(config.switches.pod)
        self._teams: dict[str, Mock] = {}
        for code in () if views else self.views.by_team:
            own = self.views.of_team(code)
            if own is not self.views:
                self._teams[code] = Mock(own.config, own)

    def _refusal(self, problem: Refusal, style: str | None = None) -> Response:
        problem = with_metadata(self._identity_config, problem)
        return error_response(problem, hints=self.config.switches.hints, style=style or self.config.switches.error_body)

    def word(self, problem: Refusal, path: str) -> Response:
        """A refusal that isn't the mock's own, as its path's team words it; the method doesn't count."""
        meant = ROUTER.at(path)
        return self._teams.get(meant.code if meant else "", self)._refusal(problem)

    def handle(self, ledger: Ledger, request: Request, now: Millis) -> Reply:
        """Answer a request at `now`."""
        if self._teams:
            meant = ROUTER.find(request.method, request.path, local=True)
            own = None if isinstance(meant, Refusal) else self._teams.get(meant.code)
            if own is not None:
                return own.handle(ledger, request, now)
        switches = self.config.switches
        slashes = switches.double_slash == "accept"
        route = ROUTER.find(request.method, request.path, slashes=slashes, local=switches.local_orchestrator)
        if isinstance(route, Refusal):
            return Reply(self._refusal(route))
        if route.name in IDENTITY_NAMES:
            followed = self.config.scenario_of_tokens
            if route.name == "token" and (rules := rules_of(ledger, "token", followed)):
                return self._struck_token(ledger, request, now, route, rules)
            return self._identity(Changes(ledger, now), request, now, route)
        if route.route.kind == "open":
            return self._relay(ledger, request, now, route)
        bearer, flags = bearer_of(switches, ledger, request, now)
        if isinstance(bearer, Refusal):
            response = self._refusal(bearer)
            return Reply(response, 0, route.name, None, (), (*route.flags, *flags))
        if route.name == "status":
            return self._status(ledger, route, request, bearer, now, flags)
        return self._answer(Call(self.views, Changes(ledger, now), route, request, bearer, now), flags)

    def _identity(self, changes: Changes, request: Request, now: Millis, route: RouteMatch) -> Reply:
        """The routes of the identity domain; only the token endpoint has a latency."""
        context = TokenContext(self._identity_config, changes, now)
        response = answer_identity(context, route.route, request, self._refusal)
        client, held = context.granted_to, 0
        if client is not None and (followed := self.config.scenario_of_tokens):
            held = self._held(followed, "token", client, now)
        flags = (*route.flags, *context.flags)
        return Reply(response, held, route.name, None, changes.facts, flags, client=client)

    def _relay(self, ledger: Ledger, request: Request, now: Millis, route: RouteMatch) -> Reply:
        """Tokens from the pod for other credentials than a bearer."""
        context = TokenContext(self._identity_config, Changes(ledger, now), now)
        done = _RELAYS[route.name](context, request)
        response = self._refusal(done) if isinstance(done, Refusal) else done
        return Reply(response, 0, route.name, None, context.changes.facts, route.flags)

    def _held(self, made: CompiledScenario, route: str, stream: str, now: Millis) -> Millis:
        return withheld(self.config.seed, made, route, stream, now)

    def _status(
        self,
        ledger: Ledger,
        route: RouteMatch,
        request: Request,
        bearer: TokenRecord,
        now: Millis,
        flags: tuple[str, ...],
    ) -> Reply:
        found = job_named(ledger, route.job)
        if found is not None and self.views.forgets(found[1]) and self.views.look(ledger, route.job, now) is None:
            found = None
        if found is not None and (found[1].owner != bearer.owner or found[1].team != route.code):
            found = None
        mode = read_mode(request.query) if request.query else None
        if found is None or isinstance(mode, Refusal):
            refused = mode if isinstance(mode, Refusal) else None
            if found is None:
                refused = absent(self.views, route.code) or refused or no_job(self.config.switches)
            assert refused is not None
            return Reply(self._refusal(refused), 0, "status", None, (), (*route.flags, *flags))
        job, record = found
        made = self.views.chosen_for(record) or UNMATCHED
        response = self.views.status(ledger, job, record, now, mode, shown=route.job)
        held = self._held(made, "status", route.job, now)
        done = Reply(response, held, "status", job, (), (*route.flags, *flags))
        rules = rules_of(ledger, "status", made)
        if not rules:
            return done
        step: str | None = None
        if any(rule.fault.step for rule in rules):
            look = self.views.look(ledger, job, now)
            step = look.span.id if look else None
        occasion = Occasion(
            self.config, Changes(ledger, now), rules, now, bearer.client, self._refusal, self._scope,
            partial(_revoked, request, now), job,
        )  # fmt: skip
        return occasion.struck(done, occasion.judge(now - record.at, record.turn, step))

    def _struck_token(
        self, ledger: Ledger, request: Request, now: Millis, route: RouteMatch, rules: tuple[Rule, ...]
    ) -> Reply:
        """A token request, tried first: what is refused is neither counted nor struck."""
        changes = Changes(ledger, now)
        done = self._identity(changes, request, now, route)
        if done.client is None:
            return done
        context = TokenContext(self._identity_config, changes, now)

        def refuse(refusal: Refusal, style: str | None) -> Response:
            return context.oauth_error(refusal) if refusal.error else self._refusal(refusal, style)

        occasion = Occasion(self.config, changes, rules, now, done.client, refuse, self._scope)
        return occasion.struck(done, occasion.judge())

    def _answer(self, call: Call, flags: tuple[str, ...]) -> Reply:
        """An API call but a poll: tried first, for what is refused is neither counted nor struck."""
        done, made = self._answered(call, flags)
        route = _FAULTED.get(call.route.name)
        rules = () if made is None or route is None else rules_of(call.ledger, route, made)
        if not rules:
            return done
        occasion = Occasion(
            self.config, call.ledger, rules, call.now, call.bearer.client, self._refusal, self._scope,
            partial(_revoked, call.request, call.now),
        )  # fmt: skip
        return occasion.struck(done, occasion.judge())

    def _answered(self, call: Call, flags: tuple[str, ...]) -> tuple[Reply, CompiledScenario | None]:
        """The reply, and the scenario of whose faults it may be struck; None where it is refused."""
        name = call.route.name
        done = _API[name](call)
        noted = tuple(sorted({*call.route.flags, *flags, *done.flags}))
        if isinstance(done.response, Refusal):
            return Reply(self._refusal(done.response), 0, name, done.job, call.ledger.facts, noted), None
        held = 0
        if done.compiled is not None and done.job is not None:
            held = self._held(done.compiled, done.latency, done.job, call.now)
        return Reply(done.response, held, name, done.job, call.ledger.facts, noted, done.parts), done.compiled
