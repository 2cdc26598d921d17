"""What a rendering may cost: work, and the sizes of what it makes."""

from collections.abc import Iterable, Iterator, Mapping

from lab.program.steps import LARGEST_OUTPUT

WORK = 2_500_000
"""The units of work in one rendering; a plain loop of 1000 by 1000 fits."""


class RenderFailure(ValueError):
    """A template that was allowed can't be rendered with these names."""


class Budget:
    """The work that is left to one rendering."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = WORK

    def charge(self, units: int) -> None:
        """Take units off; RenderFailure once none is left."""
        self.left -= units
        if self.left < 0:
            raise RenderFailure("the template does too much work")

    def weigh(self, value: object) -> None:
        """Charge for looking at all of a value."""
        if isinstance(value, str):
            self.charge(1 + (len(value) >> 4))
            return
        self.charge(1)
        if value is None or isinstance(
            value, int | float
        ):  # most of a long list; not to ask for a protocol takes a third
            return
        if isinstance(value, Mapping):
            for key, element in value.items():
                self.weigh(key)
                self.weigh(element)
        elif isinstance(value, list | tuple):
            for element in value:
                self.weigh(element)


def fitting(text: str) -> str:
    """The text; RenderFailure if it is larger than an output may be."""
    check_size(byte_count(text))
    return text


def byte_count(text: str) -> int:
    """The bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def check_size(count: int) -> None:
    """RenderFailure if a text of so many bytes is larger than an output may be."""
    if count > LARGEST_OUTPUT:
        raise RenderFailure(f"the text would be larger than {LARGEST_OUTPUT >> 20} MiB")


def bounded(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces, until they come to more than an output may hold: then RenderFailure."""
    total = 0
    for piece in pieces:
        total += byte_count(piece)
        check_size(total)
        yield piece
