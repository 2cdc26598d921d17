"""What is documented and what is assumed of A2A's tasks and errors (contract.md §9)."""

from lab.core.fidelity import read_claims

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
RPC_ERRORS = read_claims(
    "errors", "JSON-RPC errors | assumed | - | - | HTTP 200 with A2A's own codes; 404 for the team alone"
)
