"""Push notifications: receivers that clients register for a task, and what these are told of it (a2a.md §7)."""

import re
from hashlib import sha256

from msgspec import Struct, ValidationError, convert

from lab.core.exchange import Headers, Json, Response, json_bytes
from lab.dialects.base import EndReceiver, ListReceivers, ReceiverCommand, RegisterReceiver, WriteContext
from lab.dialects.callbacks import JobChange
from lab.jobs.callbacks import CallbackSent, Receiver, Registration
from lab.plugins.a2a import versions as a2a
from lab.plugins.a2a.calls import Code, TaskCall, read_id
from lab.plugins.a2a.tasks import TaskWriter
from lab.program.callbacks import CallbackStrike

_WIRE = "a2a"
_SENT = re.compile(r"(?=.{1,4000}\Z)[!-~]([ -~]*[!-~])?")  # what goes into a header as it is
_SCHEME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")  # RFC 9110 §11.1


class _Authentication(Struct):
    scheme: str = ""
    """1.0 has one; 0.3 has several, of which the first is used."""
    schemes: tuple[str, ...] = ()
    credentials: str | None = None


class _Config(Struct):
    """What a client says of a receiver; an empty text is none, as ProtoJSON has it."""

    url: str
    id: str | None = None
    token: str | None = None
    authentication: _Authentication | None = None


def read_push(call: TaskCall, team: str) -> ReceiverCommand:
    """What a call about push notification configs asks; CallError if its params are wrong."""
    asks, older = call.asks, call.by.version is a2a.V03
    if asks is a2a.TaskOperation.CREATE_PUSH:
        registers = read_registration(call, call.params.get(a2a.V03.push) if older else call.params)
        return RegisterReceiver(team=team, job=read_id(call, "taskId"), registration=registers, echo=call)
    job, named = read_id(call, "id" if older else "taskId"), "pushNotificationConfigId" if older else "id"
    if asks is a2a.TaskOperation.DELETE_PUSH:
        return EndReceiver(team=team, wire=_WIRE, job=job, receiver=read_id(call, named), echo=call)
    every = asks is a2a.TaskOperation.LIST_PUSH or (older and call.params.get(named) is None)
    return ListReceivers(team=team, wire=_WIRE, job=job, receiver=None if every else read_id(call, named), echo=call)


def read_registration(call: TaskCall, config: Json) -> Registration:
    """The receiver that a config names; CallError if there is anything wrong with it."""
    try:
        said = convert(config, _Config)
    except ValidationError as error:
        raise call.wrong(f"The push notification config is wrong: {error}.") from None
    older, known = call.by.version is a2a.V03, said.authentication or _Authentication()
    members: dict[str, Json] = {"version": call.by.version.number}
    if said.authentication is not None:
        schemes = known.schemes if older else (known.scheme,)
        if not schemes or not all(_SCHEME.fullmatch(each) for each in schemes):
            name = "schemes must be names" if older else "scheme must be the name"
            raise call.wrong(f"authentication.{name} of an HTTP authentication scheme, such as Bearer.")
        members["schemes"] = " ".join(schemes)
    for name, value in (("token", said.token), ("authentication.credentials", known.credentials)):
        if value and not _SENT.fullmatch(value):
            raise call.wrong(f"{name} must be 1 to 4000 printable characters of ASCII: a header holds it.")
    named = read_id(call, "id", said.id) if said.id else None
    secret, token = known.credentials or None, said.token or None
    return Registration(wire=_WIRE, name=named, url=said.url, secret=secret, token=token, members=members)


def push_answer(call: TaskCall, receivers: tuple[Receiver, ...]) -> Response:
    """The answer to a call that is about these."""
    configs: list[Json] = [_config(call, each) for each in receivers]
    if call.asks is a2a.TaskOperation.DELETE_PUSH:  # again, too
        return call.by.answer({} if call.by.http else None)
    if call.asks is a2a.TaskOperation.LIST_PUSH:
        return call.by.answer(configs if call.by.version is a2a.V03 else {"configs": configs})
    if not configs:
        return call.by.error(Code.TASK_NOT_FOUND, "The task has no such push notification config: list those it has.")
    return call.by.answer(configs[0])


def _config(call: TaskCall, receiver: Receiver) -> Json:
    """A receiver as the version of the call spells it, whichever registered it."""
    older, config = call.by.version is a2a.V03, dict[str, Json](id=receiver.name, url=receiver.url)
    if receiver.token is not None:
        config["token"] = receiver.token
    if schemes := _schemes(receiver):
        known: dict[str, Json] = {"schemes": [*schemes]} if older else {"scheme": schemes[0]}
        config["authentication"] = known if receiver.secret is None else {**known, "credentials": receiver.secret}
    return {"taskId": receiver.job, **({a2a.V03.push: config} if older else config)}


def _schemes(receiver: Receiver) -> list[str]:
    return str(receiver.members.get("schemes", "")).split()


class PushWire:
    """How receivers are told: the task whole at each change, in the version that registered them (`CallbackWire`)."""

    never: frozenset[CallbackStrike] = frozenset({"old-timestamp"})
    timed = False

    def tells(self, receiver: Receiver, change: JobChange) -> bool:
        return True

    def body(self, receiver: Receiver, change: JobChange, context: WriteContext) -> bytes:
        version = next(each for each in a2a.VERSIONS if each.number == receiver.members.get("version"))
        return json_bytes(version.task_event(TaskWriter(version, change.plan, context).task(change.span)))

    def headers(self, receiver: Receiver, sent: CallbackSent) -> Headers:
        """Token and credentials as they were registered; those that are bad are others."""
        scheme = "".join(f"{each} " for each in _schemes(receiver)[:1])
        borne = (("x-a2a-notification-token", "", receiver.token), ("authorization", scheme, receiver.secret))
        known = [
            (name, before + (sha256(value.encode()).hexdigest() if sent.signature == "bad" else value))
            for name, before, value in borne
            if value is not None
        ]
        return (("content-type", "application/json"), *known)
