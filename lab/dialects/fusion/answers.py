"""What the external app reads: answers of a server it doesn't know, taken tolerantly."""

import json
from dataclasses import dataclass

from lab.core.clock import Millis
from lab.core.exchange import Json, Response
from lab.language.document import Status


@dataclass(frozen=True, slots=True)
class WaitingNode:
    """`waitingNodeDetails` (contract.md §4.3); what is missing has the value that says least."""

    code: str
    type: str
    channel: str | None
    message: str
    change_message: str | None
    last_message: str | None
    round: int
    rounds: int | None
    feedback: bool
    approval: bool
    wait_minutes: int | None
    actions: tuple[tuple[str, str], ...]
    """Pairs of action and label, as `("APPROVE_ACTION", "Approve")`."""
    callback_token: str | None


@dataclass(frozen=True, slots=True)
class JobBody:
    """The members of a job body that a client needs."""

    job: str
    conversation: str | None
    status: str
    output: str | None
    error: str | None
    progress: str | None
    trace: str | None
    follow_up: tuple[str, ...]
    node: WaitingNode | None
    waiting_code: str | None
    started: int
    """Epoch milliseconds."""
    ended: int
    """Epoch milliseconds; 0 until the end."""


def _loads(body: bytes) -> Json:
    try:
        value: Json = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def parse_job(body: bytes) -> JobBody | None:
    """The job body, or None if the bytes are no JSON object with a `jobId` and a `status`."""
    value = _loads(body)
    if not isinstance(value, dict):
        return None
    job, status = _text(value.get("jobId")), _text(value.get("status"))
    if not job or not status:
        return None
    questions = value.get("followUpQuestions")
    return JobBody(
        job=job, conversation=_text(value.get("conversationId")), status=status, output=_text(value.get("output")),
        error=_text(value.get("error")), progress=_text(value.get("progressMessage")),
        trace=_text(value.get("traceId")),
        follow_up=tuple(each for each in questions if isinstance(each, str)) if isinstance(questions, list) else (),
        node=_node(value.get("waitingNodeDetails")), waiting_code=_text(value.get("waitingToolCode")),
        started=_whole(value.get("startDate")) or 0, ended=_whole(value.get("endTime")) or 0,
    )  # fmt: skip


def _node(value: Json) -> WaitingNode | None:
    if not isinstance(value, dict):
        return None
    named = value.get("actionNames")
    labels = named.items() if isinstance(named, dict) else ()
    return WaitingNode(
        code=_text(value.get("code")) or "", type=_text(value.get("type")) or "",
        channel=_text(value.get("channelType")), message=_text(value.get("initialMessage")) or "",
        change_message=_text(value.get("requestChangeMessage")),
        last_message=_text(value.get("maxIterationMessage")),
        round=_whole(value.get("currentIterationCount")) or 0, rounds=_whole(value.get("maxIteration")),
        feedback=value.get("feedbackEnabledFlag") is True, approval=value.get("approvalEnabledFlag") is not False,
        wait_minutes=_whole(value.get("waitTimeInMinutes")),
        actions=tuple((action, label) for action, label in labels if isinstance(label, str)),
        callback_token=_text(value.get("callbackToken")),
    )  # fmt: skip


def final(status: str) -> bool:
    """Whether a job with this status has ended; a word that nobody documented is not final."""
    return status in (Status.COMPLETE, Status.ERROR)


def parse_grant(body: bytes) -> tuple[str, Millis] | None:
    """Token and lifetime in milliseconds (an hour where `expires_in` is missing), or None without a token."""
    value = _loads(body)
    if not isinstance(value, dict) or not isinstance(token := value.get("access_token"), str) or not token:
        return None
    seconds = _whole(value.get("expires_in"))
    return token, (3600 if seconds is None else seconds) * 1000


def refusal_of(response: Response) -> str:
    """What a refusal says, in one sentence, whatever its dialect."""
    value = _loads(response.body)
    parts: list[str] = []
    if isinstance(value, dict):
        for name in ("error", "error_description", "status", "message", "detail", "userDetails"):
            text = value.get(name)
            if isinstance(text, str) and text:
                parts.append(text)
    return f"HTTP {response.status}" + (f": {' · '.join(parts)}" if parts else "")


def retry_after(response: Response, now: Millis) -> Millis | None:
    """Retry-After in milliseconds: integer seconds (RFC 9110 §10.2.3), or a date against the reply's own `Date`."""
    from email.utils import parsedate_to_datetime

    text = response.header("retry-after")
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return min(int(text), 86_400) * 1000
    try:
        until = parsedate_to_datetime(text)
        since = parsedate_to_datetime(response.header("date") or "")
    except ValueError:
        return None
    return max(0, int((until - since).total_seconds() * 1000))
