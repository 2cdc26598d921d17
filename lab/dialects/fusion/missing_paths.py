"""What is said of a path of the pod that isn't there (contract.md §2.5): what to do instead, or what the lab has instead."""

import re

from lab.dialects.fusion.routes import API

_NO_OPERATION = (
    "There is no such operation. Gates are answered by invokeAsync with jobId and resumeInput, or outside the API."
)
NEAR_MISSES = (
    (r"/orchestrator(/.*)?", "Put /api/fusion-ai before /orchestrator."),
    (r".*/agent/v[12]/(cancel|resume|approve|feedback|jobs)", _NO_OPERATION),
    (r".*/agent/v[12]/[^/]+/invokeAsync/[^/]+", f"Poll GET {API}/agent/v2/{{code}}/status/{{jobId}}."),
    (r".*/agent/v[12]/status/[^/]+", f"The team code belongs in the path: {API}/agent/v2/{{code}}/status/{{jobId}}."),
    (r"/api/fusion-ai/orchestrator/agent/v[12]/[^/]+", "Add /status/{jobId}."),
    (r"/internal/v1/.*", "This is a local orchestrator's path: it is there with local_orchestrator: on."),
    (r".*/(cancel|resume|approve|feedback|jobs|jobs/[^/]+)", _NO_OPERATION),
    (r".*/agent/v[12]/[^/]+/status", _NO_OPERATION),
)
"""Paths that no source shows in the real API, each with what to do instead; of those that fit, the first counts."""
CAPABILITIES = {
    "workflows": "the design of workflows", "agents": "the design of agents", "tools": "the design of tools",
    "topics": "the design of topics", "applications": "applications that hold agents",
    "llm-config": "the configuration of language models", "credentials": "the credentials of tools",
    "rag": "retrieval from documents", "connectors": "connectors to other systems",
    "knowledge-management": "knowledge management", "commonlookups": "lookups of the suite",
}  # fmt: skip
"""What of the pod a path belongs to, by a segment of it in small letters."""
HAS = (
    f"The lab has jobs of agent teams ({API}/agent), A2A ({API}/a2a), documents, tokens, and the list of workflows; "
    "lab openapi prints every path."
)


def missing_hint(path: str) -> str:
    """What to do instead of asking for a path that isn't there."""
    near = next((hint for pattern, hint in NEAR_MISSES if re.fullmatch(pattern, path.rstrip("/"))), None)
    if near is not None:
        return near
    words = (CAPABILITIES.get(segment.lower()) for segment in path.split("/"))
    belongs = next((word for word in words if word is not None), None)
    return HAS if belongs is None else f"On the pod this path belongs to {belongs}. {HAS}"
