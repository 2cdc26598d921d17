"""A2A on the same jobs: agent cards, search, JSON-RPC and its stream (contract.md §9)."""

from lab.mock.a2a.cards import card, search
from lab.mock.a2a.rpc import rpc

__all__ = ["card", "rpc", "search"]
