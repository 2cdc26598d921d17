"""A2A's routes, a row each (contract.md §9)."""

from lab.core.routes import fill_path, read_routes

_A2A = "/api/fusion-ai/orchestrator/a2a/v1"
_OVERVIEW = "docs.oracle.com, fusion-ai/26b/aiaas, api-overview"
_REFERENCE = "docs.oracle.com, applications-common/26d/farca"
_OTHERS = "; that it takes the other methods too is assumed"
A2A_ROUTES = read_routes(
    f"""
    GET  | {_A2A}/{{code}}/.well-known/agent.json | a2a-card   | describe | doc | {_OVERVIEW} | what a team says of itself
    POST | {_A2A}/agents/search                   | a2a-search | describe | doc | {_OVERVIEW} | published teams
    POST | {_A2A}/{{code}}                        | a2a        | call     | doc | {_REFERENCE}, op …a2a-v1-workflowcode-post        | JSON-RPC message/send, tasks/send, tasks/get{_OTHERS}
    POST | {_A2A}/{{code}}/stream                 | a2a-stream | call     | doc | {_REFERENCE}, op …a2a-v1-workflowcode-stream-post | JSON-RPC message/stream, answered by Server-Sent Events{_OTHERS}
    """,
    "method path name kind marks source says",
)
_BY_NAME = {row.name: row for row in A2A_ROUTES}


def a2a_path(route: str, code: str = "") -> str:
    """The path of a route for a team."""
    return fill_path(_BY_NAME[route], code=code)
