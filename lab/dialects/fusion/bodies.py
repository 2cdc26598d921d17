"""The job body: 27 keys, always all, in this order (contract.md §4)."""

from contextlib import suppress
from functools import lru_cache
from typing import assert_never

import msgspec
from msgspec.structs import replace

from lab.core.clock import Epoch, Millis, iso, unix_millis
from lab.core.exchange import Json, text_of, within_text
from lab.core.seeds import draw, hexes
from lab.dialects.base import WriteContext
from lab.jobs.gates import Decision, labels
from lab.jobs.plan import Plan
from lab.jobs.span import DefaultEnding, Ending, Span, node_code
from lab.jobs.texts import Prompt, conversation_of, opening_token, status_texts, takes_text
from lab.jobs.timeline import spans
from lab.program.steps import Complete, Delegate, Failure, Gate, Parallel, Pause, Step, Work
from lab.program.switches import Switches
from lab.program.words import Status, Verdict

NEVER = "1970-01-01T00:00:00.000+0000"
"""`endDate` of a job that has not ended."""


@lru_cache(maxsize=1024)
def _stamp(epoch: Epoch, at: Millis) -> str:
    return iso(epoch, at).replace("Z", "+0000")


def version_of(plan: Plan, switches: Switches) -> int:
    """The scenario's version, else the one asked for, else 1; where none is checked, the one asked for comes first."""
    wanted, own = plan.invocation.input.version, plan.program.scenario.agent.version
    return (wanted or own or 1) if switches.version_check == "off" else (own or wanted or 1)


@lru_cache(maxsize=4096)
def workflow_id(team: str) -> str:
    """15 digits, fixed for a team: `300000` and nine hashed from its code (contract.md §4.1)."""
    return f"300000{draw(0, f'workflow/{team}', 0, 999_999_999):09d}"


def _echoed(plan: Plan, switches: Switches) -> dict[str, Json]:
    call = plan.invocation
    wanted = call.input
    return {
        "workflowCode": call.team, "message": wanted.message, "conversational": wanted.conversational,
        "conversationId": conversation_of(plan, switches), "jobId": call.job, "invocationMode": wanted.invocation_mode,
        "version": version_of(plan, switches), "status": wanted.status, "parameters": dict(wanted.parameters),
        "refreshCache": wanted.refresh_cache, "useInternalConfig": wanted.use_internal_config,
        "workflowId": workflow_id(call.team), "streamOutput": wanted.stream_output,
        "progressMessage": wanted.progress_message,
    }  # fmt: skip


def echo(plan: Plan, switches: Switches) -> str:
    """The `input` echo: compact JSON, 14 keys in this order (contract.md §4.1)."""
    members = _echoed(plan, switches)
    if not plan.invocation.input.parameters:  # in which a number may stand that is written differently
        with suppress(UnicodeEncodeError, OverflowError):  # half a surrogate pair; an integer of more than 64 bits
            return msgspec.json.encode(members).decode()
    return text_of(members)


_NO_ECHO = b'{"input":""'


def with_long_echo(body: bytes, plan: Plan, switches: Switches) -> bytes:
    """A body whose echo was left empty, with it: copied once, and of what is long all was written with its `quoted` input."""
    assert body.startswith(_NO_ECHO)
    known, parts = plan.invocation.input.quoted(), [_NO_ECHO[:-1], b"{"]
    for name, value in _echoed(plan, switches).items():
        parts += within_text(name), b":", known[name] if name in known else within_text(value), b","
    return b"".join((*parts[:-1], b"}", body[len(_NO_ECHO) - 1 :]))


def _waiting_node(plan: Plan, span: Span, prompt: Prompt) -> Json:
    """`waitingNodeDetails`: 13 keys in order (contract.md §4.3)."""
    step = span.step
    if isinstance(step, Pause):
        minutes = -(-plan.takes(step.id, span.visit) // 60_000)
        rounds = step.again.rounds if step.again else None
        return _node(plan, span, prompt, "WAIT", rounds, waitTimeInMinutes=minutes, actionNames={})
    assert isinstance(step, Gate)
    rounds = step.rounds if takes_text(step) else None
    return _node(
        plan, span, prompt, "HUMAN", rounds, channelType=step.channel, feedbackEnabledFlag=takes_text(step),
        approvalEnabledFlag=step.approval, actionNames=actions(step),
    )  # fmt: skip


def _node(plan: Plan, span: Span, prompt: Prompt, kind: str, rounds: int | None, **members: Json) -> Json:
    outside = members.get("channelType", "CHAT") != "CHAT"
    node: dict[str, Json] = {
        "code": node_code(span.id), "type": kind, "channelType": None, "initialMessage": prompt.text,
        "requestChangeMessage": prompt.changes, "maxIterationMessage": prompt.last_round,
        "currentIterationCount": span.rounds_used, "maxIteration": rounds, "feedbackEnabledFlag": None,
        "approvalEnabledFlag": None, "waitTimeInMinutes": None, "actionNames": {},
        "callbackToken": None if outside else opening_token(plan, span),
    }  # fmt: skip
    return node | members


ACTIONS: dict[str, Verdict | None] = {
    "APPROVE_ACTION": Verdict.APPROVED, "REJECT_ACTION": Verdict.REJECTED, "RFI_ACTION": Verdict.CHANGES,
    "ORA_TIMEOUT": None,
}  # fmt: skip
"""The verdict that each action of the wire asks for; None: the early end of a wait."""
ACTION_OF = {verdict: action for action, verdict in ACTIONS.items()}


def actions(gate: Gate) -> dict[str, Json]:
    """Label by action, as `actionNames` has them."""
    return {ACTION_OF[verdict]: label for verdict, label in labels(gate).items()}


def nodes(plan: Plan, span: Span, decisions: tuple[Decision, ...]) -> list[Json]:
    """The steps passed so far, that of the span too, as ADMIN sees them: no endings, and not what a node handed back
    (contract.md §4.4)."""
    found: list[Json] = []
    for each in spans(plan, decisions):
        here = each.index == span.index
        shown: tuple[Step, ...] = ()
        if isinstance(each.step, Parallel) and each.stretch is not None:
            # in its place its children, once: where the job is all, where it is over none that was left
            if here or each.stretch.last:
                shown = tuple(child for child in each.step.of if here or child not in each.stretch.left)
        elif not (each.escalated or isinstance(each.step, Ending)):
            shown = (each.step,)
        for step in shown:
            under_way = (each.id, each.visit) == (span.id, span.visit) and step.id in span.ids and not span.status.final
            found.append({**named_node(step), "status": "RUNNING" if under_way else "DONE", "output": None})
        if here:
            break
    return found


def named_node(step: Step | DefaultEnding) -> dict[str, Json]:
    """What says which node a step is: its code, and its type; of a sub-agent the agent's code too."""
    agent: dict[str, Json] = {"agentCode": step.agent} if isinstance(step, Delegate) else {}
    return {"nodeCode": node_code(step.id), "nodeType": node_type(step), **agent}


def node_type(step: Step | DefaultEnding) -> str:
    """What kind of node a step is on the wire."""
    match step:
        case Gate():
            return "HUMAN"
        case Pause():
            return "WAIT"
        case Work(tool=str()):
            return "TOOL"
        case Work() | Delegate() | Parallel() | Complete() | Failure() | DefaultEnding():
            return "AGENT"
        case _:
            assert_never(step)


CANCELLED_ELSEWHERE = "The job was cancelled."
"""The error of a job that a client has cancelled over another wire."""
PUBLISHED_VERSION = "workflowVersion"
"""The member that names the version of the agent that runs."""


def full_body(
    plan: Plan,
    span: Span,
    context: WriteContext,
    *,
    invoked: bool = False,
    passed: list[Json] | None = None,
    echoed: str | None = None,
) -> dict[str, Json]:
    """The body at a span with all its keys, whatever the switch `body` says.

    `invoked` for the answer to invokeAsync, else for a status; `passed` fills `nodes`, `echoed` stands for the echo.
    """
    epoch, switches = context.epoch, context.switches
    state = status_texts(plan, span, epoch, switches, accepted=invoked)
    if state.status is Status.CANCELLED:  # over another wire, for this one has neither the call nor the word
        state = replace(state, status=Status.ERROR, error=CANCELLED_ELSEWHERE)
    call = plan.invocation
    ended, start = state.status.final, plan.began(span.since)
    silent = None if invoked or state.status is Status.ERROR else ""
    node = None if state.prompt is None else _waiting_node(plan, span, state.prompt)
    return {
        "input": echo(plan, switches) if echoed is None else echoed, "output": state.output, "progressMessage": state.progress or silent,
        "error": state.error, "followUpQuestions": list(state.follow_up), "jobId": plan.shown,
        "conversationId": conversation_of(plan, switches),
        "traceId": "0" * 16 + hexes(plan.seed, f"{call.job}/trace", 16), "status": str(state.status),
        "supportingChunks": [], "citations": [], "nodes": passed or [],
        "waitingToolCode": node_code(span.id) if node is not None else None, "workflowCode": call.team,
        "workflowName": None, "architecture": None, PUBLISHED_VERSION: version_of(plan, switches),
        "workflowStatus": call.input.status,
        "startDate": unix_millis(epoch, start), "endTime": unix_millis(epoch, span.since) if ended else 0,
        "createDate": _stamp(epoch, start), "endDate": _stamp(epoch, span.since) if ended else NEVER,
        "timeTaken": 0, "inputTokenCount": 0, "outputTokenCount": 0, "waitingNodeDetails": node,
        "preview": False,
    }  # fmt: skip
