"""The app: a source, the themes, one stage. `LabApp(source).run()` returns the outcome's document, or None."""

from pathlib import Path
from typing import ClassVar

from textual.app import App
from textual.binding import BindingType
from textual.screen import Screen

from lab.core.errors import LabError
from lab.core.exchange import Json
from lab.tui.screens.stage import StageScreen
from lab.tui.sources import Source
from lab.tui.themes import COLOURS, Styles, stage_theme, styles_of

Document = dict[str, Json]


class LabApp(App[Document | None]):
    """The screen of `lab demo`."""

    CSS_PATH = Path(__file__).with_name("lab.tcss")
    TITLE = "Invoke Async Lab"
    BINDINGS: ClassVar[list[BindingType]] = []
    AUTO_FOCUS = ""
    ESCAPE_TO_MINIMIZE = False

    def __init__(self, source: Source, *, light: bool = False) -> None:
        super().__init__()
        self.source = source
        self.failure: LabError | None = None
        """What ended the screen: for `cli` to raise once it is gone."""
        self.bug: Exception | None = None
        """The last bug of ours that the screen lived through."""
        for name in COLOURS:
            self.register_theme(stage_theme(name))
        self.theme = "stage-light" if light else "stage-dark"
        self._styles_of: tuple[str, Styles] | None = None

    @property
    def styles_now(self) -> Styles:
        """Roles to styles in the present theme."""
        if self._styles_of is None or self._styles_of[0] != self.theme:
            self._styles_of = (self.theme, styles_of(self.theme, self.theme_variables))
        return self._styles_of[1]

    def on_mount(self) -> None:
        """A terminal of sixteen colours gets them as they are, not the nearest to ours."""
        if self.console.color_system == "standard" and not self.is_headless:
            self.theme = "ansi-light" if self.theme == "stage-light" else "ansi-dark"

    def get_default_screen(self) -> Screen[None]:
        """The stage."""
        return StageScreen()

    def _watch_theme(self, theme_name: str) -> None:
        super()._watch_theme(theme_name)
        for screen in self.screen_stack if self.is_running else ():
            for widget in screen.query("*"):
                widget.refresh()

    def fail(self, error: LabError) -> None:
        """End the screen: the surroundings fail."""
        self.failure = error
        self.exit(None)

    async def action_quit(self) -> None:
        """Textual's own ctrl+q, on every screen."""
        self.leave()

    def leave(self) -> None:
        """End because the person says so."""
        outcome = self.source.outcome
        self.exit(outcome.document() if outcome is not None else None)
