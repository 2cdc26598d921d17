"""The app: a source, the themes, one screen. `LabApp(source).run()` returns the outcome's document, or None."""

import signal
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from rich.console import RenderableType
from textual.actions import ActionParseResult
from textual.app import App
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.driver import Driver
from textual.events import AppFocus, Event, Resize
from textual.filter import LineFilter
from textual.screen import Screen

from lab.app.effects import Outcome
from lab.clocks import real_millis
from lab.core.clock import Millis
from lab.core.errors import HostError, LabError
from lab.tui.screens.host import PanelSource
from lab.tui.screens.input_queue import InputQueue
from lab.tui.screens.main import MainScreen
from lab.tui.screens.overlays import ListScreen
from lab.tui.screens.rows_widget import SelectingScreen
from lab.tui.state.preferences import ScreenStart
from lab.tui.state.source import ScreenSource
from lab.tui.terminal import lasting, only_changed, picture_of
from lab.tui.themes import COLOURS, Styles, filters_for, shade_of, stage_theme, styles_of


class LabApp(App[Outcome | None]):
    """The screen of `lab demo`, `lab watch` and `lab play`."""

    CSS_PATH = Path(__file__).with_name("lab.tcss")
    TITLE = "Invoke Async Lab"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "ask_to_leave", show=False, priority=True)]
    AUTO_FOCUS = ""
    ESCAPE_TO_MINIMIZE = False

    def __init__(
        self,
        source: ScreenSource,
        start: ScreenStart | None = None,
        *,
        panel: PanelSource | None = None,
    ) -> None:
        super().__init__()
        self.source = source
        self.start = start or ScreenStart()
        self.real_millis: Callable[[], Millis] = real_millis
        self.mark: Callable[[str], object] = lambda label: None
        """Told what the run has come to: in a film a place to jump to."""
        self.panel = panel
        if panel is not None:
            panel.attach(source.answer, source.clock)
        self.failure: LabError | None = None
        """What ended the screen: for `cli` to raise once it is gone."""
        self.bug: Exception | None = None
        """The last bug of ours that the screen lived through."""
        self.input_queue = InputQueue(self, super().on_event, self._handle_exception)
        for name in COLOURS:
            self.register_theme(stage_theme(name))
        self.theme = f"stage-{self.start.preferences.theme or 'dark'}"

    def get_driver_class(self) -> type[Driver]:
        """The terminal's own driver, which outlives its terminal."""
        gone = HostError("The terminal is gone.")
        return lasting(super().get_driver_class(), lambda: self.fail(gone))

    @property
    def can(self) -> frozenset[str]:
        """What can be done here: go to the shell and come back, have others decide elsewhere."""
        suspends = hasattr(signal, "SIGTSTP") and not (self.is_headless or self.is_web)
        found = {"suspend": suspends, "side": self.panel is not None}
        return frozenset(name for name, able in found.items() if able)

    def get_default_screen(self) -> Screen[None]:
        """The one screen; pages lie over it."""
        return MainScreen(self)

    @property
    def main(self) -> MainScreen | None:
        """The screen, whatever page lies over it; None before there is one."""
        screen = self.screen_stack[0] if self.screen_stack else None
        return screen if isinstance(screen, MainScreen) else None

    # Colours

    @property
    def role_styles(self) -> Styles:
        """Roles to styles in the present theme."""
        return styles_of(self.theme, bare=self.no_color)

    @property
    def colour_system(self) -> str:
        """How many colours the terminal has, in Rich's words; all, where there is none."""
        return "truecolor" if self.is_headless else self.console.color_system or "standard"

    def on_mount(self) -> None:
        """A terminal of sixteen colours gets them as they are, not the nearest to ours; so does one that shall show none."""
        if (self.no_color or self.colour_system == "standard") and self.theme in COLOURS:
            self.theme = f"ansi-{shade_of(self.theme)}"

    def turn_theme(self) -> None:
        """Dark for light, light for dark; that is kept."""
        other = "dark" if shade_of(self.theme) == "light" else "light"
        self.theme = self.theme.replace(shade_of(self.theme), other)
        self.keep("theme", other)

    def watch_theme(self) -> None:
        """Rows are in another theme's colours: each widget is drawn anew."""
        for screen in self.screen_stack if self.is_running else ():
            for widget in screen.query("*"):
                widget.refresh()

    def keep(self, name: str, value: str) -> None:
        """Keep another value of a preference for the next start; a remark says why not."""
        if (refused := self.start.keep(name, value)) is not None and self.main is not None:
            self.main.note(refused)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's filters, and those for what the terminal hasn't; that of NO_COLOR only as long as it holds."""
        return tuple(filters_for(super().get_line_filters(), self.theme, self.colour_system, bare=self.no_color))

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if self.main is None or self.main.canvas.places or self.bug:  # before that there is but an empty screen, whole
            super()._display(screen, only_changed(renderable))

    def _set_pointer_shape(self, shape: str) -> None:
        """The pointer stays as it is: in a browser the usual shape would be told to a visitor who has left."""

    # Keys, clicks and commands

    async def on_event(self, event: Event) -> None:
        """Keys and clicks wait for their turn. A terminal that was away may show anything: it is drawn whole.

        The driver tells a size, be it the same, at the start and whenever the lab comes back from the shell.
        """
        if isinstance(event, Resize) or (isinstance(event, AppFocus) and not self.app_focus):
            self.refresh(layout=True)
        if not self.input_queue.takes(event):
            await super().on_event(event)

    @property
    def crash(self) -> Exception | None:
        """The bug that ended the screen: for `cli` to tell of once it is gone."""
        return self._exception

    def panic(self, *renderables: object) -> None:
        """End without a traceback across the terminal."""
        self._close_messages_no_wait()

    _fatal_error = panic

    @contextmanager
    def surviving(self, *but: type[Exception]) -> Iterator[None]:
        """A bug of ours: one red line on the screen, the traceback in the log; the show goes on. `but` these are no bugs."""
        try:
            yield
        except but:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the show
            self.log.error("".join(traceback.format_exception(error)))
            self.bug = error
            if self.main is not None:
                self.main.report_bug(error)

    async def run_action(
        self,
        action: "str | ActionParseResult",
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Every key and click ends here; one that breaks doesn't end the show."""
        with self.surviving():
            return await super().run_action(action, default_namespace, namespaces)
        return True

    def action_command_palette(self) -> None:
        """Every command by its name, over pages too."""
        shows = isinstance(self.screen, ListScreen) and self.screen.page.opener == "ctrl+p"
        if self.main is not None and not shows:
            self.main.open_palette()

    def save_picture(self) -> str:
        """Save the screen as SVG, in a browser as its download; where it lies."""
        if self.is_web:
            self.deliver_screenshot()
            return "The browser gets the picture."
        from platformdirs import user_downloads_path

        from lab.files.artifacts import write_picture

        folders = [folder for folder in (user_downloads_path(), Path.cwd()) if folder.is_dir()]
        path = write_picture(picture_of(self), folders)
        # the narration is one row: a name must not be lost behind its folder
        return f"Saved as {path}." if path.parent != Path.cwd() else f"Saved here as {path.name}."

    # The end

    def fail(self, error: LabError) -> None:
        """End the screen: the surroundings fail."""
        self.failure = error
        self.exit(None)

    async def action_quit(self) -> None:
        """Textual's own ctrl+q, on every screen."""
        self.leave()

    def action_ask_to_leave(self) -> None:
        """Copy what is selected; else leave what lies over the panes, and ask there whether to end."""
        if isinstance(self.screen, SelectingScreen) and self.screen.copy_selection():
            return
        self._ask_on_panes()

    def _ask_on_panes(self) -> None:
        if len(self.screen_stack) > 1:
            self.screen.call_later(self._leave_page)  # in its turn: it may not be mounted yet
        elif self.main is not None:
            self.main.action_press("quit-asks")

    def _leave_page(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()
        self._ask_on_panes()

    def leave(self) -> None:
        """End because the person says so."""
        self.exit(self.source.outcome)
