"""Webhook endpoints (openai.md §6): how callers register them, and what they are told of their responses."""

from typing import Annotated, cast
from urllib.parse import unquote

from msgspec import Meta, Struct, to_builtins
from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH, Epoch
from lab.core.exchange import Headers, Request, Response, json_bytes, json_response
from lab.core.routes import RouteMatch
from lab.core.seeds import hexes
from lab.dialects.base import EndReceiver, ListReceivers, ReceiverCommand, RegisterReceiver, WriteContext
from lab.dialects.callbacks import JobChange
from lab.dialects.reading import query_of
from lab.dialects.signed import signed_headers
from lab.jobs.callbacks import CallbackSent, Receiver, Registration
from lab.jobs.texts import status_texts
from lab.plugins.openai.requests import ApiError, read_members, read_number
from lab.plugins.openai.responses import COMPLETED, STATUS_WORDS, Item, renames, response_id, rests, sent_with
from lab.plugins.openai.routes import ENDPOINT, RESPONSE, id_in
from lab.program.callbacks import CallbackStrike
from lab.program.switches import Switches

OPENAI = "openai"
TOLD = ("response.completed", "response.failed", "response.cancelled", "response.incomplete")
"""The types that tell of responses; the last never comes, for no response here is incomplete."""
EVENT_TYPES = frozenset(
    "batch.completed batch.failed batch.expired batch.cancelled eval.run.succeeded eval.run.failed eval.run.canceled "
    "fine_tuning.job.succeeded fine_tuning.job.failed fine_tuning.job.cancelled realtime.call.incoming video.completed "
    "video.failed agent.environment.ready agent.environment.failed agent.environment.suspended agent.session.created "
    "agent.environment.expired agent.session.action_required agent.session.in_progress agent.session.idle "
    "agent.session.failed safety.alert.created".split()
).union(TOLD)
"""All that an endpoint may be registered for."""


class EndpointBody(Struct):
    """An endpoint, or what is to be otherwise with one."""

    name: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    url: Annotated[str, Meta(min_length=1, max_length=2048)] | None = None
    event_types: Annotated[list[str], Meta(min_length=1)] | None = None


class RotateBody(Struct):
    """How a secret gives way to the next."""

    keep_old_secret_active_for_24_hours: bool | None = None


def read_endpoints(match: RouteMatch, request: Request) -> ReceiverCommand:
    """What is asked of the caller's endpoints."""
    asks, parts = match.route.kind, [*filter(None, request.path.split("/"))]  # there may be // in it
    if asks == "types":
        return ListReceivers(team="", wire=OPENAI)
    if asks == "list":
        page = query_of(request.query).get("after"), read_number(request, "limit", 20, 1, 100)
        return ListReceivers(team="", wire=OPENAI, echo=page)
    name = id_in(unquote("".join(parts[2:3])), ENDPOINT)
    if asks == "retrieve":
        return ListReceivers(team="", wire=OPENAI, receiver=name)
    if asks == "delete":
        return EndReceiver(team="", wire=OPENAI, receiver=name)
    wanted = Registration(wire=OPENAI, name=name or None, known=asks != "create", minted=asks != "update")
    if asks == "rotate":
        if request.body and read_members(request, RotateBody).keep_old_secret_active_for_24_hours:
            said = "No secret is kept here beside the new one: leave keep_old_secret_active_for_24_hours out."
            raise ApiError(said, "keep_old_secret_active_for_24_hours", "unsupported_value")
        return RegisterReceiver(team="", registration=wanted)
    body = read_members(request, EndpointBody) if request.body or asks == "create" else EndpointBody()
    members = {name: value for name, value in to_builtins(body).items() if value is not None}
    for each in EndpointBody.__struct_fields__ if asks == "create" else ():
        if each not in members:
            raise ApiError(f"Missing required parameter: '{each}'.", each, "missing_required_parameter")
    if strange := {*(body.event_types or ())} - EVENT_TYPES:
        said = f"Unknown event type: '{min(strange)[:80]}'. GET /v1/webhook_event_types names those that come."
        raise ApiError(said, "event_types", "invalid_value")
    return RegisterReceiver(team="", registration=replace(wanted, url=members.pop("url", None), members=members))


def endpoints_answer(asks: str, echo: object, receivers: tuple[Receiver, ...], context: WriteContext) -> Response:
    """The answer to what was asked of endpoints, of which those that were registered last come first."""
    shown: list[Item] = [
        {
            "id": ENDPOINT + each.name,
            "object": "webhook_endpoint",
            "created_at": context.epoch + each.began // 1000,
            "updated_at": context.epoch + each.since // 1000,
            "url": each.url,
            "signing_secret_hint": "whsec_********",  # no letter of it may stand on a tape
            **each.members,
        }
        for each in reversed(receivers)
    ]
    if asks == "types":
        return json_response({"object": "list", "data": [*TOLD]})
    if asks == "list":
        ids, (after, limit) = [each["id"] for each in shown], cast("tuple[str | None, int]", echo)
        if after is not None and after not in ids:
            return ApiError(f"No webhook endpoint with id '{after[:80]}'.", "after", status=404).response()
        first = 0 if after is None else ids.index(after) + 1
        ends = {"first_id": ids[first], "last_id": ids[first:][:limit][-1]} if ids[first:] else {}
        page: Item = {"object": "list", "data": [*shown[first:][:limit]], "first_id": None, "last_id": None}
        return json_response(page | ends | {"has_more": len(ids) > first + limit})
    if asks == "delete":
        return json_response({"id": shown[0]["id"], "object": "webhook_endpoint.deleted", "deleted": True})
    secret: Item = {"signing_secret": receivers[0].secret} if asks in ("create", "rotate") else {}
    return json_response(shown[0] | secret)


class OpenAIWebhooks:
    """Events of responses that end, to whom they were asked to be told."""

    never: frozenset[CallbackStrike] = frozenset()
    timed = True

    def tells(self, receiver: Receiver, change: JobChange) -> bool:
        # whether a text can be written hangs neither on the epoch nor on switches
        if sent_with(change.accepted).get("background") is not True or not rests(change.span):
            return False
        wanted = receiver.members["event_types"]
        return isinstance(wanted, list) and _event_type(change, INSTANT_EPOCH, Switches()) in wanted

    def body(self, receiver: Receiver, change: JobChange, context: WriteContext) -> bytes:
        plan, span, at = change.plan, change.span, change.fact.at
        # an answer at this very instant ends the gate that this one tells of, or led here
        before = (
            number
            for number, each in enumerate(change.decisions, 1)
            if renames(each) and (each.at < at or each in span.settled)
        )
        ended = RESPONSE + plan.alias if plan.alias else response_id(context.switches, plan, max(before, default=0))
        event: Item = {
            "id": "evt_" + hexes(plan.seed, f"{plan.invocation.job}/openai/event#{span.index}", 32),
            "object": "event",
            "type": _event_type(change, context.epoch, context.switches),
            "created_at": context.epoch + at // 1000,
            "data": {"id": ended},
        }
        return json_bytes(event)

    def headers(self, receiver: Receiver, sent: CallbackSent) -> Headers:
        return signed_headers(receiver.secret, sent)


def _event_type(change: JobChange, epoch: Epoch, switches: Switches) -> str:
    status = status_texts(change.plan, change.span, epoch, switches).status
    return f"response.{STATUS_WORDS.get(status, COMPLETED)}"
