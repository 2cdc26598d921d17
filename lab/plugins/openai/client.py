"""OpenAI's Responses API as a client speaks and understands it: a response is started, looked at, and followed by another.

An approval request is approved or rejected, and nothing else: a request for changes and the early end of a wait have no
words here. The conversation is the last response: its id is what the next message names.
"""

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, unquote

import msgspec
from msgspec.structs import replace

from lab.core.exchange import Json, Request, Response, json_bytes, text_of
from lab.core.jsontext import members_of, text_or_none
from lab.core.refusal import Refusal
from lab.dialects.base import Cancel, Decide, Invoke, Look
from lab.dialects.client import ClientCall, Question, Seen, Sendable, Understood, Unreadable, WireLabels
from lab.dialects.fusion.client import FusionClient
from lab.dialects.reading import query_of
from lab.dialects.sse import events_in
from lab.plugins.openai.requests import BESIDE, CONFLICT, PARAMETERS, CreateBody, InputItem
from lab.plugins.openai.responses import CANCELLED, COMPLETED, FAILED, IN_PROGRESS, QUEUED
from lab.plugins.openai.routes import ANSWERS, APPROVAL, ASKS, RESPONSE, id_in
from lab.program.words import Status, Verdict

_OFFERED = ((Verdict.APPROVED, "Approve"), (Verdict.REJECTED, "Reject"))
_CREATE = "/v1/responses"


class OpenAIClient:
    """The Responses API in the background, by create and retrieve (openai.md)."""

    name = "openai"
    calls = frozenset(("openai", "openai-response", "openai-cancel"))
    streams = calls
    call_id = ""
    statuses: Mapping[str, Status] = {
        **dict.fromkeys((QUEUED, IN_PROGRESS), Status.RUNNING),
        COMPLETED: Status.COMPLETE,
        FAILED: Status.ERROR,
        CANCELLED: Status.CANCELLED,
        ASKS: Status.WAITING,  # a response that ended with one is completed, and its job waits
    }
    labels = WireLabels(
        start="responses.create",
        job="id",
        conversation="previous_response_id",
        question=ASKS,
        progress="",
        poll=("GET", f"…/responses/{RESPONSE}", "{id}"),
        root="/v1",
        before_job=f"{_CREATE}/{RESPONSE}",
    )

    def ask(self, command: Sendable, nonce: str = "") -> tuple[str, Request]:
        """A message and an answer start a response each."""
        if isinstance(command, Look | Cancel):
            path = f"{_CREATE}/{RESPONSE}{quote(command.job, '', errors='surrogatepass')}"
            if isinstance(command, Look):
                return "openai-response", Request("GET", path)
            return "openai-cancel", Request("POST", f"{path}/cancel")
        if isinstance(command, Invoke):
            body, previous = CreateBody(command.team, command.message, background=True), command.conversation
            if command.parameters:
                body.metadata = {PARAMETERS: text_of(dict(command.parameters))}
        else:
            approve, reason = command.verdict is Verdict.APPROVED, command.comment or None
            answer = InputItem(ANSWERS, approval_request_id=APPROVAL + command.opening, approve=approve, reason=reason)
            body, previous = CreateBody(command.team, [answer], background=True), command.job
        body.previous_response_id = None if previous is None else RESPONSE + previous
        headers = (("content-type", "application/json"),)
        return "openai", Request("POST", _CREATE, headers=headers, body=json_bytes(msgspec.to_builtins(body)))

    def understand(self, route: str, response: Response) -> Understood:
        """A response comes with 200; so do its events, of which the last tells."""
        if response.status != 200:
            error = members_of(response.body).get("error")
            late = isinstance(error, dict) and error.get("code") == CONFLICT
            return Refusal(409 if late else response.status, self.explain(response))
        bodies = [*self.bodies_in(events_in(response.body))] or [members_of(response.body)]
        seen = next(filter(None, map(self.job_in, reversed(bodies))), None)
        return seen or Unreadable("The answer is no response: it lacks id or status.")

    def explain(self, response: Response) -> str:
        """`HTTP 400: Response with id 'resp_J' not found.`, also of a gateway, which words it otherwise."""
        error = members_of(response.body).get("error")
        own = replace(response, body=json_bytes(error)) if isinstance(error, dict) else response
        return FusionClient().explain(own)

    def identify(self, request: Request) -> ClientCall | None:
        """A look at a response, one that answers what one asked, or one that is started."""
        if request.path != _CREATE:
            job = id_in(unquote(request.path.removeprefix(f"{_CREATE}/").removesuffix("/cancel")), RESPONSE)
            command = Look(team="", job=job) if request.method == "GET" else Cancel(team="", job=job)
            return ClientCall(command=command, follows=query_of(request.query).get("stream") == "true")
        try:
            body = msgspec.json.decode(request.body, type=CreateBody)
        except msgspec.MsgspecError:
            return None
        previous, follows = id_in(body.previous_response_id, RESPONSE), body.stream is True
        if (answer := body.answer) is not None:
            verdict = Verdict.APPROVED if answer.approve else Verdict.REJECTED
            opening = id_in(answer.approval_request_id, APPROVAL)
            decide = Decide(team=body.model, job=previous, opening=opening, verdict=verdict, comment=answer.reason)
            return ClientCall(command=decide, verdict=verdict, follows=follows)
        begin = Invoke(team=body.model, message=body.text, conversation=previous or None, parameters=body.parameters)
        fields = tuple((name, member) for name in BESIDE if (member := getattr(body, name)) is not None)
        return ClientCall(command=begin, message=(("input", body.text),), fields=fields, follows=follows)

    def job_in(self, document: Json) -> Seen | None:
        """Anything with the id of a response and a status."""
        members = document if isinstance(document, dict) else {}
        job, word = id_in(text_or_none(members.get("id")), RESPONSE), text_or_none(members.get("status"))
        return _seen(job, word, members) if job and word else None

    def bodies_in(self, events: Iterable[dict[str, Json]]) -> Iterator[dict[str, Json]]:
        """The response that an event holds; of items and their texts nothing is told before it."""
        for event in events:
            response = event.get("response")
            yield response if isinstance(response, dict) else {}

    def gist(self, document: Json) -> dict[str, Json]:
        """Status, error and output of a response; of an event without one its item, or what is added to a text."""
        within = document.get("response", document) if isinstance(document, dict) else None
        names = ("status", "error", "output") if self.job_in(within) is not None else ("item", "delta")
        return {name: within[name] for name in names if within.get(name)} if isinstance(within, dict) else {}


def _seen(job: str, word: str, members: dict[str, Json]) -> Seen:
    output, error = members.get("output"), members.get("error")
    items = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
    asking = next((item for item in items if item.get("type") == ASKS), None) if word == COMPLETED else None
    contents = [item.get("content") for item in items]
    parts = [part for content in contents if isinstance(content, list) for part in content if isinstance(part, dict)]
    texts = [text for part in parts if (text := text_or_none(part.get("text"))) is not None]
    text, shown = "\n".join(texts) if texts else None, word if asking is None else ASKS
    return Seen(
        job=job,
        word=shown,
        status=OpenAIClient.statuses.get(shown),
        conversation=job,
        output=text,
        error=text_or_none(error.get("message")) if isinstance(error, dict) else None,
        question=_question(job, asking) if asking is not None else None,
        lines=(("status", word), ("output", f"{len(text or '')} characters" if asking is None else ASKS)),
    )


def _question(job: str, item: dict[str, Json]) -> Question:
    """An approval request; one without an id can't be answered."""
    opening, name = id_in(text_or_none(item.get("id")), APPROVAL) or None, text_or_none(item.get("name")) or ""
    arguments = text_or_none(item.get("arguments")) or ""
    text = text_or_none(members_of(arguments.encode("utf-8", "replace")).get("message")) or arguments or name
    return Question(job=job, text=text, verdicts=_OFFERED, opening=opening, channel="CHAT", code=name, gate=name)
