"""Calls that failed, were odd or late -> faults at those very calls (scenarios.md §10)."""

import re
from collections import Counter
from email.utils import parsedate_to_datetime
from typing import TypeAlias

from lab.core.clock import Epoch, Millis, unix_millis
from lab.core.exchange import Json
from lab.core.jsontext import members_of
from lab.dialects import wires
from lab.dialects.base import Decide
from lab.language.document import duration_text
from lab.plugins.learn.story import LearnedFault, RoutePace, Story, command_of
from lab.recording.playback.calls import PlaybackCall

_ANSWERS = (400, 401, 403, 404, 429, 500, 502, 503, 504)
"""What a fault can answer (`answer`, scenarios.md §10); of any other, 400 or 500 stands for its hundred."""
_STRIKES = {"truncated": ("empty", "wrong-length"), "timeout": ("hang", "stall")}
"""By how an answer was cut: what struck before a byte of it, and what after; any other: reset."""
_SILENCE = 10_000
"""Milliseconds beyond the usual after which half an answer is one that its client gave up."""
_ERROR_CODE = re.compile(r"[!#-\[\]-~]{1,80}")
_TEXT = re.compile(r"[ -~]{1,80}")
_KNOWN = frozenset(("jsonrpc", "id", "result", *(claim.name for wire in wires() for claim in wire.fields)))
"""The members of the lab's own wires, and what stands around an answer of A2A."""
_Found: TypeAlias = tuple[dict[str, Json], str]
"""The members of a fault, none if nothing was wrong, and what to say beside."""


def find_faults(story: Story, epoch: Epoch) -> None:
    """Put what went wrong in all calls that counted with the story, in the order of routes, turns and calls."""

    def add(route: str, number: int, found: _Found, turn: int | None = None) -> None:
        members, note = found
        last = story.faults[-1] if story.faults else None
        if not members:
            story.notes += [f"Call {number} of {route}: {note}."] if note else []
        elif last and (last.route, last.turn, last.last, last.members) == (route, turn, number - 1, members):
            last.last = number
        else:
            fault = LearnedFault(route=route, first=number, last=number, members=members, note=note, turn=turn)
            story.faults.append(fault)

    begun = {turn.invoke for turn in story.turns if turn.invoke.begun is not None}
    for route in ("token", "invoke"):
        for number, call in enumerate(story.calls[route], 1):
            pace, whole = story.paces[route], _whole(call) and call.good
            members, note = _late(call, pace, {}) if whole else _failed(call, pace, epoch)
            if route == "invoke" and "strike" in members and call in begun:
                strike = members.pop("strike")
                members = {"lose_reply": True} | ({} if strike == "reset" else {"strike": strike})
            elif route == "invoke" and "strike" in members:
                note = "assumed: no job began, which nobody outside can see"
            add(route, number, (members, note))
    # the members that most answers to polls have; none of an API whose bodies aren't the lab's own
    polls = [members_of(poll.replied.response.body) for turn in story.turns for poll in turn.polls if poll.seen]
    counts = Counter(name for members in polls for name in members) if story.team else {}
    usual = frozenset(name for name, count in counts.items() if 2 * count > len(polls))
    for place, turn in enumerate(story.turns, 1):
        looks = (poll for poll in turn.polls if not isinstance(command_of(poll), Decide))
        for number, poll in enumerate(looks, 1):
            found = _of_poll(poll, story.paces["status"], epoch, usual)
            add("status", number, found, place if len(story.turns) > 1 else None)


def _of_poll(poll: PlaybackCall, pace: RoutePace, epoch: Epoch, usual: frozenset[str]) -> _Found:
    if not _whole(poll) or (poll.seen is None and poll.replied.response.status >= 300):
        return _failed(poll, pace, epoch)
    names = members_of(poll.replied.response.body).keys() if usual else ()
    missing: list[Json] = [name for name in sorted(usual) if name not in names]
    if "status" in missing and len(missing) < len(names):
        return {"omit": missing}, ""
    if poll.seen is None:
        return _failed(poll, pace, epoch)
    if usual and poll.seen.status is None:
        word = poll.seen.word
        known = _TEXT.fullmatch(word) is not None
        return _late(poll, pace, {"status_word": word}) if known else ({}, "its status can't be written in a fault")
    unknown = [name for name in names if name not in _KNOWN]
    members: dict[str, Json] = ({"odd_body": True} if unknown else {}) | ({"omit": missing} if missing else {})
    return _late(poll, pace, members, f"unknown members: {', '.join(map(repr, unknown[:5]))}" if unknown else "")


def _whole(call: PlaybackCall) -> bool:
    return call.replied.cut is None and call.replied.response.status != 0


def _late(call: PlaybackCall, pace: RoutePace, members: dict[str, Json], note: str = "") -> _Found:
    late = pace.excess(call.latency)
    return members | ({"delay": duration_text(late)} if late else {}), note


def _failed(call: PlaybackCall, pace: RoutePace, epoch: Epoch) -> _Found:
    """Of a call that brought no answer, a refusal, or one that nobody can read."""
    response = call.replied.response
    if not _whole(call):
        return {"strike": _STRIKES.get(call.replied.cut or "", ("reset", "reset"))[response.status != 0]}, ""
    if response.status >= 300:
        return _refused(call, epoch)
    start = response.body.lstrip()[:1]
    if "html" in (response.header("content-type") or "") or start == b"<":
        return {"answer": 200, "body": "html"}, ""
    if not response.body:
        return {"strike": "empty"}, "it had no body"
    if members_of(response.body):
        return {}, "it showed no job"
    strike = "truncate" if start in (b"{", b"[") else "garbage"
    return {"strike": "stall" if pace.excess(call.latency) >= _SILENCE else strike}, ""


def _refused(call: PlaybackCall, epoch: Epoch) -> _Found:
    response = call.replied.response
    status = response.status
    if not 400 <= status < 600:
        return {}, f"it was answered {status}, which no fault answers"
    nearest = status if status in _ANSWERS else status // 100 * 100
    members: dict[str, Json] = {"answer": nearest}
    if (wait := response.header("retry-after")) is not None:
        members["retry_after"] = _retry_after(wait, unix_millis(epoch, call.replied.at))
    code = members_of(response.body).get("error") if call.requested.route == "token" else None
    if nearest in (400, 401) and isinstance(code, str) and _ERROR_CODE.fullmatch(code):
        members["error"] = code
    kind = response.header("content-type") or ""
    bodies = {"empty": not response.body, "html": "html" in kind, "problem": "problem+json" in kind}
    if body := next((name for name, holds in bodies.items() if holds), None):
        members["body"] = body
    return members, "" if nearest == status else f"it was {status}, which no fault answers"


def _retry_after(text: str, since: Millis) -> Json:
    """As a fault has it; `since` is when the answer left, in milliseconds since 1970."""
    if text.isascii() and text.isdigit() and len(text) <= 6:
        return f"{int(text)}s"
    try:
        until = parsedate_to_datetime(text).timestamp() * 1000
    except (ValueError, TypeError, OverflowError):
        return {"text": text if _TEXT.fullmatch(text) else "?"}
    seconds = max(0, int(until - since) // 1000)  # a date is rounded up to whole seconds
    return {"date": duration_text(seconds * 1000)} if seconds < 10**6 else {"text": text}
