"""What is documented, what was observed, what is assumed: each route and field with its mark (contract.md §1).

`lab fidelity` prints this table, and the OpenAPI document is made of it, so neither can claim what the other doesn't.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from lab.identity.routes import IDENTITY_ROUTES

Mark: TypeAlias = Literal["doc", "rec", "code", "seen", "assumed", "rfc"]

FOLDED: dict[str, str] = {
    "doc": "documented", "rec": "observed", "code": "observed", "seen": "observed", "rfc": "documented",
    "assumed": "assumed",
}  # fmt: skip
"""The three words that people read, by mark."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One route or field: what says so, and the switch that changes it where it is assumed."""

    place: str
    """Where it stands: `routes`, `invoke request`, `job body`, `waitingNodeDetails`, `token answer`, `A2A task`, `errors`."""
    name: str
    marks: tuple[Mark, ...]
    says: str
    switch: str = ""
    json: str = ""
    """The JSON type of a field, `|null` where it may be null."""

    @property
    def word(self) -> str:
        """documented, observed or assumed: by the best of its marks."""
        words = {FOLDED[mark] for mark in self.marks}
        return next(word for word in ("documented", "observed", "assumed") if word in words)


def _marks(words: str) -> tuple[Mark, ...]:
    return tuple(mark for mark in ("doc", "rec", "code", "seen", "assumed", "rfc") if mark in words.split())


def _rows(place: str, text: str) -> tuple[Claim, ...]:
    claims: list[Claim] = []
    for line in text.strip().splitlines():
        name, marks, json, switch, says = (part.strip() for part in line.split("|", 4))
        claims.append(Claim(place, name, _marks(marks), says, "" if switch == "-" else switch, json.replace("/", "|")))
    return tuple(claims)


_AGENT = _rows(
    "routes",
    """
    POST {api}/agent/v2/{code}/invokeAsync | doc rec | - | - | start a job, continue a conversation, answer a gate
    GET {api}/agent/v2/{code}/status/{jobId} | doc rec | - | - | what the job looks like now
    POST {api}/agent/v1/{code}/invokeAsync | doc | - | - | the older path; that it behaves the same is assumed
    GET {api}/agent/v1/{code}/status/{jobId} | seen | - | - | answers for the other version's jobs too
    POST {api}/agent/v2/{code}/invokeStream | seen | - | sse_done | the same request, answered by Server-Sent Events of job bodies
    POST {api}/agent/v2/{code}/chat | code | - | sse_heartbeat | Server-Sent Events of deltas
    POST {api}/agent/v2/{code}/debug | code | - | - | as chat, for a draft; debugParams have no effect
    """,
)
_IDENTITY = tuple(
    Claim("routes", f"{row.method} {row.path}", _marks(row.marks), row.says, row.switch, "-") for row in IDENTITY_ROUTES
)
_POD = _rows(
    "routes",
    """
    GET {api}/authz/v1/tokens | code | - | - | tokens for the bearer, by name of the service
    GET /fscmRestApi/tokenrelay | seen | - | - | a token for a browser's login; members after access_token are assumed
    GET /fscmRestApi/anticsrf | seen | - | - | what a page sends as x-xsrf-token; the body is assumed
    GET /api/rwdtools/tokenrelay | code | - | - | a bare token for a user's name and password
    POST {api}/agent/v1/documents | code | - | - | one file; only its ids are kept
    POST {api}/agent/v1/batch/documents | code | - | - | several files
    POST {api}/agent/v1/attachDocuments | code | - | - | attach documents
    GET {api}/a2a/v1/{code}/.well-known/agent.json | doc | - | - | what a team says of itself
    POST {api}/a2a/v1/agents/search | doc | - | - | published teams
    POST {api}/a2a/v1/{code} | doc | - | - | JSON-RPC message/send, tasks/send, tasks/get
    POST {api}/a2a/v1/{code}/stream | doc | - | - | JSON-RPC message/stream, answered by Server-Sent Events
    """,
)
ROUTES = (*_AGENT, *_IDENTITY, *_POD)
LOCAL_ROUTES = _rows(
    "local orchestrator",
    """
    POST /internal/v1/agent/{code}/chat | code | - | local_orchestrator | chat where Oracle's CLI looks for it
    POST /internal/v1/agent/{code}/debug | code | - | local_orchestrator | debug
    GET /internal/v1/authz/tokens | code | - | local_orchestrator | tokens for the bearer
    POST /internal/v1/aiapps/multiplex | assumed | - | local_orchestrator | an empty object; its body is unknown
    POST /orchestrator/agent/v2/{code}/invokeAsync | doc code | - | local_orchestrator | paths as the reference prints them
    GET /orchestrator/agent/v2/{code}/status/{jobId} | doc code | - | local_orchestrator | the same job
    POST /orchestrator/agent/v2/{code}/invokeStream | code | - | local_orchestrator | the same stream
    POST /orchestrator/agent/v2/{code}/chat | code | - | local_orchestrator | chat
    POST /orchestrator/agent/v2/{code}/debug | code | - | local_orchestrator | debug
    GET /orchestrator/authz/v1/tokens | code | - | local_orchestrator | tokens for the bearer
    """,
)
REQUEST = _rows(
    "invoke request",
    """
    message | doc | string | message_shape | the user's text; required unless resuming, or with parameters or a trigger
    conversational | doc | boolean | conversational_default | true: a conversationId is issued and honoured
    conversationId | doc | string/null | unknown_conversation | the conversation to go on with
    version | doc | integer | version_check | must be the published version
    status | doc code | string | - | PUBLISHED or DRAFT
    invocationMode | doc | string | admin_nodes | END_USER, ADMIN or USER; ADMIN fills nodes
    parameters | doc seen | object | - | inputs of the workflow
    jobId | doc | string | - | the suspended job to resume
    resumeInput | code | object | - | the decision; on this route assumed
    resumeNodeInput | doc | object | - | another name for resumeInput; its meaning is assumed
    progressMessage | doc seen | boolean | - | true: the body carries text while RUNNING
    streamOutput | doc seen | boolean | - | echoed; no effect on invokeAsync
    workflowCode | seen code | string | - | taken; the path wins
    useInternalConfig | seen rec | boolean | - | echoed, no effect
    refreshCache | seen rec | boolean | - | echoed, no effect
    triggerType | code | string | - | relaxes message; on this route assumed
    singleTurnOnly | code | boolean | - | no effect
    agentCodes | doc | array | - | noted, no effect
    toolCodes | doc | array | - | noted, no effect
    architecture | doc | string | - | noted, no effect
    workflowName | doc | string | - | noted, no effect
    """,
)
BODY = _rows(
    "job body",
    """
    input | rec | string | - | JSON text of the normalised request, 14 keys
    output | rec | string/null | waiting_output | null until the end, then the answer as text
    progressMessage | rec seen | string/null | - | null at invoke, "" or text in status bodies
    error | rec seen | string/null | - | null unless ERROR
    followUpQuestions | rec code | array | - | filled at COMPLETE
    jobId | rec | string | - | UUID v4, lower case
    conversationId | rec | string/null | one_shot_conversation_id | null for a one-shot
    traceId | rec | string | - | 32 hex digits, the first 16 zeros
    status | doc rec seen | string | wait_status | RUNNING, WAITING, COMPLETE or ERROR
    supportingChunks | rec | array | - | empty
    citations | rec | array | - | empty
    nodes | rec seen | array | admin_nodes | filled under ADMIN; the elements' names are assumed
    waitingToolCode | rec | string/null | - | null; the waiting node's code in WAITING is assumed
    workflowCode | rec | string | - | the agent team's code
    workflowName | rec | null | - | null
    architecture | rec | null | - | null
    workflowVersion | rec | integer | - | the version that runs
    workflowStatus | rec | string | - | PUBLISHED or DRAFT
    startDate | rec | integer | - | epoch milliseconds
    endTime | rec | integer | - | epoch milliseconds, 0 until the end
    createDate | rec | string | - | the start in UTC with +0000
    endDate | rec | string | - | the end in UTC, 1970 until then
    timeTaken | rec | integer | - | 0
    inputTokenCount | rec | integer | - | 0
    outputTokenCount | rec | integer | - | 0
    waitingNodeDetails | code | object/null | - | in WAITING; its place in this body is assumed
    preview | rec | boolean | - | false
    """,
)
NODE = _rows(
    "waitingNodeDetails",
    """
    code | code | string | - | the node's code
    type | code | string | - | HUMAN or WAIT
    channelType | code | string/null | - | CHAT, EMAIL or APPROVAL_PROCESS
    initialMessage | code | string | - | the gate's question
    requestChangeMessage | code | string/null | - | asks what should be different
    maxIterationMessage | code | string/null | - | says that the last round is over
    currentIterationCount | code | integer | - | completed rounds of changes, from 0
    maxIteration | code | integer/null | - | rounds of changes that are allowed
    feedbackEnabledFlag | code | boolean/null | - | may changes be asked for
    approvalEnabledFlag | code | boolean/null | - | may it be approved or rejected
    waitTimeInMinutes | code | integer/null | - | of a WAIT node, rounded up
    actionNames | code | object | - | label by action
    callbackToken | code | string/null | timeout_action | new at each opening; null outside CHAT
    """,
)
GRANT = _rows(
    "token answer",
    """
    access_token | doc | string | - | an RS256 JWT
    token_type | doc | string | - | Bearer
    expires_in | doc | integer | - | seconds
    """,
)
TASK = _rows(
    "A2A task",
    """
    kind | doc | string | - | task
    id | doc | string | - | the job's id; that of tasks/send is its client's own
    contextId | doc | string/null | unknown_conversation | the conversation's id
    status | doc | object | wait_status | state and timestamp, and the question or the error as a message; the states are A2A's own
    artifacts | doc | array | - | the answer, once the task is completed
    history | doc | array | - | what was asked, where historyLength asks for it; otherwise empty
    metadata | doc | object | - | that of the request which started the task, if it had one
    """,
)
ERRORS = _rows(
    "errors",
    """
    202 on invoke | seen | - | invoke_status | the reference says 200, live reports 202
    message, status, userDetails | doc | - | error_body | three strings; that invokeAsync answers so is assumed
    401 | doc seen | - | - | no token, a bad one, Basic, a cookie
    403 FAI-40300 | code | - | - | user can not execute this workflow.
    404 Workflow not found. | seen doc | - | unpublished | team unknown or not published
    404 Job not found. | assumed | - | unknown_job | unknown, or another owner's or team's
    409 | assumed | - | busy_conversation | a decision that is early, late, repeated or misdirected
    400 on an unknown field | assumed | - | unknown_fields | noted and taken by default
    400 on a wrong type | assumed | - | types | texts for booleans and versions are taken by default
    404 on // in a path | assumed | - | double_slash | taken by default
    Location, Retry-After on 202 | assumed | - | location_header | none in oci
    403 for a token without a user | assumed | - | service_tokens | taken by default
    422 for another request | assumed | - | idempotency_key | not Oracle's; no key is looked at by default
    a fresh jobId on resuming | assumed | - | resume_job_id | the same by default
    JSON-RPC errors | assumed | - | - | HTTP 200 with A2A's own codes; 404 for the team alone
    """,
)
TABLE: tuple[Claim, ...] = (*ROUTES, *LOCAL_ROUTES, *REQUEST, *BODY, *NODE, *GRANT, *TASK, *ERRORS)
"""Every claim, in the order in which `lab fidelity` prints them."""
