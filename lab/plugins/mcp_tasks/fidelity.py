"""What is documented and what is assumed of MCP's requests, tools, tasks, forms and errors (mcp.md)."""

from lab.core.fidelity import read_claims

_BASE = "MCP 2026-07-28, Base Protocol"
_HTTP = "MCP 2026-07-28, Streamable HTTP"
_TOOLS = "MCP 2026-07-28, Tools"
_FORMS = "MCP 2026-07-28, Elicitation, Response Actions"
_TASKS = "MCP Tasks extension 2026-07-28"
_FIELDS = {
    "MCP request": f"""
        jsonrpc | rfc | string | - | 2.0 | {_BASE}
        id | rfc | string/integer | - | repeated in the answer; without it it is a notification, answered 202 | {_BASE}
        method | rfc | string | - | what the header Mcp-Method says too | {_HTTP}
        params | rfc | object | - | with _meta, which has the version and the client's capabilities | {_BASE}
        """,
    "MCP tool": f"""
        name | rfc | string | - | the agent team's code | {_TOOLS}
        title | rfc | string | - | that of the team's first scenario | {_TOOLS}
        description | rfc | string | - | what that shows | {_TOOLS}
        inputSchema | rfc | object | - | message, conversation, and parameters as the scenarios ask with them | {_TOOLS}
        """,
    "MCP task": f"""
        taskId | rfc | string | - | the job's id | {_TASKS}, Tasks
        status | rfc | string | - | working, input_required, completed, cancelled; failed is for errors of JSON-RPC alone | {_TASKS}, Task Status
        createdAt | rfc | string | - | when the call was accepted | {_TASKS}, Tasks
        lastUpdatedAt | rfc | string | - | since when it is as it is | {_TASKS}, Tasks
        ttlMs | rfc | integer/null | - | from createdAt on; null until the end, from which a scenario's retention counts | {_TASKS}, Tasks
        pollIntervalMs | rfc | integer | - | 5000; who polls faster is answered all the same | {_TASKS}, Task Polling
        statusMessage | rfc | string | - | the progress, or what a wait says; left out where there is none | {_TASKS}, Tasks
        inputRequests | rfc | object | - | of input_required, one form under its key; no key comes again | {_TASKS}, Task Update Requests
        result | rfc | object | - | of completed: content, a text, and isError: true where the job ended ERROR | {_TASKS}, Task Execution Errors
        _meta | rfc | object | - | the conversation, under a name of the lab's own, for MCP has none; also in the result | {_BASE}, _meta
        """,
    "MCP input response": f"""
        accept | rfc | object | - | content has verdict and comment, or text: what the form asks for | {_FORMS}
        decline | rfc | object | - | an explicit no: a rejection, where the gate offers it | {_FORMS}
        cancel | rfc | object | - | no answer: the task asks on, under the same key | {_FORMS}
        inputResponses | rfc | object | - | by key; others than the open one are acknowledged without an effect | {_TASKS}, Task Update Requests
        """,
}
MCP_FIELDS = tuple(claim for place, rows in _FIELDS.items() for claim in read_claims(place, rows))
MCP_ERRORS = read_claims(
    "errors",
    f"""
    -32602 over MCP | rfc | - | - | HTTP 400: no such task or tool, or a parameter is wrong | {_TASKS}, Protocol Errors
    -32601 over MCP | rfc | - | - | HTTP 404: no such method | {_HTTP}
    -32020 | rfc | - | - | HTTP 400: a header says something else than the body; Mcp-Name on a task only if it is sent | {_HTTP}
    -32021 | rfc | - | - | HTTP 400: the client doesn't declare the tasks extension | {_TASKS}, Capability Negotiation
    -32022 | rfc | - | - | HTTP 400: another version than 2026-07-28, and initialize | {_BASE}
    -32000 over MCP | rfc | - | - | with HTTP 401, 403, 429 or 503: not for this caller, or not now | JSON-RPC 2.0 §5.1
    """,
)
