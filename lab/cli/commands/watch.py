"""`lab watch`: a lab that somebody else's client is calling, on the screen or as lines."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from lab.cli.called_servers import control_address, reached
from lab.cli.command_settings import WatchSettings
from lab.cli.console import Console
from lab.cli.loop import Stop, complete
from lab.cli.run.transcript import JournalTranscript
from lab.cli.signals import Interrupted
from lab.control import ListTenants
from lab.core.errors import LabError
from lab.options import changed
from lab.tui.sources.watch import Watch
from lab.tui.state.journal import JournalState, SourceUpdate, changes

if TYPE_CHECKING:
    from lab.program.scenario import Scenario
    from lab.recording.format.lines import Header

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
            from lab.cli.screen import screen_start, show_screen

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
