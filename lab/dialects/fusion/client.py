"""Fusion as a client speaks and understands it: requests made, answers of a server nobody has checked taken tolerantly."""

from collections.abc import Iterable, Iterator
from typing import assert_never
from urllib.parse import unquote

from msgspec.structs import replace

from lab.core.errors import UsageError
from lab.core.exchange import Json, Request, Response, text_of, text_or_json
from lab.core.jsontext import integer_or_none, members_of, text_or_none
from lab.core.refusal import Refusal
from lab.dialects.base import Cancel, Decide, Invoke, Look, Wanted
from lab.dialects.client import ClientCall, Lines, Question, Seen, Sendable, Understood, Unreadable, WireLabels
from lab.dialects.fusion.bodies import ACTION_OF, ACTIONS
from lab.dialects.fusion.routes import API, FUSION_ROUTES, TALKS, fusion_path
from lab.dialects.reading import query_of
from lab.dialects.sse import events_in
from lab.program.words import Status

_EXPLAINED = ("error", "error_description", "status", "message", "detail", "userDetails")
"""The members in which a refusal says why: RFC 6749's, ErrorResponse's, RFC 9457's."""
_NO_JOB = Unreadable("The answer is no job body: it lacks jobId or status, or is no JSON object.")
_SENT = ("conversational", "conversationId", "progressMessage", "parameters")
_ENDS = {"wait": Status.WAITING, "error": Status.ERROR}
"""What a `finishReason` means; any other is the end (contract.md §8.2)."""
_FOLLOWING = frozenset(row.path.rsplit("/", 1)[-1] for row in FUSION_ROUTES if row.kind == "follow")
"""The ends of the paths on which a request is answered with events."""
_TELLING = ("status", "output", "error", "waitingToolCode")
"""Of the 27 members of a job body those that tell one poll from the next."""


class FusionClient:
    """Fusion's asynchronous agent API (contract.md §3 to §5)."""

    name = "fusion"
    calls = frozenset(row.name for row in FUSION_ROUTES if row.kind in ("invoke", "look", "follow"))
    streams = frozenset(row.name for row in FUSION_ROUTES if row.kind == "follow")
    call_id = ""
    statuses = Status.__members__
    labels = WireLabels(
        start="invokeAsync", job="jobId", conversation="conversationId", question="waitingNodeDetails",
        progress="progressMessage", trace="traceId", follow_up="followUpQuestions",
        answer=("resumeInput", "userResponse"),
        poll=("GET", "…/status/", "{jobId}"), root=f"{API}/agent/v2", before_job="/status/",
    )  # fmt: skip

    def ask(self, command: Sendable, nonce: str = "") -> tuple[str, Request]:
        """A poll is a GET; a job, and the answer to its question, go to invokeAsync."""
        match command:
            case Look(team=team, job=job):
                return "status", Request("GET", fusion_path("status", code=team, job=job))
            case Invoke():
                document: dict[str, Json] = {
                    "message": command.message, "conversational": command.conversational,
                    "conversationId": command.conversation, "progressMessage": True,
                }  # fmt: skip
                if command.parameters:
                    document["parameters"] = dict(command.parameters)
                return "invoke", _post(command.team, document)
            case Decide():
                resume: dict[str, Json] = {
                    "messageInstanceId": command.opening or None, "userResponse": ACTION_OF[command.verdict],
                }  # fmt: skip
                if command.comment:
                    resume["content"] = command.comment
                return "invoke", _post(command.team, {
                    "message": "", "conversationId": command.conversation, "jobId": command.job, "resumeInput": resume,
                })  # fmt: skip
            case Cancel():
                raise UsageError("Fusion's API has no call that cancels a job.", hint="Choose another --dialect.")
            case _:
                assert_never(command)

    def understand(self, route: str, response: Response) -> Understood:
        """A job body comes with 200; with 202 too where it was asked for by a POST."""
        if response.status != 200 and (response.status != 202 or route == "status"):
            return Refusal(response.status, self.explain(response))
        if route not in self.streams:
            return self.job_in(members_of(response.body)) or _NO_JOB
        events = events_in(response.body)
        return (
            talk_of(events) if route in TALKS else next(filter(None, map(self.job_in, events[::-1])), None)
        ) or _NO_JOB

    def bodies_in(self, events: Iterable[dict[str, Json]]) -> Iterator[dict[str, Json]]:
        """Those of invokeStream are job bodies; of chat and debug none shows the job."""
        return iter(events)

    def explain(self, response: Response) -> str:
        """`HTTP 409: FAI-40900 · The job is not waiting.`"""
        members = members_of(response.body)
        parts = [text for name in _EXPLAINED if (text := text_or_none(members.get(name)))]
        return f"HTTP {response.status}" + (f": {' · '.join(parts)}" if parts else "")

    def identify(self, request: Request) -> ClientCall | None:
        """A poll has its job in the path; what is posted starts a job, or resumes one (contract.md §5.3)."""
        parts = ["", "", *request.path.split("/")]
        if request.method == "GET":
            mode = query_of(request.query).get("invocationMode")
            return ClientCall(command=Look(team=unquote(parts[-3]), job=unquote(parts[-1]), mode=mode))
        team, members = unquote(parts[-2]), members_of(request.body)
        follows = parts[-1] in _FOLLOWING
        resume, conversation = (
            members.get("resumeInput") or members.get("resumeNodeInput"),
            members.get("conversationId"),
        )
        if isinstance(resume, dict):
            job = text_or_none(members.get("jobId")) or ""
            return replace(_decision(team, resume, job, text_or_none(conversation)), follows=follows)
        message, parameters = members.get("message"), members.get("parameters")
        return ClientCall(
            command=Invoke(
                parameters=parameters if isinstance(parameters, dict) else {},
                team=team,
                message=text_or_none(message) or "",
                conversation=text_or_none(conversation),
                job=text_or_none(members.get("jobId")),
                wanted=Wanted(version=integer_or_none(members.get("version"))),
            ),
            message=(("message", message),) if "message" in members else (),
            fields=tuple((name, members[name]) for name in _SENT if name in members),
            follows=follows,
        )

    def job_in(self, document: Json) -> Seen | None:
        """Anything with a `jobId` and a `status`."""
        members = document if isinstance(document, dict) else {}
        job, word = text_or_none(members.get("jobId")), text_or_none(members.get("status"))
        return _seen(job, word, members) if job and word else None

    def gist(self, document: Json) -> dict[str, Json]:
        """Four of the 27 members of a job body."""
        if not isinstance(document, dict) or self.job_in(document) is None:
            return {}
        return {name: document[name] for name in _TELLING if name in document}


def _decision(team: str, resume: dict[str, Json], job: str, conversation: str | None) -> ClientCall:
    action = str(resume.get("userResponse", ""))
    verdict = ACTIONS.get(action)
    command = Decide(
        team=team, job=job, opening=text_or_none(resume.get("messageInstanceId")) or "", verdict=verdict,
        comment=text_or_none(resume.get("content")), conversation=conversation,
    )  # fmt: skip
    return ClientCall(command=command, verdict="skipped" if action == ACTION_OF[None] else verdict or action)


def _post(team: str, document: dict[str, Json]) -> Request:
    body = text_of(document).encode("utf-8", "surrogatepass")
    return Request("POST", fusion_path("invoke", code=team), headers=(("content-type", "application/json"),), body=body)


def _seen(job: str, word: str, members: dict[str, Json]) -> Seen:
    questions = members.get("followUpQuestions")
    return Seen(
        job=job,
        word=word,
        status=Status.__members__.get(word),
        conversation=text_or_none(members.get("conversationId")),
        output=text_or_json(members.get("output")),
        error=text_or_json(members.get("error")),
        progress=text_or_none(members.get("progressMessage")),
        trace=text_or_none(members.get("traceId")),
        follow_up=tuple(each for each in questions if isinstance(each, str)) if isinstance(questions, list) else (),
        question=_question(job, members.get("waitingNodeDetails")),
        lines=_lines(word, members),
    )


def talk_of(events: list[dict[str, Json]]) -> Seen | None:
    """What the events of chat and debug come to so far: none holds a whole job (contract.md §8.2)."""
    said, output, question, progress = "", None, None, None
    job, word, members = "", Status.RUNNING, dict[str, Json]()
    for event in events:
        job, members = text_or_none(event.get("jobId")) or job, {**event, **members}
        node, message = event.get("nodeProgressMessage"), event.get("message")
        if isinstance(node, dict):
            progress = text_or_none(node.get("progressMessage")) or progress
        question = _question(job, event.get("waitingNodeDetails")) or question
        if isinstance(message, dict):
            content, end = message.get("content"), text_or_none(message.get("finishReason"))
            pieces = content if isinstance(content, list) else [{"text": content}]
            said += "".join(text_or_none(each.get("text")) or "" for each in pieces if isinstance(each, dict))
            output, word = text_or_json(message.get("output")), _ENDS.get(end, Status.COMPLETE) if end else word
    if not job:
        return None
    text, failed = said if output is None else output, word is Status.ERROR
    lines = ("status", word), ("output", f"string, {len(text.encode('utf-8', 'replace'))} B")
    return Seen(
        job=job, word=word, status=word, conversation=text_or_none(members.get("conversationId")),
        output=text if word is Status.COMPLETE else None, error=text if failed else None, progress=progress,
        question=question if word is Status.WAITING else None, lines=lines,
    )  # fmt: skip


def _lines(word: str, members: dict[str, Json]) -> Lines:
    kind = "string" if isinstance(members.get("output"), str) else "JSON"
    output, error = text_or_json(members.get("output")), text_or_json(members.get("error"))
    return (
        ("status", word),
        ("output", "null" if output is None else f"{kind}, {len(output.encode('utf-8', 'replace'))} B"),
        ("error", "null" if error is None else "string" if word == Status.ERROR else error),
        ("waitingToolCode", text_or_none(members.get("waitingToolCode")) or "null"),
    )


def _question(job: str, node: Json) -> Question | None:
    """`waitingNodeDetails` (contract.md §4.3)."""
    if not isinstance(node, dict):
        return None
    names, kind = node.get("actionNames"), text_or_none(node.get("type")) or ""
    verdicts = [
        (verdict, label)
        for action, label in (names.items() if isinstance(names, dict) else ())
        if (verdict := ACTIONS.get(action)) is not None and isinstance(label, str)
    ]
    code = text_or_none(node.get("code")) or ""
    return Question(
        job=job,
        text=text_or_none(node.get("initialMessage")) or "",
        verdicts=tuple(verdicts),
        opening=text_or_none(node.get("callbackToken")),
        human=kind == "HUMAN",
        kind=kind,
        channel=text_or_none(node.get("channelType")),
        code=code,
        gate=code.lower().replace("_", "-"),
        round=integer_or_none(node.get("currentIterationCount")) or 0,
        rounds=integer_or_none(node.get("maxIteration")),
        prompt=text_or_none(node.get("requestChangeMessage")) or "",
        minutes=integer_or_none(node.get("waitTimeInMinutes")),
        free=node.get("approvalEnabledFlag") is False,
    )
