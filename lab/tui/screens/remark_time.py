"""How long a remark has the narration's place: counted in real time, whatever the lab's clock does."""

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.tui.screens.host import Host
from lab.tui.state.screen import UiState

SHOWS: Millis = 3_000
"""Real milliseconds for which a remark shows, if no key is pressed before."""


class RemarkTime:
    """When the remark that shows came. What is wrong at the start of the screen stands until a key is pressed."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._since: Millis = 0

    def note(self, before: UiState, after: UiState) -> None:
        """The person's choice has changed: another remark has its time from now on."""
        if before.remark != after.remark:
            self._since = self._host.real_millis()

    def timed(self, ui: UiState) -> UiState:
        """The choice without a remark that has had its time."""
        stays = not ui.remark or ui.remark == self._host.start.notice
        return ui if stays or self._host.real_millis() - self._since < SHOWS else replace(ui, remark="")
