"""`lab watch`: a lab that somebody else's client is calling, on the screen or as lines."""

import re
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from lab.cli.console import Console, Interrupted
from lab.cli.following import JournalTranscript
from lab.cli.loop import Stop, complete
from lab.core.errors import UsageError
from lab.settings import Settings
from lab.tui.sources.watch import Watch, WatchedControl
from lab.tui.state.follow import steps
from lab.tui.state.journal import JournalState, SourceUpdate

if TYPE_CHECKING:
    from lab.tui.sources import ScreenSource


_HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
"""A name or an address, IPv6 too."""


def execute(asked: Settings, console: Console) -> int:
    """The screen on a terminal that can show it, else lines; stopping it is its end, so 0."""
    source = source_of(asked)
    plain = asked.plain or asked.dumb or not console.terminal

    async def work(stop: Stop) -> int:
        if plain:
            await told(source, console)
        else:
            await on_screen(source, stop, console)
        return 0

    with suppress(Interrupted):
        return complete(work)
    return 0


def source_of(asked: Settings) -> Watch:
    """The lab at the address of its control plane; UsageError if that is none."""
    (target,) = asked.targets
    url = target if "://" in target else f"http://{target}"
    where = _place(url, port_needed=url != target)
    if where is None:
        raise UsageError(
            f"{target} is no address of a control plane.",
            hint="lab serve prints it as control url: http://127.0.0.1:PORT. HOST:PORT will do, too.",
        )

    def reach() -> AbstractAsyncContextManager[WatchedControl]:
        # loaded here, after the first paint: aiohttp alone takes 50 ms
        from lab.cli.watching import reached

        return reached(url.rstrip("/"), asked)

    return Watch(where, reach)


def _place(url: str, *, port_needed: bool) -> str | None:
    """The host, and the port if one is named; None if this is no origin."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    beyond = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or beyond or (port_needed and not port):
        return None
    return f"{host}:{port}" if port else host


async def on_screen(source: Watch, stop: Stop, console: Console) -> None:
    """The screen until the person quits."""
    from lab.cli.commands.demo import shown
    from lab.tui.app import LabApp

    # The protocol asks for attributes where the source has properties; nobody sets them.
    await shown(LabApp(cast("ScreenSource", source)), stop, console)


async def told(source: Watch, console: Console) -> None:
    """Line mode: what has happened, then what happens; what is wrong with the lab goes to stderr."""
    jobs, trouble = JournalState(), ""
    follower = JournalTranscript(console, source.told)
    console.err(f"Watching {source.where}. Stop with Ctrl-C.")
    async for each in source.observations():
        if isinstance(each, SourceUpdate):
            jobs = jobs if each.jobs is None else each.jobs
            for line in (each.said, source.trouble if source.trouble != trouble else ""):
                if line:
                    console.err(line)
            trouble = source.trouble
        else:
            jobs, way = steps(jobs, each)
            follower(way, jobs)
