"""What requests and replies mean: the one place of the screen that knows the wire's routes, members and words.

Everything it hands out is cleaned (`clean`), and labelled as the wire labels it: the panes draw labels and values, and
name no member themselves. Bodies come from a server that nobody has checked, so they are read tolerantly: what is
missing, or has another type, is not there.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from lab.core.clock import Millis
from lab.core.exchange import Json, Request, Response, text_of
from lab.dialects import fusion as wire
from lab.dialects.router import ROUTER
from lab.identity.routes import PATHS
from lab.tui.state import clean
from lab.tui.state.run import GateState, LastStatus, Pairs
from lab.tui.state.status import STATUSES, VERDICT_WORDS

CALL = "invokeAsync"
"""What the call that starts a job is called."""
POLL_PATH = ("…/status/", "{jobId}")
"""The path of a poll as the pane shows it: what all have in common, and what differs."""
JOB_LABEL = "jobId"
FOLLOW_UP_LABEL = "followUpQuestions"
EVENT_ROUTES = frozenset(("stream", "chat", "debug"))
"""Routes that begin a job, and answer with events."""

VERDICT_OF = {"APPROVE_ACTION": "approved", "REJECT_ACTION": "rejected", "RFI_ACTION": "changes-requested"}
"""The verdict that an answer of the wire asks for."""
ANSWER_OF = {verdict: answer for answer, verdict in VERDICT_OF.items()}
"""The wire's answer that asks for a verdict."""

_HEAD = "/api/fusion-ai/orchestrator/agent/v2"
_SENT = ("message", "conversational", "conversationId", "progressMessage", "parameters")
_TELLING = ("status", "output", "error", "waitingToolCode")
"""Of the 27 members of a job body those that tell one poll from the next."""


def answer_word(answer: str) -> str:
    """How a timeline words an answer: a verdict, or the wire's word for one that is none."""
    return "skipped" if answer == "ORA_TIMEOUT" else VERDICT_WORDS.get(answer, answer.lower())


# What is sent


@dataclass(frozen=True, slots=True)
class InvokeRequest:
    """What a call to an agent team asks: a job, or (`resumes`) to go on with one that waits."""

    team: str
    message: Pairs = ()
    fields: Pairs = ()
    resumes: bool = False
    verdict: str = ""
    """Of a call that resumes: the verdict, or the wire's own word for an answer that is none."""
    job: str | None = None
    conversation: Json = None


def invoke_request(request: Request) -> InvokeRequest:
    """The request of a call that starts a job, or resumes one (contract.md §4.4)."""
    document = clean.parsed(request.body)
    members = document if isinstance(document, dict) else {}
    resume, job = members.get("resumeInput") or members.get("resumeNodeInput"), members.get("jobId")
    team = clean.line(_team(request.path), 200)
    conversation = members.get("conversationId")
    if isinstance(resume, dict):
        answer = clean.line(str(resume.get("userResponse", "")), 64)
        verdict = VERDICT_OF.get(answer, answer)
        return InvokeRequest(
            team, resumes=True, verdict=verdict, job=job if isinstance(job, str) else None, conversation=conversation
        )
    pairs = tuple((name, _value(members[name])) for name in _SENT if name in members)
    return InvokeRequest(team, pairs[: "message" in members], pairs["message" in members :], conversation=conversation)


def team_of(path: str) -> str:
    """The agent team's code in the path of a call, cleaned."""
    return clean.line(_team(path), 200)


def _team(path: str) -> str:
    parts = path.split("/")
    return parts[-2] if len(parts) > 2 else path


def _value(value: Json) -> str:
    return clean.line(value) if isinstance(value, str) else compact(clean.json_bytes(value), None)


def accepted_fields(members: dict[str, Json]) -> tuple[Pairs, Pairs]:
    """Message and other fields of a request that only the acceptance of its job tells of."""
    pairs = [
        (clean.line(name, 64), clean.line(clean.masked(value if isinstance(value, str) else text_of(value))))
        for name, value in members.items()
    ]
    return tuple(pair for pair in pairs if pair[0] == "message"), tuple(pair for pair in pairs if pair[0] != "message")


def polled(request: Request) -> tuple[str, str]:
    """Job and team in the path of a poll: the job as it is, the team cleaned."""
    parts = request.path.split("/")
    return unquote(parts[-1]), clean.line(unquote(parts[-3]), 200) if len(parts) > 2 else ""


def token_path() -> str:
    """Where tokens are asked for, below a lab's origin."""
    return PATHS["token"]


def invoke_path(team: str) -> str:
    """Where a team's jobs are asked for, cleaned."""
    return clean.line(wire.fusion_path("invoke", code=team), 2_048)


def route_of(method: str, path: str) -> str:
    """The route that a request takes."""
    return ROUTER.name(method, path)


def short_path(path: str) -> str:
    """A path with `…` for what all paths of the API have in common."""
    return path.replace(_HEAD, "…", 1)


def split_path(path: str) -> tuple[str, str, str]:
    """A path as what is before its Job ID and the ID: head, separator, job; the last two empty where there is none."""
    return path.partition("/status/")


# What comes back


def token_in(response: Response) -> tuple[str, Millis] | None:
    """The token and its lifetime; None if the reply grants none. The token is a secret: clean it before it is kept."""
    return wire.parse_grant(response.body) if response.status == 200 else None


def job_in(response: Response) -> wire.JobBody | None:
    """The job body of a reply to a call that starts or resumes a job; None if it is a refusal, or no job body."""
    return wire.parse_job(response.body) if response.status in (200, 202) else None


_job_of = lru_cache(maxsize=4)(wire.parse_job)
"""A status body is the same for as long as its span lasts."""


def polled_job(response: Response) -> wire.JobBody | None:
    """The job body of a reply to a poll; None if it is a refusal, or no job body."""
    return _job_of(response.body) if response.status == 200 else None


def refusal_in(response: Response) -> str:
    """What a refusal says, in one sentence."""
    return clean.line(wire.refusal_of(response), 512)


def retry_after(response: Response, at: Millis) -> Millis | None:
    """How long the server asks a client to wait; None where it doesn't."""
    return wire.retry_after(response, at) if response.status in (429, 503) else None


def status_of(body: wire.JobBody) -> str:
    """The status word, as the wire says it."""
    return clean.line(body.status, 40)


def identity(conversation: str | None, trace: str | None = None) -> Pairs:
    """What tells a job apart beside its ID, shortened to a row: both ends, or the end where that tells more."""
    first = ("conversationId", clean.both_ends(clean.line(conversation or "null", 200)))
    return (first, ("traceId", clean.end_of(clean.line(trace, 200), 17))) if trace else (first,)


def last_status(body: wire.JobBody, code: int, took: Millis | None, text: str) -> LastStatus:
    """A status body as the panes draw it; `text` is the whole body, cleaned."""
    status, output = status_of(body), clean.lines_or_none(body.output)
    error = clean.lines_or_none(body.error)
    size = len((body.output or "").encode("utf-8", "replace"))
    progress = clean.line(body.progress, 500) if body.progress else None
    kind = clean.line(body.node.type, 40) if body.node else None
    waits: Pairs = (("progressMessage", progress),) if progress and status in STATUSES else ()
    if kind is not None:
        waits = (("waitingNodeDetails", f"{kind} · nobody decides"),)
    lines = (
        ("status", status),
        ("output", "null" if output is None else f"string, {size} B"),
        ("error", "null" if error is None else "string" if status == "ERROR" else clean.beginning(error, 40)),
        ("waitingToolCode", clean.line(body.waiting_code, 200) if body.waiting_code else "null"),
    )
    follow_up = tuple(clean.line(question, 500) for question in body.follow_up[:20])
    asks = body.node is not None and body.node.type == "HUMAN"
    return LastStatus(status, output, error, follow_up, progress, asks, waits, lines, code, took, text, size)


@lru_cache(maxsize=4)
def gate_of(job: str, node: wire.WaitingNode, gates: tuple[str, ...], opening: int) -> GateState:
    """A gate as a status body or a question shows it; `opening` tells one opening from the next of the same round."""
    job, code, channel = clean.line(job, 200), clean.line(node.code, 80), clean.line(node.channel or "", 40)
    rounds = "" if node.rounds is None else f" · round {node.round} of {node.rounds}"
    answers = tuple(
        (VERDICT_OF.get(answer, clean.line(answer, 40)), clean.line(label, 40)) for answer, label in node.actions
    )
    return GateState(
        job=job,
        code=code,
        gate=gate_name(code),
        channel=channel,
        in_chat=channel in ("CHAT", ""),
        question=clean.lines(node.message, 2_000),
        round=node.round,
        answers=answers,
        number=(gates.index(code) if code in gates else len(gates)) + 1,
        line=(("waitingNodeDetails", f"HUMAN · {channel}{rounds}"),),
        prompt=clean.line(node.change_message or "", 200),
        key=f"{job}/{code}/{node.round}/{opening}",
    )


def gate_name(code: str) -> str:
    """The name that a gate has in its scenario, of its code on the wire (contract.md §4.3)."""
    return code.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class RecordedStatus:
    """What a recorded reply says of a job, for the marks on the way through a recording."""

    job: str
    status: str
    asks: bool
    """Whether the reply shows a gate."""


def recorded_status(value: Json) -> RecordedStatus | None:
    """The job of a body as a recording holds it; None if it is no job body."""
    members = value if isinstance(value, dict) else {}
    job, status = members.get("jobId"), members.get("status")
    if not isinstance(job, str) or not isinstance(status, str):
        return None
    return RecordedStatus(job, status, status == "WAITING" and isinstance(members.get("waitingNodeDetails"), dict))


@lru_cache(maxsize=clean.REMEMBERED)
def compact(raw: bytes, kind: str | None, cap: int = 400) -> str:
    """The beginning of a body in one row; of a job body what tells one poll from the next."""
    value = clean.parsed(raw) if len(raw) <= clean.CAP and not clean.is_form(kind) else None
    if not (isinstance(value, dict) and "jobId" in value and "status" in value):
        return clean.compact(raw, kind, value, cap)
    telling = {name: value[name] for name in _TELLING if name in value}
    return clean.line(json.dumps(telling, ensure_ascii=False, separators=(",", ":"))[:-1] + ",…}", cap)
