"""What is documented and what is assumed of A2A's calls, tasks, streams and errors (a2a.md)."""

from lab.core.fidelity import read_claims

_REFERENCE = "docs.oracle.com, applications-common/26d/farca, op …a2a-v1-workflowcode-post"
_STREAM = "docs.oracle.com, applications-common/26d/farca, op …a2a-v1-workflowcode-stream-post"
_A2A = "A2A 0.3.0"
_A2A_1 = "A2A 1.0.0"
_CALL = read_claims(
    "A2A call",
    f"""
    jsonrpc | doc | string | - | 2.0, or left out | {_REFERENCE}
    id | doc | string | - | repeated in the answer, or left out; that the answer then has null is assumed | {_REFERENCE}
    method | doc | string | - | required | {_REFERENCE}
    params | doc | object | - | required | {_REFERENCE}
    """,
)
_MESSAGE = read_claims(
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
_ONE = read_claims(
    "A2A 1.0",
    f"""
    A2A-Version | rfc | string | - | header or query: 1.0 (1.0.x); 0.3 or none is 0.3, another -32009 | {_A2A_1} §3.6
    supportedInterfaces | rfc | array | - | of the card: JSONRPC and HTTP+JSON, both of 1.0 | {_A2A_1} §4.4.6
    SendMessage | rfc | object | - | task; waits until that rests, unless returnImmediately | {_A2A_1} §3.2.2
    state | rfc | string | - | TASK_STATE_ SUBMITTED WORKING INPUT_REQUIRED COMPLETED FAILED CANCELED | {_A2A_1} §4.1.3
    taskId | rfc | string | - | of an answer; contextId alone begins another task there | {_A2A_1} §3.4.3
    historyLength | rfc | number | - | from 1: what was asked; else nothing | {_A2A_1} §3.2.4
    SendStreamingMessage | rfc | object | - | task first, then statusUpdate and artifactUpdate, to the end or a question | {_A2A_1} §3.1.2
    SubscribeToTask | rfc | object | - | the same from now on, to the end; -32004 of a task that has ended | {_A2A_1} §3.1.6
    ListTasks | rfc | object | - | tasks nextPageToken pageSize totalSize; the latest change first | {_A2A_1} §3.1.4
    CancelTask | rfc | object | - | the task; -32002 where it has ended, or its scenario refuses | {_A2A_1} §3.1.5
    capabilities.pushNotifications | rfc | boolean | - | false where nobody is told by callbacks: whoever asks for push gets -32003 | {_A2A_1} §3.3.4
    TaskPushNotificationConfig | rfc | object | - | id taskId url token authentication; without id it gets the task's, and token goes out as X-A2A-Notification-Token, as a2a-sdk has it | {_A2A_1} §4.3.1
    StreamResponse | rfc | object | - | what a push notification holds: task, whole; of which changes, the tries, 410 and http on this machine are the lab's own | {_A2A_1} §4.3.3
    pushNotificationConfig | rfc | object | - | the same in 0.3, whose notification is the Task itself; of the vendor nobody has shown it | {_A2A} §7.5
    """,
)
_STREAM_EVENTS = read_claims(
    "A2A stream",
    f"""
    result | doc | object | - | each event is an answer in JSON-RPC that holds an update of a task | {_STREAM}
    kind | rfc | string | - | task, once and first; status-update at each change of state; artifact-update with the answer before the last; that the vendor keeps to it is assumed | {_A2A}
    final | rfc | boolean | - | true in the last event alone, and no [DONE] follows | {_A2A}
    """,
)
FIELDS = (*_CALL, *_MESSAGE, *TASK, *_STREAM_EVENTS, *_ONE)
RPC_ERRORS = read_claims(
    "errors",
    f"""
    of A2A 1.0 | rfc | - | - | over JSON-RPC with ErrorInfo in data; over HTTP+JSON 404 for a task, 400 else, as google.rpc.Status | {_A2A_1} §5.4, §11.6
    JSON-RPC errors | assumed | - | - | HTTP 200 with A2A's own codes; 404 for the team alone
    tasks/cancel | rfc | - | - | cancels the task, or is -32002; that the vendor has it is assumed | {_A2A}
    """,
)
