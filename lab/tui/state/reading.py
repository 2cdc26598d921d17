"""What requests and replies mean: the one place of the screen that asks the dialects' clients.

Everything it hands out is cleaned (`clean`), and labelled as the wire labels it: the panes draw labels and values, and
name no member themselves. A call is known by its command, whatever its route and its dialect: `token`, `invoke` (starts
a job, or answers its question, be it that events answer it), `message` (says something to a job that is known, and
changes nothing that shows), `status`, or nothing.
"""

import json
from functools import lru_cache

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json, Request, Response
from lab.core.jsontext import value_or_none
from lab.dialects import USUAL_CLIENT, client_of, clients
from lab.dialects.base import Cancel, Decide, Invoke, Look
from lab.dialects.client import Acknowledged, DialectClient, Question, Seen, Understood, Unreadable, WireLabels
from lab.dialects.sse import events_in
from lab.identity.client import read_token
from lab.identity.routes import PATHS
from lab.program.words import Status
from lab.tui.state import clean
from lab.tui.state.gate import GateState
from lab.tui.state.run import CallRequest, LastStatus, Pairs
from lab.tui.state.status import meaning


def _client(route: str) -> DialectClient | None:
    """Who understands the calls of a route, if they are about a job."""
    client = client_of(route)
    return client if client is not None and route in client.calls else None


def name(identity: str | None) -> str:
    """A job's or a conversation's name: by what is drawn it is looked up, too."""
    return clean.line(identity or "", 200)


def comment_line(comment: str | None) -> str | None:
    """What somebody said with a decision, in one row."""
    return clean.line(comment, 500) if comment else None


# What is sent


@lru_cache(maxsize=16)
def call_request(route: str, request: Request) -> CallRequest:
    """The request of a call on a route."""
    client = _client(route)
    call = client.identify(request) if client is not None else None
    if client is None or call is None:
        return CallRequest("token" if route == "token" else "")
    command, labels = call.command, client.labels
    team, job = clean.line(command.team, 200), name(command.job)
    if isinstance(command, Look):
        return CallRequest("status", team, job, labels=labels)
    if isinstance(command, Cancel):
        return CallRequest("cancel", team, job, labels=labels)
    message, fields = (
        tuple((label, clean.value_line(value)) for label, value in members) for members in (call.message, call.fields)
    )
    decides = isinstance(command, Decide)
    return CallRequest(
        "invoke", team, job, message, fields, decides, clean.line(call.verdict, 64) if decides else "",
        comment_line(command.comment) if isinstance(command, Decide) else None,
        name(command.conversation), call.follows, labels,
    )  # fmt: skip


def accepted_fields(members: dict[str, Json]) -> tuple[Pairs, Pairs]:
    """Message and other fields of a request that only the acceptance of its job tells of."""
    pairs = [(clean.line(name, 64), clean.value_line(value)) for name, value in members.items()]
    return tuple(pair for pair in pairs if pair[0] == "message"), tuple(pair for pair in pairs if pair[0] != "message")


TOKEN_PATH = PATHS["token"]
"""Where tokens are asked for, below a lab's origin."""


def invoke_path(team: str) -> str:
    """Where a team's jobs are usually asked for, cleaned."""
    return clean.line(USUAL_CLIENT.ask(Invoke(team=team, message=""))[1].path, 2_048)


def short_path(path: str) -> str:
    """A path with `…` for what all paths of its dialect have in common."""
    roots = (each.labels.root for each in clients())
    root = next(filter(path.startswith, roots), "")
    return path.replace(root, "…", 1) if root else path


# What comes back


def token_in(response: Response) -> tuple[str, Millis] | None:
    """The token and its lifetime; None if the reply grants none. The token is a secret: clean it before it is kept."""
    token = read_token(response, 0)
    return None if token is None else (token.token, token.until)


@lru_cache(maxsize=4)
def _understood(route: str, status: int, body: bytes) -> Understood:
    """What a poll brings is the same for as long as its span lasts, but for its headers."""
    return (client_of(route) or USUAL_CLIENT).understand(route, Response(status, (), body))


def job_in(route: str, response: Response) -> Seen | None:
    """The job that a reply shows; None if it is a refusal, or can't be read."""
    seen = _understood(route, response.status, response.body)
    return seen if isinstance(seen, Seen) else None


def first_word(route: str) -> str:
    """What the first event of a stream says of a job, on a route that may answer with events."""
    statuses = (client_of(route) or USUAL_CLIENT).statuses
    return next(word for word, status in statuses.items() if status is Status.RUNNING)


def word_of(labels: WireLabels, status: str) -> str:
    """A wire's word for a status that only a fact tells."""
    client = USUAL_CLIENT
    if labels is not client.labels:  # only then need the other wires be loaded
        client = next((each for each in clients() if each.labels is labels), client)
    words = [word for word, each in client.statuses.items() if each == status]
    return clean.line(words[-1] if words else status, 40)


def words_of_stream(route: str, response: Response) -> tuple[tuple[Millis, str], ...]:
    """What a stream said of its job, and when, after its request: each word once, as long as it is the same.

    Deltas say no word; they are those of a job that runs until the last.
    """
    seen, client = job_in(route, response), _client(route)
    if seen is None or client is None or not response.times:
        return ()
    found = list[tuple[Millis, str]]()
    shown = map(client.job_in, client.bodies_in(events_in(response.body)))
    words = [(time, each.word) for time, each in zip(response.times, shown, strict=False) if each is not None]
    for time, word in words or [(response.times[0], first_word(route)), (response.times[-1], seen.word)]:
        if not found or found[-1][1] != word:
            found.append((time, clean.line(word, 40)))
    return tuple(found)


def is_garbled(route: str, response: Response) -> bool:
    """Whether a reply is neither a job nor a refusal."""
    return isinstance(_understood(route, response.status, response.body), Unreadable)


def is_acknowledged(route: str, response: Response) -> bool:
    """Whether a reply says that what was told was taken, and nothing of the job."""
    return isinstance(_understood(route, response.status, response.body), Acknowledged)


def refusal_in(route: str, response: Response) -> str:
    """What a refusal says, in one sentence."""
    return clean.line((client_of(route) or USUAL_CLIENT).explain(response), 512)


def status_of(seen: Seen) -> str:
    """The status word, as the wire says it."""
    return clean.line(seen.word, 40)


def identity(labels: WireLabels, conversation: str | None, trace: str | None = None) -> Pairs:
    """What tells a job apart beside its ID: its conversation, and its trace where there is one."""
    first = (labels.conversation, clean.line(conversation or "null", 200))
    return (first, (labels.trace, clean.line(trace, 200))) if trace else (first,)


def last_status(seen: Seen, labels: WireLabels, code: int, took: Millis | None, text: str) -> LastStatus:
    """A status body as the panes draw it; `text` is the whole body, cleaned."""
    status, question = status_of(seen), seen.question
    progress = clean.line(seen.progress, 500) if seen.progress else None
    waits: Pairs = ((labels.progress, progress),) if progress and meaning(status) is not None else ()
    if question is not None:
        waits = ((labels.question, f"{clean.line(question.kind, 40)} · nobody decides"),)
    return LastStatus(
        status,
        seen.output and clean.lines(seen.output),
        seen.error and clean.lines(seen.error),
        tuple(clean.line(each, 500) for each in seen.follow_up[:20]),
        progress,
        question is not None and question.human,
        waits,
        tuple((label, clean.line(value, 200)) for label, value in seen.lines),
        code,
        took,
        text,
        len((seen.output or "").encode("utf-8", "replace")),
    )


@lru_cache(maxsize=4)
def gate_of(question: Question, labels: WireLabels, gates: tuple[str, ...], opening: int) -> GateState:
    """A gate as a status body or a question shows it; `opening` tells one opening from the next of the same round."""
    job, code, channel = clean.line(question.job, 200), clean.line(question.code, 80), question.channel or ""
    kind, identity = clean.line(question.kind, 40), code or clean.line(question.opening or "", 80)
    channel = clean.line(channel, 40)
    gate = GateState(
        job=job,
        code=code,
        gate=clean.line(question.gate, 80),
        channel=channel,
        in_chat=channel in ("CHAT", ""),
        question=clean.lines(question.text, 2_000),
        round=question.round,
        answers=tuple((str(verdict), clean.line(label, 40)) for verdict, label in question.verdicts),
        number=(gates.index(identity) if identity in gates else len(gates)) + 1,
        line=(),
        prompt=clean.line(question.prompt, 200),
        rounds=question.rounds,
        key=f"{job}/{identity}/{question.round}/{opening}",
        identity=identity,
    )
    return replace(gate, line=((labels.question, " · ".join(filter(None, (kind, channel, gate.changes)))),))


@lru_cache(maxsize=clean.REMEMBERED)
def compact(route: str, raw: bytes, kind: str | None, cap: int = 400) -> str:
    """The beginning of a body in one row; of one that holds a job what tells one answer from the next."""
    value = value_or_none(raw) if len(raw) <= clean.CAP and not clean.is_form(kind) else None
    client = _client(route)
    if client is None or not (gist := client.gist(value)):
        return clean.compact(raw, kind, value, cap)
    return clean.line(json.dumps(gist, ensure_ascii=False, separators=(",", ":"))[:-1] + ",…}", cap)
