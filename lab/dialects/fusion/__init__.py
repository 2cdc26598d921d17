"""Routes and bodies, parse and render: one contract for both ends (contract.md §2 to §5)."""

from lab.core.jsontext import BadJson, read_json
from lab.dialects.fusion.answers import JobBody, WaitingNode, final, parse_grant, parse_job, refusal_of, retry_after
from lab.dialects.fusion.bodies import echo, job_body, nodes
from lab.dialects.fusion.events import SSE_HEADERS, chat_events, framed, job_events
from lab.dialects.fusion.files import LARGEST_BODY, without_files
from lab.dialects.fusion.places import API, RELAYS, UPLOADS
from lab.dialects.fusion.requests import Asked, Resume, read_input, read_invoke, read_mode
from lab.dialects.fusion.routes import (
    STREAMS,
    Route,
    find,
    path_of,
    route_of,
)

__all__ = [
    "API",
    "LARGEST_BODY", "RELAYS", "SSE_HEADERS", "STREAMS", "UPLOADS", "Asked", "BadJson", "JobBody", "Resume", "Route", "WaitingNode", "chat_events", "echo", "final", "find", "framed", "job_body", "job_events", "nodes",
    "parse_grant", "parse_job", "path_of", "read_input", "read_invoke", "read_json", "read_mode", "refusal_of", "retry_after",
    "route_of", "without_files",
]  # fmt: skip
