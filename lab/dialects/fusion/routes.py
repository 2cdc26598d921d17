"""Fusion's routes, a row each (contract.md §2)."""

from lab.core.routes import Route, fill_path, read_routes

API = "/api/fusion-ai/orchestrator"
WORKFLOWS = "/api/boss/data/objects/ora/commonFusionAI/agents/v1/$en/workflows"
RELEASE_WORKFLOWS = WORKFLOWS.replace("/v1/", "/v1:{release}/")

AGENT_ROUTES = read_routes(
    f"""
    POST | {API}/agent/v2/{{code}}/invokeAsync    | invoke | invoke_v2 | invoke | doc rec | -             | start a job, continue a conversation, answer a gate
    GET  | {API}/agent/v2/{{code}}/status/{{job}} | status | status_v2 | look   | doc rec | -             | what the job looks like now
    POST | {API}/agent/v1/{{code}}/invokeAsync    | invoke | invoke_v1 | invoke | doc     | -             | the older path; that it behaves the same is assumed
    GET  | {API}/agent/v1/{{code}}/status/{{job}} | status | status_v1 | look   | seen    | -             | answers for the other version's jobs too
    POST | {API}/agent/v2/{{code}}/invokeStream   | stream | -         | follow | seen    | sse_done      | the same request, answered by Server-Sent Events of job bodies
    POST | {API}/agent/v2/{{code}}/chat           | chat   | -         | follow | code    | sse_heartbeat | Server-Sent Events of deltas
    POST | {API}/agent/v2/{{code}}/debug          | debug  | -         | follow | code    | -             | as chat, for a draft; debugParams have no effect
    """,
    "method path name operation kind marks switch says",
)
_CLI = "oracle-samples/fusion-ai-studio"
REPORT = "field report 60122775768"
POD_ROUTES = read_routes(
    f"""
    GET  | {API}/authz/v1/tokens           | tokens           | -                 | private | -    | code | - | tokens for the bearer, by name of the service | -
    GET  | {WORKFLOWS}                     | workflows        | -                 | list    | boss | code | - | published teams as workflows, before a test of one; members are assumed | {_CLI}, run-workflow-test
    GET  | {RELEASE_WORKFLOWS}             | workflows        | workflows_release | list    | boss | seen | - | the same, of a release by its number | {REPORT}
    GET  | /fscmRestApi/tokenrelay         | relay            | -                 | open    | -    | seen | - | a token for a browser's login; that it opens the API elsewhere is assumed, a report has 401 | {REPORT}
    GET  | /fscmRestApi/anticsrf           | anticsrf         | -                 | open    | -    | seen | - | what a page sends as x-xsrf-token | -
    GET  | /api/rwdtools/tokenrelay        | relay-basic      | -                 | open    | -    | code | - | a bare token for a user's name and password | -
    POST | {API}/agent/v1/documents        | documents        | -                 | upload  | -    | code | - | one file; only its ids are kept | -
    POST | {API}/agent/v1/batch/documents  | documents-batch  | -                 | upload  | -    | code | - | several files | -
    POST | {API}/agent/v1/attachDocuments  | documents-attach | -                 | private | -    | code | - | attach documents | -
    """,
    "method path name operation kind service marks switch says source",
)
"""Kind `open`: no bearer is asked for; `upload`: the body holds files; `list`: published teams."""
_LOCAL = "local_orchestrator"
LOCAL_ROUTES = read_routes(
    f"""
    POST | /internal/v1/agent/{{code}}/chat               | chat      | local_chat          | follow  | {_LOCAL} | code     | {_LOCAL} | chat where Oracle's CLI looks for it
    POST | /internal/v1/agent/{{code}}/debug              | debug     | local_debug         | follow  | {_LOCAL} | code     | {_LOCAL} | debug
    GET  | /internal/v1/authz/tokens                      | tokens    | local_tokens        | private | {_LOCAL} | code     | {_LOCAL} | tokens for the bearer
    POST | /internal/v1/aiapps/multiplex                  | multiplex | -                   | private | {_LOCAL} | assumed  | {_LOCAL} | an empty object; its body is unknown
    POST | /orchestrator/agent/v2/{{code}}/invokeAsync    | invoke    | invoke_local        | invoke  | {_LOCAL} | doc code | {_LOCAL} | paths as the reference prints them
    GET  | /orchestrator/agent/v2/{{code}}/status/{{job}} | status    | status_local        | look    | {_LOCAL} | doc code | {_LOCAL} | the same job
    POST | /orchestrator/agent/v2/{{code}}/invokeStream   | stream    | orchestrator_stream | follow  | {_LOCAL} | code     | {_LOCAL} | the same stream
    POST | /orchestrator/agent/v2/{{code}}/chat           | chat      | orchestrator_chat   | follow  | {_LOCAL} | code     | {_LOCAL} | chat
    POST | /orchestrator/agent/v2/{{code}}/debug          | debug     | orchestrator_debug  | follow  | {_LOCAL} | code     | {_LOCAL} | debug
    GET  | /orchestrator/authz/v1/tokens                  | tokens    | orchestrator_tokens | private | {_LOCAL} | code     | {_LOCAL} | tokens for the bearer
    """,
    "method path name operation kind only marks switch says",
)
"""Where Oracle's CLI looks for a local orchestrator; there with the switch alone."""
FUSION_ROUTES: tuple[Route, ...] = (*AGENT_ROUTES, *POD_ROUTES, *LOCAL_ROUTES)
UPLOADS = frozenset(row.name for row in FUSION_ROUTES if row.kind == "upload")
"""The routes whose bodies hold files."""
POD_TOKENS = frozenset(("tokens", "relay", "anticsrf", "relay-basic"))
"""The routes by which a pod hands out tokens."""
TALKS = frozenset(("chat", "debug"))
"""The routes on which an unknown or unpublished team is 403, and `conversational` goes without saying."""

_BY_NAME = {row.name: row for row in reversed(FUSION_ROUTES)}
_STATUS_V1 = next(row for row in AGENT_ROUTES if row.name == "status" and "/v1/" in row.path)


def fusion_path(route: str, *, code: str, job: str = "", older: bool = False) -> str:
    """The path of a route; `older`: that of version 1, which only status has beside."""
    return fill_path(_STATUS_V1 if older else _BY_NAME[route], code=code, job=job)


def documented_path(path: str) -> str:
    """A path's template as documents print it."""
    return path.replace("{job}", "{jobId}")
