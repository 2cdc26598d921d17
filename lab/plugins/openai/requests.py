"""What `POST /v1/responses` asks (openai.md §3): a message, the next turn of one, or the answer to what one asked."""

import re
from typing import Annotated, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from lab.core.exchange import JSON_HEADERS, Headers, Json, Request, Response, json_bytes
from lab.core.jsontext import members_of, text_or_none
from lab.dialects import base
from lab.dialects.reading import NO_OBJECT, Wrong, query_of, read_body
from lab.jobs.facts import JobView
from lab.plugins.openai.responses import approval_id, as_shown, gate_at, rests, sent_with
from lab.plugins.openai.routes import ANSWERS, APPROVAL, RESPONSE, id_in
from lab.program.words import Verdict

PARAMETERS = "parameters"
"""The member of `metadata` whose text, a JSON object, the scenario gets as its parameters."""
BESIDE = ("background", "store", "stream", "previous_response_id", "metadata")
"""What a recording keeps, beside the message."""
CONFLICT = "conflict"
"""The code of a refusal that is about how things are now, which is 400 here: after 409 clients send the same again, without any key."""
_UNHEEDED = frozenset(
    "access_programs background_options context_management image include instructions max_output_tokens max_tool_calls "
    "moderation parallel_tool_calls prompt prompt_cache_key prompt_cache_options prompt_cache_retention reasoning "
    "safety_identifier service_tier stream_options temperature text tool_choice tools top_logprobs top_p truncation "
    "user".split()
)
"""What a model would heed, and a scenario doesn't."""
_Body = TypeVar("_Body", bound=Struct)
_Key: TypeAlias = Annotated[str, Meta(max_length=64)]
_Value: TypeAlias = Annotated[str, Meta(max_length=512)]


class ApiError(Exception):
    """A call that can't be taken; raised while it is read, and worded when it is answered."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        self.message, self.param, self.code, self.status = message, param, code, status

    def response(self, headers: Headers = ()) -> Response:
        """The answer that says it."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        said: Json = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return Response(self.status, (*JSON_HEADERS, *headers), json_bytes({"error": said}))


class InputItem(Struct, omit_defaults=True):
    """A message, or the answer to an approval request; of other items nothing is looked at."""

    type: str = "message"
    role: str = ""
    content: str | list[dict[str, Json]] | None = None
    approval_request_id: str | None = None
    approve: bool | None = None
    reason: str | None = None


class CreateBody(Struct, omit_defaults=True):
    """The members that count; null is as if it weren't there."""

    model: str
    input: str | list[InputItem]
    background: bool | None = None
    store: bool | None = None
    stream: bool | None = None
    previous_response_id: str | None = None
    metadata: Annotated[dict[_Key, _Value], Meta(max_length=16)] | None = None
    conversation: None = None

    @property
    def items(self) -> list[InputItem]:
        """The input; a text is one message."""
        return [InputItem(role="user", content=self.input)] if isinstance(self.input, str) else self.input

    @property
    def answer(self) -> InputItem | None:
        """The item that answers an approval request."""
        return next((item for item in self.items if item.type == ANSWERS), None)

    @property
    def text(self) -> str:
        """What the user's last message says: those before it repeat what was said already."""
        content = next((item.content for item in reversed(self.items) if item.role == "user"), None) or ""
        parts = [{"text": content}] if isinstance(content, str) else content
        return "\n".join(text for part in parts if (text := text_or_none(part.get("text"))) is not None)

    @property
    def parameters(self) -> dict[str, Json]:
        """The scenario's parameters, where metadata hold some."""
        return members_of((self.metadata or {}).get(PARAMETERS, "").encode("utf-8", "replace"))


def read_members(request: Request, kind: type[_Body], unheeded: frozenset[str] = frozenset()) -> _Body:
    """The members that count of a body; ApiError says which of them is wrong, or not known."""
    value = read_body(request)
    if not isinstance(value, dict):
        raise Wrong(NO_OBJECT)
    for name in value.keys() - unheeded - set(kind.__struct_fields__):
        raise ApiError(f"Unknown parameter: '{name[:80]}'.", name[:80], "unknown_parameter")
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at ")
        name = re.findall(r"`(?:\$\.)?([^`]+)`", str(error))[-1]
        code = "invalid_value" if place else "missing_required_parameter"
        raise ApiError(f"Invalid '{name}': {what}.", name, code) from None


def read_number(request: Request, name: str, usual: int, least: int, most: int) -> int:
    """A number of the query; ApiError unless it is one of these."""
    text = query_of(request.query).get(name, str(usual))
    if not re.fullmatch("-?[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise ApiError(f"Invalid '{name}': expected an integer of {least} to {most}.", name, "invalid_value")
    return int(text)


def read_create(request: Request, job_of: base.JobOf) -> base.Command:
    """The command: answered at once in the background, with events where a stream is asked for, else once it is over."""
    body = read_members(request, CreateBody, _UNHEEDED)
    if body.background and body.store is False:
        raise ApiError("Background mode requires store: true.", "store")
    command = _command(body, job_of)
    if body.stream:
        return base.Follow(command)
    return command if body.background else base.Settle(command, answerable=True)


def stored(job_of: base.JobOf, response: str) -> JobView | None:
    """The job as a response shows it, unless its request said that it mustn't be stored."""
    view = job_of(id_in(response, RESPONSE))
    return None if view is None or sent_with(view.record.input).get("store") is False else as_shown(view)


def _command(body: CreateBody, job_of: base.JobOf) -> base.Invoke | base.Say | base.Decide:
    previous, text, view, gate = body.previous_response_id, body.text, None, None
    if previous is not None:
        view = stored(job_of, previous)
        if view is None:
            said = f"Previous response with id '{previous[:80]}' not found."
            raise ApiError(said, "previous_response_id", "previous_response_not_found")
        if body.model != view.record.team:
            raise ApiError(f"The previous response is of the model '{view.record.team}'.", "model")
        gate = gate_at(view.span)
    if body.answer is not None and (gate is None or not gate.approval):
        raise ApiError("The previous response asks for no approval, or not any more.", "input", CONFLICT)
    if view is not None and gate is not None:
        return _decision(view, body) if gate.approval else base.Say(team="", job=view.plan.shown, message=text)
    if view is not None and not rests(view.span):
        raise ApiError(f"Previous response '{previous}' has not ended.", "previous_response_id")
    members: dict[str, Json] = {name: kept for name in BESIDE if (kept := getattr(body, name)) is not None}
    members |= {"message": text, "conversational": True, PARAMETERS: body.parameters}
    return base.Invoke(
        team=body.model,
        message=text,
        conversation=None if view is None else view.record.conversation,
        parameters=body.parameters,
        answers=False,
        blank=not text.strip() and not body.parameters,
        members=members,
    )


def _decision(view: JobView, body: CreateBody) -> base.Decide:
    """The answer to the approval request with which a response ended: with it nothing else is said."""
    wanted, answer = approval_id(view), body.answer
    if answer is None or answer.approval_request_id != wanted or answer.approve is None or len(body.items) > 1:
        raise ApiError(f"The input must be an {ANSWERS} to '{wanted}' with approve, and nothing else.", "input")
    verdict, opening = Verdict.APPROVED if answer.approve else Verdict.REJECTED, id_in(wanted, APPROVAL)
    return base.Decide(team="", job=view.plan.shown, opening=opening, verdict=verdict, comment=answer.reason)
