"""A2A's routes, a row each (a2a.md §1)."""

from lab.core.routes import RouteTable, fill_path, read_routes

_A2A = "/api/fusion-ai/orchestrator/a2a/v1"
_TEAM = f"{_A2A}/{{code}}"
_PUSH = f"{_TEAM}/tasks/{{job}}/pushNotificationConfigs"
_OVERVIEW = "docs.oracle.com, fusion-ai/26b/aiaas, api-overview"
_REFERENCE = "docs.oracle.com, applications-common/26d/farca"
_SPEC = "A2A 1.0.0 §5.3"
_OTHERS = "; that it takes the other methods too is assumed"
A2A_ROUTES = read_routes(
    f"""
    GET    | {_TEAM}/.well-known/agent.json      | a2a-card   | -                     | describe | doc | {_OVERVIEW} | what a team says of itself
    GET    | {_TEAM}/.well-known/agent-card.json | a2a-card   | a2a_card_of_team      | public   | rfc | A2A 1.0.0 §8.2 | of 1.0: the same, to whoever asks
    GET    | /.well-known/agent-card.json        | a2a-card   | a2a_card_of_host      | public   | rfc | A2A 1.0.0 §8.2 | of 1.0: the same, where one team is served
    POST   | {_A2A}/agents/search                | a2a-search | -                     | describe | doc | {_OVERVIEW} | published teams
    POST   | {_TEAM}                             | a2a        | -                     | call     | doc | {_REFERENCE}, op …a2a-v1-workflowcode-post        | JSON-RPC message/send, tasks/send, tasks/get{_OTHERS}
    POST   | {_TEAM}/stream                      | a2a-stream | -                     | call     | doc | {_REFERENCE}, op …a2a-v1-workflowcode-stream-post | JSON-RPC message/stream, answered by Server-Sent Events{_OTHERS}
    POST   | {_TEAM}/message:send                | a2a-http   | a2a_SendMessage                       | call | rfc | {_SPEC} | of 1.0: a message
    POST   | {_TEAM}/message:stream              | a2a-http   | a2a_SendStreamingMessage              | call | rfc | {_SPEC} | of 1.0: a message, answered by Server-Sent Events
    GET    | {_TEAM}/tasks                       | a2a-http   | a2a_ListTasks                         | call | rfc | {_SPEC} | of 1.0: the caller's tasks
    POST   | {_TEAM}/tasks/{{job}}:cancel        | a2a-http   | a2a_CancelTask                        | call | rfc | {_SPEC} | of 1.0: the end of a task
    GET    | {_TEAM}/tasks/{{job}}:subscribe     | a2a-http   | a2a_SubscribeToTask_get               | call | rfc | A2A 1.0.0, a2a.proto | of 1.0: the same, as its proto has it
    POST   | {_TEAM}/tasks/{{job}}:subscribe     | a2a-http   | a2a_SubscribeToTask                   | call | rfc | {_SPEC} | of 1.0: what becomes of a task, by Server-Sent Events
    GET    | {_TEAM}/tasks/{{job}}               | a2a-http   | a2a_GetTask                           | call | rfc | {_SPEC} | of 1.0: a task
    GET    | {_PUSH}                             | a2a-http   | a2a_ListTaskPushNotificationConfigs   | call | rfc | {_SPEC} | of 1.0: who is told of a task by push notifications
    POST   | {_PUSH}                             | a2a-http   | a2a_CreateTaskPushNotificationConfig  | call | rfc | {_SPEC} | of 1.0: a receiver of push notifications
    DELETE | {_PUSH}/{{config}}                  | a2a-http   | a2a_DeleteTaskPushNotificationConfig  | call | rfc | {_SPEC} | of 1.0: it is told no more
    GET    | {_PUSH}/{{config}}                  | a2a-http   | a2a_GetTaskPushNotificationConfig     | call | rfc | {_SPEC} | of 1.0: one of them
    GET    | {_TEAM}/extendedAgentCard           | a2a-http   | a2a_GetExtendedAgentCard              | call | rfc | {_SPEC} | of 1.0: there is no other card
    """,
    "method path name operation kind marks source says",
)
"""What stands behind a task's id comes before the task."""
HTTP_OPERATIONS = {row.operation: row.operation.split("_")[1] for row in A2A_ROUTES if row.name == "a2a-http"}
"""What a row of HTTP+JSON asks for, by 1.0's name."""
A2A_TABLE = RouteTable(A2A_ROUTES)
_FIRST = {row.name: row for row in reversed(A2A_ROUTES)}


def a2a_path(route: str, code: str = "") -> str:
    """The path of a route's first row for a team."""
    return fill_path(_FIRST[route], code=code)
