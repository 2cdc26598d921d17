"""What a client observes in a drill, and what it should do then, in words (clients.md §3, §4, §6)."""

from typing import cast

from lab.core.exchange import Json
from lab.jobs.own_run import GoodEnd
from lab.plugins.rehearsal.drills.drills import Drill

_STOP = "Stop, and say so by an exit code other than 0."
_AGAIN = "It is no answer: pause a second or more, ever longer, and send the same poll or token request again."
_WAIT = "Nothing was accepted: wait as Retry-After says, without it a second or more, and send the same request again."
_BEGUN = f"A job may have begun, and a second one asks twice: don't send the message again. {_STOP}"
_PATIENCE = "WAITING is neither a failure nor a time-out: poll on for as long as a person takes."
_ENDED = "That is an end as well: take it, and poll no more."
_OUTPUT = "COMPLETE is success whatever the output is: take it, and exit with 0."
_IGNORE = "Ignore what you don't know, and do without what nobody promises."
_NO_END = "That is no end: poll on until COMPLETE or ERROR."
_TOKEN = "Fetch one new token, and send the same request once more."

_OF_KIND = {
    "429": ("429 without Retry-After", _WAIT),
    "429-seconds": ("429 with Retry-After in seconds", _WAIT),
    "429-date": ("429 with Retry-After as a date", _WAIT),
    "503": ("503 without Retry-After", _AGAIN),
    "503-seconds": ("503 with Retry-After in seconds", _WAIT),
    "500": ("500", _AGAIN),
    "502-html": ("502 with a page of HTML", _AGAIN),
    "504": ("504", _AGAIN),
    "html-page": ("200 with a page of HTML", _AGAIN),
    "reset": ("a connection that is reset", _AGAIN),
    "empty": ("a connection that is closed without an answer", _AGAIN),
    "truncate": ("200 with JSON that is cut", _AGAIN),
    "garbage": ("200 with bytes that are no JSON", _AGAIN),
    "wrong-length": ("a body shorter than its Content-Length", _AGAIN),
    "slow-body": (
        "a body that comes at a byte each 100 ms",
        "Read on, or give up after a while and send the same poll or token request again.",
    ),
    "stall": ("half a body, then silence", f"Have a read time-out. {_AGAIN}"),
    "hang": ("silence", f"Have a read time-out. {_AGAIN}"),
    "late": ("an answer after 10 s", "Give each answer half a minute before you give up."),
    "revoked-token": ("401: the token was revoked", _TOKEN),
    "401-for-good": ("401, whatever the token", f"A second 401 is final. {_STOP}"),
    "403": ("403", f"A new token changes nothing. {_STOP}"),
    "invalid-client": ("401 invalid_client", f"The next try fails too. {_STOP}"),
    "invalid-scope": ("400 invalid_scope", f"The next try fails too. {_STOP}"),
    "no-expires-in": ("a token answer without expires_in", _IGNORE),
    "odd-token": ("a token answer with unknown members", _IGNORE),
    "lose-reply-reset": ("a connection that is reset once the job has begun", _BEGUN),
    "lose-reply-hang": ("silence once the job has begun", f"Have a read time-out. {_BEGUN}"),
    "lose-reply-504": ("504 once the job has begun", _BEGUN),
    "other-success-code": ("200 where it was 202, or the other way round", "Take 200 and 202 alike."),
    "400-for-good": ("400", f"The request is wrong. {_STOP}"),
    "expired-token": ("401: the token has ended", _TOKEN),
    "status-word": ("the status QUEUED_V2", _NO_END),
    "odd-body": ("unknown members, in another order", _IGNORE),
    "close": ("Connection: close", "Open a new connection for the next request."),
    "404": ("404", "Just after acceptance poll again; a later one is final."),
    "rejected": ("a person who rejects", _ENDED),
    "changes": ("a person who asks for changes", _ENDED),
    "timed-out": ("nobody who decides in time", _ENDED),
    "after-10m": ("a person who decides after 10 minutes", _PATIENCE),
    "after-24h": ("a person who decides after 24 hours", _PATIENCE),
    "before-deadline": ("a person who decides just before the gate's end", _PATIENCE),
    "at-deadline": ("a person who decides as the gate ends, which is too late", _PATIENCE),
    "error": ("ERROR", _ENDED),
    "error-partial": ("ERROR with an output", _ENDED),
    "output-null": ("COMPLETE with null", _OUTPUT),
    "output-empty": ('COMPLETE with ""', _OUTPUT),
    "output-5mb": ("COMPLETE with 5 MB", _OUTPUT),
    "output-html": ("COMPLETE with HTML", _OUTPUT),
    "output-json": ("COMPLETE with JSON in a string", _OUTPUT),
    "output-odd": ("COMPLETE with odd characters", _OUTPUT),
    "never-ends": ("RUNNING without end", f"Have a deadline for RUNNING. {_STOP}"),
    "status-case": ("a status in another letter case", _NO_END),
}
"""By kind: what the client observes, and what to do, where the request may be sent again."""


def met_in_drill(drill: Drill) -> str:
    """`html-page at token call 1: 200 with a page of HTML`."""
    return f"{drill.kind} at {drill.where}: {_OF_KIND[drill.kind][0]}"


def advice_in_drill(drill: Drill) -> str:
    """What a client should do then."""
    words = _OF_KIND[drill.kind][1]
    faults = cast("list[dict[str, Json]]", drill.document.get("faults") or [{}])
    # of an invoke nobody knows what became of it
    begun = faults[0].get("route") == "invoke" and drill.family == "W" and GoodEnd.CLEAN_STOP in drill.ends
    return words.replace(_AGAIN, _BEGUN) if begun else words
