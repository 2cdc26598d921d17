"""What records a mock behind the listener, as the server and the control plane know it."""

from collections.abc import Callable
from typing import Protocol

from lab.core.observe import Replied, Requested


class Recorder(Protocol):
    """Begins and ends tapes; UsageError and HostError say why it can't."""

    @property
    def outside(self) -> bool:
        """Whether the client is another process."""

    @property
    def running(self) -> bool:
        """Whether a tape is being written."""

    def begin(self, name: str) -> str:
        """Begin a tape of that name, restating what lives; where it lies."""

    def end(self) -> str:
        """End the tape; where it lies."""

    def renew(self, back: Callable[[], None]) -> str | None:
        """End the tape if one runs, go `back`, and begin NAME-2; where that lies."""

    async def redact(self, observation: Requested | Replied) -> None:
        """Redact what is long of a request that is about to be served, or of a reply that is about to be told."""

    def flush(self) -> None:
        """Write what was told until now."""
