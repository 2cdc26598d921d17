"""What becomes of a drawn line on a terminal that has less: fewer colours, or none at all."""

from collections.abc import Iterator, Sequence
from functools import cache

from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as TextualColor
from textual.filter import LineFilter, Monochrome, NoColor

from lab.tui.themes import COLOURS, GROUNDS, TABLES


def filters_for(theme: str, colour_system: str) -> tuple[LineFilter, ...]:
    """What a terminal needs in this theme; `colour_system` is Rich's: `truecolor`, `256`, `standard`."""
    return (TableColours(theme),) if colour_system == "256" and theme in TABLES else ()


def colour_filters(filters: Sequence[LineFilter], *, bare: bool) -> Iterator[LineFilter]:
    """Textual's filters. NO_COLOR means none, no greys either, which Textual has where the theme isn't the terminal's."""
    for each in filters:
        if not isinstance(each, Monochrome | NoColor):
            yield each
        elif bare:
            yield NoColor()


class TableColours(LineFilter):
    """Our colours as those of a table of 256; what a widget of Textual's mixed of them, as the nearest of the table."""

    def __init__(self, theme: str) -> None:
        super().__init__()
        colours, table = COLOURS[theme], TABLES[theme]
        self._exact = {TextualColor.parse(colours[word]).rgb: number for word, number in table.items()}
        self._grounds = {self._exact[TextualColor.parse(colours[word]).rgb] for word in GROUNDS}
        self._of = cache(self._table_style)

    def apply(self, segments: list[Segment], background: TextualColor) -> list[Segment]:
        """The segments in colours of the table."""
        return [Segment(text, self._of(style) if style else style, control) for text, style, control in segments]

    def _table_style(self, style: Style) -> Style:
        return style + Style(color=self._number(style.color, False), bgcolor=self._number(style.bgcolor, True))

    def _number(self, color: Color | None, ground: bool) -> Color | None:
        if color is None or color.triplet is None:
            return color
        number = self._exact.get(color.triplet)
        if number is None:
            # text is never drawn in a ground's colour: it must be read on each
            near = self._grounds if ground else set(self._exact.values()) - self._grounds
            number = min(sorted(near), key=lambda each: _distance(_rgb(each), color.triplet))
        return Color.from_ansi(number)


def _rgb(number: int) -> ColorTriplet:
    return Color.from_ansi(number).get_truecolor()


def _distance(one: ColorTriplet, other: ColorTriplet | None) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other or one, strict=True))
