"""What may go wrong in a drill: what each kind changes, what its client meets, and what it should do (clients.md §6)."""

from collections.abc import Mapping

from msgspec import Struct

from lab.core.exchange import Json
from lab.jobs.own_run import GoodEnd

FAMILIES = {
    "W": "wire",
    "R": "refusal",
    "K": "token",
    "V": "invoke",
    "P": "poll",
    "G": "gate",
    "Z": "ending",
    "N": "callback",
}
USUAL_FAMILIES = tuple(each for each in FAMILIES if each != "N")
"""Those of every client; the other is for one that callbacks tell of its jobs."""
WIRE_ROUTES: Mapping[str, tuple[str, ...]] = {
    "W": ("token", "invoke", "status"), "R": ("invoke", "status"), "K": ("token",), "V": ("invoke",), "P": ("status",),
}  # fmt: skip
"""Where the faults of a family strike; of the others it is the story that changes."""

_RESULT, _STOPS, EITHER = (GoodEnd.RESULT,), (GoodEnd.CLEAN_STOP,), (GoodEnd.RESULT, GoodEnd.CLEAN_STOP)
_STOP = "Stop, and say so by an exit code other than 0."
SEND_AGAIN = "It is no answer: pause a second or more, ever longer, and send the same poll or token request again."
_WAIT = "Nothing was accepted: wait as Retry-After says, without it a second or more, and send the same request again."
NEVER_AGAIN = f"A job may have begun, and a second one asks twice: don't send the message again. {_STOP}"
_PATIENCE = "WAITING is neither a failure nor a time-out: poll on for as long as a person takes."
_ENDED = "That is an end as well: take it, and poll no more."
_OUTPUT = "COMPLETE is success whatever the output is: take it, and exit with 0."
_IGNORE = "Ignore what you don't know, and do without what nobody promises."
_NO_END = "That is no end: poll on until COMPLETE or ERROR."
_TOKEN = "Fetch one new token, and send the same request once more."
_FINAL = f"The next try fails too. {_STOP}"
_SILENCE = "Have a read time-out."
_SLOW = "Read on, or give up after a while and send the same poll or token request again."
_FAILED: dict[str, Json] = {"text": "Tool GET_ITEM failed: 404 Not Found"}
_FORGED = "Refuse it: what its signature and its timestamp don't vouch for may be anybody's."
_PARTIAL = "A-1001 is in stock. About B-2002 nothing could be"
_TABLE = "<table><tr><th>Item</th><td>A-1001</td></tr></table>"
_ITEMS: Json = {"items": [{"code": "A-1001", "price": 21.4}], "more": False}
_ODD = "\U0001f469\u200d\U0001f680 \u05e9\u05dc\u05d5\u05dd \u202eabc\u202c \x00 \u0007 e\u0301"


class DrillKind(Struct, frozen=True):
    """One row of the table."""

    family: str
    name: str
    what: dict[str, Json]
    """Of the wire: what its fault does, as an author writes it; of an ending: what stands there."""
    met: str
    """What the client observes."""
    advice: str
    """What it should do then, where the request may be sent again."""
    ends: tuple[GoodEnd, ...] = _RESULT
    """What a good client does, unless its place says otherwise."""


_ROWS = (
    DrillKind("W", "429", {"answer": 429}, "429 without Retry-After", _WAIT),
    DrillKind("W", "429-seconds", {"answer": 429, "retry_after": "2s"}, "429 with Retry-After in seconds", _WAIT),
    DrillKind("W", "429-date", {"answer": 429, "retry_after": {"date": "2s"}}, "429 with Retry-After as a date", _WAIT),
    DrillKind("W", "503", {"answer": 503}, "503 without Retry-After", SEND_AGAIN),
    DrillKind("W", "503-seconds", {"answer": 503, "retry_after": "2s"}, "503 with Retry-After in seconds", _WAIT),
    DrillKind("W", "500", {"answer": 500}, "500", SEND_AGAIN),
    DrillKind("W", "502-html", {"answer": 502, "body": "html"}, "502 with a page of HTML", SEND_AGAIN),
    DrillKind("W", "504", {"answer": 504}, "504", SEND_AGAIN),
    DrillKind("W", "html-page", {"answer": 200, "body": "html"}, "200 with a page of HTML", SEND_AGAIN),
    DrillKind("W", "reset", {"strike": "reset"}, "a connection that is reset", SEND_AGAIN),
    DrillKind("W", "empty", {"strike": "empty"}, "a connection that is closed without an answer", SEND_AGAIN),
    DrillKind("W", "truncate", {"strike": "truncate"}, "200 with JSON that is cut", SEND_AGAIN),
    DrillKind("W", "garbage", {"strike": "garbage"}, "200 with bytes that are no JSON", SEND_AGAIN),
    DrillKind("W", "wrong-length", {"strike": "wrong-length"}, "a body shorter than its Content-Length", SEND_AGAIN),
    DrillKind("W", "slow-body", {"strike": "slow-body"}, "a body that comes at a byte each 100 ms", _SLOW),
    DrillKind("W", "stall", {"strike": "stall"}, "half a body, then silence", f"{_SILENCE} {SEND_AGAIN}"),
    DrillKind("W", "hang", {"strike": "hang"}, "silence", f"{_SILENCE} {SEND_AGAIN}"),
    DrillKind("W", "late", {"delay": "10s"}, "an answer after 10 s", "Give each answer half a minute before you give up."),
    DrillKind("R", "revoked-token", {"expire_token": True}, "401: the token was revoked", _TOKEN),
    DrillKind("R", "401-for-good", {"answer": 401}, "401, whatever the token", f"A second 401 is final. {_STOP}", _STOPS),
    DrillKind("R", "403", {"answer": 403}, "403", f"A new token changes nothing. {_STOP}", _STOPS),
    DrillKind("K", "invalid-client", {"answer": 401}, "401 invalid_client", _FINAL, _STOPS),
    DrillKind("K", "invalid-scope", {"answer": 400, "error": "invalid_scope"}, "400 invalid_scope", _FINAL, _STOPS),
    DrillKind("K", "no-expires-in", {"omit": ["expires_in"]}, "a token answer without expires_in", _IGNORE),
    DrillKind("K", "odd-token", {"odd_body": True}, "a token answer with unknown members", _IGNORE),
    DrillKind("V", "lose-reply-reset", {"lose_reply": True, "strike": "reset"},
              "a connection that is reset once the job has begun", NEVER_AGAIN, EITHER),
    DrillKind("V", "lose-reply-hang", {"lose_reply": True, "strike": "hang"},
              "silence once the job has begun", f"{_SILENCE} {NEVER_AGAIN}", EITHER),
    DrillKind("V", "lose-reply-504", {"lose_reply": True, "answer": 504}, "504 once the job has begun", NEVER_AGAIN, EITHER),
    DrillKind("V", "other-success-code", {}, "200 where it was 202, or the other way round", "Take 200 and 202 alike."),
    DrillKind("V", "400-for-good", {"answer": 400}, "400", f"The request is wrong. {_STOP}", _STOPS),
    DrillKind("P", "expired-token", {"expire_token": True}, "401: the token has ended", _TOKEN),
    DrillKind("P", "status-word", {"status_word": "QUEUED_V2"}, "the status QUEUED_V2", _NO_END),
    DrillKind("P", "odd-body", {"odd_body": True}, "unknown members, in another order", _IGNORE),
    DrillKind("P", "close", {"strike": "close"}, "Connection: close", "Open a new connection for the next request."),
    DrillKind("P", "404", {"answer": 404}, "404", "Just after acceptance poll again; a later one is final."),
    DrillKind("G", "rejected", {}, "a person who rejects", _ENDED),
    DrillKind("G", "changes", {}, "a person who asks for changes", _ENDED),
    DrillKind("G", "timed-out", {}, "nobody who decides in time", _ENDED),
    DrillKind("G", "after-10m", {}, "a person who decides after 10 minutes", _PATIENCE),
    DrillKind("G", "after-24h", {}, "a person who decides after 24 hours", _PATIENCE),
    DrillKind("G", "before-deadline", {}, "a person who decides just before the gate's end", _PATIENCE),
    DrillKind("G", "at-deadline", {}, "a person who decides as the gate ends, which is too late", _PATIENCE),
    DrillKind("Z", "error", _FAILED, "ERROR", _ENDED),
    DrillKind("Z", "error-partial", {**_FAILED, "output": _PARTIAL}, "ERROR with an output", _ENDED),
    DrillKind("Z", "output-null", {"output": None}, "COMPLETE with null", _OUTPUT),
    DrillKind("Z", "output-empty", {"output": ""}, 'COMPLETE with ""', _OUTPUT),
    DrillKind("Z", "output-5mb", {"output": {"filler": "5MB"}}, "COMPLETE with 5 MB", _OUTPUT),
    DrillKind("Z", "output-html", {"output": {"html": _TABLE}}, "COMPLETE with HTML", _OUTPUT),
    DrillKind("Z", "output-json", {"output": {"json": _ITEMS}}, "COMPLETE with JSON in a string", _OUTPUT),
    DrillKind("Z", "output-odd", {"output": {"json": {"text": _ODD}}}, "COMPLETE with odd characters", _OUTPUT),
    DrillKind("Z", "never-ends", {"takes": "3650d"}, "RUNNING without end",
              f"Have a deadline for RUNNING. {_STOP}", _STOPS),
    DrillKind("Z", "status-case", {"status_word": "Complete"}, "a status in another letter case", _NO_END),
    DrillKind("N", "callback-lost", {"strike": "lost"}, "no callback", "Poll on, more rarely: a callback may be lost."),
    DrillKind("N", "callback-late", {"strike": "late"}, "a callback after 10 minutes", "Poll on, and take it for no news then."),
    DrillKind("N", "callback-twice", {"strike": "twice"}, "the same callback twice", "Keep its id: do nothing when it comes again."),
    DrillKind("N", "callback-reordered", {"strike": "reordered"}, "a callback behind the one after it",
              "It is a hint to look at the job, whatever it says."),
    DrillKind("N", "callback-bad-signature", {"strike": "bad-signature"}, "a callback with another signature", _FORGED),
    DrillKind("N", "callback-old-timestamp", {"strike": "old-timestamp"}, "a callback that is ten minutes old", _FORGED),
    DrillKind("N", "callback-other-job", {"strike": "other-job"}, "a callback of a job that there isn't",
              "Look at the job, and poll your own on."),
    DrillKind("N", "callback-truncated", {"strike": "truncated"}, "a callback with half a body", _FORGED),
)  # fmt: skip
DRILL_KINDS: Mapping[str, DrillKind] = {each.name: each for each in _ROWS}
"""By name, in the order in which drills are listed."""


def kinds_of(family: str) -> list[DrillKind]:
    """Those of a family."""
    return [each for each in _ROWS if each.family == family]
