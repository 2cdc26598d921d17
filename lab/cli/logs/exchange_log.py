"""What looks on at every mock behind a listener, and writes in a thread: the request log, and the spans."""

from collections.abc import Callable

from lab.server.mounts import Mount, Tenant


class ExchangeLog:
    """Told of the exchanges of each mock, those too that clients choose later."""

    look: Callable[[], None]
    """Hands what has ended since the last time over to the thread."""

    def follow(self, tenant: Tenant) -> None:
        """Look on at a tenant's mocks."""
        for mount in tenant:
            self._observe(mount)
        tenant.watchers.append(self._observe)

    def close(self) -> None:
        """Write what is left, for as long as the end of the lab may wait for it."""
        raise NotImplementedError

    def _observe(self, mount: Mount) -> None:
        raise NotImplementedError
