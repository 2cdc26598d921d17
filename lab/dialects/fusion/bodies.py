"""The job body: 27 keys, always all, in this order (contract.md §4)."""

from dataclasses import dataclass, field
from functools import lru_cache

from lab.core.clock import Epoch, Millis, unix_millis, wall
from lab.core.exchange import Json, text_of
from lab.core.seeds import draw, hexes, uuid4
from lab.jobs.gates import Decision
from lab.jobs.plan import Plan
from lab.jobs.texts import Writer, final_texts
from lab.jobs.timeline import DefaultEnding, Span, spans
from lab.language.document import Gate, Pause, Status, Step, Switches, Verdict, Work
from lab.language.templates import RenderFailure

UNWRITTEN = "The answer could not be written."
"""The error of a job whose text failed to render after a decision."""
NEVER = "1970-01-01T00:00:00.000+0000"
"""`endDate` of a job that has not ended."""


def _stamp(epoch: Epoch, at: Millis) -> str:
    return wall(epoch, at).strftime("%Y-%m-%dT%H:%M:%S.") + f"{unix_millis(epoch, at) % 1000:03d}+0000"


def version_of(plan: Plan, switches: Switches) -> int:
    """The scenario's version, else the one asked for, else 1; where none is checked, the one asked for comes first."""
    asked, own = plan.invocation.input.version, plan.compiled.scenario.agent.version
    return (own or asked or 1) if switches.version_check else (asked or own or 1)


def conversation_of(plan: Plan, switches: Switches) -> str | None:
    """The conversation's id as shown; a one-shot has none, or one that is never honoured."""
    call = plan.invocation
    if call.conversation is None and switches.one_shot_conversation_id == "fresh":
        return uuid4(plan.seed, f"{call.job}/one-shot")
    return call.conversation


@lru_cache(maxsize=4096)
def workflow_id(team: str) -> str:
    """15 digits, fixed for a team: `300000` and nine hashed from its code (contract.md §4.1)."""
    return f"300000{draw(0, f'workflow/{team}', 0, 999_999_999):09d}"


def echo(plan: Plan, switches: Switches) -> str:
    """The `input` echo: compact JSON, 14 keys in this order, made once (contract.md §4.1)."""
    call = plan.invocation
    asked = call.input
    return text_of({
        "workflowCode": call.team, "message": asked.message, "conversational": asked.conversational,
        "conversationId": conversation_of(plan, switches), "jobId": call.job, "invocationMode": asked.invocation_mode,
        "version": version_of(plan, switches), "status": asked.status, "parameters": dict(asked.parameters),
        "refreshCache": asked.refresh_cache, "useInternalConfig": asked.use_internal_config,
        "workflowId": workflow_id(call.team), "streamOutput": asked.stream_output,
        "progressMessage": asked.progress_message,
    })  # fmt: skip


def callback_token(plan: Plan, span: Span) -> str:
    """A new one each time a gate opens: 32 hex digits."""
    return hexes(plan.seed, f"{plan.invocation.job}/{span.id}/callback#{span.visit}", 32)


def _waiting_node(plan: Plan, span: Span, write: Writer) -> Json:
    """`waitingNodeDetails`: 13 keys in order (contract.md §4.3); None unless the job waits."""
    match span.step:
        case Gate():
            return _gate_node(plan, span, span.step, write)
        case Pause():
            return _wait_node(plan, span, span.step, write)
        case _:
            return None


def actions(gate: Gate) -> dict[str, Json]:
    """Label by action, as `actionNames` has them."""
    labels = gate.labels
    if not gate.approval:
        return {"RFI_ACTION": labels.changes}
    offered: dict[str, Json] = {"APPROVE_ACTION": labels.approve, "REJECT_ACTION": labels.reject}
    if gate.verdicts.changes_requested is not None:
        offered["RFI_ACTION"] = labels.changes
    return offered


def _gate_node(plan: Plan, span: Span, gate: Gate, write: Writer) -> Json:
    feedback = gate.verdicts.changes_requested is not None or not gate.approval
    return {
        "code": span.code, "type": "HUMAN", "channelType": gate.channel, "initialMessage": write(gate.asks),
        "requestChangeMessage": write(gate.change_prompt) if feedback else None,
        "maxIterationMessage": write(gate.last_round) if feedback else None,
        "currentIterationCount": span.rounds_used, "maxIteration": gate.rounds if feedback else None,
        "feedbackEnabledFlag": feedback, "approvalEnabledFlag": gate.approval, "waitTimeInMinutes": None,
        "actionNames": actions(gate),
        "callbackToken": callback_token(plan, span) if gate.channel == "CHAT" else None,
    }  # fmt: skip


def _wait_node(plan: Plan, span: Span, wait: Pause, write: Writer) -> Json:
    return {
        "code": span.code, "type": "WAIT", "channelType": None,
        "initialMessage": write(wait.says) if wait.says else "",
        "requestChangeMessage": None, "maxIterationMessage": None, "currentIterationCount": span.rounds_used,
        "maxIteration": wait.again.rounds if wait.again else None, "feedbackEnabledFlag": None,
        "approvalEnabledFlag": None, "waitTimeInMinutes": -(-plan.takes(wait.wait, span.visit) // 60_000),
        "actionNames": {}, "callbackToken": callback_token(plan, span),
    }  # fmt: skip


def nodes(plan: Plan, span: Span, decisions: tuple[Decision, ...]) -> list[Json]:
    """The steps passed so far, as ADMIN sees them (contract.md §4.4)."""
    passed: list[Json] = []
    for each in spans(plan, decisions):
        if not each.status.final:
            passed.append({
                "nodeCode": each.code, "nodeType": node_type(each.step),
                "status": "RUNNING" if each.index == span.index else "DONE", "output": None,
            })  # fmt: skip
        if each.index >= span.index:
            break
    return passed


def node_type(step: Step | DefaultEnding) -> str:
    """What kind of node a step is on the wire."""
    match step:
        case Gate():
            return "HUMAN"
        case Pause():
            return "WAIT"
        case Work(tool=str()):
            return "TOOL"
        case _:
            return "AGENT"


MINIMAL = ("jobId", "conversationId", "status", "output", "error")
"""What `body: minimal` leaves."""


def job_body(
    plan: Plan, span: Span, epoch: Epoch, switches: Switches, *, invoked: bool, passed: list[Json]
) -> dict[str, Json]:
    """The body at a span; `invoked` for the answer to invokeAsync, else for a status; `passed` fills `nodes`."""
    body = full_body(plan, span, epoch, switches, invoked=invoked, passed=passed)
    return {key: body[key] for key in MINIMAL} if switches.body == "minimal" else body


def full_body(
    plan: Plan, span: Span, epoch: Epoch, switches: Switches, *, invoked: bool, passed: list[Json]
) -> dict[str, Json]:
    """The body with all its keys, whatever the switch `body` says."""
    return _body(plan, _looks(plan, span, epoch, switches, invoked=invoked), span, epoch, switches, passed)


@dataclass(slots=True)
class _Looks:
    """What a body says of its span."""

    status: Status
    progress: str | None
    output: str | None = None
    error: str | None = None
    follow_up: list[Json] = field(default_factory=list)
    node: Json = None


def shown_status(span: Span, switches: Switches) -> Status:
    """The status word of a span on the wire: that of a wait is a switch."""
    return Status.RUNNING if isinstance(span.step, Pause) and switches.wait_status == "RUNNING" else span.status


def _looks(plan: Plan, span: Span, epoch: Epoch, switches: Switches, *, invoked: bool) -> _Looks:
    looks = _Looks(shown_status(span, switches), None if invoked else "")
    write = Writer(plan, span, epoch)
    try:
        if span.status.final:
            looks.output, looks.error, looks.follow_up = final_texts(plan, span, write)
        elif isinstance(span.step, Work):
            if span.step.says and plan.invocation.input.progress_message and not invoked:
                looks.progress = write(span.step.says)
        elif looks.status is Status.WAITING:
            looks.node = _waiting_node(plan, span, write)
            if switches.waiting_output == "message" and isinstance(looks.node, dict):
                looks.output = str(looks.node["initialMessage"])
    except RenderFailure:
        return _Looks(Status.ERROR, looks.progress, None, UNWRITTEN)
    return looks


def _body(
    plan: Plan, looks: _Looks, span: Span, epoch: Epoch, switches: Switches, passed: list[Json]
) -> dict[str, Json]:
    call = plan.invocation
    ended = looks.status.final
    return {
        "input": echo(plan, switches), "output": looks.output, "progressMessage": looks.progress,
        "error": looks.error, "followUpQuestions": looks.follow_up, "jobId": plan.shown,
        "conversationId": conversation_of(plan, switches),
        "traceId": "0" * 16 + hexes(plan.seed, f"{call.job}/trace", 16), "status": str(looks.status),
        "supportingChunks": [], "citations": [], "nodes": passed,
        "waitingToolCode": span.code if looks.node is not None else None, "workflowCode": call.team,
        "workflowName": None, "architecture": None, "workflowVersion": version_of(plan, switches),
        "workflowStatus": call.input.status,
        "startDate": unix_millis(epoch, call.at), "endTime": unix_millis(epoch, span.since) if ended else 0,
        "createDate": _stamp(epoch, call.at), "endDate": _stamp(epoch, span.since) if ended else NEVER,
        "timeTaken": 0, "inputTokenCount": 0, "outputTokenCount": 0, "waitingNodeDetails": looks.node,
        "preview": False,
    }  # fmt: skip


VERDICT_OF = {
    "APPROVE_ACTION": Verdict.APPROVED,
    "REJECT_ACTION": Verdict.REJECTED,
    "RFI_ACTION": Verdict.CHANGES,
}
"""The verdict that an action of the wire asks for; at a gate without approval RFI_ACTION means approved."""
