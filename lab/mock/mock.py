"""The mock server without I/O: `handle(ledger, request, now)` gives a reply and the facts it brings.

A request passes these gates in this order, and the first that says no ends it:

    1. its line       is there such a route, with this method?        404, 405      `ROUTER.find`
    2. its bearer     a live token of the API?                        401, 403      `bearer_of`
    3. its reading    is it well-formed?                              400, 413, 415 `dialect.read`
    4. its team       published, with a role and a version?           403, 404      `team_refusal`, `absent_team`
    5. its command    what the rules about jobs say                   404, 409, …   `take_message`, `_look`
    6. the faults     does one strike this call?                      any           `Planner`

Two of them look ahead. The switches of a team may open or close paths (1), so the line is found generously first, to
learn which team it names. And a team that is closed (4) says so even to a request that can't be read (3): whoever is
shut out learns nothing of the shape of what they may not send. That is why `Unread` brings what could be read all the same:

    POST …/agent/v2/CLOSED/invokeAsync  {"message": 7}      403, for the team is closed
    POST …/agent/v2/OPEN/invokeAsync    {"message": 7}      400, message must be a string

What is refused by 1 to 5 is neither counted nor struck: a fault counts calls that are in order, so a client's bad request
doesn't move the place at which its next good one is struck. A latency is withheld once a job, or the scenario of a call
that names no team, is known; a refusal comes at once.
"""

from collections.abc import Callable
from functools import partial
from typing import assert_never

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Request, Response
from lab.core.journal.ledger import Changes, Ledger
from lab.core.journal.shell import missed
from lab.core.refusal import Refusal
from lab.core.reply import Reply
from lab.core.routes import RouteMatch
from lab.dialects import FUSION, base, dialect_of
from lab.dialects.router import ROUTER
from lab.faults.facts import ARMED_KEY
from lab.faults.model import Place
from lab.faults.striking import rules_of
from lab.identity.bearer import bearer_of, with_places
from lab.identity.endpoints.answer import answer_identity
from lab.identity.endpoints.context import TokenContext
from lab.identity.endpoints.issuing import odd_grant
from lab.identity.recorded import LIVE
from lab.jobs.facts import JobRecord, JobView, forgotten_at, job_key, job_named
from lab.jobs.program import UNMATCHED, Program
from lab.jobs.timeline import at
from lab.language.templates.bounds import Pool, Unwritten, each_pooled, pooled
from lab.mock.call import Call, Planner, ends_token
from lab.mock.catalog import Catalog
from lab.mock.config import Config
from lab.mock.invoke import take_message
from lab.mock.job_index import JobIndex, PollAnswer
from lab.mock.latencies import FirstAnswers, planned_latency
from lab.mock.team_rules import absent_team, open_scenarios, team_refusal
from lab.program.switches import Switches


class Mock:
    """Made with scenarios, switches, seed and epoch; holds no state but memos."""

    def __init__(self, config: Config, tell: Callable[[Unwritten], object] = lambda _: None) -> None:
        """`tell` is told of texts that fail in an answer."""
        self.config = config
        self._tell = tell
        self._identity = config.identity
        self.catalog = Catalog(config, self._identity)
        self.index = JobIndex(config, self.catalog)
        self.first_answers = FirstAnswers()
        self.recorded = LIVE
        """Of a replay: what was given and judged in the exchange that comes next."""

    def handle(self, ledger: Ledger, request: Request, now: Millis) -> Reply:
        """PollAnswer a request at `now`."""
        if (known := self.index.reply(ledger, request, now)) is not None:
            return known
        # found generously first: the team that it names says what of it is there
        match = ROUTER.find(request.method, request.path, local=True)
        switches = self.config.switches if isinstance(match, Refusal) else self.catalog.team_switches(match.code)
        if isinstance(match, Refusal) or match.flags or match.route.only == "local_orchestrator":
            slashes, local = switches.double_slash == "accept", switches.local_orchestrator
            match = ROUTER.find(request.method, request.path, slashes=slashes, local=local)
            if isinstance(match, Refusal):
                return Reply(self._refuse(FUSION, switches, match), facts=missed(match.near, now))
        dialect = dialect_of(match.name)
        if dialect is None:
            return self._identity_route(Changes(ledger, now), match, request, now)
        if match.route.kind == "open":
            # a private route that asks for other credentials than a bearer
            command = dialect.read(match, request, switches, lambda _: None)
            assert isinstance(command, base.Private)
            context = TokenContext(self._identity, Changes(ledger, now), now, recorded=self.recorded)
            refuse = partial(self._refuse, dialect, switches)
            planner = Planner(self.config, context.changes, now, request, refuse, dialect.alter)
            return self._private(planner, command, context, match, match.flags)
        bearer, flags = bearer_of(switches, ledger, request, now, service=match.route.service)
        flags = (*match.flags, *flags) if match.flags else flags
        if isinstance(bearer, Refusal):
            return Reply(self._refuse(dialect, switches, bearer), 0, match.name, flags=flags)
        call = Call(
            self.config, self.catalog, self.index, self.first_answers, Changes(ledger, now), match, dialect, bearer, now,
            request, switches, flags,
        )  # fmt: skip
        pool = Pool(self._tell)
        reply = pooled(pool, partial(self._answer, call))
        return replace(reply, long=True) if pool.worked_long else reply

    def _refuse(
        self, dialect: base.Dialect, switches: Switches, refusal: Refusal, style: str | None = None
    ) -> Response:  # fmt: skip
        """A refusal as the dialect words it, with the paths of this mock's own places."""
        return dialect.refuse(with_places(self._identity, refusal), switches, style)

    def word(self, refusal: Refusal, path: str) -> Response:
        """A refusal that isn't the mock's own, as its path's team words it; the method doesn't count."""
        match = ROUTER.at(path)
        switches = self.catalog.team_switches(match.code) if match else self.config.switches
        return self._refuse(FUSION if match is None else (dialect_of(match.name) or FUSION), switches, refusal)

    # Tokens

    def _identity_route(self, changes: Changes, match: RouteMatch, request: Request, now: Millis) -> Reply:
        """The routes of the identity domain, which name no team."""
        context, switches = TokenContext(self._identity, changes, now, recorded=self.recorded), self.config.switches
        response = answer_identity(context, match.route, request, partial(self._refuse, FUSION, switches))
        flags = (*match.flags, *context.flags)
        done = Reply(
            response, 0, match.name, None, changes.facts, flags, judged=tuple(context.judged), client=context.granted_to
        )
        if context.refused:
            return done

        def refuse(refusal: Refusal, style: str | None) -> Response:
            return context.oauth_error(refusal) if refusal.error else self._refuse(FUSION, switches, refusal, style)

        revoke = ends_token(request, now) if context.bearer is not None else None
        planner = Planner(self.config, changes, now, request, refuse, odd_grant, revoke)
        return planner.plan(done, self.config.scenario_of_tokens, Place(context.caller))

    def _private(
        self, planner: Planner, command: base.Private, context: TokenContext, match: RouteMatch, flags: tuple[str, ...]
    ) -> Reply:
        """A route that only one dialect has, and that names no team."""
        answer = command.answer(context)
        response = planner.refuse(answer, None) if isinstance(answer, Refusal) else answer
        reply = Reply(response, 0, match.name, None, context.changes.facts, flags, judged=tuple(context.judged))
        if isinstance(answer, Refusal):
            return reply
        bearer = context.bearer
        place = Place(bearer.client, user=bearer.user) if bearer is not None else Place("")
        return planner.plan(reply, self.config.scenario_of_tokens, place)

    # Commands

    def _answer(self, call: Call) -> Reply:
        command = call.dialect.read(call.match, call.request, call.switches, call.job)
        if call.flags or command.flags:
            call.note(command.flags)
        match command:
            case base.Look():
                return self._look(call, command)
            case base.Follow(inner):
                return self._message(call, command, inner)
            case base.Invoke() | base.Say() | base.Decide():
                return self._message(call, command, command)
            case base.Describe():
                return self._describe(call, command)
            case base.Private():
                context = TokenContext(self._identity, call.changes, call.now, call.bearer, recorded=self.recorded)
                return self._private(self._planner(call), command, context, call.match, call.flags)
            case base.Unread():
                return self._written(call, command, base.Declined(self._first_refusal(call, command)))
            case _:
                assert_never(command)

    def _written(self, call: Call, command: base.Reading, result: base.Result) -> Reply:
        """The answer in the words of its dialect, neither withheld nor struck."""
        if isinstance(result, base.Declined):
            call.changes.add(*missed(result.refusal.near, call.now))
        written = call.dialect.write(call.match, command, result, self._context(call.switches, call.now))
        response, parts = (written, None) if isinstance(written, Response) else written
        parts = each_pooled(parts, self._tell) if parts is not None else None
        return Reply(response, 0, call.match.name, call.touched, call.changes.facts, call.flags, parts)

    def _context(self, switches: Switches, now: Millis) -> base.WriteContext:
        return base.WriteContext(self.config.epoch, switches, now, self.config.origin)

    def _first_refusal(self, call: Call, unread: base.Unread) -> Refusal:
        """What comes first: a team or a job that isn't there, or what is wrong with the request."""
        if unread.job is not None and call.job(unread.job) is None:
            return absent_team(call) or unread.refusal
        first = team_refusal(call, unread.wanted) if unread.wanted is not None else None
        return first or unread.refusal

    def _describe(self, call: Call, command: base.Describe) -> Reply:
        absent = absent_team(call) if command.team else None
        if absent is not None:
            return self._written(call, command, base.Declined(absent))
        teams = call.catalog.by_team
        codes = (command.team,) if command.team else tuple(teams)
        published = ((code, open_scenarios(teams[code], draft=False)) for code in codes)
        found = tuple((code, team) for code, team in published if team)
        reply = self._written(call, command, base.Described(found))
        program = call.team[0] if command.team else self.config.scenario_of_tokens
        return self._planner(call).plan(reply, program, Place(call.bearer.client, user=call.bearer.user))

    def _message(self, call: Call, command: base.Command, inner: base.Invoke | base.Say | base.Decide) -> Reply:
        answer = take_message(call, inner)
        if isinstance(answer, Refusal):
            return self._written(call, command, base.Declined(answer))
        program, job = answer.view.plan.program, answer.view.plan.invocation.job
        call.switches, call.touched = call.catalog.switches_of(program, call.match.code), job
        streams = isinstance(command, base.Follow)
        reply = self._written(call, command, base.Streamed(answer.view, answer.first) if streams else answer)
        routes = _names(call.match.name, "stream" if streams else "invoke")
        # a stream is an invoke as well, where it has no latency of its own
        latency = planned_latency(self.config.seed, program, (*routes, "invoke") if streams else routes, job, call.now)
        rules = rules_of(call.changes, routes, program)
        place = Place(call.bearer.client, user=call.bearer.user, scenario=answer.view.record.scenario)
        return self._planner(call).strike(replace(reply, latency=latency), rules, place)

    # Polls

    def _look(self, call: Call, command: base.Look) -> Reply:
        found = job_named(call.changes, command.job)
        # whoever isn't meant learns nothing: a stranger's job, another team's and one that never was are answered alike
        own = found is not None and found[1].owner == call.bearer.owner and found[1].team == call.match.code
        if found is None or not own or (command.published and not call.catalog.published(call.match.code)):
            return self._no_job(call, command)
        job, record = found
        chosen = self.catalog.chosen_for(record) or UNMATCHED
        if chosen.scenario.retention is not None and call.job(command.job) is None:  # forgotten some time after its end
            return self._no_job(call, command)
        call.switches = self.catalog.switches_of(chosen, call.match.code)
        routes = _names(call.match.name, "status")
        rules = rules_of(call.changes, routes, chosen)
        response = self._status(call, command, job, record, chosen, spared=not rules)
        latency = planned_latency(self.config.seed, chosen, routes, command.job, call.now)
        reply = Reply(response, latency, call.match.name, job, (), call.flags)
        if not rules:
            return reply
        view = call.job(command.job) if any(rule.fault.step for rule in rules) else None
        steps = view.span.ids if view is not None else ()
        bearer = call.bearer
        place = Place(bearer.client, call.now - record.at, record.turn, steps, job, bearer.user, record.scenario)
        return self._planner(call).strike(reply, rules, place)

    def _no_job(self, call: Call, command: base.Look) -> Reply:
        return self._written(call, command, base.Declined(absent_team(call) or base.JOB_UNKNOWN))

    def _status(
        self, call: Call, command: base.Look, job: str, record: JobRecord, chosen: Program, *, spared: bool
    ) -> Response:
        """The answer to a poll, remembered as long as it holds if the request says no more than which job it is about."""
        request, route, now = call.request, call.match.route, call.now
        usual = request.method == "GET" and not request.query and command.echo is None and not call.flags
        if usual and (known := self.index.answer(call.changes, request.path, now)) is not None:
            return known
        plan = self.index.plan_of(call.changes, job, record, command.job)
        span = at(plan, record.decisions, now)
        found = base.Found(JobView(record, plan, span))
        response = call.dialect.write(call.match, command, found, self._context(call.switches, now))
        assert isinstance(response, Response)
        if usual:
            until = forgotten_at(plan, span) if span.until is None else span.until
            answer = PollAnswer(
                key=job_key(job),
                record=record,
                owner=record.owner,
                since=span.since,
                until=until,
                reply=Reply(response, 0, route.name, job),
                team_switches=self.catalog.team_switches(call.match.code),
                service=route.service,
                armed=call.changes.get(ARMED_KEY),
                spared=spared,
                program=chosen,
                routes=_names(route.name, "status"),
                shown=command.job,
            )
            self.index.keep(request.path, answer, ended=span.status.final)
        return response

    def status_of(self, ledger: Ledger, job: str, now: Millis) -> bytes | None:
        """The status body of a job as its owner would get it from Fusion, or None if it isn't known."""
        found = job_named(ledger, job)
        view = None if found is None else self.index.view_of(ledger, *found, now, job)
        if view is None:
            return None
        match = ROUTER.at(ROUTER.path("status", code=view.record.team, job=job))
        assert match is not None
        switches = self.catalog.switches_of(self.catalog.chosen_for(view.record) or UNMATCHED, view.record.team)
        command = base.Look(team=view.record.team, job=job)
        context = self._context(switches, now)
        written = pooled(Pool(), partial(FUSION.write, match, command, base.Found(view), context))
        assert isinstance(written, Response)
        return written.body

    def forget(self) -> None:
        """Drop what is remembered."""
        self.index.forget()
        self.first_answers = FirstAnswers()

    # Faults

    def _planner(self, call: Call) -> Planner:
        refuse, revoke = partial(self._refuse, call.dialect, call.switches), ends_token(call.request, call.now)
        return Planner(self.config, call.changes, call.now, call.request, refuse, call.dialect.alter, revoke)


def _names(route: str, command: str) -> tuple[str, ...]:
    """What a call goes by: its route, and what is asked by it, where that is a route's name too."""
    return (command,) if route == command else (route, command)
