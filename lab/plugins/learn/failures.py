"""Calls that failed, were odd or late -> faults at those very calls (scenarios.md §10)."""

import re
from collections import Counter
from email.utils import parsedate_to_datetime

from msgspec import Struct

from lab.core.clock import Epoch, Millis, unix_millis
from lab.core.exchange import Json, Response
from lab.core.jsontext import members_of
from lab.dialects import wires
from lab.language.document import duration_text
from lab.plugins.learn.pace import RoutePace
from lab.plugins.learn.story import Glimpse, Story
from lab.recording.playback.calls import PlaybackCall

_ALL = "every 1"
_ANSWERS = (400, 401, 403, 404, 429, 500, 502, 503, 504)
"""What a fault can answer (`answer`, scenarios.md §10)."""
_NEAREST = {408: 504, 405: 404, 409: 400, 410: 404, 422: 400, 423: 429, 425: 429}
"""What comes nearest, of others; of those from 500 on, 500."""
_STRIKES = {"reset": ("reset", "reset"), "truncated": ("empty", "wrong-length"), "timeout": ("hang", "stall")}
"""By how an answer was cut: what struck before a byte of it, and what after."""
_BROKEN = {True: "truncate", False: "garbage"}
_BUSY = re.compile(rb"throttl|throughput|too ?many|rate.?(?:limit|exceed)", re.IGNORECASE)
"""What a 400 says that means 429, as AWS answers."""
_SILENCE = 10_000
"""Milliseconds beyond the usual after which half an answer is one that its client gave up."""
_ERROR_CODE = re.compile(r"[!#-\[\]-~]{1,80}")
_TEXT = re.compile(r"[ -~]{1,80}")
_KNOWN = frozenset(claim.name for wire in wires() for claim in wire.fields)
"""The members of the lab's own wires."""
_OF_RPC = frozenset(("jsonrpc", "id", "result"))
"""What stands around an answer of A2A."""


class LearnedFault(Struct):
    """A fault: the calls `first` to `last` of a route, counted from 1, and what they were."""

    route: str
    first: int
    last: int
    members: dict[str, Json]
    note: str = ""
    turn: int | None = None
    after: Millis | None = None
    """When it begins, of one that goes on to the end of the job, however often it is polled."""

    @property
    def document(self) -> dict[str, Json]:
        """As an author writes it."""
        calls: Json = self.first if self.first == self.last else f"{self.first}-{self.last}"
        when: dict[str, Json] = (
            {"calls": calls} if self.after is None else {"after": duration_text(self.after), "calls": _ALL}
        )
        turn: dict[str, Json] = {} if self.turn is None else {"turn": self.turn}
        return {"route": self.route, **when, **turn, **self.members}


class FaultsFound(Struct):
    """What went wrong, and what of it no fault can say."""

    faults: list[LearnedFault]
    notes: list[str]


def faults_of(story: Story, paces: dict[str, RoutePace], epoch: Epoch) -> FaultsFound:
    """Of all calls that counted, in the order of routes, turns and calls."""
    found = FaultsFound([], [])
    usual = _usual_members(story)
    for route in ("token", "invoke"):
        for number, call in enumerate(story.calls.get(route, ()), 1):
            _add(found, route, number, None, _what(call, None, paces[route], epoch))
    several = len(story.turns) > 1
    for turn, each in enumerate(story.turns, 1):
        before, looks = len(found.faults), [poll for poll in each.polls if not poll.decides]
        for number, poll in enumerate(looks, 1):
            what = _what(poll.call, poll.glimpse, paces["status"], epoch, polled=True, usual=usual)
            _add(found, "status", number, turn if several else None, what)
        for fault in found.faults[before:][-1:]:
            if fault.members == {"odd_body": True} and fault.first > 1 and fault.last == len(looks):
                # the API's own from then on, and no matter of calls
                earlier, first = (looks[place].call.at - each.invoke.at for place in (fault.first - 2, fault.first - 1))
                fault.after = (earlier + first) // 200 * 100
    for fault in found.faults:
        if fault.route == "invoke" and "strike" in fault.members:
            _of_lost_reply(fault, story)
    return found


def _add(found: FaultsFound, route: str, number: int, turn: int | None, what: tuple[dict[str, Json], str]) -> None:
    members, note = what
    if not members:
        if note:
            found.notes.append(f"Call {number} of {route}: {note}.")
        return
    last = found.faults[-1] if found.faults else None
    if last is not None and (last.route, last.turn, last.last, last.members) == (route, turn, number - 1, members):
        last.last = number
    else:
        found.faults.append(LearnedFault(route, number, number, members, note, turn))


def _what(
    call: PlaybackCall,
    glimpse: Glimpse | None,
    pace: RoutePace,
    epoch: Epoch,
    *,
    polled: bool = False,
    usual: frozenset[str] = frozenset(),
) -> tuple[dict[str, Json], str]:
    """The members of a fault, none if nothing was wrong, and what to say beside."""
    response = call.replied.response
    if call.replied.cut is not None or response.status == 0:
        return _cut(call), ""
    if response.status >= 300 and glimpse is None:
        return _refused(call, epoch)
    names = members_of(response.body).keys()
    if polled and "status" in usual - names and len(usual - names) < len(names):
        missing: list[Json] = [*sorted(usual - names)]
        return {"omit": missing}, ""
    if glimpse is None and (polled or not call.good):
        broken, why = _unreadable(response)
        silent = "strike" in broken and pace.excess(call.latency) >= _SILENCE
        return ({"strike": "stall"} if silent else broken), why
    members: dict[str, Json] = {}
    note = ""
    if usual and glimpse is not None and glimpse.status is None:
        if not _TEXT.fullmatch(glimpse.word):
            return {}, "its status can't be written in a fault"
        members["status_word"] = glimpse.word
    elif usual and glimpse is not None:
        members, note = _odd_members([*names], usual)
    if (late := pace.excess(call.latency)) > 0:
        members["delay"] = duration_text(late)
    return members, note


def _cut(call: PlaybackCall) -> dict[str, Json]:
    strikes = _STRIKES.get(call.replied.cut or "reset", _STRIKES["reset"])
    return {"strike": strikes[call.replied.response.status != 0]}


def _refused(call: PlaybackCall, epoch: Epoch) -> tuple[dict[str, Json], str]:
    response = call.replied.response
    status = response.status
    if status < 400:
        return {}, f"it was redirected ({status}), which is left out"
    nearest = status if status in _ANSWERS else _NEAREST.get(status, 500 if status >= 500 else None)
    if status == 400 and _BUSY.search(response.body[:2_000]):
        nearest = 429
    if nearest is None:
        return {}, f"it was answered {status}, which no fault answers"
    members: dict[str, Json] = {"answer": nearest}
    if (wait := response.header("retry-after")) is not None:
        members["retry_after"] = _retry_after(wait, unix_millis(epoch, call.replied.at))
    code = members_of(response.body).get("error") if call.requested.route == "token" else None
    if nearest in (400, 401) and isinstance(code, str) and _ERROR_CODE.fullmatch(code):
        members["error"] = code
    kind = response.header("content-type") or ""
    if not response.body:
        members["body"] = "empty"
    elif "html" in kind:
        members["body"] = "html"
    elif "problem+json" in kind:
        members["body"] = "problem"
    if members["answer"] != status:
        return members, f"it was {status}: this is the nearest"
    return members, ""


def _retry_after(text: str, since: int) -> Json:
    """As a fault has it; `since` is when the answer left, in milliseconds since 1970."""
    if text.isascii() and text.isdigit() and len(text) <= 6:
        return f"{int(text)}s"
    try:
        until = parsedate_to_datetime(text).timestamp() * 1000
    except (ValueError, TypeError, OverflowError):
        return {"text": text if _TEXT.fullmatch(text) else "?"}
    seconds = max(0, int(until - since) // 1000)  # a date is rounded up to whole seconds
    return {"date": duration_text(seconds * 1000)} if seconds < 10**6 else {"text": text}


def _unreadable(response: Response) -> tuple[dict[str, Json], str]:
    """An answer of 2xx that is no job."""
    if "html" in (response.header("content-type") or "") or response.body.lstrip()[:1] == b"<":
        return {"answer": 200, "body": "html"}, ""
    if response.body.lstrip()[:1] in (b"{", b"[") and not members_of(response.body):
        return {"strike": _BROKEN[True]}, ""
    if not response.body:
        return {"strike": "empty"}, "it had no body"
    if not members_of(response.body):
        return {"strike": _BROKEN[False]}, ""
    return {}, "it showed no job"


def _usual_members(story: Story) -> frozenset[str]:
    """The members that most answers to polls have; none of an API whose bodies aren't the lab's own."""
    polls = [poll.call for turn in story.turns for poll in turn.polls if poll.glimpse is not None]
    counts = Counter(name for call in polls for name in members_of(call.replied.response.body))
    return frozenset(name for name, count in counts.items() if story.team and 2 * count > len(polls))


def _odd_members(names: list[str], usual: frozenset[str]) -> tuple[dict[str, Json], str]:
    """Members that nobody knows, and those that are missing, in a body of the lab's own API."""
    unknown = [name for name in names if name not in _KNOWN and name not in _OF_RPC]
    missing: list[Json] = [name for name in sorted(usual) if name not in names]
    members: dict[str, Json] = ({"odd_body": True} if unknown else {}) | ({"omit": missing} if missing else {})
    return members, f"unknown members: {', '.join(map(repr, unknown[:5]))}" if unknown else ""


def _of_lost_reply(fault: LearnedFault, story: Story) -> None:
    """A message that brought no answer: whether a job began decides what another one would do."""
    calls = story.calls["invoke"][fault.first - 1 : fault.last]
    turn = next((turn for turn in story.turns if turn.invoke in calls), None)
    if turn is not None and turn.accepted:
        strike = fault.members.pop("strike")
        fault.members = {"lose_reply": True} | ({} if strike == "reset" else {"strike": strike})
    else:
        fault.note = "assumed: no job began, which nobody outside can see"
