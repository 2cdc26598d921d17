"""Routes and bodies, parse and render: one contract for both ends (contract.md §2 to §5)."""

from lab.core.jsontext import BadJson, read_json
from lab.dialects.fusion.answers import JobBody, WaitingNode, final, parse_grant, parse_job, refusal_of, retry_after
from lab.dialects.fusion.bodies import echo, job_body, nodes
from lab.dialects.fusion.events import SSE_HEADERS, chat_events, framed, job_events
from lab.dialects.fusion.files import LARGEST_BODY
from lab.dialects.fusion.requests import Asked, Resume, read_input, read_invoke, read_mode
from lab.dialects.fusion.routes import API, fusion_path

__all__ = [
    "API", "LARGEST_BODY", "SSE_HEADERS", "Asked", "BadJson", "JobBody", "Resume", "WaitingNode", "chat_events", "echo",
    "final", "framed", "fusion_path", "job_body", "job_events", "nodes", "parse_grant", "parse_job", "read_input",
    "read_invoke", "read_json", "read_mode", "refusal_of", "retry_after",
]  # fmt: skip
