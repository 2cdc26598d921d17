"""What goes to a terminal, and what is left of the screen beside it.

A terminal may be taken away. Textual's writer thread would end at the first failed write, its queue would fill,
and the loop would wait for room in it for ever: no key, no signal would end the lab any more."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rich.console import RenderableType
from textual._compositor import ChopsUpdate
from textual.app import App
from textual.driver import Driver
from textual.strip import Strip


class LastingFile:
    """A file that takes writes for ever: once one fails, `gone` is called, and the rest is dropped."""

    def __init__(self, file: Any, gone: Callable[[], object]) -> None:
        self._file = file
        self._gone = gone
        self._lost = False

    def write(self, text: str) -> None:
        """Write, as long as somebody is there."""
        self._attempt(lambda: self._file.write(text))

    def flush(self) -> None:
        """Flush, as long as somebody is there."""
        self._attempt(self._file.flush)

    def __getattr__(self, name: str) -> Any:
        """All else is the file's own."""
        return getattr(self._file, name)

    def _attempt(self, act: Callable[[], object]) -> None:
        if self._lost:
            return
        try:
            act()
        except (OSError, ValueError):
            self._lost = True
            self._gone()


def only_changed(update: RenderableType | None) -> RenderableType | None:
    """Of an update of some rows what changed of each, and nothing of what stands before it, which Textual 8.2 sends too.

    That is four fifths of all that a terminal is sent; no public face of Textual's tells which cells an update is of.
    """
    if not isinstance(update, ChopsUpdate):
        return update
    chops: list[dict[int, Strip | None]] = [{} for _ in update.chops]
    ends: list[list[int]] = [[] for _ in update.chops]
    for y, first, last in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            begin, stop = max(x, first), min(end, last)
            if strip is not None and begin < stop:
                chops[y][begin] = strip.crop(begin - x, stop - x)
                ends[y].append(stop)
    return ChopsUpdate(chops, update.spans, ends)


def lasting(base: type[Driver], gone: Callable[[], object]) -> type[Driver]:
    """The driver, which outlives its terminal: `gone` is called on the loop when that is lost."""

    class Outliving(base):  # type: ignore[valid-type,misc]  # a class made for one app
        _file: Any

        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            if hasattr(self, "_file"):
                self._file = LastingFile(self._file, self._tell)

        def _tell(self) -> None:
            with suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(gone)

    return Outliving


_FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)
"""What Textual would have fetched from another host."""


def picture_of(app: App[Any]) -> str:
    """What the screen shows now, as an SVG that loads nothing: whoever looks at it has a monospace font of their own."""
    # Without `preserve` some renderers drop the blanks at both ends of a text, and borders drift.
    return _FONTS.sub("", app.export_screenshot()).replace("<text ", '<text xml:space="preserve" ')
