"""What a proxy asks of whoever carries its requests on: bytes as they came, in pieces as they come."""

from typing import Protocol

from msgspec import Struct

from lab.core.exchange import RawHeaders


class UpstreamRequest(Struct, frozen=True):
    """A request to an origin, whose target and body leave as they are."""

    origin: str
    method: str
    target: str
    """Path and query, percent-encoding kept."""
    headers: RawHeaders
    """Without `Host`, `Content-Length` and what concerns one connection alone."""
    body: bytes


class UpstreamFailed(Exception):
    """No answer, or not all of it: `why` in one sentence.

    `cut` is how the other side ended it, reset or truncated; None: it wasn't reached, or speaks no HTTP.
    """

    def __init__(self, why: str, cut: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.cut = cut


class UpstreamAnswer(Protocol):
    """An answer whose head has come."""

    status: int
    reason: str
    headers: RawHeaders

    async def piece(self) -> bytes:
        """The next bytes of the body as they came, still compressed; empty at its end. UpstreamFailed if there is none."""

    def close(self) -> None:
        """Read no more of it; before its end its connection is over, too."""


class Upstream(Protocol):
    """Where the requests of one connection go."""

    async def ask(self, request: UpstreamRequest) -> UpstreamAnswer:
        """The answer, once its head is there, whatever its status; UpstreamFailed if there is none."""

    async def close(self) -> None:
        """Close what is open."""
