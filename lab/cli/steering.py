"""The control plane as the screen knows it: a reason in place of a status."""

from collections.abc import AsyncIterator, Mapping

from lab.app.observe import Observation
from lab.client.control import ControlClient, Ruled
from lab.core.exchange import Json

Taped = tuple[str | None, str]
"""Why it was refused, and where the tape lies."""

TAKEN = "exists already"
"""How the refusal of a name that a recording has is told."""
MOST_NUMBERS = 1_000


def _taped(ruled: Ruled) -> Taped:
    return why(ruled), str(ruled.document.get("file", ""))


class Steering:
    """Commands of the screen, sent to the control plane."""

    def __init__(self, client: ControlClient, *, replies: bool = True) -> None:
        """`replies`: whether the journal that is followed has them; a run of our own was given them already."""
        self._client = client
        self._replies = replies

    async def decide(self, job: str, gate: str, verdict: str, comment: str | None) -> str | None:
        """Decide at a gate; the reason if it was refused."""
        return why(await self._client.decide(job, gate, verdict, comment=comment))

    async def reset(self) -> str | None:
        """Clear the mock's ledger."""
        return why(await self._client.reset())

    async def rewind(self, instant: int) -> str | None:
        """Set the mock and its clock back to an instant."""
        return why(await self._client.reset(instant))

    async def scale(self, factor: str) -> str | None:
        """Set the pace of the mock's clock; `0` pauses."""
        return why(await self._client.scale(factor))

    async def arm(self, fault: Mapping[str, Json]) -> str | None:
        """Arm a fault."""
        return why(await self._client.arm(fault))

    async def disarm(self, name: str) -> str | None:
        """Disarm it."""
        return why(await self._client.disarm(name))

    async def begin_tape(self, name: str) -> Taped:
        """Begin a tape; one whose name is taken gets the next number."""
        ruled = await self._client.begin_tape(name)
        for number in range(2, MOST_NUMBERS):
            if ruled.done or TAKEN not in ruled.why:
                break
            ruled = await self._client.begin_tape(f"{name}-{number}")
        return _taped(ruled)

    async def end_tape(self) -> Taped:
        """End the tape that runs."""
        return _taped(await self._client.end_tape())

    async def trouble(self) -> str | None:
        """What killed a tape, as the lab's health tells it."""
        told = (await self._client.health()).get("why")
        return told if isinstance(told, str) else None

    def follow(self) -> AsyncIterator[Observation]:
        """The journal as it comes."""
        return self._client.follow(replies=self._replies)


def why(ruled: Ruled) -> str | None:
    """The reason if a command was refused."""
    return None if ruled.done else ruled.why
