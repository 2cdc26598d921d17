"""What is said of a path of the pod that isn't there (contract.md §2.5): what to do instead, or what the lab has instead."""

import re

from lab.core.refusal import Refusal, no_path
from lab.dialects.fusion.routes import API

_NO_OPERATION = (
    "There is no such operation. Gates are answered by invokeAsync with jobId and resumeInput, or outside the API."
)
_INVOKE, _STATUS = f"POST {API}/agent/v2/{{code}}/invokeAsync", f"GET {API}/agent/v2/{{code}}/status/{{jobId}}"
NEAR_MISSES = (
    (r"/orchestrator(/.*)?", "Put /api/fusion-ai before /orchestrator.", API),
    (r".*/agent/v[12]/(cancel|resume|approve|feedback|jobs)", _NO_OPERATION, _INVOKE),
    (r".*/agent/v[12]/[^/]+/invokeAsync/[^/]+", f"Poll {_STATUS}.", _STATUS),
    (r".*/agent/v[12]/status/[^/]+", f"The team code belongs in the path: {_STATUS.split()[1]}.", _STATUS),
    (r"/api/fusion-ai/orchestrator/agent/v[12]/[^/]+", "Add /status/{jobId}.", _STATUS),
    (r"/_lab(/.*)?", "The control plane has an address of its own, which lab serve prints.", ""),
    (r"/internal/v1/.*", "This is a local orchestrator's path: it is there with local_orchestrator: on.", API),
    (r".*/(cancel|resume|approve|feedback|jobs|jobs/[^/]+)", _NO_OPERATION, _INVOKE),
    (r".*/agent/v[12]/[^/]+/status", _NO_OPERATION, _STATUS),
)
"""Paths that no source shows in the real API, each with what to do instead and the call that may be meant; of those that fit, the first counts."""
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


def missing(path: str, near: str) -> Refusal:
    """What to do instead of asking for a path that isn't there; `near` is the call to which it is near, if to any."""
    for pattern, hint, meant in NEAR_MISSES:
        if re.fullmatch(pattern, path.rstrip("/")):
            return no_path(hint, meant)
    if near:
        return no_path(f"Did you mean {near}?", near)
    words = (CAPABILITIES.get(segment.lower()) for segment in path.split("/"))
    belongs = next((word for word in words if word is not None), None)
    return no_path(HAS if belongs is None else f"On the pod this path belongs to {belongs}. {HAS}")
