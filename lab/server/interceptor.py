"""What may hold an exchange on its way: a request before the mock reads it, a reply before it leaves (plugins.md §4)."""

from typing import Literal, Protocol, TypeAlias

from lab.core.exchange import Request
from lab.core.reply import Reply

Ends: TypeAlias = Literal["empty", "reset"]
"""How the connection of a request ends that nobody is to read: closed without an answer, or reset."""


class Interceptor(Protocol):
    """Asked about each exchange of one lab, by the ordinal of its connection. It waits only where it holds one.

    Each is asked in the exchange's own task, so nobody else waits; that is cancelled if the peer gives up.
    """

    @property
    def holding(self) -> bool:
        """Whether it holds one: no client moves the clock meanwhile."""

    async def hold_request(self, c: int, request: Request) -> Ends | None:
        """Return once the mock may read the request, or with how its connection is to end."""

    async def hold_reply(self, c: int, request: Request, reply: Reply) -> Reply:
        """A reply that is due, as it is to leave now. It has settled; what its latency says has passed."""

    def end(self) -> None:
        """The lab ends: whatever is held is cut."""
