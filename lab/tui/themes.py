"""The two stage themes, roles to styles, and what becomes of colours on a terminal that has fewer (screen.md §10)."""

from collections.abc import Iterator, Sequence
from functools import cache

from msgspec import Struct
from rich.color import Color as TerminalColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter, Monochrome, NoColor
from textual.theme import Theme

COLOURS: dict[str, dict[str, str]] = {
    "stage-dark": {
        "background": "#0B0F17", "surface": "#151C28", "panel": "#1B2433", "fg": "#F2F5FA", "dim": "#A3AEC0",
        "faint": "#566580", "line": "#2F8A55", "run": "#5CB8FF", "wait": "#FFC247", "done": "#4ADE80",
        "bad": "#FF6B6B", "unknown": "#B39DFF", "accent": "#FF8AD8", "fill": "#0B0F17",
        "tint-run": "#14273A", "tint-wait": "#33290F", "tint-done": "#12291F", "tint-bad": "#331A1E",
        "ink": "#0B0F17", "paper": "#FFFFFF",
    },
    "stage-light": {
        "background": "#FFFFFF", "surface": "#F3F5F9", "panel": "#E4E9F2", "fg": "#0B0F17", "dim": "#4B5566",
        "faint": "#8A96A9", "line": "#4F9E6B", "run": "#0B57D0", "wait": "#8A4B00", "done": "#0A6B2E",
        "bad": "#B00020", "unknown": "#5B3FD1", "accent": "#A4108A", "fill": "#FFFFFF",
        "tint-run": "#E3EDFC", "tint-wait": "#FFF0D6", "tint-done": "#E0F3E6", "tint-bad": "#FCE4E7",
        "ink": "#0B0F17", "paper": "#FFFFFF",
    },
}  # fmt: skip
"""Every colour of the screen by the word that roles use; `ink` on `paper` is dark on light in both, for a QR code."""


_ANSI = {
    "background": "ansi_default", "surface": "ansi_default", "panel": "ansi_default", "fg": "ansi_default",
    "faint": "ansi_bright_black", "line": "ansi_green", "done": "ansi_green", "bad": "ansi_red",
    "unknown": "ansi_magenta", "accent": "ansi_magenta", "tint-run": "ansi_default", "tint-wait": "ansi_default",
    "tint-done": "ansi_default", "tint-bad": "ansi_default", "ink": "ansi_black", "paper": "ansi_bright_white",
}  # fmt: skip
ANSI: dict[str, dict[str, str]] = {
    "ansi-dark": _ANSI | {"dim": "ansi_white", "run": "ansi_bright_blue", "wait": "ansi_yellow", "fill": "ansi_black"},
    "ansi-light": _ANSI | {"dim": "ansi_bright_black", "run": "ansi_blue", "wait": "ansi_yellow", "fill": "ansi_black"},
}
"""The terminal's own sixteen colours, for terminals that have no more: tints fall away, words and signs stay."""
PALETTES = COLOURS | ANSI

GROUNDS = ("background", "surface", "panel", "tint-run", "tint-wait", "tint-done", "tint-bad")
"""What text stands on, but for what is filled."""
_TABLE = """
    background 233 231   surface 235 255   panel 236 254   fill 233 231   ink 233 233   paper 255 231
    fg 255 233   dim 248 240   faint 244 244   line 65 65
    run 75 24   wait 221 58   done 78 22   bad 210 124   unknown 147 55   accent 212 90
    tint-run 236 195   tint-wait 236 230   tint-done 236 194   tint-bad 236 255
""".split()
TABLES = {
    theme: dict(zip(_TABLE[::3], map(int, _TABLE[at::3]), strict=True))
    for at, theme in enumerate(("stage-dark", "stage-light"), 1)
}
"""The same colours for terminals of 256, picked by hand: of WAITING's tint the nearest is a dark red."""


def shade_of(theme: str) -> str:
    """What a person calls a theme: `dark` or `light`, whatever the terminal's colours make of it."""
    return theme.partition("-")[2]


def stage_theme(name: str) -> Theme:
    """The Textual theme of ours with this name."""
    colours = COLOURS[name]
    return Theme(
        name, primary=colours["run"], secondary=colours["unknown"], warning=colours["wait"], error=colours["bad"],
        success=colours["done"], accent=colours["accent"], foreground=colours["fg"], background=colours["background"],
        surface=colours["surface"], panel=colours["panel"], dark=name == "stage-dark",
    )  # fmt: skip


class Styles(Struct):
    """Roles to Rich styles in one theme, each made once."""

    colours: dict[str, str]
    cache: dict[str, Style] = {}
    bare: bool = False
    """Without any colour: what is filled, or turned, is reversed by the terminal."""

    def of(self, role: str) -> Style:
        """The style of a role (rows/spans.py says how roles are written)."""
        style = self.cache.get(role)
        if style is None:
            style = self.cache[role] = self._make(role)
        return style

    def _make(self, role: str) -> Style:
        fore, ground = "fg", "background"
        bold = italic = turned = False
        for word in role.split():
            if word.startswith("@"):
                ground = word[1:].removeprefix("fill-")
            elif word in ("b", "i", "u", "r"):
                bold, italic, turned = bold or word == "b", italic or word == "i", turned or word == "r"
            elif not word.startswith("!"):
                fore = word
        marks = Style(bold=bold or None, italic=italic or None)
        if turned:
            fore, ground = "fill", fore
        filled = "@fill-" in role or (fore == "fill" and ground != "background")
        if self.bare:
            return marks + Style(reverse=filled or None)
        if filled and self.colours in ANSI.values():
            # two of the terminal's own sixteen may be hard to tell apart; one and its background never are
            return marks + Style(color=self._colour(ground), reverse=True)
        return marks + Style(color=self._colour(fore), bgcolor=self._colour(ground))

    def _colour(self, word: str) -> str:
        return Color.parse(self.colours.get(word, self.colours["fg"])).rich_color.name


@cache
def styles_of(theme: str, *, bare: bool) -> Styles:
    """The styles of a theme."""
    return Styles(PALETTES[theme], bare=bare)


# Terminals that have less


class TableColours(LineFilter):
    """Our colours as those of a table of 256; what a widget of Textual's mixed of them, as the nearest of the table."""

    def __init__(self, theme: str) -> None:
        super().__init__()
        colours, table = COLOURS[theme], TABLES[theme]
        self._exact = {Color.parse(colours[word]).rgb: number for word, number in table.items()}
        self._grounds = {self._exact[Color.parse(colours[word]).rgb] for word in GROUNDS}
        self._of = cache(self._table_style)

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in colours of the table."""
        return [Segment(text, self._of(style) if style else style, control) for text, style, control in segments]

    def _table_style(self, style: Style) -> Style:
        return style + Style(color=self._number(style.color, False), bgcolor=self._number(style.bgcolor, True))

    def _number(self, color: TerminalColor | None, ground: bool) -> TerminalColor | None:
        if color is None or (triplet := color.triplet) is None:
            return color
        number = self._exact.get(triplet)
        if number is None:
            # text is never drawn in a ground's colour: it must be read on each
            near = self._grounds if ground else set(self._exact.values()) - self._grounds
            number = min(sorted(near), key=lambda each: _distance(each, triplet))
        return TerminalColor.from_ansi(number)


def _distance(number: int, other: tuple[int, int, int]) -> int:
    return sum((a - b) ** 2 for a, b in zip(TerminalColor.from_ansi(number).get_truecolor(), other, strict=True))


_table_colours = cache(TableColours)


def filters_for(usual: Sequence[LineFilter], theme: str, colour_system: str, *, bare: bool) -> Iterator[LineFilter]:
    """Textual's filters, and what a terminal needs in this theme; `colour_system` is Rich's: `truecolor`, `256`, `standard`.

    NO_COLOR means none, no greys either, which Textual has where the theme isn't the terminal's.
    """
    for each in usual:
        if not isinstance(each, Monochrome | NoColor):
            yield each
        elif bare:
            yield NoColor()
    if colour_system == "256" and theme in TABLES:
        yield _table_colours(theme)
