"""The control plane as the screen knows it: a reason in place of a status."""

from collections.abc import AsyncIterator, Mapping

from lab.core.exchange import Json
from lab.core.observe import Observation
from lab.engine.control import ControlClient, Ruled


class Steering:
    """Commands of the screen, sent to the control plane."""

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    async def decide(self, job: str, gate: str, verdict: str, comment: str | None) -> str | None:
        """Decide at a gate; the reason if it was refused."""
        return why(await self._client.decide(job, gate, verdict, comment=comment))

    async def reset(self) -> str | None:
        """Clear the mock's ledger."""
        return why(await self._client.reset())

    async def scale(self, factor: str) -> str | None:
        """Set the pace of the mock's clock; `0` pauses."""
        return why(await self._client.scale(factor))

    async def arm(self, fault: Mapping[str, Json]) -> str | None:
        """Arm a fault."""
        return why(await self._client.arm(fault))

    async def disarm(self, name: str) -> str | None:
        """Disarm it."""
        return why(await self._client.disarm(name))

    def follow(self) -> AsyncIterator[Observation]:
        """The journal as it comes."""
        return self._client.follow()


def why(ruled: Ruled) -> str | None:
    """The reason if a command was refused."""
    return None if ruled.done else ruled.why
