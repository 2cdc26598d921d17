"""What a terminal is sent, written down as an asciicast v2. Times are the lab's, so a paused lab adds no waiting."""

import json
import re
from collections.abc import Callable

from textual.driver import Driver

from lab.core.clock import Millis
from lab.core.exchange import Json

Put = Callable[[bytes], object]
"""Takes a line."""
_ASKED = re.compile(
    r"\x1b\]52;[^\x07]*\x07|\x1b\[(?:\?(?:1000|1003|1004|1006|1015|2004|2026|2048)(?:[hl]|\$p)|[<>][0-9]*u)"
)
"""Queries, modes in which a terminal reports keys, clicks and sizes, and what was copied: a viewer's clipboard is theirs."""


IDLE = 5
"""Seconds beyond which a player may cut a silence short."""


class Cast:
    """An asciicast v2 (docs.asciinema.org/manual/asciicast/v2): a header, then `[seconds, code, data]` a line."""

    def __init__(self, put: Put, now: Callable[[], Millis], title: str) -> None:
        self._put = put
        self._now = now
        self._title = title
        self._last: Millis = 0
        self._origin: Millis | None = None
        self._size = 0, 0
        self.dead: str | None = None
        """Why nothing more is written; the show goes on."""

    def begin(self, width: int, height: int) -> None:
        """The header; the cast's time begins now. A screen that comes back from the shell goes on with it."""
        if self._origin is not None:
            self.resized(width, height)
            return
        self._origin, self._size = self._now(), (width, height)
        head: Json = {
            "version": 2, "width": width, "height": height, "idle_time_limit": IDLE, "title": self._title,
            "env": {"TERM": "xterm-256color"},
        }  # fmt: skip
        self._line(head)

    def output(self, data: str) -> None:
        """What the terminal is sent; what it is asked is left out, for a player's terminal would answer it."""
        if data := _ASKED.sub("", data):
            self._event("o", data)

    def resized(self, width: int, height: int) -> None:
        """The terminal has this size from here on."""
        if (width, height) != self._size:
            self._size = width, height
            self._event("r", f"{width}x{height}")

    def mark(self, label: str) -> None:
        """A place to jump to."""
        self._event("m", label)

    def _event(self, code: str, data: str) -> None:
        if self._origin is None:
            return
        self._last = max(self._last, self._now() - self._origin)
        self._line([self._last / 1000, code, data])

    def _line(self, value: Json) -> None:
        if self.dead is not None:
            return
        try:
            self._put(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n")
        except OSError as fault:
            self.dead = f"The cast can't be written: {fault.strerror or fault}."


def teed(base: type[Driver], cast: Cast) -> type[Driver]:
    """The driver, with all that it writes going into the cast too."""

    class Teed(base):  # type: ignore[valid-type,misc]  # a class made for one cast
        def start_application_mode(self) -> None:
            width, height = self._get_terminal_size()
            cast.begin(width, height)
            super().start_application_mode()

        def write(self, data: str) -> None:
            cast.resized(*self._app.size)
            cast.output(data)
            super().write(data)

    return Teed
