"""What is documented, what was observed, what is assumed of Fusion's fields and errors (contract.md §1)."""

from lab.core.fidelity import read_claims

REQUEST = read_claims(
    "invoke request",
    """
    message | doc | string | message_shape | the user's text; required unless resuming, or with parameters or a trigger
    conversational | doc | boolean | conversational_default | true: a conversationId is issued and honoured
    conversationId | doc | string/null | unknown_conversation | the conversation to go on with
    version | doc | integer | version_check | must be the published version; else the job ends ERROR
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
DEBUG = read_claims(
    "debug request",
    """
    debugParams | code | object | - | on debug alone; that isDebug and breakPoints have no effect is assumed
    overrides | code | object | - | of debugParams: taken and noted; that they have no effect is assumed
    """,
)
BODY = read_claims(
    "job body",
    """
    input | rec | string | - | JSON text of the normalised request, 14 keys
    output | rec | string/null | waiting_output | null until the end, then the answer as text
    progressMessage | rec seen | string/null | - | null at invoke and in ERROR bodies, else "" or text
    error | rec seen | string/null | - | null unless ERROR
    followUpQuestions | rec code | array | - | filled at COMPLETE
    jobId | rec | string | job_ids | UUID v4, lower case
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
PASSED = read_claims(
    "nodes",
    """
    agentCode | assumed | string | - | of a sub-agent alone: its code
    output | seen | null | - | null, of a sub-agent too | field report 60122775768
    """,
)
NODE = read_claims(
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
    waitTimeInMinutes | code | integer/null | - | of a WAIT node, rounded up; a pod has 60 at most | oracle-samples/fusion-ai-studio, workflow-node-prompts/wait
    actionNames | code | object | - | label by action
    callbackToken | code | string/null | timeout_action | new at each opening; null outside CHAT
    """,
)
GRANT = read_claims(
    "token answer",
    """
    access_token | doc | string | - | an RS256 JWT
    token_type | doc | string | - | Bearer
    expires_in | doc | integer | - | seconds
    """,
)
WORKFLOW = read_claims(
    "workflow",
    """
    workflowId | assumed | string | - | 15 digits, as in the input echo
    workflowCode | code | string | - | the agent team's code, which $filter names | oracle-samples/fusion-ai-studio, run-workflow-test
    workflowName | assumed | string | - | the title of its first scenario
    version | assumed | integer | - | the version that is published
    status | code | string | - | PUBLISHED, which $filter names | oracle-samples/fusion-ai-studio, run-workflow-test
    $context | assumed | object | - | its etag
    """,
)
ERRORS = read_claims(
    "errors",
    """
    202 on invoke | seen | - | invoke_status | the reference says 200, live reports 202
    message, status, userDetails | doc | - | error_body | three strings; that invokeAsync answers so is assumed
    401 | doc seen | - | - | no token, a bad one, Basic, a cookie
    403 FAI-40300 | code | - | - | user can not execute this workflow.
    a version that is not published | rec | - | version_check | 202, then ERROR: workflow not found, after 77 ms
    a missing role inside a job | seen | - | - | ERROR: user can not execute this workflow. (refuses: job)
    404 Workflow not found. | seen doc | - | unpublished | team unknown or not published
    404 Job not found. | assumed | - | unknown_job | unknown, or another owner's or team's
    409 | assumed | - | busy_conversation | a decision that is early, late, repeated or misdirected
    400 on an unknown field | assumed | - | unknown_fields | noted and taken by default
    400 on a wrong type | assumed | - | types | texts for booleans and versions are taken by default
    404 on // in a path | assumed | - | double_slash | taken by default
    Location, Retry-After on 202 | assumed | - | location_header | none in oci
    403 for a token without a user | assumed | - | service_tokens | taken by default
    422 for another request | assumed | - | idempotency_key | not Oracle's; no key is looked at by default
    a message at a CHAT gate | assumed | - | answer_by_message | is its answer: the same job goes on
    a fresh jobId on resuming | assumed | - | resume_job_id | the same by default
    """,
)
SURROUNDINGS = read_claims(
    "surroundings",
    """
    one token for invokeAsync and A2A | doc | - | - | its scope opens both | docs.oracle.com, fusion-ai/26d/aiaas
    Oracle Integration's adapter | doc | - | - | sends a message, gets a task, text alone: covered by A2A | docs.oracle.com, application-integration, fusion-agent-adapter
    Fusion as A2A client | doc | - | - | not covered: it reads agent-card.json and calls others by HTTP+JSON or JSONRPC, with an API key, a bearer or OAuth2 | docs.oracle.com, fusion-ai/26d/aiaas
    Fusion Service polling v1 by requestId | seen | - | - | an open question, not covered: it names requestId as the field that holds the id; answers here have jobId alone | thread 58692330306
    callbacks of jobs | doc | - | - | the reference names none; those of lab serve --notify are the lab's own, signed as Standard Webhooks 1.0 (lab docs callbacks)
    """,
)
"""What stands beside the API in a pod, and whether the lab plays it."""
FIELDS = (*REQUEST, *DEBUG, *BODY, *PASSED, *NODE, *GRANT, *WORKFLOW)
