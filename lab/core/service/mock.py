"""The mock server without I/O: `handle(ledger, request, now)` gives a reply and the facts it brings."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from lab.core.clock import Millis
from lab.core.exchange import Request, Response
from lab.core.gates import Inadmissible, Origin, admit
from lab.core.journal import Fact, GateDecided, JobRecord, Ledger, TokenRecord, job_key, token_key
from lab.core.oauth import api_scope, audience, opens_api
from lab.core.plan import Outline
from lab.core.problems import CANNOT_EXECUTE, Problem, challenge, forbidden, unauthenticated
from lab.core.scenario import Gate, Latency, Status, Verdict, step_id
from lab.core.seeds import latency
from lab.core.service import token as identity
from lab.core.service.invoke import JOB_UNKNOWN, invoke
from lab.core.service.refusals import refusal
from lab.core.service.views import UNMATCHED, Config, Views
from lab.core.wire import RESOURCE_PATH, Route, find, read_mode


@dataclass(frozen=True, slots=True)
class Handled:
    """A reply, how long it is withheld, and what it brings."""

    response: Response
    held: Millis = 0
    route: str = "unknown"
    job: str | None = None
    facts: tuple[Fact, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ruling:
    """What became of a control command: 200, or a refusal with its reason."""

    status: int
    why: str = ""
    facts: tuple[Fact, ...] = ()


_CHALLENGE = "Exchange the credentials for a token at /oauth2/v1/token and send Authorization: Bearer."
_COOKIE = "A browser's login does not open this API; send Authorization: Bearer with a token."

_IDENTITY: dict[str, Callable[[identity.Desk, Request], identity.Granted]] = {
    "token": identity.token, "authorize": identity.authorize, "device": identity.device,
    "device-page": identity.device_page, "introspect": identity.introspect, "revoke": identity.revoke,
}  # fmt: skip


class Mock:
    """Made with outlines, switches, seed and epoch; holds no state but memos."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.views = Views(config)

    def _refusal(self, problem: Problem) -> Response:
        if problem.status == 401 and self.config.switches.resource_metadata:
            where = f'resource_metadata="{self.config.origin}{RESOURCE_PATH}"'
            told = tuple((name, f"{value}, {where}" if '"' in value else value) for name, value in problem.headers)
            problem = replace(problem, headers=told)
        return problem.response(hints=self.config.switches.hints, style=self.config.switches.error_body)

    def handle(self, ledger: Ledger, request: Request, now: Millis) -> Handled:
        """Answer a request at `now`."""
        route = find(request.method, request.path, slashes=self.config.switches.double_slash == "accept")
        if isinstance(route, Problem):
            return Handled(self._refusal(route))
        if route.path:
            return self._identity(ledger, request, now, route)
        bearer, flags = self._bearer(ledger, request, now)
        if isinstance(bearer, Problem):
            response = self._refusal(bearer)
            return Handled(response, 0, route.name, None, (), (*route.flags, *flags))
        if route.name == "status":
            return self._status(ledger, route, request, bearer, now, flags)
        return self._invoke(ledger, route, request, bearer, now, flags)

    def _identity(self, ledger: Ledger, request: Request, now: Millis, route: Route) -> Handled:
        """The routes of the identity domain; only the token endpoint has a latency."""
        desk = identity.Desk(self.config, ledger, now, [])
        if route.name in ("discovery", "jwks"):
            return self._published(desk, request, route)
        granted = _IDENTITY[route.name](desk, request)
        held = 0
        if route.name == "token" and granted.client is not None and (followed := self.config.token_outline):
            held = self._held(followed, "token", granted.client, now)
        return Handled(granted.response, held, route.name, None, granted.facts, (*route.flags, *granted.flags))

    def _published(self, desk: identity.Desk, request: Request, route: Route) -> Handled:
        flags: tuple[str, ...] = ()
        told = identity.discovery(desk, route.path) if route.name == "discovery" else identity.keys(desk, route.path)
        if isinstance(told, Response) and route.name == "jwks" and self.config.switches.jwks_auth:
            bearer, flags = self._bearer(desk.ledger, request, desk.now, api=False)
            told = bearer if isinstance(bearer, Problem) else told
        response = self._refusal(told) if isinstance(told, Problem) else told
        return Handled(response, 0, route.name, None, (), (*route.flags, *flags))

    def _held(self, made: Outline, route: str, stream: str, now: Millis) -> Millis:
        spec: Latency = getattr(made.scenario.latency, route)
        return spec if isinstance(spec, int) else latency(self.config.seed, f"{stream}/{route}@{now}", spec)

    def _bearer(
        self, ledger: Ledger, request: Request, now: Millis, *, api: bool = True
    ) -> tuple[TokenRecord | Problem, tuple[str, ...]]:
        """The token's record, or the refusal of contract.md §7.5; `api` off: any live token will do."""
        header: str | None = None
        for name, value in request.headers:
            if name == "authorization":
                if header is not None:
                    return self._invalid_request("There are two Authorization headers."), ()
                header = value
        in_query = "access_token=" in request.query
        if header is None:
            flags = ("token_in_uri",) if in_query else ()
            return unauthenticated(_COOKIE if request.header("cookie") else _CHALLENGE), flags
        scheme, _, token = header.partition(" ")
        flags = ()
        if scheme != "Bearer":
            if scheme.lower() != "bearer":
                return unauthenticated(_CHALLENGE), ("basic_on_api",) if scheme.lower() == "basic" else ()
            flags = ("scheme_spelling",)
        token = token.strip(" ")
        if not token or "," in token or " " in token or in_query:
            return self._invalid_request("Send exactly one token."), flags
        return self._known(ledger, token, now, api=api), flags

    def _known(self, ledger: Ledger, token: str, now: Millis, *, api: bool) -> TokenRecord | Problem:
        # Only tokens of this ledger can be good, so looking one up is the whole check; nothing is parsed.
        record = ledger.get(token_key(token))
        if not isinstance(record, TokenRecord):
            return self._invalid_token("The token was not issued by this run of the lab.")
        if not identity.live(ledger, record, now):
            return self._invalid_token("The token expired." if now >= record.until else "The token was revoked.")
        if not api:
            return record
        if not audience(record.scope):
            return self._invalid_token("The token is not for this API.")
        if not opens_api(record.scope):
            scope = api_scope(self.config.switches.pod)
            value = challenge("insufficient_scope", scope=scope)
            return forbidden("Insufficient scope.", f"Ask for {scope}", (("www-authenticate", value),))
        if record.user is None and self.config.switches.service_tokens == "refused":
            return forbidden(CANNOT_EXECUTE, "This lab asks for a token that stands for a user.")
        return record

    def _invalid_token(self, description: str) -> Problem:
        return unauthenticated("Fetch a new token at /oauth2/v1/token.", "invalid_token", description)

    def _invalid_request(self, what: str) -> Problem:
        return Problem(
            400,
            what,
            "Send Authorization: Bearer with one token.",
            (("www-authenticate", challenge("invalid_request")),),
        )

    def _status(
        self, ledger: Ledger, route: Route, request: Request, bearer: TokenRecord, now: Millis, flags: tuple[str, ...]
    ) -> Handled:
        mode = read_mode(request.query) if request.query else None
        if isinstance(mode, Problem):
            return Handled(self._refusal(mode), 0, "status", None, (), (*route.flags, *flags))
        record = ledger.get(job_key(route.job))
        if not isinstance(record, JobRecord) or record.owner != bearer.owner or record.team != route.code:
            problem = JOB_UNKNOWN
            if self.config.switches.unknown_job == 403:
                problem = forbidden(CANNOT_EXECUTE)
            return Handled(self._refusal(problem), 0, "status", None, (), (*route.flags, *flags))
        made = self.views.by_name[record.scenario] if record.scenario else UNMATCHED
        response = self.views.status(route.job, record, now, mode)
        return Handled(
            response, self._held(made, "status", route.job, now), "status", route.job, (), (*route.flags, *flags)
        )

    def _invoke(
        self, ledger: Ledger, route: Route, request: Request, bearer: TokenRecord, now: Millis, flags: tuple[str, ...]
    ) -> Handled:
        done = invoke(self.views, ledger, route, request, bearer, now)
        noted = tuple(sorted({*route.flags, *flags, *done.flags}))
        if isinstance(done.response, Problem):
            response = self._refusal(done.response)
            return Handled(response, 0, "invoke", done.job, (), noted)
        assert done.outline is not None and done.job is not None
        held = self._held(done.outline, "invoke", done.job, now)
        return Handled(done.response, held, "invoke", done.job, done.facts, noted)

    def decide(
        self, ledger: Ledger, job: str, gate: str, verdict: str, now: Millis,
        *, by: Origin, name: str | None, comment: str | None,
    ) -> Ruling:  # fmt: skip
        """A decision from outside the API: any channel; `gate` is a step id or a node code."""
        look = self.views.look(ledger, job, now)
        if look is None:
            return Ruling(404, "There is no such job.")
        gates = {step_id(step): step for step in look.plan.outline.scenario.steps if isinstance(step, Gate)}
        found = next((each for each in gates if gate in (each, each.upper().replace("-", "_"))), None)
        if found is None:
            return Ruling(404, f"There is no such gate; this scenario has {', '.join(gates) or 'none'}.")
        if verdict not in (Verdict.APPROVED, Verdict.REJECTED, Verdict.CHANGES):
            return Ruling(400, "verdict must be approved, rejected or changes-requested.")
        word = Verdict(verdict)
        if look.span.status is not Status.WAITING:
            return Ruling(409, refusal(look, found, Inadmissible.EARLY))
        why = admit(look.span.opening, found, word, comment)
        if why is not None:
            return Ruling(409, refusal(look, found, why))
        fact = GateDecided(
            at=now, job=job, gate=found, round=look.span.visit, verdict=word, by=by, name=name, comment=comment
        )
        return Ruling(200, "", (fact,))
