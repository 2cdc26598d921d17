"""A message for a team: a new job, the next turn of a conversation, or the answer to what waits (contract.md §3, §5.3).

One route takes all three, and nothing in a request says which it is. What decides, in this order:

    it brings an opening's token (`Decide`)                            the answer to that opening, or 409 and why not
    it is for one task and no other (`Say`)                            the answer to that job's gate, or 409
    it names a job that is WAITING                                     the answer to that job's gate or wait
    it names a conversation whose last job waits at a gate of CHAT     the answer to that gate
    it names a conversation that is known                              a new job: the conversation's next turn
    anything else                                                      a new job: the first turn

The third and fourth need the switch `answer_by_message`. A job that is named but doesn't wait is no error: it is noted
(`ignored_job_id`), and a new job begins. A gate of another channel (EMAIL) isn't answered by chance, because its
conversation went on: only whoever names its job learns that this approval is given elsewhere.

    {"message": "Taxi 42", "conversationId": "K"}       first turn; RUNNING, then WAITING at the gate the-boss
    {"message": "Yes",     "conversationId": "K"}       approves, for K's last job waits: the same job goes on
    {"message": "Bus 7",   "conversationId": "K"}       after its end: a new job, turn 2 of K

The job that a message answers is looked for before the team's rules are held against it (`closed`), for its status says
whether a draft will do. And they come before the idempotency key: a repeat of what is now forbidden is forbidden, too.
"""

import json
from functools import lru_cache, partial
from typing import assert_never

from msgspec.structs import replace

from lab.core.clock import Epoch
from lab.core.journal.shell import missed
from lab.core.refusal import Refusal, bad_request, conflict
from lab.core.seeds import Seed
from lab.dialects.base import (
    JOB_UNKNOWN,
    OTHER_CONVERSATION,
    Accepted,
    Cancel,
    Decide,
    Invoke,
    Say,
    Wanted,
    not_cancelable,
)
from lab.jobs.branches import holds_now, reachable
from lab.jobs.facts import (
    ConversationRecord,
    GateDecided,
    JobAccepted,
    JobCancelled,
    JobRecord,
    JobView,
    RepeatRecord,
    ScenarioMissed,
    WaitEnded,
    conversation_key,
    id_of,
    job_key,
    jobs_accepted,
    jobs_of,
    repeat_key,
)
from lab.jobs.gates import Inadmissible, Origin, admit, labels
from lab.jobs.names import output_text
from lab.jobs.plan import Plan, settle_draws
from lab.jobs.program import NO_SCENARIO, NO_SUCH_VERSION, UNMATCHED, Program
from lab.jobs.span import Ending, Span
from lab.jobs.texts import further_id, new_job_id, opening_token, writer_at
from lab.jobs.timeline import at
from lab.language.step_texts import StepText, step_texts
from lab.language.templates import RenderFailure, template
from lab.language.templates.bounds import Budget
from lab.mock.call import Call
from lab.mock.decisions import why_not
from lab.mock.latencies import planned_latency
from lab.mock.team_rules import (
    Choice,
    ConversationTurn,
    absent_team,
    asks_later,
    choose,
    for_caller,
    likely_scenario,
    new_conversation,
    of_version,
    open_scenarios,
    role_refusal,
    team_refusal,
    turn_of,
)
from lab.program.steps import Gate, Output, Pause
from lab.program.words import KeyPath, Status, Verdict

RETRY_AFTER = 2
"""In how many seconds a client may come again that was refused for the number of jobs."""
_APPROVES = ("approve", "approved", "yes", "ok")
_REJECTS = ("reject", "rejected", "no", "decline")
_BLANK = bad_request("message must not be blank.", "Say what the agent should do.")


def take_message(call: Call, command: Invoke | Say | Decide) -> Accepted | Refusal:
    """Admit a message or a decision, or say why not; `call` says which job that was about, and what is noted."""
    call.changes.add(*missed(tuple(near for _, near in command.unknown), call.now))
    if isinstance(command, Invoke):
        likely = likely_scenario(call, command.message, command.conversation)
    else:
        view = call.job(command.job)
        likely = view.plan.program if view is not None else None
    if likely is not None:
        call.switches = call.catalog.switches_of(likely, call.code)
    match command:
        case Invoke():
            return _invoke(call, command)
        case Say():
            return _say(call, command)
        case Decide():
            refused = team_refusal(call, command.wanted)
            return refused or _decide(call, command)
        case _:
            assert_never(command)


def _invoke(call: Call, command: Invoke) -> Accepted | Refusal:
    if command.new_id is not None and call.index.in_use(call.changes, command.new_id, call.now):
        return bad_request("id is in use.")
    waiting = _waiting(call, command)
    draft = command.wanted.draft
    if draft is None and waiting is not None:
        draft = waiting.plan.invocation.input.status == "DRAFT"
    refused = team_refusal(call, Wanted(draft=draft, version=command.wanted.version))
    if refused is not None:
        return refused
    if isinstance(command.key, Refusal):
        return command.key
    again = _repeated(call, command, command.key) if command.key is not None else None
    if again is not None:
        return again
    if waiting is not None:
        return _by_message(call, waiting, command.message, command.conversation)
    return _blank(command) if command.blank else _accept(call, command, draft=bool(draft))


def _blank(command: Invoke) -> Refusal:
    """Nothing is asked: perhaps under another name."""
    for sent, near in command.unknown:
        return replace(_BLANK, hint=f"{sent} is not a known field. Did you mean {near}?")
    return _BLANK


def _waiting(call: Call, command: Invoke) -> JobView | None:
    """The job that this message answers: WAITING, named by itself or by its conversation."""
    if not (call.switches.answer_by_message and command.answers):
        return None
    if command.job is not None:
        view = call.job(command.job)
        return view if view is not None and view.span.status is Status.WAITING else None
    if command.conversation is None or not command.conversational:
        return None
    known = call.changes.get(conversation_key(command.conversation))
    view = call.job(id_of(known.jobs[-1])) if isinstance(known, ConversationRecord) else None
    step = view.span.step if view is not None else None
    return view if isinstance(step, Gate) and step.channel == "CHAT" else None


# The answer that was given before

_OTHER_REQUEST = Refusal(
    422, "This Idempotency-Key was used for another request.", "Take a new key for each new request."
)
_UNDER_WAY = conflict("The first request with this Idempotency-Key is still under way.", "Wait for its answer.")


def _repeated(call: Call, command: Invoke, key: str) -> Accepted | Refusal | None:
    """The answer that was given first, or why it isn't given; None: the key is new, or its job forgotten.

    The same key and request gets it again (contract.md §10, limits.md §4, row 72). The journal holds the key with the
    job, and no hash of a body: short secrets can be guessed from one. What is compared is what the job was accepted with.
    """
    first = call.changes.get(repeat_key(call.bearer.owner, key))
    if not isinstance(first, RepeatRecord):
        return None
    view = call.index.view(call.changes, first.job, call.now)
    if view is None:
        return None
    record, plan = view.record, view.plan
    if not _same(call, command, record):
        return _OTHER_REQUEST
    due = record.at + planned_latency(plan.seed, plan.program, ("invoke",), plan.invocation.job, record.at)
    if call.now < due and first.job not in call.first_answers.left:
        return _UNDER_WAY
    return Accepted(JobView(record, plan, at(plan, (), record.at)))


def _same(call: Call, command: Invoke, record: JobRecord) -> bool:
    alike = record.team == call.code and _canonical(json.loads(record.input)) == _canonical(command.members)
    return alike and (not command.conversational or command.conversation == _sent(call.config.id_seed, record))


def _sent(seed: Seed, record: JobRecord) -> str | None:
    """The conversation's id as the first request said it: none, if the lab issued it for this job."""
    stream = f"{record.client}/{record.scenario or NO_SCENARIO}/{record.ordinal}"
    return None if record.conversation == new_conversation(seed, stream) else record.conversation


def _canonical(value: object) -> str:
    # as text, for to Python 1, 1.0 and True are equal
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


# Answers to what waits


def _say(call: Call, command: Say) -> Accepted | Refusal:
    view = call.job(command.job)
    absent = absent_team(call) if command.published else None
    if absent is not None or view is None:
        return absent or JOB_UNKNOWN
    if view.span.status is not Status.WAITING:
        return conflict("The task needs no input.", why_not(view, None, Inadmissible.EARLY), promised=True)
    if not call.switches.answer_by_message:
        return conflict("Gates are not answered by messages here.")
    refused = team_refusal(call, Wanted(draft=view.plan.invocation.input.status == "DRAFT"))
    return refused or _by_message(call, view, command.message, command.conversation)


def _decide(call: Call, command: Decide) -> Accepted | Refusal:
    view = call.job(command.job) if command.job else None
    if view is None:
        return JOB_UNKNOWN
    job, span = view.plan.invocation.job, view.span
    call.touched = job
    if command.conversation is not None and command.conversation != view.record.conversation:
        return OTHER_CONVERSATION
    if span.status is not Status.WAITING:
        why = why_not(view, None, Inadmissible.EARLY)
        return conflict("The job is not waiting.", why, promised=True)
    if isinstance(span.step, Gate) and span.step.channel != "CHAT":
        return _OUTSIDE
    if command.opening != opening_token(view.plan, span):
        return conflict("‹answer› is not the open gate's ‹opening›.")
    if isinstance(span.step, Pause):
        offers = call.switches.timeout_action
        if not offers or command.verdict is not None:
            hint = f"It offers {'‹ends the wait›' if offers else 'nothing'}; it ends by itself."
            return bad_request("The wait does not offer this.", hint, promised=True)
        return _taken(call, view, WaitEnded(at=call.now, job=job, step=span.id, round=span.visit))
    return _at_gate(call, view, command.verdict, command.comment)


_OUTSIDE = conflict("This approval is given outside the API.")


def _by_message(call: Call, view: JobView, message: str, conversation: str | None) -> Accepted | Refusal:
    """A message as an answer: a button's label or a plain word decides, anything else says what should be different."""
    call.touched = view.plan.invocation.job
    if conversation is not None and conversation != view.record.conversation:
        return OTHER_CONVERSATION
    gate = view.span.step
    if not isinstance(gate, Gate):
        return conflict("The job waits for time, not for a person.")
    if gate.channel != "CHAT":
        return _OUTSIDE
    text = message.strip()
    word = text.casefold()
    by_label = {label.strip().casefold(): verdict for verdict, label in labels(gate).items()}
    verdict = Verdict.CHANGES
    if gate.approval:
        plain = Verdict.APPROVED if word in _APPROVES else Verdict.REJECTED if word in _REJECTS else Verdict.CHANGES
        verdict = by_label.get(word, plain)
    return _at_gate(call, view, verdict, text if verdict is Verdict.CHANGES else None)


def _at_gate(call: Call, view: JobView, verdict: Verdict | None, comment: str | None) -> Accepted | Refusal:
    job, span = view.plan.invocation.job, view.span
    gate = span.step
    assert isinstance(gate, Gate)
    if not gate.approval:  # it takes a reply, and nothing else
        verdict = Verdict.APPROVED if verdict is Verdict.CHANGES else None
    if verdict is None or admit(span.opening, gate.id, verdict, comment) is not None:
        offered = ", ".join(f"‹{offer}› ({label})" for offer, label in labels(gate).items())
        return bad_request("The gate does not offer this.", f"It offers {offered}.", promised=True)
    fact = GateDecided(
        at=call.now, job=job, gate=gate.id, round=span.visit, verdict=verdict, by=Origin.API, comment=comment
    )
    return _taken(call, view, fact)


def _taken(call: Call, view: JobView, fact: GateDecided | WaitEnded | JobCancelled) -> Accepted:
    """The decision is admitted: the job goes on. Its plan is the same, for a plan knows no decisions."""
    plan, given = view.plan, view.given
    if isinstance(fact, JobCancelled):
        pass  # its id stays
    elif call.dialect.renames_jobs(call.switches):
        given = len(view.decisions) + 1
        alias = further_id(call.switches, plan, given)
        fact, plan = replace(fact, alias=alias), replace(plan, alias=alias)
    else:
        plan = replace(plan, alias=None)
    call.changes.add(fact)
    record = call.changes.get(job_key(fact.job))
    assert isinstance(record, JobRecord)
    now = JobView(record, plan, at(plan, record.decisions, call.now), given)
    return Accepted(now, first=False)


def take_cancel(call: Call, command: Cancel) -> Accepted | Refusal:
    """Admit the request to cancel a job, or say why not; asked again of one that is being cancelled, nothing more comes of it."""
    view = call.job(command.job)
    if view is None or (command.published and absent_team(call) is not None):
        return absent_team(call) or JOB_UNKNOWN
    job, span = view.plan.invocation.job, view.span
    call.touched = job
    if span.status.final:
        return not_cancelable(f"The job has ended: {span.status}.")
    if view.being_cancelled:
        return Accepted(view, first=False)
    assert not isinstance(span.step, Ending)
    if view.plan.program.cancel_at(span.step) == "refused":
        return not_cancelable("The job can't be cancelled now.", f"The scenario says so of {span.id}.")
    return _taken(call, view, JobCancelled(at=call.now, job=job, by=Origin.API))


# New jobs


def _accept(call: Call, command: Invoke, *, draft: bool) -> Accepted | Refusal:
    most = call.config.most_jobs
    if _full(call, most):
        why, hint = f"There are {most} jobs that have not ended.", "Let some end, or raise limits.jobs."
        return Refusal(429, why, hint, (("retry-after", str(RETRY_AFTER)),))
    found = turn_of(call, command)
    turn = ConversationTurn() if isinstance(found, Refusal) else found
    opened = of_version(open_scenarios(call.team, draft=draft), command.wanted.version, call.switches)
    # the version comes before the message: what isn't published can fit nothing, and nobody wants to know what came near
    choice = choose(call, opened, command, turn) if opened else Choice(NO_SUCH_VERSION)
    refused = role_refusal(call, choice.scenario) if choice is not None else None
    if refused is None and isinstance(found, Refusal):
        refused = found
    if refused is not None:
        return refused
    fact = _accepted(call, command, choice, turn)
    if choice is None:
        call.changes.add(ScenarioMissed(at=call.now, near=tuple(each.name for each in call.team)))
    call.changes.add(*call.index.stale(call.changes, fact), fact)
    record = call.changes.get(job_key(fact.job))
    assert isinstance(record, JobRecord)
    plan = call.index.plan_of(call.changes, fact.job, record)
    span = at(plan, (), call.now)
    try:
        _dry_run(plan, span, call.config.epoch)
    except RenderFailure as failure:
        # nothing was accepted, but the number is gone: the next job draws other values
        call.changes.drop()
        call.changes.use(jobs_of(fact.client, fact.scenario))
        reason = f"A text of scenario {plan.program.name} can not be written: {failure}"
        return Refusal(503, "The scenario can not be played.", reason)
    call.note(turn.flags if command.job is None else (*turn.flags, "ignored_job_id"))
    if choice is None and asks_later(for_caller(call, opened), turn, command.message):
        call.note(("outside_conversation",))
    return Accepted(JobView(record, plan, span))


def _full(call: Call, most: int) -> bool:
    """Whether as many jobs are alive as may be; none is looked at before so many were accepted (limits.md §2)."""
    if jobs_accepted(call.changes.get) < most:
        return False
    for _ in call.index.steps(call.changes, call.now):
        pass
    return call.index.alive >= most


def _accepted(call: Call, command: Invoke, choice: Choice | None, turn: ConversationTurn) -> JobAccepted:
    config, client, user = call.config, call.bearer.client, call.bearer.user
    chosen = choice.scenario if choice is not None else None
    name = (chosen or UNMATCHED).name
    ordinal = call.changes.next(jobs_of(client, name))
    stream = f"{client}/{name}/{ordinal}"
    conversation = turn.id
    if command.conversational and conversation is None:
        conversation = new_conversation(config.id_seed, stream)
    drawn = (config.recorded or {}).get((client, name, ordinal))
    if drawn is None:
        drawn = settle_draws(
            call.catalog.playing(chosen, user, choice.part if choice is not None else 1), config.seed, ordinal
        )
    switches = call.catalog.switches_of(chosen or UNMATCHED, call.code)
    return JobAccepted(
        at=call.now, job=command.new_id or new_job_id(switches, config.id_seed, f"job/{stream}"), client=client, user=user,
        conversation=conversation, turn=turn.number, entry=choice.entry if choice is not None and turn.number > 1 else None,
        team=call.code, scenario=chosen.name if chosen else None,
        ordinal=ordinal, input=command.members, drawn=drawn,
        idempotency=command.key if isinstance(command.key, str) else None,
    )  # fmt: skip


def _dry_run(plan: Plan, span: Span, epoch: Epoch) -> None:
    """Render what looks at nothing that comes later; RenderFailure if a text fails, or a condition has no answer.

    What can be rendered when a job is accepted is tried then, so that a text that fails refuses the request. So are the
    conditions that look at nothing that comes later (a decision, a delegate's output), and of the texts only those of
    steps to which they let the job come: what a request lacks may be just what a condition asks for.
    """
    write, program = writer_at(plan, span, epoch), plan.program
    judge = partial(holds_now, plan, budget=Budget(alone=True))
    places = reachable(program, judge) if program.conditional else program.steps
    for step, whole in _early(program):
        if step in places:
            output_text(whole, program.files, write)


@lru_cache(maxsize=256)
def _early(program: Program) -> tuple[tuple[str, Output], ...]:
    """The texts and outputs, by their steps, of which one part is a template, and none looks at what comes later."""
    wholes: dict[tuple[str, KeyPath], list[StepText]] = {}
    for each in step_texts(program.scenario.steps):
        if not each.is_condition:
            place = each.place[:1] if each.of_output else each.place
            wholes.setdefault((each.step.id, place), []).append(each)
    return tuple(
        (step, texts[0].whole)
        for (step, _), texts in wholes.items()
        if not any(each.read().decided_later for each in texts) and not all(template(each.text).plain for each in texts)
    )
