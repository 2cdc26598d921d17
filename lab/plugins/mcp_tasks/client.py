"""MCP as a client speaks and understands it: a call of a tool becomes a task, which is looked at, and given what it asks for.

An answer is acknowledged with no word of its task: the next look shows what became of it. What MCP has no words for, the
early end of a wait, is not said.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import assert_never

from lab.core.exchange import Json, Request, Response, json_bytes
from lab.core.jsontext import integer_or_none, members_of, text_or_none
from lab.core.refusal import Refusal
from lab.dialects.base import Cancel, Decide, Invoke, Look
from lab.dialects.client import Acknowledged, ClientCall, Question, Seen, Sendable, Understood, Unreadable, WireLabels
from lab.dialects.fusion.client import FusionClient
from lab.dialects.sse import events_in
from lab.plugins.mcp_tasks import rpc
from lab.plugins.mcp_tasks.rpc import as_object
from lab.plugins.mcp_tasks.tasks import CANCELLED, COMPLETED, INPUT_REQUIRED, WORKING
from lab.program.words import Status, Verdict

_META: dict[str, Json] = {
    rpc.PROTOCOL_KEY: rpc.MCP_VERSION,
    "io.modelcontextprotocol/clientInfo": rpc.IMPLEMENTATION,
    rpc.CAPABILITIES_KEY: {"elicitation": {"form": {}}, "extensions": {rpc.TASKS_EXTENSION: {}}},
}
_TEXT = "text:"
"""In an opening what stands before the key of a form that takes a text: an answer fills it in otherwise."""
_TELLING = ("status", "statusMessage", "inputRequests", "result")
_NO_TASK = Unreadable("The answer is neither a task nor an acknowledgement: it lacks taskId or status, or a result.")


class McpClient:
    """The Model Context Protocol by `tools/call`, `tasks/get` and `tasks/update` (mcp.md §4)."""

    name = "mcp"
    calls = frozenset(("mcp",))
    streams = calls
    call_id = "id"
    statuses: Mapping[str, Status] = {
        WORKING: Status.RUNNING,
        INPUT_REQUIRED: Status.WAITING,
        COMPLETED: Status.COMPLETE,
        "failed": Status.ERROR,
        CANCELLED: Status.CANCELLED,
    }
    labels = WireLabels(
        start=rpc.CALL,
        job="taskId",
        conversation="conversation",
        question="inputRequests",
        progress="statusMessage",
        poll=("POST", f"{rpc.GET} ", "{taskId}"),
        root=rpc.MCP_PATH,
    )

    def ask(self, command: Sendable, nonce: str = "") -> tuple[str, Request]:
        """Everything is a POST to one path, and says in its headers what it asks of whom."""
        match command:
            case Look(job=job):
                return "mcp", _request(rpc.GET, {"taskId": job})
            case Cancel(job=job):
                return "mcp", _request(rpc.CANCEL, {"taskId": job})
            case Invoke():
                arguments: dict[str, Json] = {"message": command.message}
                if command.conversation is not None:
                    arguments["conversation"] = command.conversation
                if command.parameters:
                    arguments["parameters"] = dict(command.parameters)
                return "mcp", _request(rpc.CALL, {"name": command.team, "arguments": arguments})
            case Decide(opening=opening, verdict=verdict, comment=comment):
                content: dict[str, Json] = {"text": comment or ""}
                if not opening.startswith(_TEXT):
                    content = {"verdict": verdict and str(verdict), **({"comment": comment} if comment else {})}
                responses: Json = {opening.removeprefix(_TEXT): {"action": "accept", "content": content}}
                return "mcp", _request(rpc.UPDATE, {"taskId": command.job, "inputResponses": responses})
            case _:
                assert_never(command)

    def understand(self, route: str, response: Response) -> Understood:
        """A task, an acknowledgement, or JSON-RPC's error, which comes with the HTTP status that fits."""
        bodies = [*self.bodies_in(events_in(response.body))] or [members_of(response.body)]
        if response.status != 200 or as_object(bodies[-1].get("error")):
            return Refusal(response.status if response.status != 200 else 400, self.explain(response))
        if (seen := next(filter(None, map(self.job_in, reversed(bodies))), None)) is not None:
            return seen
        result = as_object(bodies[-1].get("result"))
        return Acknowledged() if result and "content" not in result else _NO_TASK

    def explain(self, response: Response) -> str:
        """`JSON-RPC -32602: There is no such task.`; what is no JSON-RPC the rest of the lab words."""
        error = as_object((events_in(response.body) or [members_of(response.body)])[-1].get("error"))
        said = f"JSON-RPC {integer_or_none(error.get('code'))}: {text_or_none(error.get('message'))}"
        return said if error else FusionClient().explain(response)

    def identify(self, request: Request) -> ClientCall | None:
        """A look at a task, an answer to what it asks, or a message that starts one; nothing by any other method."""
        call = members_of(request.body)
        params = as_object(call.get("params"))
        job = text_or_none(params.get("taskId")) or ""
        match call.get("method"):
            case "tasks/get":
                return ClientCall(command=Look(team="", job=job))
            case "tasks/cancel":
                return ClientCall(command=Cancel(team="", job=job))
            case "tasks/update":
                return _decision(job, as_object(params.get("inputResponses")))
            case "tools/call":
                return _message(text_or_none(params.get("name")) or "", as_object(params.get("arguments")))
        return None

    def job_in(self, document: Json) -> Seen | None:
        """The result of a call, or what a notification is about, if it is a task with an id and a status."""
        return _seen(_task_in(document))

    def bodies_in(self, events: Iterable[dict[str, Json]]) -> Iterator[dict[str, Json]]:
        """Each notification of a task holds it whole, as does the answer that begins one."""
        for event in events:
            task, head = _task_in(event), {name: part for name, part in event.items() if name in ("jsonrpc", "id")}
            yield {**head, "result": {**task, "resultType": "complete"}} if "taskId" in task else event

    def gist(self, document: Json) -> dict[str, Json]:
        """Status, what is asked, and the result."""
        task = _task_in(document)
        return {name: task[name] for name in _TELLING if name in task} if _seen(task) is not None else {}


def _request(method: str, params: dict[str, Json]) -> Request:
    # one call a request, so any id will do
    body = json_bytes({"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": _META}})
    headers = (
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", rpc.MCP_VERSION),
        ("mcp-method", method),
        ("mcp-name", str(params[rpc.NAMED_BY[method]])),
    )
    return Request("POST", rpc.MCP_PATH, headers=headers, body=body)


def _message(team: str, arguments: dict[str, Json]) -> ClientCall:
    text, parameters = text_or_none(arguments.get("message")) or "", as_object(arguments.get("parameters"))
    conversation = text_or_none(arguments.get("conversation"))
    others = ((name, value) for name, value in arguments.items() if name != "message")
    command = Invoke(team=team, message=text, conversation=conversation, parameters=parameters)
    fields = (("method", rpc.CALL), ("name", team), *others)
    return ClientCall(command=command, message=(("message", text),), fields=fields)


def _decision(job: str, responses: dict[str, Json]) -> ClientCall | None:
    """The first answer that says something; who has closed a form says nothing."""
    for key, each in responses.items():
        response = as_object(each)
        action, content = response.get("action"), as_object(response.get("content"))
        word, text, comment = (text_or_none(content.get(name)) for name in ("verdict", "text", "comment"))
        if action not in ("accept", "decline"):
            continue
        verdict = _verdict(word) if action == "accept" else Verdict.REJECTED
        opening = key
        if text is not None:
            verdict, comment, opening = Verdict.CHANGES, text, f"{_TEXT}{key}"
        command = Decide(team="", job=job, opening=opening, verdict=verdict, comment=comment)
        return ClientCall(command=command, verdict=verdict or word or str(action))
    return None


def _verdict(word: Json) -> Verdict | None:
    return next((each for each in Verdict if each == word), None)


def _task_in(document: Json) -> dict[str, Json]:
    """What holds the task, in an answer or in a notification."""
    members = as_object(document)
    return as_object(members.get("params" if members.get("method") == "notifications/tasks" else "result"))


def _seen(task: dict[str, Json]) -> Seen | None:
    job, word = text_or_none(task.get("taskId")), text_or_none(task.get("status"))
    if not job or not word:
        return None
    result, said = as_object(task.get("result")), text_or_none(task.get("statusMessage"))
    texts, failed = _texts(result.get("content")), result.get("isError") is True
    status = Status.ERROR if word == COMPLETED and failed else McpClient.statuses.get(word)
    error = output = None
    if status is Status.ERROR:
        failure = text_or_none(as_object(task.get("error")).get("message"))
        error, texts = failure or next(iter(texts), said), texts[1:]
    if texts:
        output = "\n".join(texts)
    elif status is Status.CANCELLED:
        output = said
    asks = as_object(task.get("inputRequests"))
    size = f"text, {sum(len(text.encode('utf-8', 'replace')) for text in texts)} B" if texts else "none"
    return Seen(
        job=job,
        word=word,
        status=status,
        conversation=text_or_none(as_object(task.get("_meta")).get(rpc.CONVERSATION_KEY)),
        output=output,
        error=error,
        progress=said if status is Status.RUNNING else None,
        question=_question(job, asks) if status is Status.WAITING else None,
        lines=(
            ("status", word),
            ("inputRequests", str(len(asks))),
            ("content", size),
            ("isError", str(failed).lower()),
        ),
    )


def _texts(content: Json) -> list[str]:
    parts = content if isinstance(content, list) else []
    return [text for part in parts if (text := text_or_none(as_object(part).get("text"))) is not None]


def _question(job: str, requests: dict[str, Json]) -> Question | None:
    """The first request whose form can be filled in: a verdict out of several, with a comment; or a text."""
    for key, each in requests.items():
        params = as_object(as_object(each).get("params"))
        form = as_object(as_object(params.get("requestedSchema")).get("properties"))
        text, verdict, free = text_or_none(params.get("message")) or "", form.get("verdict"), form.get("text")
        if isinstance(verdict, dict):
            prompt = text_or_none(as_object(form.get("comment")).get("description")) or ""
            offered = tuple(_offered(verdict))
            return Question(job=job, text=text, opening=key, verdicts=offered, channel="CHAT", prompt=prompt)
        if isinstance(free, dict):
            offered = ((Verdict.CHANGES, text_or_none(free.get("title")) or "Answer"),)
            return Question(job=job, text=text, opening=f"{_TEXT}{key}", verdicts=offered, channel="CHAT", free=True)
    return None


def _offered(choice: dict[str, Json]) -> Iterator[tuple[Verdict, str]]:
    """The choices that are verdicts, each with its title."""
    titled, plain = choice.get("oneOf"), choice.get("enum")
    for each in titled if isinstance(titled, list) else plain if isinstance(plain, list) else []:
        members = each if isinstance(each, dict) else {"const": each}
        if (verdict := _verdict(members.get("const"))) is not None:
            yield verdict, text_or_none(members.get("title")) or str(verdict)
