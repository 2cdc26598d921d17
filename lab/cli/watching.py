"""The control plane as WATCH knows it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lab.cli.recordings import scenarios_of
from lab.cli.steering import Steering, why
from lab.client.control import ControlClient
from lab.core.clock import Millis
from lab.core.errors import ProtocolError
from lab.files import token_for
from lab.language.document import Scenario
from lab.recording.lines import Header
from lab.settings import Settings
from lab.tui.sources.watch import LabDescription

NO_TOKEN = "Set LAB_CONTROL_TOKEN to the control token that lab serve prints, or watch as the user who started it."


class Watched(Steering):
    """One lab, for as long as it can be reached."""

    def __init__(self, client: ControlClient, asked: Settings) -> None:
        super().__init__(client)
        self._asked = asked
        self._header: Header | None = None
        self._known: dict[str, Scenario] = {}

    async def lab(self) -> LabDescription:
        """How the lab is now; ProtocolError if this is none."""
        told = await self._client.health()
        clock = told.get("clock")
        if not isinstance(clock, dict):
            raise ProtocolError("This is no control plane of a lab.", hint="lab serve prints it as control url.")
        now, epoch, seed = clock.get("now"), clock.get("epoch"), told.get("seed")
        return LabDescription(
            str(clock.get("mode")),
            str(clock.get("factor")),
            now if isinstance(now, int) else 0,
            epoch if isinstance(epoch, int) else 0,
            seed if isinstance(seed, int) else None,
            str(told.get("base_url") or ""),
        )

    def told(self, name: str) -> Scenario | None:
        """The scenario of this name, if the very file that the lab serves is at hand."""
        header = self._client.header
        if header is not None and header is not self._header:
            self._header, self._known = header, scenarios_of(header, self._asked.scenarios)
        return self._known.get(name)

    async def advance(self, millis: Millis) -> str | None:
        """Advance a manual clock."""
        return why(await self._client.advance(millis))

    async def due(self) -> Millis | None:
        """The instant at which the next job moves on by itself."""
        told = await self._client.jobs()
        now, jobs = told.get("now"), told.get("jobs")
        untils = [job.get("until") for job in jobs if isinstance(job, dict)] if isinstance(jobs, list) else []
        return min((each for each in untils if isinstance(each, int) and each > int(str(now))), default=None)


@asynccontextmanager
async def reached(url: str, asked: Settings) -> AsyncIterator[Watched]:
    """A control plane, its token looked up anew: a lab that starts again has another one."""
    token = asked.control_token or token_for(url, runtime=asked.runtime)
    client = ControlClient(url, token or "none")
    try:
        yield Watched(client, asked)
    except ProtocolError as error:
        if "401" not in error.what:
            raise
        raise ProtocolError("The control plane answered 401: the token is not its own.", hint=NO_TOKEN) from None
    finally:
        await client.close()
