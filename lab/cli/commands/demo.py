"""`lab demo`: one run on the screen, or as lines where there is no terminal."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.loop import Stop, complete
from lab.cli.panels import GivenPanel, panel_given
from lab.cli.run.apps import app_for_peer, app_of, transport_to
from lab.cli.run_settings import USUAL_APP, AppSettings, DemoSettings, Peer
from lab.cli.setup import (
    Setup,
    load_folder,
    load_named,
    make_clock,
    make_setup,
    own_seed,
    with_others,
    with_plugins,
)
from lab.cli.signals import block_ctrl_c
from lab.clocks import ScaledClock
from lab.core.errors import UsageError
from lab.core.journal.fact import ClockScaled
from lab.options import changed
from lab.program.scenario import Scenario

if TYPE_CHECKING:
    from lab.cli.serve.serving import Serving
    from lab.tui.sources.live import Live
    from lab.tui.sources.protocol import Playable, RunConnection


def execute(settings: DemoSettings, console: Console) -> int:
    """The screen on a terminal that can show it, else a transcript."""
    panel, environment = panel_given(settings), settings.environment
    if environment.browser:  # a terminal sends Ctrl-C to all, and the page itself lets its visitors go
        block_ctrl_c()
    screen = environment.browser or (console.terminal and not environment.dumb)
    if settings.screen.plain or settings.json or settings.mock.clock.instant or not screen:
        if panel is not None:
            raise UsageError(f"{panel.option} is of the screen, and here is none.", hint="Leave it out.")
        from lab.cli.run_lines import run_as_lines  # the screen needs nothing of it

        by_line = (
            console.terminal and settings.mock.reviewer is None and not (settings.json or settings.mock.clock.instant)
        )
        mock = changed(settings.mock, reviewer="person") if by_line else settings.mock
        return run_as_lines(changed(settings, mock=mock), console)
    if settings.peer is not None:
        if panel is not None:
            hint = "Leave it out: whoever decides there has a page of their own."
            raise UsageError(
                f"{panel.option} decides in the lab's own mock, and --base calls another server.", hint=hint
            )
        return show_peer(settings, settings.peer, console)
    return show_mock(settings, console, panel)


def show_mock(settings: DemoSettings, console: Console, panel: GivenPanel | None) -> int:
    """The screen over the embedded mock; a person reviews unless the script is asked for."""
    from lab.cli.screen import screen_start, show_screen

    clock = settings.mock.clock
    if clock.kind == "manual":
        raise UsageError("The screen moves its clock itself.", hint="Use --speed, or the keys + and -.")
    start = screen_start(settings.screen, console)
    # The screen pauses and paces the clock, so it is a scaled one even at the wall's pace.
    mock = changed(settings.mock, clock=replace(clock, kind="scaled"))
    setup = with_plugins(make_setup(mock, reviewer="person"), "demo", settings.additions)

    async def work(stop: Stop) -> int:
        async with LiveDemo(setup, console, stop, app=settings.app) as demo:
            beside = None if panel is None else await demo.enter_async_context(panel.open(setup))
            await show_screen(demo.source(), stop, console, start, beside)
        for remark in demo.remarks:  # the screen had the terminal until now
            console.err(remark)
        return demo.mock.exit_code if demo.mock is not None else 0

    return complete(work)


class LiveDemo(AsyncExitStack):
    """A run on the screen over the lab's own mock.

    The mock starts after the first paint. It stops when the demo is left, for the screen's workers may be cut off before.
    """

    def __init__(self, setup: Setup, console: Console, stop: Stop, *, app: AppSettings = USUAL_APP) -> None:
        super().__init__()
        self._app = app
        self._settings = setup.settings
        self.setup = setup
        self._console = console
        self._stop = stop
        self.mock: Serving | None = None
        """Once it was started."""
        self.remarks: list[str] = []
        """What there is to say of the scenario once the screen has gone."""

    def source(self) -> "Live":
        """What the screen shows."""
        from lab.tui.sources.live import Live

        clock = self.setup.clock
        assert isinstance(clock, ScaledClock)
        first = self.playable(self.setup.scenario)
        return Live(first, self.connect, clock, recording=self._settings.record is not None)

    def playable(self, scenario: Scenario) -> "Playable":
        """A scenario as it is played; a tape's header has one seed for all."""
        from lab.tui.sources.protocol import Playable

        config, recording = self.setup.config, self._settings.record is not None
        seed = config.seed if recording else own_seed(self._settings, config, scenario)
        return Playable(app_of(config, scenario, self._app), scenario, seed)

    @asynccontextmanager
    async def connect(self) -> "AsyncIterator[RunConnection]":
        """Start the mock, with all scenarios of the folder; what a run needs of it."""
        from lab.cli.serve.hints import failed_texts
        from lab.cli.serve.serving import Serving
        from lab.client.control import ControlClient
        from lab.client.transport import HttpTransport
        from lab.tui.sources.protocol import OwnMock, Playable, RunConnection
        from lab.tui.state.screen import ScenarioChoice

        more, broken = load_folder(self._settings.scenarios)
        setup = self.setup = with_others(self.setup, more)
        mock = self.mock = await self.enter_async_context(Serving(setup, self._console, self._stop))
        mock.service.unwritten.append(failed_texts(self.remarks.append))
        transport = HttpTransport(mock.base_url, mock.token_url)
        control = ControlClient(mock.control_url, mock.control_token)
        self.push_async_callback(transport.close)
        self.push_async_callback(control.close)
        mock.server.is_ours = transport.calls_from

        def paced(factor: str) -> None:
            """The tape has every pace that the screen gives the clock."""
            mock.service.note(ClockScaled(at=setup.clock.now(), by="control", factor=factor))

        def follow(name: str) -> Playable:
            """Has the mock follow the scenario that was chosen; as it is played then."""
            scenario = next(each.scenario for each in setup.config.scenarios if each.name == name)
            config = mock.recast(name, own_seed(self._settings, setup.config, scenario))
            return Playable(app_of(config, scenario, self._app), scenario, config.seed)

        def dead() -> str | None:
            return mock.recorder.tape.dead if mock.recorder.tape is not None else None

        choices = [self.playable(each.scenario).choice for each in setup.config.scenarios]
        choices += [
            ScenarioChoice(name, "does not load", complaints=tuple(map(str, error.complaints)))
            for name, error in broken.items()
        ]
        yield RunConnection(
            transport, mock.base_url, mock.token_url, OwnMock(control, follow, tuple(choices), paced, dead)
        )


def show_peer(settings: DemoSettings, peer: Peer, console: Console) -> int:
    """The screen over another server: no control plane, so the clock can't be set."""
    from lab.cli.screen import screen_start, show_screen
    from lab.cli.tapes.capture_tape import recorded_peer
    from lab.tui.sources.live import PodRun
    from lab.tui.sources.protocol import Playable, RunConnection

    start = screen_start(settings.screen, console)
    mock, pod = settings.mock, urlsplit(peer.base).hostname or peer.base
    scenario, clock = load_named(mock)[0].scenario, make_clock(mock.clock)

    async def work(stop: Stop) -> int:
        @asynccontextmanager
        async def connect() -> AsyncIterator[RunConnection]:
            transport = recorded.over(transport_to(peer))
            try:
                yield RunConnection(transport, peer.base, peer.token_url)
            finally:
                await transport.close()

        playable = Playable(app_for_peer(scenario, peer, settings.app), scenario)
        with recorded_peer(mock, peer, clock, console, stop) as recorded:
            source = PodRun(playable, connect, clock, f"POD {pod}", recording=mock.record is not None)
            await show_screen(source, stop, console, start)
        return recorded.exit_code

    return complete(work)
