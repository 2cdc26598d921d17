"""What is documented and what is assumed of A2A's calls, tasks, streams and errors (contract.md §9)."""

from lab.core.fidelity import read_claims

_REFERENCE = "docs.oracle.com, applications-common/26d/farca, op …a2a-v1-workflowcode-post"
_STREAM = "docs.oracle.com, applications-common/26d/farca, op …a2a-v1-workflowcode-stream-post"
_A2A = "A2A 0.3.0"
CALL = read_claims(
    "A2A call",
    f"""
    jsonrpc | doc | string | - | 2.0, or left out | {_REFERENCE}
    id | doc | string | - | repeated in the answer, or left out; that the answer then has null is assumed | {_REFERENCE}
    method | doc | string | - | required | {_REFERENCE}
    params | doc | object | - | required | {_REFERENCE}
    """,
)
MESSAGE = read_claims(
    "A2A message",
    f"""
    kind | doc | string | - | message, or left out | {_REFERENCE}
    messageId | doc | string | - | may be left out | {_REFERENCE}
    role | doc | string | - | user or agent; that a message without it is refused is assumed | {_REFERENCE}
    parts | doc | array | - | of text | {_REFERENCE}
    contextId | doc | string | - | the conversation's id | {_REFERENCE}
    taskId | doc | string | - | of a message for a task that is there | {_REFERENCE}
    """,
)
TASK = read_claims(
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
STREAM = read_claims(
    "A2A stream",
    f"""
    result | doc | object | - | each event is an answer in JSON-RPC that holds an update of a task | {_STREAM}
    task | rfc | object | - | the first event, and no other; that the vendor keeps to it is assumed | {_A2A}
    status-update | rfc | object | - | at each change of state: taskId, contextId, status, final; sent by the vendor: assumed | {_A2A}
    artifact-update | rfc | object | - | the answer, before the last event: taskId, contextId, artifact, append, lastChunk; sent by the vendor: assumed | {_A2A}
    final | rfc | boolean | - | true in the last event alone, and no [DONE] follows; that the vendor ends so is assumed | {_A2A}
    """,
)
RPC_ERRORS = read_claims(
    "errors",
    f"""
    JSON-RPC errors | assumed | - | - | HTTP 200 with A2A's own codes; 404 for the team alone
    -32002 on tasks/cancel | rfc | - | - | nothing can be canceled; -32001 of a task that isn't there; of the vendor it is assumed | {_A2A}
    """,
)
