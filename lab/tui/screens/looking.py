"""What is looked at on the stage, and how: nothing here asks the source for anything."""

from dataclasses import replace

from textual import on

from lab.tui.panes.message import suggestions
from lab.tui.screens.following import FollowingScreen
from lab.tui.screens.part import Scrolled

OTHER = {
    "stage-dark": "stage-light", "stage-light": "stage-dark", "ansi-dark": "ansi-light", "ansi-light": "ansi-dark",
}  # fmt: skip
"""The theme that `t` changes to."""


class LookingScreen(FollowingScreen):
    """The stage with the keys that change the look alone."""

    def _choose(self, **changes: object) -> None:
        look = replace(self.scene.look, **{"said": "", **changes})  # type: ignore[arg-type]
        if look.job != self.scene.look.job:
            self.scene = replace(self.scene, look=look)
        self._set(replace(self.scene, stage=self._stage(), show=self._show(), look=look))

    def action_turn(self, by: int) -> None:
        """Look at the turn before, or after; of a journal at another job."""
        if self.scene.show.follows:
            self.look_at_job(by)
            return
        turns = self.scene.turns
        turn = max(1, min(turns, (self.scene.look.turn or turns) + by))
        self.parts["output"].top = 0
        self._choose(turn=0 if turn == turns else turn)

    def action_output_view(self) -> None:
        """Rendered, raw, the whole body, and round again."""
        order = ("rendered", "raw", "body")
        self.parts["output"].top = 0
        self._choose(output=order[(order.index(self.scene.look.output) + 1) % 3])

    def action_wire(self) -> None:
        """Open or close the drawer."""
        opened = not self.scene.look.wire
        self.parts["wire"].top = 0
        self._choose(wire=opened, zoom="", focus="wire" if opened else "")

    def action_full_wire(self) -> None:
        """The drawer over all panes, and back."""
        full = self.scene.look.zoom != "wire"
        self._choose(zoom="wire" if full else "", focus="wire" if full or self.scene.look.wire else "")

    def action_focus_pane(self, pane: str) -> None:
        """Look at a pane; once more: look away."""
        if pane == "wire":
            # never away: who presses 5 after w wants the drawer that w opened
            self._choose(wire=True, focus="wire", zoom="wire" if self.scene.look.zoom not in ("", "wire") else "")
            return
        focus = "" if self.scene.look.focus == pane else pane
        zoom = pane if self.scene.look.zoom and focus else ""
        self._choose(focus=focus, zoom=zoom)

    def action_zoom(self) -> None:
        """All the room for the pane in focus, and back."""
        self._choose(zoom="" if self.scene.look.zoom else self._in_focus())

    def _in_focus(self) -> str:
        return self.scene.look.focus or ("wire" if self.scene.look.wire else "output")

    def action_scroll(self, by: int) -> None:
        """Scroll the pane in focus; in the message row, the next suggestion."""
        if self.scene.look.typing:
            self._suggest(by)
        else:
            self._scroll(self._in_focus(), by)

    def _suggest(self, by: int) -> None:
        offered, field = suggestions(self.scene), self._input()
        if self.scene.look.typing == "message" and offered:
            at = offered.index(field.value) + by if field.value in offered else 0
            field.value = offered[at % len(offered)]
            field.cursor_position = len(field.value)

    def _scroll(self, pane: str, by: int) -> None:
        part = self.parts[pane]
        most = max(0, len(self.scene.stage.calls) - 1 if pane == "wire" else 4_000)
        part.top = max(0, min(most, part.top + (-by if pane == "wire" else by)))
        self.refresh_parts()

    def action_back(self) -> None:
        """Leave the input row, the maximised pane, the focus, the drawer: the innermost first."""
        look = self.scene.look
        if look.typing:
            self._choose(typing="")
        elif look.zoom:
            self._choose(zoom="")
        elif look.focus and not (look.focus == "wire" and look.wire):
            self._choose(focus="")
        else:
            self._choose(wire=False, focus="")

    def action_presenter(self) -> None:
        """One thing at a time, in large, and back."""
        self._choose(presenter=not self.scene.look.presenter, zoom="")

    def action_theme(self) -> None:
        """Dark stage, light stage."""
        self.lab.theme = OTHER.get(self.lab.theme, "stage-dark")

    @on(Scrolled)
    def scroll_part(self, told: Scrolled) -> None:
        """The wheel scrolls the pane under it."""
        if told.part in ("output", "wire"):
            self._scroll(told.part, told.by)
