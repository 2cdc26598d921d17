"""What is asked of the routes of the control plane: a Struct for each that takes something.

A request is read into it, what doesn't fit is refused by it, and the OpenAPI document is made of it. A plugin's route has
one, too: the second parameter of its function (plugins.md).
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar, Literal, TypeVar, get_type_hints

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType, ValidationError, convert

from lab.core.exchange import Json
from lab.core.ranges import SEEDS
from lab.plugin import ControlRoute, resolve
from lab.program.words import nearest
from lab.server.control.access import CommandRefused, read_object
from lab.server.labs import TENANT_NAME

LATEST = 10**15
"""No instant is later."""
_Instant = Annotated[int, Meta(ge=0, lt=LATEST, description="milliseconds since the lab's epoch")]
_Flag = Literal["0", "1"]
_Status = Literal["RUNNING", "WAITING", "COMPLETE", "ERROR"]
_Duration = Annotated[str, Meta(description="as 30s, 15m or 1h30m")]
_KINDS = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_CLOCK = 'As {"advance":"1h"}, {"factor":"20"}, or {"job":"…","until":"WAITING"}.'
_GATES = "GET /_lab/jobs/{job} tells the open gate and what it offers; with ?until=WAITING once there is one."


class ControlCommand(Struct, frozen=True, forbid_unknown_fields=True):
    """The base of what a route takes; what may be left out and isn't nothing is `UNSET`."""

    hints: ClassVar[Mapping[str, str]] = {}
    """What to do where a member doesn't fit, by its name; by nothing where any doesn't."""

    def given(self) -> dict[str, object]:
        """The members that were sent."""
        found = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: value for name, value in found if value is not UNSET}


class JobsQuery(ControlCommand, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=100_000)] = 100


class JobQuery(ControlCommand, frozen=True):
    until: _Status | UnsetType = UNSET
    timeout: Annotated[str, Meta(description="real time, as 30s")] = "30s"


class JournalQuery(ControlCommand, frozen=True):
    follow: _Flag = "0"
    replies: _Flag = "1"


class CallsQuery(ControlCommand, frozen=True):
    route: str | UnsetType = UNSET
    job: str | UnsetType = UNSET


class SetClock(ControlCommand, frozen=True):
    """advance, or factor, or job and until"""

    hints: ClassVar = {"": _CLOCK}
    advance: _Duration | UnsetType = UNSET
    factor: str | UnsetType = UNSET
    job: str | UnsetType = UNSET
    until: _Status | UnsetType = UNSET
    timeout: Annotated[bool, Meta(description="whether a gate's patience may run out")] | UnsetType = UNSET


class DriveClock(ControlCommand, frozen=True):
    until: _Instant | UnsetType | None = UNSET
    reads: bool = False


class DecideGate(ControlCommand, frozen=True):
    hints: ClassVar = {"gate": _GATES}
    gate: Annotated[str, Meta(description="the step's id")]
    verdict: Annotated[str, Meta(description="approved, rejected or changes-requested, as the gate offers")]
    by: Annotated[str, Meta(description="who decides")] | None = None
    name: Annotated[str, Meta(description="the same", extra_json_schema={"deprecated": True})] | None = None
    comment: str | None = None


class EndTokens(ControlCommand, frozen=True):
    do: Annotated[str, Meta(description="expire or revoke; rotate, without a client, changes the key")]
    client: str | UnsetType = UNSET


class AnswerDevice(ControlCommand, frozen=True):
    user_code: str
    answer: Annotated[str, Meta(description="approve or deny")]


class RunTape(ControlCommand, frozen=True):
    name: str | UnsetType = UNSET


class Reset(ControlCommand, frozen=True):
    hints: ClassVar = {"to": "GET /_lab/clock tells now."}
    to: _Instant | UnsetType = UNSET


class MakeTenant(ControlCommand, frozen=True):
    hints: ClassVar = {"scenarios": "GET /_lab/scenarios lists them."}
    name: Annotated[str, Meta(extra_json_schema={"pattern": f"^{TENANT_NAME.pattern}$"})]
    seed: Annotated[int, Meta(ge=0, le=SEEDS - 1)] | None = None
    scenarios: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None


COMMANDS: Mapping[str, type[ControlCommand]] = {
    "jobs": JobsQuery,
    "job": JobQuery,
    "journal": JournalQuery,
    "calls": CallsQuery,
    "set_clock": SetClock,
    "virtual_time": DriveClock,
    "decide": DecideGate,
    "tokens": EndTokens,
    "devices": AnswerDevice,
    "tape": RunTape,
    "reset": Reset,
    "make_tenant": MakeTenant,
}
"""By the names of the kernel's routes."""
_Asked = TypeVar("_Asked", bound=Struct)


def asked_of(row: ControlRoute) -> type[Struct] | None:
    """What a route takes; None: nothing, or something that is no Struct."""
    if row.run:
        kinds: list[type[Struct]] = [*get_type_hints(resolve(row.run)).values()]
        return kinds[1]
    return COMMANDS.get(row.name)


async def command_in(request: web.Request, kind: type[_Asked]) -> _Asked:
    """What a command's body says; CommandRefused if that isn't what the route takes."""
    return struct_of(await read_object(request), kind)


def query_in(request: web.Request, kind: type[_Asked]) -> _Asked:
    """The same of a query."""
    return struct_of(request.query, kind, strict=False)


def struct_of(given: Mapping[str, Json], kind: type[_Asked], *, strict: bool = True, hint: str = "") -> _Asked:
    """The Struct; CommandRefused names the member that doesn't fit. Not strict: numbers and flags stand in texts."""
    hints: Mapping[str, str] = getattr(kind, "hints", {})
    check_names(given, kind.__struct_fields__)
    try:
        return convert(dict(given), kind, strict=strict)
    except ValidationError as error:
        what, _, place = str(error).partition(" - at `$.")
        missing = re.fullmatch("Object missing required field `(.+)`", what)
        name = missing[1] if missing else re.split(r"[`.\[]", place)[0]
        said = "is missing" if missing else f"takes {_takes(what, name, kind)}"
        raise CommandRefused(400, f"{name} {said}.", hints.get(name, hints.get("", hint))) from None


def check_names(given: Iterable[str], known: tuple[str, ...], meant: Mapping[str, str] | None = None) -> None:
    """CommandRefused for a member that there isn't; `meant` is what to send in the place of some that people try."""
    for name in given:
        if name not in known:
            hint = (meant or {}).get(name) or nearest(name, known) or f"Known: {', '.join(known) or 'none'}."
            raise CommandRefused(400, f"There is no member {json.dumps(name)} here.", hint)


def _takes(what: str, name: str, kind: type[Struct]) -> str:
    """What msgspec expected, in words."""
    if what.startswith("Invalid enum value"):
        words: Iterable[object] = getattr(get_type_hints(kind)[name], "__args__", ())
        return "one of " + ", ".join(
            str(each) for word in words for each in getattr(word, "__args__", (word,)) if each is not UnsetType
        )
    expected = re.sub(r" (?:of length )?>= ", " of at least ", what.removeprefix("Expected ").partition(", got ")[0])
    return re.sub(
        r"`([^`]+)`", lambda kinds: " or ".join(_KINDS.get(each, each) for each in kinds[1].split(" | ")), expected
    )
