"""Figures in small block digits: three rows of half-blocks."""

from lab.tui.rows.spans import Row, row

_BITMAPS = {
    "0": "### #.# #.# #.# ###",
    "1": "##. .#. .#. .#. ###",
    "2": "### ..# ### #.. ###",
    "3": "### ..# .## ..# ###",
    "4": "#.# #.# ### ..# ..#",
    "5": "### #.. ### ..# ###",
    "6": "### #.. ### #.# ###",
    "7": "### ..# ..# ..# ..#",
    "8": "### #.# ### #.# ###",
    "9": "### #.# ### ..# ###",
    ".": ". . . . #",
    ":": ". # . # .",
}
"""Five half-rows a character; the sixth is blank."""
_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def figures(text: str, role: str) -> list[Row]:
    """The text in three rows; KeyError for a character that is neither a digit nor `.` nor `:`."""
    lines = ["", "", ""]
    for place, character in enumerate(text):
        half_rows = [*_BITMAPS[character].split(), "." * len(_BITMAPS[character].split()[0])]
        for at in range(3):
            upper, lower = half_rows[2 * at], half_rows[2 * at + 1]
            cells = "".join(_HALVES[a == "#", b == "#"] for a, b in zip(upper, lower, strict=True))
            lines[at] += (" " if place else "") + cells
    return [row((line, role)) for line in lines]
