"""A2A as a client speaks and understands it: a message starts a task or answers what it asks, and a task is looked at.

A2A offers no choices: what a task asks is a text, and so is the answer. A verdict is said in a word that a server may
take for one (contract.md §9); whoever wants changes just says which. What has no words here, the comment of an approval
and the early end of a wait, is not said.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import assert_never
from urllib.parse import unquote

from lab.core.exchange import Json, Request, Response, json_bytes
from lab.core.jsontext import integer_or_none, members_of, text_or_none
from lab.core.refusal import Refusal
from lab.core.seeds import uuid4
from lab.dialects.base import Cancel, Decide, Invoke, Look
from lab.dialects.client import ClientCall, Lines, Question, Seen, Sendable, Understood, Unreadable, WireLabels
from lab.dialects.fusion.client import FusionClient
from lab.dialects.sse import events_in
from lab.plugins.a2a.routes import A2A_ROUTES, a2a_path
from lab.plugins.a2a.updates import UPDATES, updated
from lab.program.words import Status, Verdict

_WORDS = {Verdict.APPROVED: "approve", Verdict.REJECTED: "reject"}
"""How a verdict is said."""
_VERDICTS = {word: verdict for verdict, word in _WORDS.items()}
_OFFERED = ((Verdict.APPROVED, "Approve"), (Verdict.REJECTED, "Reject"), (Verdict.CHANGES, "Request changes"))
"""What may be answered to any question, for a task doesn't say."""
_STREAM = "message/stream"
_SAYING = frozenset(("message/send", _STREAM, "tasks/send"))
"""The methods that bring a message."""
_TASK_UNKNOWN = -32001
_NO_TASK = Unreadable("The answer is no task: it lacks id or status, or is no JSON-RPC response.")


class A2AClient:
    """Agent2Agent over JSON-RPC, by `message/send` and `tasks/get` (contract.md §9)."""

    name = "a2a"
    calls = frozenset(row.name for row in A2A_ROUTES if row.kind == "call")
    streams = calls
    call_id = "id"
    statuses: Mapping[str, Status] = {
        "submitted": Status.RUNNING,
        "working": Status.RUNNING,
        "input-required": Status.WAITING,
        "completed": Status.COMPLETE,
        "failed": Status.ERROR,
        "canceled": Status.CANCELLED,
    }
    labels = WireLabels(
        start="message/send", job="id", conversation="contextId", question="status.message", progress="status.message",
        poll=("POST", "tasks/get ", "{id}"), root=a2a_path("a2a").rstrip("/"),
    )  # fmt: skip

    def ask(self, command: Sendable, nonce: str = "") -> tuple[str, Request]:
        """Everything is a POST to the team; `nonce` names the message."""
        match command:
            case Look():
                return "a2a", _call(command.team, "tasks/get", {"id": command.job})
            case Cancel():
                return "a2a", _call(command.team, "tasks/cancel", {"id": command.job})
            case Invoke():
                params: dict[str, Json] = {"message": _message(nonce, command.message, command.conversation, None)}
                if command.parameters:
                    params["metadata"] = {"parameters": dict(command.parameters)}
                return "a2a", _call(command.team, "message/send", params)
            case Decide(verdict=verdict):
                text = command.comment if verdict is None else _WORDS.get(verdict, command.comment)
                message = _message(nonce, text or "", command.conversation, command.job)
                return "a2a", _call(command.team, "message/send", {"message": message})
            case _:
                assert_never(command)

    def understand(self, route: str, response: Response) -> Understood:
        """A task, or JSON-RPC's error: both come with 200. What the transport refuses has a status of its own."""
        if response.status != 200:
            return Refusal(response.status, self.explain(response))
        bodies = [*self.bodies_in(events_in(response.body))] or [members_of(response.body)]
        if (seen := next(filter(None, map(self.job_in, reversed(bodies))), None)) is not None:
            return seen
        error = bodies[-1].get("error")
        if isinstance(error, dict):
            code = integer_or_none(error.get("code"))
            # of a call that is well-formed: no such task, or not to be answered now
            return Refusal(404 if code == _TASK_UNKNOWN else 409, _worded(error))
        return _NO_TASK

    def explain(self, response: Response) -> str:
        """`JSON-RPC -32001: There is no such task.`; what is no JSON-RPC the rest of the API words."""
        error = members_of(response.body).get("error")
        return _worded(error) if isinstance(error, dict) else FusionClient().explain(response)

    def identify(self, request: Request) -> ClientCall | None:
        """A look at a task, a message that answers one, or a message that starts one; nothing by any other method."""
        call = members_of(request.body)
        method, params = call.get("method"), call.get("params")
        if not isinstance(params, dict):
            return None
        team, message = unquote(request.path.removesuffix("/stream").split("/")[-1]), params.get("message")
        if method == "tasks/get":
            return ClientCall(command=Look(team=team, job=text_or_none(params.get("id")) or ""))
        if method == "tasks/cancel":
            return ClientCall(command=Cancel(team=team, job=text_or_none(params.get("id")) or ""))
        if method not in _SAYING or not isinstance(message, dict):
            return None
        text, job = _text(message.get("parts")) or "", text_or_none(message.get("taskId"))
        context = text_or_none(message.get("contextId"))
        if job is None:
            metadata = params.get("metadata")
            fields = (("method", method), ("contextId", context), ("metadata", metadata))
            parameters = metadata.get("parameters") if isinstance(metadata, dict) else None
            return ClientCall(
                command=Invoke(
                    team=team,
                    message=text,
                    conversation=context,
                    parameters=parameters if isinstance(parameters, dict) else {},
                    new_id=text_or_none(params.get("id")) if method == "tasks/send" else None,
                ),
                message=(("message", text),),
                fields=tuple((name, value) for name, value in fields if value is not None),
                follows=method == _STREAM,
            )
        verdict = _VERDICTS.get(text.strip().casefold(), Verdict.CHANGES)
        comment = text if verdict is Verdict.CHANGES else None
        command = Decide(team=team, job=job, opening="", verdict=verdict, comment=comment, conversation=context)
        return ClientCall(command=command, verdict=verdict, follows=method == _STREAM)

    def job_in(self, document: Json) -> Seen | None:
        """The result of a call, if it is a task with an `id` and a state."""
        result = document.get("result") if isinstance(document, dict) else None
        return _seen(result) if isinstance(result, dict) else None

    def bodies_in(self, events: Iterable[dict[str, Json]]) -> Iterator[dict[str, Json]]:
        """The task, and with each update what it is then."""
        task: dict[str, Json] = {}
        for event in events:
            result = event.get("result")
            if isinstance(result, dict):
                task = updated(task, result)
                yield {**event, "result": task}
            else:
                yield event

    def gist(self, document: Json) -> dict[str, Json]:
        """State, question and answer, or what of them is new."""
        result = document.get("result") if isinstance(document, dict) else None
        if not isinstance(result, dict) or (result.get("kind") not in UPDATES and _seen(result) is None):
            return {}
        return {name: result[name] for name in ("status", "artifacts", "artifact", "final") if name in result}


def _worded(error: dict[str, Json]) -> str:
    return f"JSON-RPC {integer_or_none(error.get('code'))}: {text_or_none(error.get('message'))}"


def _call(team: str, method: str, params: Json) -> Request:
    # one call a request, so any id will do
    body = json_bytes({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    return Request("POST", a2a_path("a2a", team), headers=(("content-type", "application/json"),), body=body)


def _message(nonce: str, text: str, context: str | None, task: str | None) -> Json:
    belongs = {name: value for name, value in (("contextId", context), ("taskId", task)) if value is not None}
    return {
        "kind": "message", "messageId": uuid4(0, f"message/{nonce}"), "role": "user",
        "parts": [{"kind": "text", "text": text}], **belongs,
    }  # fmt: skip


def _seen(task: dict[str, Json]) -> Seen | None:
    status = task.get("status")
    job, state = text_or_none(task.get("id")), text_or_none(status.get("state")) if isinstance(status, dict) else None
    if not job or not state or not isinstance(status, dict):
        return None
    known, message = A2AClient.statuses.get(state), status.get("message")
    text = _text(message.get("parts")) if isinstance(message, dict) else None
    opening = text_or_none(message.get("messageId")) if isinstance(message, dict) else None
    return Seen(
        job=job,
        word=state,
        status=known,
        conversation=text_or_none(task.get("contextId")),
        output=_output(task.get("artifacts")),
        error=text if known is Status.ERROR else None,
        progress=text if known is Status.RUNNING else None,
        question=_question(job, text, opening) if known is Status.WAITING else None,
        lines=_lines(state, text, _output(task.get("artifacts"))),
    )


def _lines(state: str, text: str | None, output: str | None) -> Lines:
    size = "none" if output is None else f"text, {len(output.encode('utf-8', 'replace'))} B"
    return ("state", state), ("message", text or "none"), ("artifacts", size)


def _question(job: str, text: str | None, opening: str | None) -> Question | None:
    """What `status.message` asks; where it says nothing, nobody is asked."""
    if not text:
        return None
    return Question(job=job, text=text, verdicts=_OFFERED, opening=opening, channel="CHAT")


def _output(artifacts: Json) -> str | None:
    """The texts of all artifacts, one below the other."""
    texts = (
        [_text(each.get("parts")) for each in artifacts if isinstance(each, dict)]
        if isinstance(artifacts, list)
        else []
    )
    return "\n".join(text for text in texts if text is not None) if any(text is not None for text in texts) else None


def _text(parts: Json) -> str | None:
    """The text parts, one below the other; None if there is none."""
    texts = (
        [text_or_none(part.get("text")) for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    )
    found = [text for text in texts if text is not None]
    return "\n".join(found) if found else None
