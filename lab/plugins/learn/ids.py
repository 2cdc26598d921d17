"""The ids by which calls of an API belong together: what answers give, and requests carry."""

import re
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from lab.core.exchange import Json, Response
from lab.core.jsontext import value_or_none
from lab.plugins.learn.words import members_within, plain_word
from lab.recording.playback.calls import PlaybackCall

_LINKS = ("location", "operation-location", "azure-asyncoperation", "content-location")
"""Headers that lead to a job."""
_ORIGIN = re.compile("«host:[^»]*»")
"""What redaction leaves of one."""
_LONGEST_ID = 500
_SHORT = re.compile(r"[1-9]\d?|[A-Za-z][0-9]", re.ASCII)
_ID_NAMES = ("id", "number", "key", "ref")
"""How the members end whose values are ids, however short."""
_NO_ID = re.compile(r"v\d.*|\d{4}-\d\d-\d\d.*")
"""Versions in paths, and dates."""


def given_ids(call: PlaybackCall) -> set[str]:
    """The ids that an answer gives, and its request didn't carry."""
    return ids_in(call) - carried_ids(call)


def carried_ids(call: PlaybackCall) -> set[str]:
    """The ids that a poll may carry: its path and segments of it, values of its query and its body."""
    request = call.requested.request
    found = {unquote(part) for segment in request.path.split("/") for part in (segment, *segment.split(":"))}
    found |= {value for _, value in parse_qsl(request.query)}
    short = {text for text in found if _SHORT.fullmatch(text)}
    body = body_of_request(call)
    found |= texts_in(body)
    return {text for text in found if _may_be_id(text)} | short | _short_ids(body) | {request.path}


def ids_in(call: PlaybackCall) -> set[str]:
    """The ids that an answer gives: its texts and numbers, also as the last part of a path, and what its links lead to."""
    body, links = body_in(call.replied.response), links_of(call)
    found = texts_in(body)
    found |= {urlsplit(text).path for text in found if "/" in text}
    found |= {part for text in (*found, *links) if "/" in text for part in text.split("/")[-2:]}
    return {text for text in found if _may_be_id(text)} | _short_ids(body) | links


def links_of(call: PlaybackCall) -> set[str]:
    """The paths to which the headers of an answer lead."""
    leading = (_ORIGIN.sub("", value) for name, value in call.replied.response.headers if name in _LINKS)
    paths = {urlsplit(urljoin(call.requested.request.path, value)).path for value in leading}
    return {path for path in paths if path.strip("/")}


def paths_above(call: PlaybackCall) -> set[str]:
    """The path of a request, and those above it, as far as they end with an id."""
    parts = call.requested.request.path.split("/")
    return {"/".join(parts[: place + 1]) for place, part in enumerate(parts) if _may_be_id(part)}


def texts_in(body: Json) -> set[str]:
    return {
        str(value) for _, value in members_within(body) if isinstance(value, str | int) and not isinstance(value, bool)
    }


def _short_ids(body: Json) -> set[str]:
    """Ids of so few signs that only their names tell that they are any."""
    return {
        str(value)
        for path, value in members_within(body)
        if isinstance(value, str | int)
        and _SHORT.fullmatch(str(value))
        and plain_word(str(path[-1])).endswith(_ID_NAMES)
    }


def _may_be_id(text: str) -> bool:
    return 2 < len(text) <= _LONGEST_ID and any(letter.isdigit() for letter in text) and not _NO_ID.fullmatch(text)


def same_place(call: PlaybackCall, other: PlaybackCall) -> bool:
    mine, its = call.requested.request, other.requested.request
    return (mine.method, mine.path) == (its.method, its.path)


def body_in(response: Response) -> Json:
    """The JSON of an answer; None if it is none."""
    return _json(response.body)


def body_of_request(call: PlaybackCall) -> Json:
    """The JSON, or the form, that was sent; None for anything else."""
    request = call.requested.request
    value = _json(request.body)
    if value is None and "form-urlencoded" in (request.header("content-type") or ""):
        pairs: dict[str, Json] = dict(parse_qsl(request.body.decode(errors="replace")))
        return pairs
    return value


def _json(data: bytes) -> Json:
    value = value_or_none(data)
    return value if isinstance(value, dict | list) else None
