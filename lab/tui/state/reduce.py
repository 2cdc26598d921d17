"""`reduce(stage, observation)`: the next state. Total and pure; every text passes `clean` on its way in."""

from dataclasses import replace

from lab.app.observe import Asked, Ended, Lost, Noted, Observation, Replied, Requested, Touched, Waiting
from lab.core.exchange import Json
from lab.core.journal.fact import Fact, LedgerCleared
from lab.core.journal.shell import TapeNoted
from lab.faults.facts import FaultStruck
from lab.jobs.facts import GateDecided, GateExpired, GateOpened, JobStatus
from lab.jobs.gates import Origin
from lab.language.document import Verdict
from lab.tui.state import clean
from lab.tui.state.replies import gated, line_or_none, lost, marked, put, replied, team_of, text_or_none
from lab.tui.state.screen import MOST_CALLS, MOST_TURNS, RunState
from lab.tui.state.values import Exchange, GateOpening, JobState, NextCall, Pairs, TimelineRow, TokenState

_VERDICT_WORDS = {"changes-requested": "changes", "timed-out": "timed out"}


def reduce(stage: RunState, observation: Observation) -> RunState:
    """The state after one more observation."""
    seen = stage if observation.at <= stage.seen else replace(stage, seen=observation.at)
    match observation:
        case Requested():
            return _requested(seen, observation)
        case Replied():
            return replied(seen, observation)
        case Lost():
            return lost(seen, observation)
        case Waiting(at, until, why):
            return replace(seen, pending=NextCall(at, until, clean.line(why, 32)))
        case Asked(at, until, question):
            waiting = replace(seen, pending=NextCall(at, until, "poll"))
            return gated(waiting, question.job, question.node, at)
        case Noted(fact=FaultStruck() as fact, x=x):
            return _struck(seen, fact, x)
        case Noted(fact=fact):
            return _noted(seen, fact)
        case Ended(at, outcome):
            told = replace(
                outcome, badge=None, output=text_or_none(outcome.output), error=text_or_none(outcome.error),
                why=text_or_none(outcome.why), job=line_or_none(outcome.job), conversation=line_or_none(outcome.conversation),
                follow_up=tuple(clean.line(question, 500) for question in outcome.follow_up),
            )  # fmt: skip
            return replace(seen, ended=at, outcome=told, pending=None, gate=None, patience=None)
        case Touched():
            return seen
        case _:
            return seen


# What is sent


def _requested(stage: RunState, told: Requested) -> RunState:
    request = told.request
    kind = request.header("content-type")
    call = Exchange(
        told.x, told.at, told.route, clean.line(request.method, 16), clean.target(request),
        clean.headers(request.headers), clean.body(request.body, kind),
    )  # fmt: skip
    if stage.ended is not None:
        stage = _turned(stage)
    stage = replace(
        stage, start=told.at if stage.start is None else stage.start, pending=None,
        began=told.at if stage.began is None else stage.began, calls=(*stage.calls, call)[-MOST_CALLS:],
    )  # fmt: skip
    match told.route:
        case "token":
            return replace(stage, token=TokenState(told.at, call.path, clean.form(request.body)))
        case "invoke":
            return _invoking(stage, told, call)
        case _:
            return stage


def _turned(stage: RunState) -> RunState:
    """The next turn: the one before is kept to be looked at; a run that came to no job was none."""
    past = stage.past
    if stage.job is not None:
        past = (*past, replace(stage, past=(), calls=()))[-MOST_TURNS:]
    token = stage.token
    if token is not None:
        token = replace(token, reused=True) if token.token else None
    return RunState(
        start=stage.start, seen=stage.seen, token=token, calls=stage.calls, notes=stage.notes, past=past,
    )  # fmt: skip


def _invoking(stage: RunState, told: Requested, call: Exchange) -> RunState:
    document = clean.parsed(told.request.body)
    members = document if isinstance(document, dict) else {}
    resume = members.get("resumeInput") or members.get("resumeNodeInput")
    if isinstance(resume, dict):
        action = clean.line(str(resume.get("userResponse", "")), 64)
        gate = replace(stage.gate, sent=action, refusal=None) if stage.gate else None
        return replace(stage, gate=gate)
    job = JobState(told.at, call.path, clean.line(team_of(told.request.path), 200), _fields(members))
    return replace(stage, job=job)


def _fields(members: dict[str, Json]) -> Pairs:
    shown: list[tuple[str, str]] = []
    for name in ("message", "conversational", "conversationId", "progressMessage", "parameters"):
        if name in members:
            shown.append((name, _value(members[name])))
    return tuple(shown)


def _value(value: Json) -> str:
    if isinstance(value, str):
        return clean.line(value)
    return clean.compact(clean.json_bytes(value), None)


# What the mock's journal tells


def _noted(stage: RunState, fact: Fact) -> RunState:
    match fact:
        case LedgerCleared():
            return RunState(seen=fact.at)
        case GateOpened() if _ours(stage, fact.job):
            then = fact.otherwise
            told = GateOpening(
                clean.line(fact.job, 200), clean.line(fact.gate, 80), fact.round, fact.at, fact.until, then.at,
                clean.line(then.verdict, 40), line_or_none(then.by), clean.line(then.to, 40),
                fact.approvals,
            )  # fmt: skip
            return replace(stage, patience=told)
        case GateDecided() if _ours(stage, fact.job) and fact.by is not Origin.API:
            word = _VERDICT_WORDS.get(fact.verdict, str(fact.verdict))
            patience = _voted(stage.patience, fact)
            decided = replace(stage, decisions=stage.decisions + 1, patience=patience)
            return marked(decided, TimelineRow(fact.at, "decided", word))
        case GateExpired() if _ours(stage, fact.job):
            return marked(stage, TimelineRow(fact.at, "decided", "timed out", bad=True))
        case JobStatus(to="COMPLETE" | "ERROR") if stage.job is not None and stage.job.job in (None, fact.job):
            return replace(stage, ending=clean.line(fact.step, 80))
        case TapeNoted():
            return replace(stage, notes=(*stage.notes, clean.line(fact.text, 300))[-20:])
        case _:
            return stage


def _struck(stage: RunState, fact: FaultStruck, x: int | None) -> RunState:
    """The exchange of that ordinal has a fault's name; without one (our own run counts by itself) the last one sent."""
    name = clean.line(fact.fault, 80)
    calls = reversed(stage.calls)
    call = next((call for call in calls if (call.at <= fact.at if x is None else call.x == x)), None)
    if call is not None:
        stage = put(stage, replace(call, struck=name))
    if stage.ended is not None or stage.job is None:
        return stage
    return marked(stage, TimelineRow(fact.at, "struck", name, bad=True))


def _voted(patience: GateOpening | None, fact: GateDecided) -> GateOpening | None:
    """The opening with one approval more."""
    if patience is None or patience.gate != fact.gate or fact.verdict is not Verdict.APPROVED:
        return patience
    return replace(patience, approved=patience.approved + 1)


def _ours(stage: RunState, job: str) -> bool:
    return stage.ended is None and stage.job is not None and stage.job.job in (None, job)
