"""invokeAsync: a new job, the next turn of a conversation, or the answer to a gate (contract.md §3, §5.3)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from msgspec import structs

from lab.core.exchange import Json, Response
from lab.core.refusal import Refusal, bad_request, conflict
from lab.core.seeds import uuid4
from lab.dialects.fusion import SSE_HEADERS, read_invoke
from lab.dialects.fusion.bodies import VERDICT_OF, actions, callback_token
from lab.dialects.fusion.requests import NO_OBJECT, Asked, Resume
from lab.jobs.facts import GateDecided, JobAccepted, ScenarioMissed, WaitEnded, jobs_of
from lab.jobs.gates import Decision, Inadmissible, Origin, admit
from lab.jobs.plan import CompiledScenario, Plan, settle_draws
from lab.jobs.records import ConversationRecord, JobRecord, conversation_key, id_of, job_key
from lab.jobs.timeline import at
from lab.jobs.view import JobView
from lab.language.document import Gate, Pause, Status, Verdict
from lab.language.templates import RenderFailure
from lab.mock.calls import Answered, Call
from lab.mock.choosing import choose, views_for
from lab.mock.doors import JOB_UNKNOWN, as_resumed, lacks_role, no_team, open_scenarios, own_job, shut
from lab.mock.reading import read_body
from lab.mock.refusals import refusal
from lab.mock.repeats import Repeat, issued_conversation, key_of
from lab.mock.threads import Thread, thread_of
from lab.mock.trying import try_texts
from lab.mock.views import UNMATCHED, Views

Tell: TypeAlias = Callable[[Views, Plan, tuple[Decision, ...]], Answered]
"""Words what a job looks like now, in a dialect of its own; without decisions the job is new."""
_APPROVES = ("approve", "approved", "yes", "ok")
_REJECTS = ("reject", "rejected", "no", "decline")
_BLANK = bad_request("message must not be blank.", "Say what the agent should do.")


def invoke(call: Call) -> Answered:
    """Answer an invokeAsync whose path, method and bearer are in order."""
    views, route = call.views, call.route
    body = read_body(call.request)
    if isinstance(body, Answered):
        return body
    (value,) = body
    if not isinstance(value, dict):
        return Answered(NO_OBJECT)
    team = views.by_team.get(route.code)
    if team is None:
        return Answered(no_team(route.name))
    value = as_resumed(call, value)
    asked = read_invoke(value, route.code, views.config.switches, route=route.name)
    if isinstance(asked, Refusal):
        return Answered(shut(call, team, value) or asked)
    call = replace(call, views=views_for(views, call.ledger, team, asked))
    done = _Turn(call, asked, team).answer()
    return replace(done, flags=tuple(sorted({*asked.flags, *done.flags})))


def take_turn(
    call: Call, asked: Asked, team: tuple[CompiledScenario, ...], tell: Tell, named: str | None = None
) -> Answered:
    """The same for a request in another dialect: `tell` words the answer, `named` is the id asked for a new job."""
    call = replace(call, views=views_for(call.views, call.ledger, team, asked))
    return _Turn(call, asked, team, tell, named).answer()


@dataclass(frozen=True, slots=True)
class _Turn:
    call: Call
    asked: Asked
    team: tuple[CompiledScenario, ...]
    tell: Tell | None = None
    named: str | None = None

    def answer(self) -> Answered:
        asked, waiting = self.asked, None if self.asked.resume else self._waiting()
        meant: dict[str, Json] = {"status": waiting[1].plan.invocation.input.status} if waiting else {}
        refused = shut(self.call, self.team, {**meant, **asked.members})
        if refused is not None:
            return Answered(refused)
        if asked.resume is not None:
            return self._resume(asked.resume)
        key = key_of(self.call)
        if isinstance(key, Refusal):
            return Answered(key)
        again = Repeat(self.call, asked, key).answer() if key is not None else None
        if again is not None:
            return again
        if waiting is not None:
            return self._by_message(*waiting)
        return Answered(_BLANK) if asked.blank else self._accept(key)

    # Answers to what waits

    def _waiting(self) -> tuple[str, JobView] | None:
        """The job that this message answers: WAITING, named by jobId or by its conversation."""
        if not self.call.views.config.switches.answer_by_message:
            return None
        if self.asked.job is not None:
            look = own_job(self.call, self.asked.job)
            return (look.plan.invocation.job, look) if look and look.span.status is Status.WAITING else None
        if self.asked.conversation is None or self.asked.members.get("conversational") is not True:
            return None
        known = self.call.ledger.get(conversation_key(self.asked.conversation))
        if not isinstance(known, ConversationRecord):
            return None
        job = id_of(known.jobs[-1])
        look = own_job(self.call, job)
        step = look.span.step if look else None
        if look is None or not isinstance(step, Gate) or step.channel != "CHAT":
            return None
        return job, look

    def _resume(self, resume: Resume) -> Answered:
        look = own_job(self.call, self.asked.job) if self.asked.job else None
        if look is None:
            return Answered(JOB_UNKNOWN)
        job = look.plan.invocation.job
        if self.asked.conversation is not None and self.asked.conversation != look.record.conversation:
            return Answered(conflict("conversationId is not the job's."), job)
        span = look.span
        if span.status is not Status.WAITING:
            return Answered(
                conflict("The job is not waiting.", refusal(look, None, Inadmissible.EARLY), promised=True), job
            )
        if isinstance(span.step, Gate) and span.step.channel != "CHAT":
            return Answered(conflict("This approval is given outside the API."), job)
        if resume.token != callback_token(look.plan, span):
            return Answered(conflict("messageInstanceId is not the open gate's callbackToken."), job)
        if isinstance(span.step, Pause):
            offers = "ORA_TIMEOUT" if self.call.views.config.switches.timeout_action else None
            if resume.action != offers:
                hint = f"It offers {offers or 'nothing'}; it ends by itself."
                return Answered(bad_request("The wait does not offer this.", hint, promised=True), job)
            return self._taken(job, WaitEnded(at=self.call.now, job=job, step=span.id, round=span.visit))
        return self._decide(job, look, resume.action, resume.content)

    def _by_message(self, job: str, look: JobView) -> Answered:
        if self.asked.conversation is not None and self.asked.conversation != look.record.conversation:
            return Answered(conflict("conversationId is not the job's."), job)
        gate = look.span.step
        if not isinstance(gate, Gate):
            return Answered(conflict("The job waits for time, not for a person."), job)
        if gate.channel != "CHAT":
            return Answered(conflict("This approval is given outside the API."), job)
        text = self.asked.message.strip()
        if not gate.approval:
            return self._decide(job, look, "RFI_ACTION", text)
        word = text.casefold()
        labels = {str(label).strip().casefold(): action for action, label in actions(gate).items()}
        action = labels.get(word)
        if action is None:
            action = "APPROVE_ACTION" if word in _APPROVES else "REJECT_ACTION" if word in _REJECTS else "RFI_ACTION"
        return self._decide(job, look, action, text if action == "RFI_ACTION" else None)

    def _decide(self, job: str, look: JobView, action: str, content: str | None) -> Answered:
        gate, span = look.span.step, look.span
        assert isinstance(gate, Gate)
        verdict = VERDICT_OF.get(action)
        if not gate.approval and action == "RFI_ACTION":
            verdict = Verdict.APPROVED
        offers = verdict is not None and (gate.approval or action == "RFI_ACTION")
        why = admit(span.opening, gate.gate, verdict, content) if verdict and offers else Inadmissible.NOT_OFFERED
        if why is not None:
            offered = ", ".join(f"{name} ({label})" for name, label in actions(gate).items())
            return Answered(bad_request("The gate does not offer this.", f"It offers {offered}.", promised=True), job)
        assert verdict is not None
        fact = GateDecided(
            at=self.call.now, job=job, gate=gate.gate, round=span.visit, verdict=verdict, by=Origin.API, comment=content
        )
        return self._taken(job, fact)

    def _taken(self, job: str, fact: GateDecided | WaitEnded) -> Answered:
        views, ledger = self.call.views, self.call.ledger
        known = ledger.get(job_key(job))
        assert isinstance(known, JobRecord)
        if self.tell is None and views.config.switches.resume_job_id == "new":
            alias = uuid4(views.config.seed, f"{job}/alias#{len(known.decisions) + 1}")
            fact = structs.replace(fact, alias=alias)
        ledger.add(fact)
        record = ledger.get(job_key(job))
        assert isinstance(record, JobRecord)
        return self._told(views.plan_of(ledger, job, record, fact.alias), record.decisions)

    def _told(self, planned: Plan, decisions: tuple[Decision, ...]) -> Answered:
        """What the job looks like now: its body, or the stream of what is to come."""
        route, job = self.call.route.name, planned.invocation.job
        if self.tell is not None:
            return self.tell(self.call.views, planned, decisions)
        if self.call.route.route.kind == "follow":
            pieces = self.call.views.stream(route, planned, decisions, self.call.now)
            return Answered(Response(200, SSE_HEADERS), job, planned.compiled, parts=pieces)
        span = at(planned, decisions, self.call.now)
        status, older = self.call.views.config.switches.invoke_status, "/v1/" in self.call.route.route.path
        response = self.call.views.answer(planned, span, decisions, invoked=True, status=status, older=older)
        return Answered(response, job, planned.compiled)

    # New jobs

    def _accept(self, key: str | None) -> Answered:
        most = self.call.views.config.most_jobs
        if self.call.views.crowd.full(self.call.ledger, self.call.now, most):
            return Answered(
                Refusal(429, f"There are {most} jobs that have not ended.", "Let some end, or raise limits.jobs.")
            )
        found = thread_of(self.call, self.asked)
        thread = Thread() if isinstance(found, Refusal) else found
        issued, turn = thread.id, thread.turn
        flags = thread.flags if self.asked.job is None else (*thread.flags, "ignored_job_id")
        config = self.call.views.config
        opened = open_scenarios(self.team, self.asked.members, self.call.route.name)
        chosen = choose(self.call.views, self.call.ledger, opened, self.asked, issued, turn)
        refused = lacks_role(self.call.views, chosen, self.call.bearer.user) if chosen is not None else None
        if refused is not None:
            return Answered(refused)
        if isinstance(found, Refusal):
            return Answered(found)
        made = chosen or UNMATCHED
        client = self.call.bearer.client
        ordinal = self.call.ledger.next(jobs_of(client, made.name))
        stream = f"{client}/{made.name}/{ordinal}"
        if self.asked.members.get("conversational") is True and issued is None:
            issued = issued_conversation(config.seed, stream)
        recorded = (config.recorded or {}).get((client, made.name, ordinal))
        fact = JobAccepted(
            at=self.call.now, job=self.named or uuid4(config.seed, f"job/{stream}"), client=client, user=self.call.bearer.user,
            conversation=issued, turn=turn, team=self.call.route.code, scenario=chosen.name if chosen else None,
            ordinal=ordinal, input=self.asked.members,
            drawn=recorded if recorded is not None else self._drawn(chosen, turn, ordinal),
            idempotency=key,
        )  # fmt: skip
        if chosen is None:
            self.call.ledger.add(ScenarioMissed(at=self.call.now, near=tuple(each.name for each in self.team)))
        return self._answered(fact, flags)

    def _drawn(self, chosen: CompiledScenario | None, turn: int, ordinal: int) -> dict[str, Json]:
        plays = self.call.views.plays(chosen, self.call.bearer.user, turn)
        return settle_draws(plays, self.call.views.config.seed, ordinal)

    def _answered(self, fact: JobAccepted, flags: tuple[str, ...]) -> Answered:
        ledger = self.call.ledger
        ledger.add(fact)
        record = ledger.get(job_key(fact.job))
        assert isinstance(record, JobRecord)
        made = self.call.views.made_of(record)
        planned = self.call.views.plan_of(ledger, fact.job, record)
        span = at(planned, (), self.call.now)
        try:
            try_texts(planned, span, self.call.views.config.epoch)
        except RenderFailure as failure:
            # nothing was accepted, but the number is gone: the next job draws other values
            ledger.drop()
            ledger.use(jobs_of(fact.client, fact.scenario))
            reason = f"A text of scenario {made.name} can not be written: {failure}"
            return Answered(Refusal(503, "The scenario can not be played.", reason))
        return replace(self._told(planned, ()), flags=flags)
