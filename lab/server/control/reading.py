"""How a request is read into the Struct of its route, and how a command that can't be obeyed is refused."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_type_hints

from aiohttp import web
from msgspec import Struct, UnsetType, ValidationError, convert, to_builtins

from lab.core.clock import Millis
from lab.core.exchange import Json, json_bytes
from lab.core.jsontext import BadJson, read_json
from lab.core.refusal import Refusal
from lab.dialects.reading import is_json
from lab.mock.service import ControlResult
from lab.plugin import ControlRoute, resolve
from lab.program.words import duration, nearest
from lab.server.connection import Connection

if TYPE_CHECKING:
    from lab.control import ControlCommand, Obeyed

JSON = {"content-type": "application/json", "cache-control": "no-store", "server": "lab"}
"""The headers of a document."""
_KINDS = {
    "str": "a string", "int": "an integer", "float": "a number", "bool": "true or false", "array": "a list",
    "object": "an object", "null": "null",
}  # fmt: skip
_Asked = TypeVar("_Asked", bound=Struct)


class CommandRefused(Exception):
    """The command is refused: status, what is wrong, what to do."""

    def __init__(
        self,
        status: int,
        error: str,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Json] | None = None,
        *,
        last: bool = False,
    ) -> None:
        """`more` are further members of the answer; the connection ends with the `last` one."""
        super().__init__(error)
        self.status, self.error, self.hint, self.last = status, error, hint, last
        self.headers, self.more = dict(headers or {}), dict(more or {})

    @classmethod
    def of(cls, problem: Refusal, *, last: bool = False) -> "CommandRefused":
        """A refusal in the words that clients get; `last`: by the shell, with which the connection ends."""
        return cls(problem.status, problem.message, problem.hint, dict(problem.headers), last=last)

    def body(self) -> bytes:
        """The refusal as JSON."""
        return json_bytes({"error": self.error, "hint": self.hint, **self.more})

    def response(self) -> web.Response:
        """The refusal as aiohttp sends it."""
        response = web.Response(status=self.status, body=self.body(), headers={**JSON, **self.headers})
        if self.last:
            response.force_close()
        return response


def answer_response(answer: object, status: int = 200) -> web.Response:
    """A Struct, or what JSON is made of, as aiohttp sends it."""
    shown = cast(Json, to_builtins(answer) if isinstance(answer, Struct) else answer)
    return web.Response(status=status, body=json_bytes(shown), headers=JSON)


def asked_of(row: ControlRoute) -> "type[ControlCommand[Any]]":
    """The Struct that a route takes."""
    from lab.control import ControlCommand  # no start waits for what commands are made of

    found = resolve(row.takes)
    assert isinstance(found, type) and issubclass(found, ControlCommand)
    return found


def path_members(row: ControlRoute) -> tuple[str, ...]:
    """The members that stand in the path."""
    return tuple(re.findall(r"\{(\w+)\}", row.path))


async def command_in(
    request: web.BaseRequest, row: ControlRoute, query: Mapping[str, str], in_path: Mapping[str, str]
) -> "ControlCommand[Any]":
    """What is asked: by the path, and by the query or, of what has one, by the body; CommandRefused names what doesn't fit."""
    kind = asked_of(row)
    given: Mapping[str, Json] = query if row.body is None else await _read_object(request)
    if kind.whole:
        given = {kind.whole: dict(given)}
    check_names(given, tuple(name for name in kind.__struct_fields__ if name not in in_path))
    hint = f"As {row.method} /_lab/{row.example}" if row.body is None and row.example else ""
    return struct_of({**given, **in_path}, kind, strict=row.body is not None, hint=hint)


async def _read_object(request: web.BaseRequest) -> dict[str, Json]:
    """The JSON object of a command; CommandRefused for another type, or broken text."""
    if not is_json(request.headers.get("content-type", "")):
        raise CommandRefused(415, "Content-Type must be application/json.", "Send Content-Type: application/json.")
    connection = request.protocol
    assert isinstance(connection, Connection)
    body = await connection.body(connection.shell.limits.body)
    if isinstance(body, Refusal):
        raise CommandRefused.of(body, last=True)
    if not body.strip():
        raise CommandRefused(400, "The body is empty; it must be a JSON object.")
    try:
        value = read_json(body)
    except BadJson as bad:
        raise CommandRefused(400, str(bad)) from None
    if not isinstance(value, dict):
        raise CommandRefused(400, "The body must be a JSON object.")
    return value


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


def millis_of(text: str) -> Millis:
    """A duration as scenarios write it."""
    try:
        return duration(text)
    except ValueError as error:
        raise CommandRefused(400, f"This is no duration: {error}.", "Write 30s, 15m or 1h30m.") from None


def obeyed(result: ControlResult, hint: str = "") -> "Obeyed":
    """What became of a command that the mock has ruled on; `hint` is for one that can't be obeyed now."""
    if result.status != 200:
        raise CommandRefused(result.status, result.why, hint if result.status == 409 else "")
    from lab.control import Obeyed  # as above

    return Obeyed(True, result.why)
