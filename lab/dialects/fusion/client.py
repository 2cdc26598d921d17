"""Fusion as a client speaks and understands it: requests made, answers of a server nobody has checked taken tolerantly."""

from typing import assert_never

from lab.core.exchange import Json, Request, Response, text_of
from lab.core.jsontext import integer_or_none, members_of, text_or_none
from lab.core.refusal import Refusal
from lab.dialects.base import Decide, Invoke, Look
from lab.dialects.client import Question, Seen, Sendable, Unreadable
from lab.dialects.fusion.routes import fusion_path
from lab.language.document import Status, Verdict

VERDICTS: dict[str, Verdict | None] = {
    "APPROVE_ACTION": Verdict.APPROVED,
    "REJECT_ACTION": Verdict.REJECTED,
    "RFI_ACTION": Verdict.CHANGES,
    "ORA_TIMEOUT": None,
}
"""What each action decides; None: the end of a wait. At a gate without approval RFI_ACTION is its reply."""
ACTIONS = {verdict: action for action, verdict in VERDICTS.items()}
_EXPLAINED = ("error", "error_description", "status", "message", "detail", "userDetails")
"""The members in which a refusal says why: RFC 6749's, ErrorResponse's, RFC 9457's."""
_NO_JOB = Unreadable("The answer is no job body: it lacks jobId or status, or is no JSON object.")


class FusionClient:
    """Fusion's asynchronous agent API (contract.md §3 to §5)."""

    name = "fusion"

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
                    "messageInstanceId": command.opening or None, "userResponse": ACTIONS[command.verdict],
                }  # fmt: skip
                if command.comment:
                    resume["content"] = command.comment
                return "invoke", _post(command.team, {
                    "message": "", "conversationId": command.conversation, "jobId": command.job, "resumeInput": resume,
                })  # fmt: skip
            case _:
                assert_never(command)

    def understand(self, route: str, response: Response) -> Seen | Refusal | Unreadable:
        """A job body comes with 200; with 202 too where it was asked for by a POST."""
        if response.status != 200 and (response.status != 202 or route == "status"):
            return Refusal(response.status, self.explain(response))
        members = members_of(response.body)
        job, word = text_or_none(members.get("jobId")), text_or_none(members.get("status"))
        return _seen(job, word, members) if job and word else _NO_JOB

    def explain(self, response: Response) -> str:
        """`HTTP 409: FAI-40900 · The job is not waiting.`"""
        members = members_of(response.body)
        parts = [text for name in _EXPLAINED if (text := text_or_none(members.get(name)))]
        return f"HTTP {response.status}" + (f": {' · '.join(parts)}" if parts else "")


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
        output=text_or_none(members.get("output")),
        error=text_or_none(members.get("error")),
        progress=text_or_none(members.get("progressMessage")),
        trace=text_or_none(members.get("traceId")),
        follow_up=tuple(each for each in questions if isinstance(each, str)) if isinstance(questions, list) else (),
        question=_question(job, members.get("waitingNodeDetails")),
    )


def _question(job: str, node: Json) -> Question | None:
    """`waitingNodeDetails` (contract.md §4.3)."""
    if not isinstance(node, dict):
        return None
    names, kind = node.get("actionNames"), text_or_none(node.get("type")) or ""
    verdicts = [
        (verdict, label)
        for action, label in (names.items() if isinstance(names, dict) else ())
        if (verdict := VERDICTS.get(action)) is not None and isinstance(label, str)
    ]
    return Question(
        job=job,
        text=text_or_none(node.get("initialMessage")) or "",
        verdicts=tuple(verdicts),
        opening=text_or_none(node.get("callbackToken")),
        human=kind == "HUMAN",
        kind=kind,
        channel=text_or_none(node.get("channelType")),
        code=text_or_none(node.get("code")) or "",
        round=integer_or_none(node.get("currentIterationCount")) or 0,
        rounds=integer_or_none(node.get("maxIteration")),
        prompt=text_or_none(node.get("requestChangeMessage")) or "",
        minutes=integer_or_none(node.get("waitTimeInMinutes")),
        free=node.get("approvalEnabledFlag") is False,
    )
