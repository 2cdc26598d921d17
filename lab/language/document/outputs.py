"""What a job that ends COMPLETE answers, in the ways it may be written."""

import re
from collections.abc import Iterator
from typing import Annotated, TypeAlias, assert_never

from pydantic import BeforeValidator, Field, Tag
from pydantic import JsonValue as Json

from lab.language.document.base import Model, branch_by_key

LARGEST_OUTPUT = 16 * 1024 * 1024
"""The largest output, in bytes."""
_UNITS = {"B": 1, "kB": 1000, "KB": 1000, "MB": 1_000_000, "KiB": 1 << 10, "MiB": 1 << 20}
_SIZE = re.compile(r"([0-9]{1,9})(B|kB|KB|MB|KiB|MiB)", re.ASCII)
SIZE_PATTERN = r"^[0-9]{1,9}(B|kB|KB|MB|KiB|MiB)$"


def parse_size(value: object) -> int:
    """`5MB 300kB 1MiB 80B` in bytes; ValueError says why anything else is none."""
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("a size is written 5MB, 300kB, 1MiB or 80B")
    total = int(found[1]) * _UNITS[found[2]]
    if total > LARGEST_OUTPUT:
        raise ValueError(f"an output is at most {LARGEST_OUTPUT >> 20} MiB")
    return total


def strings_in(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every string within a JSON value, keys of members left out, with its path."""
    match value:
        case str():
            yield path, value
        case list():
            for place, element in enumerate(value):
                yield from strings_in(element, (*path, place))
        case dict():
            for key, element in value.items():
                yield from strings_in(element, (*path, key))
        case None | bool() | int() | float():
            return
        case _:
            assert_never(value)


class JsonOutput(Model):
    """JSON in a string, as the real API sends it. Strings within are templates and stay strings."""

    json_: Json = Field(
        alias="json",
        description="any value, as YAML; where a drawn number should be a number, write the whole JSON as text "
        "without json:, as output: '{\"price\": {{ data.price }}}'",
    )


class Html(Model):
    """HTML, as agents with an HTML prompt answer."""

    html: str = Field(description="HTML (a template)")


class FileOutput(Model):
    """The text of a file, sent as it stands: no template."""

    file: str = Field(
        min_length=1, max_length=200, description="a file within the folder of the scenario, as outputs/answer.html"
    )


class Filler(Model):
    """Text of a stated size, for clients that must cope with it."""

    filler: Annotated[
        int, BeforeValidator(parse_size, json_schema_input_type=Annotated[str, Field(pattern=SIZE_PATTERN)])
    ] = Field(description="as 5MB, 300kB or 80B; at most 16 MiB")


OUTPUT_FORMS: dict[str, type[Model]] = {"json": JsonOutput, "html": Html, "file": FileOutput, "filler": Filler}


Output: TypeAlias = Annotated[
    Annotated[str, Tag("output:text")]
    | Annotated[None, Tag("output:null")]
    | Annotated[JsonOutput, Tag("output:json")]
    | Annotated[Html, Tag("output:html")]
    | Annotated[FileOutput, Tag("output:file")]
    | Annotated[Filler, Tag("output:filler")],
    branch_by_key("output", OUTPUT_FORMS, other="text", null="null"),
    Field(description="the answer: text (a template), null, {json: …}, {html: …}, {file: NAME}, or {filler: 5MB}"),
]
"""What a job that ends COMPLETE answers."""
