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

from lab.core.clock import Millis, unix_millis
from lab.core.exchange import Request, Response
from lab.core.journal.ledger import Changes, Ledger
from lab.core.journal.shell import missed
from lab.core.refusal import Refusal
from lab.core.reply import Parts, Reply
from lab.core.routes import RouteMatch
from lab.dialects import FUSION, FUSION_WIRE, base, dialect_of
from lab.dialects.router import ROUTER
from lab.faults.facts import ARMED_KEY
from lab.faults.model import Place
from lab.faults.striking import rules_of
from lab.identity.bearer import authenticated, with_places
from lab.identity.endpoints.answer import answer_identity
from lab.identity.endpoints.context import TokenContext
from lab.identity.endpoints.issuing import odd_grant
from lab.identity.recorded import LIVE
from lab.identity.records import FOREVER
from lab.jobs.facts import JobRecord, JobView, forgotten_at, id_of, job_key, job_named
from lab.jobs.program import UNMATCHED, Program
from lab.jobs.span import Span
from lab.jobs.texts import shown_status
from lab.jobs.timeline import at, spans_from
from lab.language.templates.bounds import Pool, Unwritten, each_pooled, pooled
from lab.mock.call import Call, Planner, ends_token
from lab.mock.catalog import Catalog
from lab.mock.config import Config
from lab.mock.invoke import take_cancel, take_message
from lab.mock.job_index import JobIndex, PollAnswer, given_with
from lab.mock.latencies import FirstAnswers, planned_latency
from lab.mock.receivers import register, take_receivers, unfit
from lab.mock.team_rules import absent_team, open_scenarios, team_refusal
from lab.program.steps import Gate
from lab.program.switches import Switches
from lab.program.words import Status


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
                wire = ROUTER.wire_at(request.path) or FUSION_WIRE
                return Reply(self._refuse(wire.server, switches, match), facts=missed(match.near, now))
        dialect = dialect_of(match.name)
        if dialect is None:
            return self._identity_route(Changes(ledger, now), match, request, now)
        if match.route.kind == "public":
            return self._public(ledger, dialect, match, request, now)
        if match.route.kind == "open":
            # a private route that asks for other credentials than a bearer
            command = dialect.read(match, request, switches, lambda _: None)
            assert isinstance(command, base.Private)
            context = TokenContext(self._identity, Changes(ledger, now), now, recorded=self.recorded)
            refuse = partial(self._refuse, dialect, switches)
            planner = Planner(self.config, context.changes, now, request, refuse, dialect.alter)
            return self._private(planner, command, context, match, match.flags)
        bearer, flags = authenticated(self._identity, match.route, switches, ledger, request, now)
        flags = (*match.flags, *flags) if match.flags else flags
        if isinstance(bearer, Refusal):
            return Reply(self._refuse(dialect, switches, bearer), 0, match.name, flags=flags)
        call = Call(
            self.config, self.catalog, self.index, self.first_answers, ledger, Changes(ledger, now), match, match.code,
            dialect, bearer, now, request, switches, flags,
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
        if not call.code:
            call.code = _team_of(call, command)
            call.switches = call.catalog.team_switches(call.code)
        match command:
            case base.Look():
                return self._look(call, command)
            case base.Follow(inner) | base.Settle(inner):
                return self._message(call, command, inner)
            case base.Invoke() | base.Say() | base.Decide() | base.Cancel():
                return self._message(call, command, command)
            case base.FollowJobs():
                return self._watch(call, command)
            case base.ListOwnJobs():
                return self._list(call, command)
            case base.RegisterReceiver() | base.ListReceivers() | base.EndReceiver():
                return self._receivers(call, command)
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
        context = self._context(call.switches, call.now)
        written = call.dialect.write(call.match, command, result, context)
        if isinstance(written, Response):
            return Reply(written, 0, call.match.name, call.touched, call.changes.facts, call.flags)
        ledger, dialect, match, tell = call.ledger, call.dialect, call.match, self._tell

        def parts() -> Parts:
            later = dialect.write(match, command, _with_decisions(ledger, result), context)
            assert not isinstance(later, Response)
            return each_pooled(later[1], tell)

        # two ids may be one job's
        watched = tuple(dict.fromkeys(view.plan.invocation.job for view in _views(result)))
        reply = Reply(written[0], 0, match.name, call.touched, call.changes.facts, call.flags, parts)
        return replace(reply, watched=watched)

    def _context(self, switches: Switches, now: Millis) -> base.WriteContext:
        return self.index.context(switches, now)

    def _first_refusal(self, call: Call, unread: base.Unread) -> Refusal:
        """What comes first: a team or a job that isn't there, or what is wrong with the request."""
        if unread.job is not None and call.job(unread.job) is None:
            return absent_team(call) or unread.refusal
        first = team_refusal(call, unread.wanted) if unread.wanted is not None and call.code else None
        return first or unread.refusal

    def _describe(self, call: Call, command: base.Describe) -> Reply:
        absent = absent_team(call) if command.team else None
        if absent is not None:
            return self._written(call, command, base.Declined(absent))
        reply = self._written(call, command, self._described(command.team))
        program = call.team[0] if command.team else self.config.scenario_of_tokens
        return self._planner(call).plan(reply, program, Place(call.bearer.client, user=call.bearer.user))

    def _described(self, code: str) -> base.Described:
        teams = self.catalog.by_team
        codes = (code,) if code else tuple(teams)
        published = ((each, open_scenarios(teams.get(each, ()), draft=False)) for each in codes)
        return base.Described(tuple((each, team) for each, team in published if team))

    def _public(self, ledger: Ledger, dialect: base.Dialect, match: RouteMatch, request: Request, now: Millis) -> Reply:
        """What teams say of themselves to whoever asks."""
        switches = self.catalog.team_switches(match.code)
        command = dialect.read(match, request, switches, lambda _: None)
        assert isinstance(command, base.Describe)
        described = self._described(command.team)
        result: base.Result = described if described.teams else base.Declined(base.TEAM_UNKNOWN)
        response = dialect.write(match, command, result, self._context(switches, now))
        assert isinstance(response, Response)
        reply = Reply(response, 0, match.name, flags=match.flags)
        refuse = partial(self._refuse, dialect, switches)
        planner = Planner(self.config, Changes(ledger, now), now, request, refuse, dialect.alter)
        team = self.catalog.team(command.team)
        return planner.plan(reply, team[0] if team else self.config.scenario_of_tokens, Place(""))

    def _message(
        self, call: Call, command: base.Command, inner: base.Invoke | base.Say | base.Decide | base.Cancel
    ) -> Reply:
        answer = take_cancel(call, inner) if isinstance(inner, base.Cancel) else take_message(call, inner)
        if isinstance(answer, Refusal):
            return self._written(call, command, base.Declined(answer))
        program, job = answer.view.plan.program, answer.view.plan.invocation.job
        if isinstance(inner, base.Invoke | base.Say) and inner.registers is not None:
            if (wrong := unfit(call, inner.registers, job)) is not None:
                call.changes.drop()  # nor did the message count
                return self._written(call, command, base.Declined(wrong))
            register(call, inner.registers, job, self.recorded)
        call.switches, call.touched = call.catalog.switches_of(program, call.code), job
        streams = isinstance(command, base.Follow)
        if isinstance(command, base.Settle):
            reply = self._settling(call, command, answer)
        else:
            reply = self._written(call, command, base.Streamed(answer.view, answer.first) if streams else answer)
        command_name = "stream" if streams else "cancel" if isinstance(inner, base.Cancel) else "invoke"
        routes = _names(call.match.name, command_name)
        # a stream is an invoke as well, where it has no latency of its own
        latency = planned_latency(self.config.seed, program, (*routes, "invoke") if streams else routes, job, call.now)
        rules = rules_of(call.changes, routes, program)
        place = Place(call.bearer.client, user=call.bearer.user, scenario=answer.view.record.scenario)
        return self._planner(call).strike(replace(reply, latency=latency), rules, place)

    def _settling(self, call: Call, command: base.Settle, accepted: base.Accepted) -> Reply:
        """The answer once the job has come to rest: at once, if it rests already."""
        ledger, dialect, match, tell = call.ledger, call.dialect, call.match, self._tell
        switches, now = call.switches, call.now

        def settles() -> tuple[Millis, Response]:
            view = _decided_since(ledger, accepted.view)
            spans = spans_from(view.plan, view.decisions, view.span)
            rest = next(span for span in spans if _rests(span, switches, answerable=command.answerable))
            when = max(now, rest.since)
            result = replace(accepted, view=replace(view, span=rest))
            context = self._context(switches, when)
            response = pooled(Pool(tell), lambda: dialect.write(match, command, result, context))
            assert isinstance(response, Response)
            return when, response

        reply = Reply(Response(0), 0, match.name, call.touched, call.changes.facts, call.flags)
        return replace(reply, settles=settles, watched=(accepted.view.plan.invocation.job,))

    def _watch(self, call: Call, command: base.FollowJobs) -> Reply:
        absent = absent_team(call) if command.published else None
        views = tuple(view for job in dict.fromkeys(command.jobs) if (view := call.job(job)) is not None)
        if absent is not None or not views:
            return self._written(call, command, base.Followed(()) if absent is None else base.Declined(absent))
        record, plan = views[0].record, views[0].plan
        call.switches, call.touched = call.catalog.switches_of(plan.program, record.team), plan.invocation.job
        reply, routes = self._written(call, command, base.Followed(views)), _names(call.match.name, "stream")
        latency = planned_latency(self.config.seed, plan.program, routes, plan.invocation.job, call.now)
        place = Place(call.bearer.client, user=call.bearer.user, scenario=record.scenario)
        rules = rules_of(call.changes, routes, plan.program)
        return self._planner(call).strike(replace(reply, latency=latency), rules, place)

    def _list(self, call: Call, command: base.ListOwnJobs) -> Reply:
        if (absent := absent_team(call)) is not None:
            return self._written(call, command, base.Declined(absent))
        fitting = [
            id_of(key)
            for key, record in call.ledger.of(JobRecord)
            if record.owner == call.bearer.owner
            and call.code in ("", record.team)
            and command.conversation in (None, record.conversation)
        ]
        since = None if command.changed_since is None else command.changed_since - unix_millis(self.config.epoch, 0)
        views = [
            view
            for job in reversed(fitting)
            if (view := call.job(job)) and view.span.status in command.statuses
            if since is None or view.span.since >= since
        ]
        # of those that changed at one instant the newest comes first, still
        views.sort(key=lambda view: view.span.since, reverse=True)
        behind = next((n for n, view in enumerate(views, 1) if view.plan.invocation.job == command.behind), 0)
        page = tuple(views[behind : behind + command.most])
        result = base.JobPage(page, len(views), more=behind + len(page) < len(views))
        reply = self._written(call, command, result)
        program = result.views[0].plan.program if result.views else self.config.scenario_of_tokens
        return self._planner(call).plan(reply, program, Place(call.bearer.client, user=call.bearer.user))

    def _receivers(self, call: Call, command: base.ReceiverCommand) -> Reply:
        found = take_receivers(call, command, self.recorded)
        if isinstance(found, Refusal):
            return self._written(call, command, base.Declined(found))
        reply = self._written(call, command, found)
        return self._planner(call).plan(
            reply, self.config.scenario_of_tokens, Place(call.bearer.client, user=call.bearer.user)
        )

    # Polls

    def _look(self, call: Call, command: base.Look) -> Reply:
        found = job_named(call.changes, command.job)
        # whoever isn't meant learns nothing: a stranger's job, another team's and one that never was are answered alike
        own = found is not None and found[1].owner == call.bearer.owner and found[1].team == call.code
        if found is None or not own or (command.published and not call.catalog.published(call.code)):
            return self._no_job(call, command)
        job, record = found
        chosen = self.catalog.chosen_for(record) or UNMATCHED
        if chosen.scenario.retention is not None and call.job(command.job) is None:  # forgotten some time after its end
            return self._no_job(call, command)
        call.switches = self.catalog.switches_of(chosen, call.code)
        routes = _names(call.match.name, "status")
        rules = rules_of(call.changes, routes, chosen)
        response = self._status(call, command, job, record, chosen, spared=not rules)
        latency = planned_latency(self.config.seed, chosen, routes, job, call.now)
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
        found = base.Found(JobView(record, plan, span, given_with(call.changes, command.job)))
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
                team_switches=self.catalog.team_switches(call.code),
                route=route,
                armed=call.changes.get(ARMED_KEY),
                spared=spared,
                program=chosen,
                routes=_names(route.name, "status"),
                job=job,
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
        refuse = partial(self._refuse, call.dialect, call.switches)
        revoke = ends_token(call.request, call.now) if call.bearer.until < FOREVER else None
        return Planner(self.config, call.changes, call.now, call.request, refuse, call.dialect.alter, revoke)


def _team_of(call: Call, command: base.Reading) -> str:
    """The team that a request is for whose path names none: the one that it names, or that of its job; empty: neither."""
    match command:
        case base.AnsweredLater(inner):
            return _team_of(call, inner)
        case (
            base.RegisterReceiver(team=team, job=str(job))
            | base.ListReceivers(team=team, job=str(job))
            | base.EndReceiver(team=team, job=str(job))
            | base.Look(team=team, job=job)
            | base.Say(team=team, job=job)
            | base.Decide(team=team, job=job)
            | base.Cancel(team=team, job=job)
        ):
            view = None if team else call.job(job)
            return team if view is None else view.record.team
        case (
            base.Invoke(team=team)
            | base.ListOwnJobs(team=team)
            | base.Describe(team=team)
            | base.FollowJobs(team=team)
            | base.RegisterReceiver(team=team)
            | base.ListReceivers(team=team)
            | base.EndReceiver(team=team)
        ):
            return team
        case base.Private() | base.Unread():
            return ""
        case _:
            assert_never(command)


def _rests(span: Span, switches: Switches, *, answerable: bool) -> bool:
    """Whether a job goes no further by itself; `answerable`: but where somebody may answer over the API."""
    if span.until == span.since:  # it was passed at the instant at which the job was cancelled
        return False
    if answerable and not span.status.final:
        return isinstance(span.step, Gate) and span.step.channel == "CHAT"
    return shown_status(span, switches) is not Status.RUNNING


def _views(result: base.Result) -> tuple[JobView, ...]:
    """The jobs of which a stream tells."""
    match result:
        case base.Streamed(view):
            return (view,)
        case base.Followed(views):
            return views
        case _:
            return ()


def _with_decisions(ledger: Ledger, result: base.Result) -> base.Result:
    """The same result, given what was decided since."""
    match result:
        case base.Streamed(view):
            return replace(result, view=_decided_since(ledger, view))
        case base.Followed(views):
            return base.Followed(tuple(_decided_since(ledger, view) for view in views))
        case _:
            return result


def _decided_since(ledger: Ledger, view: JobView) -> JobView:
    """The job as it was looked at, with what was decided since; as it was then, if it is gone."""
    record = ledger.get(job_key(view.plan.invocation.job))
    return replace(view, record=record) if isinstance(record, JobRecord) else view


def _names(route: str, command: str) -> tuple[str, ...]:
    """What a call goes by: its route, and what is asked by it, where that is a route's name too."""
    return (command,) if route == command else (route, command)
