"""Calls that take long, as their texts do much work: each in a turn of its own, and others are served in between.

What a text may do is bounded, but a dozen calls that come at once would still be a dozen times that to whoever asks for
something else. Which calls take long is known of a team once one of its calls has.
"""

import asyncio

from lab.clocks import breathe
from lab.core.exchange import Request
from lab.core.reply import Reply
from lab.dialects.router import ROUTER
from lab.server.connection import TURNS


class LongCalls:
    """The teams whose calls took long, and the turn that the next of them waits for."""

    def __init__(self) -> None:
        self._teams: set[str] = set()
        self._turn = asyncio.Lock()

    def among(self, request: Request) -> bool:
        """Whether a call is one of those."""
        return bool(self._teams) and _team(request) in self._teams

    def note(self, request: Request, reply: Reply) -> None:
        if reply.long:
            self._teams.add(_team(request))

    async def turn(self) -> None:
        """Wait until whoever has asked for something else since the last of these calls is answered."""
        async with self._turn:
            for _ in range(TURNS):
                await breathe()


def _team(request: Request) -> str:
    match = ROUTER.at(request.path)
    return "" if match is None else match.code
