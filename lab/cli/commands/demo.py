"""`lab demo`: one run on the screen, or as lines where there is no terminal."""

import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import cast as typed
from urllib.parse import urlsplit

from lab.cli.console import SIGNALS, Console, Interrupted
from lab.cli.loop import Stop, complete
from lab.cli.setup import Setup, app_for_peer, app_of, clock_of, load, others, own_seed, world
from lab.clocks import AnyClock
from lab.core.errors import UsageError
from lab.settings import Peer, Settings

if TYPE_CHECKING:
    from lab.cli.embedded_mock import EmbeddedMock
    from lab.tui.app import LabApp
    from lab.tui.cast import Cast
    from lab.tui.sources import Connect, Live, Playable, RunConnection, ScreenSource


def execute(asked: Settings, console: Console) -> int:
    """The screen on a terminal that can show it, else a transcript."""
    if asked.web is not None:
        return in_browser(asked, console)
    seen = asked.browser or (console.terminal and not asked.dumb)
    if asked.plain or asked.json or asked.instant or not seen:
        if asked.cast is not None:
            raise UsageError("--cast films the screen, and here is none.", hint="lab show FILE --as cast needs none.")
        from lab.cli.commands.run import execute as run

        return run(asked, console)
    if asked.peer is not None:
        return on_pod(asked, asked.peer, console)
    return on_mock(asked, console)


def in_browser(asked: Settings, console: Console) -> int:
    """The page; each visitor's process is this command without `--web`."""
    from lab.cli.web import execute as serve

    taken = (("--port", asked.port or None), ("--control-port", asked.control_port or None))
    for option, given in (("--record", asked.record), ("--cast", asked.cast), *taken):
        if given is not None:
            raise UsageError(f"{option} can't be used with --web: each visitor has a run of their own.")
    return serve(asked, console)


def on_mock(asked: Settings, console: Console) -> int:
    """The screen over the embedded mock; a person reviews unless the script is asked for."""
    # The screen pauses and paces the clock, so it is a scaled one even at the wall's pace.
    if asked.clock == "manual":
        raise UsageError("The screen moves its clock itself.", hint="Use --speed, or the keys + and -.")
    asked = replace(asked, clock="scaled")
    more, broken = others(asked)
    made = world(asked, reviewer="person", more=more)
    unloaded = {name: tuple(map(str, error.complaints)) for name, error in broken.items()}

    async def work(stop: Stop) -> int:
        served: list[EmbeddedMock] = []
        async with AsyncExitStack() as stack:
            cast = stack.enter_context(casting(asked, made.clock, made.config.scenarios[0].scenario.title, console))
            connect = connecting(asked, made, console, stop, stack, served)
            app = screen(acts_of(asked, made), connect, made, asked, unloaded, cast)
            await shown(app, stop, console)
        return served[0].dead if served else 0

    return complete(work)


def on_pod(asked: Settings, peer: Peer, console: Console) -> int:
    """The screen over another server: no control plane, so the clock can't be set."""
    if asked.record is not None:
        raise UsageError("--record tapes the lab's own mock; it can't be used with --base.")
    from lab.tui.sources import Live, Playable, RunConnection

    scenario = load(asked)[0].scenario

    @asynccontextmanager
    async def connect() -> AsyncIterator[RunConnection]:
        from lab.client.transport import HttpTransport

        transport = HttpTransport(peer.base, peer.token_url)
        try:
            yield RunConnection(transport, None, peer.base, peer.token_url)
        finally:
            await transport.close()

    async def work(stop: Stop) -> int:
        act = Playable(app_for_peer(scenario, peer), scenario=scenario)
        pill = f"POD {urlsplit(peer.base).hostname}"
        clock = clock_of(asked)
        with casting(asked, clock, scenario.title, console) as cast:
            live = Live((act,), connect, clock, pill=pill, scaled=False)
            await shown(app_showing(live, cast), stop, console)
        return 0

    return complete(work)


def acts_of(asked: Settings, made: Setup) -> "tuple[Playable, ...]":
    """What the picker offers, the scenario asked for first; a tape's header has one seed for all."""
    from lab.tui.sources import Playable

    config, told = made.config, [each.scenario for each in made.config.scenarios]
    seeds = [config.seed if asked.record else own_seed(asked, config, each) for each in told]
    return tuple(
        Playable(app_of(config, each), seed=seed, scenario=each) for each, seed in zip(told, seeds, strict=True)
    )


def following(asked: Settings, made: Setup, mock: "EmbeddedMock") -> "Callable[[str], Playable]":
    """Has the mock follow the scenario that was chosen; the act as it is played then."""
    from lab.tui.sources import Playable

    def follow(name: str) -> Playable:
        scenario = next(each.scenario for each in made.config.scenarios if each.name == name)
        config = mock.recast(name, own_seed(asked, made.config, scenario))
        return Playable(app_of(config, scenario), seed=config.seed, scenario=scenario)

    return follow


@contextmanager
def casting(asked: Settings, clock: AnyClock, title: str, console: Console) -> "Iterator[Cast | None]":
    """The cast asked for, or None; a dead one is told of once the screen is gone."""
    if asked.cast is None:
        yield None
        return
    from lab.files import TapeFile, cast_path
    from lab.tui.cast import Cast

    file = TapeFile(cast_path(asked.cast), force=asked.force)
    cast = Cast(file.write, clock.now, title)
    try:
        yield cast
    finally:
        file.close()
        console.err(f"lab: {cast.dead}" if cast.dead is not None else f"cast {file.path}")


def screen(
    acts: "tuple[Playable, ...]",
    connect: "Connect",
    made: Setup,
    asked: Settings,
    unloaded: Mapping[str, tuple[str, ...]] | None = None,
    cast: "Cast | None" = None,
) -> "LabApp":
    """The app, ready to paint."""
    from lab.tui.sources import Live

    recording = asked.record is not None
    live = Live(acts, connect, made.clock, factor=asked.factor, recording=recording, unloaded=unloaded)
    return app_showing(live, cast)


def app_showing(live: "Live", cast: "Cast | None" = None) -> "LabApp":
    """The app for a source."""
    from lab.tui.app import LabApp

    # The protocol asks for attributes where Live has properties; nobody sets them.
    return LabApp(typed("ScreenSource", live), cast=cast)


def connecting(
    asked: Settings, made: Setup, console: Console, stop: Stop, stack: AsyncExitStack, served: "list[EmbeddedMock]"
) -> "Connect":
    """Starts the mock after the first paint. `stack` stops it: the screen's workers may be cut off before."""

    @asynccontextmanager
    async def connect() -> "AsyncIterator[RunConnection]":
        from lab.cli.embedded_mock import embedded
        from lab.cli.steering import Steering
        from lab.client.control import ControlClient
        from lab.client.transport import HttpTransport
        from lab.tui.sources import RunConnection

        mock = await stack.enter_async_context(embedded(asked, made, console, stop))
        served.append(mock)
        transport = HttpTransport(mock.base_url, mock.token_url)
        control = ControlClient(mock.control_url, mock.control_token)
        stack.push_async_callback(transport.close)
        stack.push_async_callback(control.close)
        follow = following(asked, made, mock)
        yield RunConnection(transport, Steering(control, replies=False), mock.base_url, mock.token_url, follow)

    return connect


async def shown(app: "LabApp", stop: Stop, console: Console) -> None:
    """Show the screen until the person quits or a signal comes; then the outcome goes to stdout."""
    import asyncio
    import logging

    # What libraries log would be written across the screen.
    logging.getLogger().addHandler(logging.NullHandler())

    def leave(reason: str) -> None:
        # Cancelling would leave the terminal as the screen had it.
        stop.reason = reason
        app.exit(None)

    loop = asyncio.get_running_loop()
    # A terminal that is gone ends the lab as SIGTERM would: the tape gets its footer.
    for number, reason in {**SIGNALS, signal.SIGHUP: "sigterm"}.items():
        loop.add_signal_handler(number, leave, reason)
    document = await app.run_async()
    if app.failure is not None:
        raise app.failure
    if stop.reason is not None:
        raise Interrupted(stop.reason)
    if document is not None and not app.is_web:
        console.json(document)
