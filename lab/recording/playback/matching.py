"""How playback knows a recorded call again: what it asks, whatever ids its job has this time (recordings.md §15)."""

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from heapq import nlargest
from json import dumps, loads
from typing import TypeAlias
from urllib.parse import parse_qsl

from lab.core.exchange import Json, Request
from lab.core.jsontext import members_of
from lab.dialects import client_of
from lab.dialects.base import Invoke
from lab.dialects.client import ClientCall
from lab.dialects.reading import query_of
from lab.recording.exchange import RecordedExchange

_LONGEST_MESSAGE = 80
_LONGEST_TITLE = 1_000
_SURELY_ID = 8
"""Characters of an id that is no word by chance."""

Operation: TypeAlias = tuple[str, str | None]
"""A route, and the job that is asked about, or the grant that is asked for."""


def operation_of(call: RecordedExchange) -> Operation:
    """What it asks about."""
    return call.route, call.job or grant_of(call.route, call.request)


def grant_of(route: str, request: Request) -> str | None:
    """Which grant a client asks for; None: it asks for none."""
    return query_of(request.body.decode("utf-8", "replace")).get("grant_type") if route == "token" else None


def asked_key(route: str, client_call: ClientCall, names: Mapping[str, str]) -> str:
    """What a call asks, whatever the order of its members; of a message what is asked of whom, and whether by a stream."""
    command = client_call.command
    if isinstance(command, Invoke):
        asks = command.team, command.message, command.conversation, dumps(command.parameters, sort_keys=True)
        return renamed(repr((route, client_call.follows, *asks)), names)
    return renamed(repr((route, client_call.follows, command, client_call.message, client_call.fields)), names)


def message_of(call: RecordedExchange) -> str:
    """The message that it says, in short; of a call without one its title."""
    text = call.command.message if isinstance(call.command, Invoke) else call.title
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 1]}…"


def message_unlike(call: RecordedExchange, asks: ClientCall) -> str:
    """The message that began a job, and if it is the same that `asks` says, what else was another."""
    mine, other = call.command, asks.command
    if not isinstance(mine, Invoke) or not isinstance(other, Invoke) or mine.message != other.message:
        return message_of(call)
    unlike = [f"asked of {mine.team}"] if mine.team != other.team else []
    unlike += ["with other parameters"] if mine.parameters != other.parameters else []
    unlike += ["in another conversation"] if mine.conversation != other.conversation else []
    return f"{message_of(call)} ({', '.join(unlike)})"


def title_unlike(call: RecordedExchange, mine: Request, request: Request) -> str:
    """Method and path; where the request has them too, what else is another. `mine`: the recorded one as of now."""
    if (mine.method, mine.path) != (request.method, request.path):
        return call.title
    one, other = members_of(mine.body), members_of(request.body)
    names = [name for name in one if name in other and one[name] != other[name]]
    return f"{call.title} with another {', '.join(names) or ('query' if mine.query != request.query else 'body')}"


def nearest_titles(titles: Iterable[str], request: Request, most: int) -> tuple[str, ...]:
    """Of these calls those that are called most like a request, the likest first."""
    likeness = SequenceMatcher(b=f"{request.method} {request.path[:_LONGEST_TITLE]}".split("/"))

    def of(title: str) -> float:
        likeness.set_seq1(title.split("/"))
        return likeness.ratio()

    return tuple(nlargest(most, titles, key=of))


def renamed(text: str, names: Mapping[str, str]) -> str:
    """The text with other ids, where each stands by itself; a short one, which a client made up, only in quotes."""
    for name, other in names.items():
        if name != other and name in text:
            ends = ("(?<![\\w-])", "(?![\\w-])") if len(name) >= _SURELY_ID else ("(?<=[\"'])", "(?=[\"'])")
            text = re.sub(re.escape(name).join(ends), other.replace("\\", r"\\"), text)
    return text


def asks_alike(route: str, mine: Request, request: Request, names: Mapping[str, str]) -> bool:
    """Whether it is the request `mine` that was recorded; JSON is compared as values, without the id of the call."""
    body = renamed(request.body.decode("utf-8", "surrogateescape"), names).encode("utf-8", "surrogateescape")
    return (
        (mine.method, mine.path) == (request.method, renamed(request.path, names))
        and sorted(parse_qsl(mine.query)) == sorted(parse_qsl(renamed(request.query, names)))
        and _value(route, mine.body) == _value(route, body)
    )


def _value(route: str, body: bytes) -> Json | bytes:
    try:
        value: Json = loads(body)
    except (ValueError, RecursionError):
        return body
    client = client_of(route)
    if isinstance(value, dict) and client is not None and client.call_id and route in client.calls:
        return {name: part for name, part in value.items() if name != client.call_id}
    return value
