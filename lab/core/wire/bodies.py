"""The job body: 27 keys, always all, in this order (contract.md §4)."""

from collections.abc import Mapping

from lab.core.clock import Epoch, Millis, iso, unix_millis, wall
from lab.core.exchange import Json, text_of
from lab.core.plan import Plan, workflow_id
from lab.core.render import RenderFailure, template
from lab.core.scenario import Complete, Failure, Gate, Pause, Status, Verdict, Work
from lab.core.seeds import hexes
from lab.core.timeline import Ending, Span

UNWRITTEN = "The answer could not be written."
"""The error of a job whose text failed to render after a decision."""
_NEVER = "1970-01-01T00:00:00.000+0000"


def _stamp(epoch: Epoch, at: Millis) -> str:
    return wall(epoch, at).strftime("%Y-%m-%dT%H:%M:%S.") + f"{unix_millis(epoch, at) % 1000:03d}+0000"


def version_of(plan: Plan) -> int:
    """The scenario's version, else the one asked for, else 1."""
    return plan.outline.scenario.agent.version or plan.invocation.input.version or 1


def echo(plan: Plan) -> str:
    """The `input` echo: compact JSON, 14 keys in this order, made once (contract.md §4.1)."""
    call = plan.invocation
    asked = call.input
    return text_of({
        "workflowCode": call.team, "message": asked.message, "conversational": asked.conversational,
        "conversationId": call.conversation, "jobId": call.job, "invocationMode": asked.invocation_mode,
        "version": version_of(plan), "status": asked.status, "parameters": dict(asked.parameters),
        "refreshCache": asked.refresh_cache, "useInternalConfig": asked.use_internal_config,
        "workflowId": workflow_id(call.team), "streamOutput": asked.stream_output,
        "progressMessage": asked.progress_message,
    })  # fmt: skip


def names(plan: Plan, span: Span, epoch: Epoch) -> Mapping[str, object]:
    """What templates see at a span: the decisions before it, and the instant at which its step was entered."""
    call = plan.invocation
    parameters = {
        key: value["value"] if isinstance(value, dict) and list(value) == ["value"] else value
        for key, value in call.input.parameters.items()
    }
    decisions: dict[str, object] = {
        step.gate: {"verdict": None, "by": None, "comment": None}
        for step in plan.outline.scenario.steps if isinstance(step, Gate)
    }  # fmt: skip
    for end in span.settled:
        if end.verdict is not None:
            decisions[end.step] = {"verdict": str(end.verdict), "by": end.name, "comment": end.comment}
    return {
        "message": call.input.message, "match": plan.outline.match(call.input.message) or {},
        "parameters": parameters, "data": plan.data, "decisions": decisions, "job": {"id": call.job},
        "turn": call.turn, "conversation": {"id": call.conversation}, "now": iso(epoch, span.since),
    }  # fmt: skip


class _Writer:
    """Renders texts at one span; what templates see is gathered once, and only if one asks."""

    def __init__(self, plan: Plan, span: Span, epoch: Epoch) -> None:
        self._place = plan, span, epoch
        self._seen: Mapping[str, object] | None = None

    def __call__(self, text: str) -> str:
        made = template(text)
        if made.plain:
            return text
        if self._seen is None:
            self._seen = names(*self._place)
        return made.render(self._seen)

    def json(self, value: Json) -> Json:
        """A JSON output: its strings are templates."""
        match value:
            case str():
                return self(value)
            case list():
                return [self.json(each) for each in value]
            case dict():
                return {key: self.json(each) for key, each in value.items()}
            case _:
                return value


def _texts(span: Span, write: _Writer) -> tuple[str | None, str | None, list[Json]]:
    """Output, error and follow-up questions of a final span."""
    step = span.step
    match step:
        case Complete():
            output = step.output
            if isinstance(output, dict):
                output = text_of(write.json(output["json"]))
            elif output is not None:
                output = write(output)
            return output, None, [write(each) for each in step.follow_up]
        case Failure():
            return write(step.output) if step.output is not None else None, write(step.text), []
        case Ending():
            text = write(step.text) if step.template else step.text
            return (text, None, []) if step.status is Status.COMPLETE else (None, text, [])
        case _:
            return None, None, []


def callback_token(plan: Plan, span: Span) -> str:
    """A new one each time a gate opens: 32 hex digits."""
    return hexes(plan.seed, f"{plan.invocation.job}/{span.id}/callback#{span.visit}", 32)


def _waiting_node(plan: Plan, span: Span, write: _Writer) -> Json:
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


def _gate_node(plan: Plan, span: Span, gate: Gate, write: _Writer) -> Json:
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


def _wait_node(plan: Plan, span: Span, wait: Pause, write: _Writer) -> Json:
    return {
        "code": span.code, "type": "WAIT", "channelType": None,
        "initialMessage": write(wait.says) if wait.says else "",
        "requestChangeMessage": None, "maxIterationMessage": None, "currentIterationCount": span.rounds_used,
        "maxIteration": wait.again.rounds if wait.again else None, "feedbackEnabledFlag": None,
        "approvalEnabledFlag": None, "waitTimeInMinutes": -(-plan.takes(wait.wait, span.visit) // 60_000),
        "actionNames": {}, "callbackToken": callback_token(plan, span),
    }  # fmt: skip


def job_body(plan: Plan, span: Span, epoch: Epoch, *, invoked: bool) -> dict[str, Json]:
    """The body at a span; `invoked` for the answer to invokeAsync, else for a status."""
    call = plan.invocation
    status = span.status
    output: str | None = None
    error: str | None = None
    follow_up: list[Json] = []
    progress: str | None = None if invoked else ""
    node: Json = None
    write = _Writer(plan, span, epoch)
    try:
        if status.final:
            output, error, follow_up = _texts(span, write)
        elif isinstance(span.step, Work):
            if span.step.says and call.input.progress_message and not invoked:
                progress = write(span.step.says)
        else:
            node = _waiting_node(plan, span, write)
    except RenderFailure:
        status, output, error, follow_up, node = Status.ERROR, None, UNWRITTEN, [], None
    ended = status.final
    return {
        "input": echo(plan), "output": output, "progressMessage": progress, "error": error,
        "followUpQuestions": follow_up, "jobId": call.job, "conversationId": call.conversation,
        "traceId": "0" * 16 + hexes(plan.seed, f"{call.job}/trace", 16), "status": str(status),
        "supportingChunks": [], "citations": [], "nodes": [],
        "waitingToolCode": span.code if node is not None else None, "workflowCode": call.team, "workflowName": None,
        "architecture": None, "workflowVersion": version_of(plan), "workflowStatus": call.input.status,
        "startDate": unix_millis(epoch, call.at), "endTime": unix_millis(epoch, span.since) if ended else 0,
        "createDate": _stamp(epoch, call.at), "endDate": _stamp(epoch, span.since) if ended else _NEVER,
        "timeTaken": 0, "inputTokenCount": 0, "outputTokenCount": 0, "waitingNodeDetails": node, "preview": False,
    }  # fmt: skip


VERDICT_OF = {
    "APPROVE_ACTION": Verdict.APPROVED,
    "REJECT_ACTION": Verdict.REJECTED,
    "RFI_ACTION": Verdict.CHANGES,
}
"""The verdict that an action of the wire asks for; at a gate without approval RFI_ACTION means approved."""
