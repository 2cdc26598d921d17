"""A2A as a client speaks and understands it: a message starts a task or answers what it asks, and a task is looked at.

It speaks one version, by JSON-RPC, and understands both, in both bindings, for it also tells what others say.

A2A offers no choices: what a task asks is a text, and so is the answer. A verdict is said in a word that a server may
take for one (a2a.md §3); whoever wants changes just says which. What has no words here, the comment of an approval and
the early end of a wait, is not said.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import assert_never

from lab.core.exchange import Json, Request, Response, json_bytes
from lab.core.jsontext import integer_or_none, members_of, text_or_none
from lab.core.refusal import Refusal
from lab.core.seeds import uuid4
from lab.dialects.base import Cancel, Decide, Invoke, Look
from lab.dialects.client import ClientCall, Question, Seen, Sendable, Understood, Unreadable, WireLabels
from lab.dialects.fusion.client import FusionClient
from lab.dialects.sse import events_in
from lab.plugins.a2a import versions as a2a
from lab.plugins.a2a.calls import Code, text_of_part
from lab.plugins.a2a.routes import A2A_ROUTES, A2A_TABLE, HTTP_OPERATIONS, a2a_path
from lab.program.words import Status, Verdict

_WORDS = {Verdict.APPROVED: "approve", Verdict.REJECTED: "reject"}
"""How a verdict is said."""
_VERDICTS = {word: verdict for verdict, word in _WORDS.items()}
_OFFERED = ((Verdict.APPROVED, "Approve"), (Verdict.REJECTED, "Reject"), (Verdict.CHANGES, "Request changes"))
"""What may be answered to any question, for a task doesn't say."""
_NO_TASK = Unreadable("The answer is no task: it lacks id or status, or is no answer of A2A.")
_OPERATIONS = {method: asks for version in a2a.VERSIONS for method, asks in version.methods.items()}
_STATUSES = {
    a2a.SUBMITTED.upper(): Status.RUNNING, a2a.SUBMITTED: Status.RUNNING, "REJECTED": Status.ERROR, "rejected": Status.ERROR,
    **{word: status for status, word in a2a.STATE_OF.items()},
    **{a2a.V10.word("", word): status for status, word in a2a.STATE_OF.items()},
}  # fmt: skip
"""The words of both versions, 1.0's without what is before each; of those for one status the spoken version's comes last."""


class A2AClient:
    """Agent2Agent over JSON-RPC, by a message that doesn't wait and by looks at its task (a2a.md)."""

    calls = frozenset(row.name for row in A2A_ROUTES if row.kind == "call")
    streams = calls
    call_id = "id"
    statuses: Mapping[str, Status] = _STATUSES

    def __init__(self, name: str = "a2a", version: a2a.A2AVersion = a2a.V10) -> None:
        self.name, self.version = name, version
        self._methods = {asks: method for method, asks in version.methods.items()}
        self.labels = WireLabels(
            start=self._methods[a2a.TaskOperation.SEND], job="id", conversation="contextId", question="status.message",
            progress="status.message", poll=("POST", f"{self._methods[a2a.TaskOperation.GET]} ", "{id}"),
            root=a2a_path("a2a").rstrip("/"),
        )  # fmt: skip

    def ask(self, command: Sendable, nonce: str = "") -> tuple[str, Request]:
        """Everything is a POST to the team; `nonce` names the message."""
        asks, params = a2a.TaskOperation.SEND, dict[str, Json]()
        match command:
            case Look(job=job):
                asks, params = a2a.TaskOperation.GET, {"id": job}
            case Cancel(job=job):
                asks, params = a2a.TaskOperation.CANCEL, {"id": job}
            case Invoke():
                params = self._saying(nonce, command.message, command.conversation, None)
                if command.parameters:
                    params["metadata"] = {"parameters": dict(command.parameters)}
            case Decide(verdict=verdict):
                text = command.comment if verdict is None else _WORDS.get(verdict, command.comment)
                params = self._saying(nonce, text or "", command.conversation, command.job)
            case _:
                assert_never(command)
        # one call a request, so any id will do
        body = json_bytes({"jsonrpc": "2.0", "id": 1, "method": self._methods[asks], "params": params})
        headers = (("content-type", "application/json"), (a2a.VERSION_HEADER, self.version.number))
        return "a2a", Request("POST", a2a_path("a2a", command.team), headers=headers, body=body)

    def _saying(self, nonce: str, text: str, context: str | None, task: str | None) -> dict[str, Json]:
        """A message that doesn't wait for its task."""
        belongs = {name: value for name, value in (("contextId", context), ("taskId", task)) if value is not None}
        message = self.version.message(uuid4(0, f"message/{nonce}"), a2a.USER, text, {**belongs})
        wanted: dict[str, Json] = {"blocking": False} if self.version is a2a.V03 else {"returnImmediately": True}
        return {"message": message, "configuration": wanted}

    def understand(self, route: str, response: Response) -> Understood:
        """A task, or an error: JSON-RPC's comes with 200. What the transport refuses has a status of its own."""
        bodies = [*self.bodies_in(events_in(response.body))] or [members_of(response.body)]
        error = bodies[-1].get("error")
        if response.status != 200:  # HTTP+JSON has 400 for what is not to be answered now, too
            of_a2a = response.status == 400 and isinstance(error, dict)
            return Refusal(409 if of_a2a else response.status, self.explain(response))
        if (seen := next(filter(None, map(self.job_in, reversed(bodies))), None)) is not None:
            return seen
        if isinstance(error, dict):
            code = integer_or_none(error.get("code"))
            # of a call that is well-formed: no such task, or not to be answered now
            return Refusal(404 if code == Code.TASK_NOT_FOUND else 409, _worded(error))
        return _NO_TASK

    def explain(self, response: Response) -> str:
        """`JSON-RPC -32001: There is no such task.`; what is no error of A2A's the rest of the API words."""
        error = members_of(response.body).get("error")
        return _worded(error) if isinstance(error, dict) else FusionClient().explain(response)

    def identify(self, request: Request) -> ClientCall | None:
        """A look at a task, its cancel, a message that answers one or starts one; nothing of any other call."""
        found = A2A_TABLE.at(request.path)
        row = found[0].get(request.method) if found is not None else None
        if found is None or row is None:
            return None
        body, team, job = members_of(request.body), found[1], found[2]
        if row.operation not in HTTP_OPERATIONS:
            asks = _OPERATIONS.get(text_or_none(body.get("method")) or "")
            params = body.get("params")
            job = text_or_none(params.get("id")) or "" if isinstance(params, dict) else ""
        else:
            asks, params = a2a.TaskOperation(HTTP_OPERATIONS[row.operation]), body
        if asks is None or not isinstance(params, dict):
            return None
        if asks is a2a.TaskOperation.GET:
            return ClientCall(command=Look(team=team, job=job))
        if asks is a2a.TaskOperation.CANCEL:
            return ClientCall(command=Cancel(team=team, job=job))
        return _said(asks, team, params) if asks in a2a.SENDS else None

    def job_in(self, document: Json) -> Seen | None:
        """The task of an answer, if it has an `id` and a state."""
        result = _result_of(document)
        kind, task = a2a.kind_of(result) if result is not None else ("", {})
        return _seen(task) if kind == a2a.TASK else None

    def bodies_in(self, events: Iterable[dict[str, Json]]) -> Iterator[dict[str, Json]]:
        """The task, and with each update what it is then."""
        task: dict[str, Json] = {}
        for event in events:
            result = _result_of(event)
            if result is None or "error" in event:
                yield event
            else:
                task = _updated(task, result)
                yield {**event, "result": task} if "result" in event else task

    def gist(self, document: Json) -> dict[str, Json]:
        """State, question and answer, or what of them is new."""
        result = _result_of(document)
        kind, new = a2a.kind_of(result) if result is not None else ("", {})
        if kind not in tuple(a2a.UPDATES) and (kind != a2a.TASK or _seen(new) is None):
            return {}
        return {name: new[name] for name in ("status", "artifacts", "artifact", "final") if name in new}


def _result_of(document: Json) -> dict[str, Json] | None:
    """What JSON-RPC has around it, or HTTP+JSON bare."""
    if not isinstance(document, dict):
        return None
    result = document.get("result") if "jsonrpc" in document or "result" in document else document
    return result if isinstance(result, dict) else None


def _updated(task: dict[str, Json], result: dict[str, Json]) -> dict[str, Json]:
    """The task, of which nothing may be known yet, after one more event; another task's changes nothing.

    Some servers send the whole task each time.
    """
    kind, members = a2a.kind_of(result)
    if kind == a2a.TASK:
        return members
    if kind not in tuple(a2a.UPDATES) or (task and task.get("id") != members.get("taskId")):
        return task
    named: dict[str, Json] = {"kind": a2a.TASK} if "kind" in result else {}
    known = task or {**named, "id": members.get("taskId"), "contextId": members.get("contextId")}
    if kind == a2a.STATUS_UPDATE:
        return {**known, "status": members.get("status")}
    return {**known, "artifacts": _with(known.get("artifacts"), members)}


def _with(artifacts: Json, update: dict[str, Json]) -> list[Json]:
    """The artifacts with one more, or one of them in its new form, or with what is appended to it."""
    new, found = update.get("artifact"), list[Json](_objects(artifacts))
    if not isinstance(new, dict):
        return found
    for place, each in enumerate(_objects(artifacts)):
        if each.get("artifactId") == new.get("artifactId"):
            before = _objects(each.get("parts")) if update.get("append") is True else []
            found[place] = {**each, **new, "parts": [*before, *_objects(new.get("parts"))]}
            return found
    return [*found, new]


def _objects(value: Json) -> list[dict[str, Json]]:
    """The objects of an array."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _said(asks: a2a.TaskOperation, team: str, params: dict[str, Json]) -> ClientCall | None:
    """What a message is to its task."""
    message, metadata = params.get("message"), params.get("metadata")
    if not isinstance(message, dict):
        return None
    text, job = _text(_objects(message.get("parts"))) or "", text_or_none(message.get("taskId"))
    context, follows = text_or_none(message.get("contextId")), asks in a2a.STREAMS
    if job is not None:
        verdict = _VERDICTS.get(text.strip().casefold(), Verdict.CHANGES)
        comment = text if verdict is Verdict.CHANGES else None
        command = Decide(team=team, job=job, opening="", verdict=verdict, comment=comment, conversation=context)
        return ClientCall(command=command, verdict=verdict, follows=follows)
    fields: tuple[tuple[str, Json], ...] = (("method", asks), ("contextId", context), ("metadata", metadata))
    parameters = metadata.get("parameters") if isinstance(metadata, dict) else None
    inputs = parameters if isinstance(parameters, dict) else {}
    own = text_or_none(params.get("id")) if asks is a2a.TaskOperation.START else None
    begins = Invoke(team=team, message=text, conversation=context, parameters=inputs, new_id=own)
    known = tuple((name, value) for name, value in fields if value is not None)
    return ClientCall(command=begins, message=(("message", text),), fields=known, follows=follows)


def _worded(error: dict[str, Json]) -> str:
    code = integer_or_none(error.get("code"))
    known = "JSON-RPC" if code is None or code < 0 else "HTTP"
    return f"{known} {code}: {text_or_none(error.get('message'))}"


def _seen(task: dict[str, Json]) -> Seen | None:
    status = task.get("status")
    job, state = text_or_none(task.get("id")), text_or_none(status.get("state")) if isinstance(status, dict) else None
    if not job or not state or not isinstance(status, dict):
        return None
    word, message = state.removeprefix(a2a.STATE), status.get("message")
    known = _STATUSES.get(word)
    text = _text(_objects(message.get("parts"))) if isinstance(message, dict) else None
    opening = text_or_none(message.get("messageId")) if isinstance(message, dict) else None
    output = _text([part for each in _objects(task.get("artifacts")) for part in _objects(each.get("parts"))])
    size = "none" if output is None else f"text, {len(output.encode('utf-8', 'replace'))} B"
    question = None  # where `status.message` says nothing, nobody is asked
    if known is Status.WAITING and text:
        question = Question(job=job, text=text, verdicts=_OFFERED, opening=opening, channel="CHAT")
    return Seen(
        job=job,
        word=word,
        status=known,
        conversation=text_or_none(task.get("contextId")),
        output=output,
        error=text if known is Status.ERROR else None,
        progress=text if known is Status.RUNNING else None,
        question=question,
        lines=(("state", state), ("message", text or "none"), ("artifacts", size)),
    )


def _text(parts: list[dict[str, Json]]) -> str | None:
    """The texts of parts, one below the other; None if there is none."""
    found = [text for part in parts if (text := text_of_part(part)) is not None]
    return "\n".join(found) if found else None
