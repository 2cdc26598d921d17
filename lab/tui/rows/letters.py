"""Block letters: one bitmap of seven rows, scaled, in half-cells, upper case: for what is read from the back of a room."""

import re
from functools import lru_cache

from lab.tui.rows.spans import BLANK, Row, ink, row
from lab.tui.state.ink import Ink

_BITS = """
A    B    C    D    E    F    G    H    I J    K    L    M     N    O    P    Q    R    S    T
.##. ###. .##. ###. #### #### .##. #..# # ...# #..# #... #...# #..# .##. ###. .##. ###. .### #####
#..# #..# #..# #..# #... #... #..# #..# # ...# #..# #... ##.## ##.# #..# #..# #..# #..# #... ..#..
#..# #..# #... #..# #... #... #... #..# # ...# #.#. #... #.#.# ##.# #..# #..# #..# #..# #... ..#..
#### ###. #... #..# ###. ###. #.## #### # ...# ##.. #... #.#.# #.## #..# ###. #..# ###. .##. ..#..
#..# #..# #... #..# #... #... #..# #..# # ...# #.#. #... #...# #.## #..# #... #..# #.#. ...# ..#..
#..# #..# #..# #..# #... #... #..# #..# # #..# #..# #... #...# #..# #..# #... #.#. #..# ...# ..#..
#..# ###. .##. ###. #### #... .##. #..# # .##. #..# #### #...# #..# .##. #... .#.# #..# ###. ..#..
U    V     W     X     Y     Z    0    1   2    3    4    5    6    7    8    9    . ,  : ! ?    ' /   -  _    ·
#..# #...# #...# #...# #...# #### .#.  .#. .##. .##. #..# #### .##. #### .##. .##. . .. . # .##. # ..# .. .... .
#..# #...# #...# #...# #...# ...# #.#  ##. #..# #..# #..# #... #... ...# #..# #..# . .. . # #..# # ..# .. .... .
#..# #...# #...# .#.#. .#.#. ..#. #.#  .#. ...# ...# #..# ###. #... ..#. #..# #..# . .. # # ...# . ..# .. .... .
#..# #...# #.#.# ..#.. ..#.. ..#. #.#  .#. ..#. .##. #### ...# ###. ..#. .##. .### . .. . # ..#. . .#. ## .... #
#..# .#.#. #.#.# .#.#. ..#.. .#.. #.#  .#. .#.. ...# ...# ...# #..# .#.. #..# ...# . .. # # ..#. . #.. .. .... .
#..# .#.#. ##.## #...# ..#.. #... #.#  .#. #... #..# ...# #..# #..# .#.. #..# ...# . .# . . .... . #.. .. .... .
.##. ..#.. #...# #...# ..#.. #### .#.  ### #### .##. ...# .##. .##. .#.. .##. .##. # #. . # ..#. . #.. .. #### .
"""
_FONT = {" ": ["..."] * 7}
for _block in re.findall(r"(?:.+\n){8}", _BITS):
    _names, *_lines = [line.split() for line in _block.splitlines()]
    _FONT |= {name: [line[place] for line in _lines] for place, name in enumerate(_names)}
_HALVES = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}


@lru_cache(maxsize=256)
def _drawn(text: str, zoom: int) -> tuple[str, ...] | None:
    """The rows of a text: each pixel `zoom` by `zoom` half-cells, uprights bolder from zoom 2 on; None: it has no letters."""
    if not text or not set(text.upper()) <= _FONT.keys():
        return None
    bold, rows = zoom // 2, [""] * (7 * zoom)
    for place, character in enumerate(text.upper()):
        for y in range(7 * zoom):
            bits = "".join(bit * zoom for bit in _FONT[character][y // zoom]) + "." * bold
            bits = "".join("#" if "#" in bits[max(0, at - bold) : at + 1] else "." for at in range(len(bits)))
            rows[y] += "." * zoom * bool(place) + bits
    rows += ["." * len(rows[0])] * (len(rows) % 2)
    halves = (zip(top, foot, strict=True) for top, foot in zip(rows[::2], rows[1::2], strict=True))
    return tuple("".join(_HALVES[one == "#", other == "#"] for one, other in pairs) for pairs in halves)


MOST_ZOOM = 6
"""The size of the largest letters."""


def tall(zoom: int) -> int:
    """How many rows letters take."""
    return -(-7 * zoom // 2)


MOST_ROWS = tall(MOST_ZOOM)


def wide(text: str, zoom: int) -> int:
    """How many columns a text takes; 0: it has no block letters."""
    lines = _drawn(text, zoom)
    return 0 if lines is None else len(lines[0])


def block(text: str, zoom: int, tone: Ink) -> list[Row]:
    """The text in block letters, all rows of one width. ValueError if it has a character without one."""
    lines = _drawn(text, zoom)
    if lines is None:
        raise ValueError(f"no block letters for {text!r}")
    return [row(ink(line, tone)) for line in lines]


def zoom_of(text: str, columns: int, rows: int, most: int = 2) -> int:
    """The largest zoom, up to `most`, in which the text fits whole; 0: in none."""
    return next((zoom for zoom in range(most, 0, -1) if 0 < wide(text, zoom) <= columns and tall(zoom) <= rows), 0)


def lettered(text: str, columns: int, most: int = 1, *, least: int = 1, lines: int = 4) -> list[Row] | None:
    """A sentence in the largest block letters in which it takes so many `lines`; None: in none from `least` on."""
    for zoom in range(most, least - 1, -1):
        found: list[str] = []
        for word in text.split():
            longer = f"{found[-1]} {word}" if found else word
            if found and 0 < wide(longer, zoom) <= columns:
                found[-1] = longer
            else:
                found.append(word)
        if found and len(found) <= lines and all(0 < wide(line, zoom) <= columns for line in found):
            # letters of an odd zoom leave half a row below them, others need a blank one
            apart = [BLANK] * (7 * zoom % 2 == 0)
            drawn = [each for line in found for each in (*block(line, zoom, "fg"), *apart)]
            return drawn[: len(drawn) - len(apart)]
    return None
