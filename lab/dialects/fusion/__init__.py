"""Fusion's invocation API, as Oracle's agents are called (contract.md §2 to §8)."""

from lab.dialects.fusion.answers import JobBody, WaitingNode, final, parse_grant, parse_job, refusal_of, retry_after
from lab.dialects.fusion.routes import API, fusion_path

__all__ = [
    "API", "JobBody", "WaitingNode", "final", "fusion_path", "parse_grant", "parse_job", "refusal_of", "retry_after",
]  # fmt: skip
