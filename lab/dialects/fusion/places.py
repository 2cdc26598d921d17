"""Paths of the pod beside the invocation API: tokens, documents, A2A, a local orchestrator's (contract.md §2.3, §2.4)."""

import re

API = "/api/fusion-ai/orchestrator"
TOKENS_PATH = f"{API}/authz/v1/tokens"
RELAY_PATH = "/fscmRestApi/tokenrelay"
ANTICSRF_PATH = "/fscmRestApi/anticsrf"
RELAY_BASIC_PATH = "/api/rwdtools/tokenrelay"
DOCUMENTS_PATH = f"{API}/agent/v1/documents"
DOCUMENTS_BATCH_PATH = f"{API}/agent/v1/batch/documents"
DOCUMENTS_ATTACH_PATH = f"{API}/agent/v1/attachDocuments"
A2A_SEARCH_PATH = f"{API}/a2a/v1/agents/search"
MULTIPLEX_PATH = "/internal/v1/aiapps/multiplex"

PLACES: dict[str, tuple[str, str]] = {
    TOKENS_PATH: ("tokens", "GET"),
    RELAY_PATH: ("relay", "GET"),
    ANTICSRF_PATH: ("anticsrf", "GET"),
    RELAY_BASIC_PATH: ("relay-basic", "GET"),
    DOCUMENTS_PATH: ("documents", "POST"),
    DOCUMENTS_BATCH_PATH: ("documents-batch", "POST"),
    DOCUMENTS_ATTACH_PATH: ("documents-attach", "POST"),
    A2A_SEARCH_PATH: ("a2a-search", "POST"),
}
"""Route and method by path."""
A2A = re.compile(rf"{API}/a2a/v1/([^/]+)(/stream|/\.well-known/agent\.json)?")
A2A_PLACES = {None: ("a2a", "POST"), "/stream": ("a2a-stream", "POST"), "/.well-known/agent.json": ("a2a-card", "GET")}
"""Route and method of an agent team, by what follows its code."""
RELAYS = frozenset(("relay", "anticsrf", "relay-basic"))
"""The routes that ask for other credentials than a bearer token."""
UPLOADS = frozenset(("documents", "documents-batch"))
"""The routes whose bodies hold files."""

_LOCAL = (
    (re.compile(r"/orchestrator/(agent/v2/[^/]+/.+|authz/v1/tokens)"), rf"{API}/\1"),
    (re.compile(r"/internal/v1/agent/([^/]+)/(chat|debug)"), rf"{API}/agent/v2/\1/\2"),
    (re.compile(r"/internal/v1/authz/tokens"), TOKENS_PATH),
)
"""Where Oracle's CLI looks for a local orchestrator, and the same place on the pod."""


def from_local(path: str) -> str:
    """The path on the pod that a local orchestrator's path stands for; any other stays as it is."""
    for pattern, place in _LOCAL:
        found = pattern.fullmatch(path)
        if found is not None:
            return found.expand(place)
    return path
