"""Texts of templates and outputs in all their forms, whatever they are for."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import assert_never

from lab.core.exchange import Json, text_of
from lab.language.templates import RenderFailure, fitting, template
from lab.program.steps import FileOutput, Filler, Html, JsonOutput, Output


class Writer:
    """Renders texts at one place; what templates see there is gathered once, and only if one asks.

    A text without template syntax is handed back as it is: that is most of them, and costs a look into a memo.
    """

    def __init__(self, gather: Callable[[], Mapping[str, object]]) -> None:
        self._gather = gather
        self._names: Mapping[str, object] | None = None

    def __call__(self, text: str) -> str:
        read = template(text)
        if read.plain:
            return text
        if self._names is None:
            self._names = self._gather()
        return read.render(self._names)

    def json(self, value: Json) -> Json:
        """A JSON output: its strings are templates."""
        match value:
            case str():
                return self(value)
            case list():
                return [self.json(each) for each in value]
            case dict():
                return {key: self.json(each) for key, each in value.items()}
            case None | bool() | int() | float():
                return value
            case _:
                assert_never(value)


def output_text(output: Output, files: Mapping[str, str], write: Writer) -> str | None:
    """An output as it is sent; RenderFailure if a template fails, or the text is too large.

    JSON is rendered string by string and then encoded, so no value can break out of its quotes. A file is sent as it
    stands, and was read when the scenario was loaded: a text that changes on disk doesn't change a job.
    """
    match output:
        case None:
            return None
        case str():
            return write(output)
        case JsonOutput():
            return fitting(text_of(write.json(output.json)))
        case Html():
            return write(output.html)
        case FileOutput():
            if output.file not in files:
                raise RenderFailure(f"the file {output.file} was not loaded")
            return files[output.file]
        case Filler():
            return filler(output.filler)
        case _:
            assert_never(output)


def render_failure(render: Callable[[], object]) -> str:
    """Why something can't be rendered; empty: it can."""
    try:
        render()
    except RenderFailure as failure:
        return str(failure)
    return ""


@lru_cache(maxsize=2)
def filler(length: int) -> str:
    """Text of `length` bytes: numbered lines, so that a cut shows where it was made."""
    words = "the quick brown fox jumps over the lazy dog and comes back for more of it"
    count = length // 80 + 1
    return "".join(f"{number:05d} {words}\n" for number in range(1, count + 1))[:length]
