"""`lab watch`: a lab that somebody else's client is calling, on the screen or as lines."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lab.cli.command_settings import WatchSettings
from lab.cli.console import Console
from lab.cli.loop import Stop, complete
from lab.cli.run.transcript import JournalTranscript
from lab.cli.signals import Interrupted
from lab.control import ListTenants
from lab.core.errors import LabError, ProtocolError, UsageError
from lab.options import changed
from lab.settings import ControlAccess
from lab.tui.sources.watch import Watch
from lab.tui.state.journal import JournalState, SourceUpdate, changes

if TYPE_CHECKING:
    from lab.client.control import ControlClient
    from lab.program.scenario import Scenario
    from lab.recording.format.lines import Header

WRONG_TOKEN = "Set LAB_CONTROL_TOKEN to the control token that lab serve prints, or watch as the user who started it."
_HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
"""A name or an address, IPv6 too."""
_CHOSEN = re.compile(r"(/t/[a-z0-9-]{1,40})?(/scenario/[a-z0-9-]+)?")
"""A tenant (control-plane.md §9), and what clients chose (clients.md §10)."""
_ASKED_WITHIN = 2
"""Real seconds for which a lab may be asked for its tenants before the screen is there."""


def execute(settings: WatchSettings, console: Console) -> int:
    """The screen on a terminal that can show it, else lines; stopping it is its end, so 0."""
    source_of(settings)  # a mistake is told before anything is asked
    plain = settings.screen.plain or settings.environment.dumb or not console.terminal

    async def work(stop: Stop) -> int:
        source = source_of(await with_tenant(settings, console))
        if plain:
            await print_lines(source, console)
        else:
            from lab.cli.screen.kept_preferences import screen_start
            from lab.cli.screen.screen import show_screen

            await show_screen(source, stop, console, screen_start(settings.screen, console))
        return 0

    with suppress(Interrupted):
        return complete(work)
    return 0


async def with_tenant(settings: WatchSettings, console: Console) -> WatchSettings:
    """With the tenant that a person chooses, if the lab has some and none is named; nobody there: what to name is told."""
    url, where = control_address(settings.target)
    if "/" in where:
        return settings
    try:
        async with asyncio.timeout(_ASKED_WITHIN), reached(url, settings.control) as plane:
            names = [each.name for each in (await plane.ask(ListTenants())).value.tenants]
    except (LabError, TimeoutError):  # it isn't there yet, or is an older one
        return settings
    if not names:
        return settings
    if not console.terminal:
        console.err(f"Tenants: {', '.join(names)}. Watch one at {url}/t/NAME.")
        return settings
    for number, name in enumerate(names, 1):
        console.err(f"{number:4} {name}")
    while True:
        console.err("Which tenant? Its number or its name; enter: the lab without a name.")
        wanted = (await console.line()).strip()
        if not wanted:
            return settings
        numbered = {str(number): name for number, name in enumerate(names, 1)}
        if wanted in (*names, *numbered):
            return changed(settings, target=f"{url}/t/{wanted if wanted in names else numbered[wanted]}")


def source_of(settings: WatchSettings) -> Watch:
    """The lab at the address of its control plane; UsageError if that is none."""
    url, where = control_address(settings.target)

    def scenarios(header: "Header") -> "dict[str, Scenario]":
        from lab.cli.recordings import scenarios_of  # after the first paint, as all that reads files

        return scenarios_of(header, settings.scenarios)

    return Watch(where, lambda: reached(url, settings.control), scenarios)


def control_address(target: str) -> tuple[str, str]:
    """The URL of a control plane, and where that is; UsageError if it is none."""
    url = target if "://" in target else f"http://{target}"
    where = _place(url, port_needed=url != target)
    if where is None:
        raise UsageError(
            f"{target} is no address of a control plane.",
            hint="lab serve prints it as control url: http://127.0.0.1:PORT. HOST:PORT will do, too, with /t/NAME, /scenario/NAME or both behind.",
        )
    return url.rstrip("/"), where


@asynccontextmanager
async def reached(url: str, access: ControlAccess) -> "AsyncIterator[ControlClient]":
    """A control plane, its token looked up anew: a lab that starts again has another one."""
    # loaded here, after the first paint: aiohttp alone takes 50 ms
    from lab.client.control import ControlClient
    from lab.files.runtime import token_for

    token = access.token or token_for(url, runtime=access.runtime)
    client = ControlClient(url, token or "none")
    try:
        yield client
    except ProtocolError as error:
        if "401" not in error.what:
            raise
        raise ProtocolError("The control plane answered 401: the token is not its own.", hint=WRONG_TOKEN) from None
    finally:
        await client.close()


def _place(url: str, *, port_needed: bool) -> str | None:
    """The host, the port if one is named, the tenant and the scenario that are chosen; None if this is neither."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    path = parts.path.rstrip("/")
    beyond = (path and not _CHOSEN.fullmatch(path)) or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or beyond or (port_needed and not port):
        return None
    return (f"{host}:{port}" if port else host) + path


async def print_lines(source: Watch, console: Console) -> None:
    """Line mode: what has happened, then what happens; what is wrong with the lab goes to stderr."""
    journal, trouble = JournalState(), ""
    follower = JournalTranscript(console, source.scenario_named)
    console.err(f"Watching {source.where}. Stop with Ctrl-C.")
    async for each in source.observations():
        if isinstance(each, SourceUpdate):
            journal = journal if each.journal is None else each.journal
            for line in (each.remark, source.trouble if source.trouble != trouble else ""):
                if line:
                    console.err(line)
            trouble = source.trouble
        else:
            journal, changed = changes(journal, each)
            follower(changed, journal)
