"""Of a body whose shape is kept, nothing of what it says is left but what the wire itself says."""

import json

from hypothesis import given
from hypothesis import strategies as st

from lab.core.exchange import Headers, Json
from lab.recording.tape.body_shapes import shape_of
from tests.conftest import each_row

JSON: Headers = (("content-type", "application/json"),)
FORM: Headers = (("content-type", "application/x-www-form-urlencoded"),)
EVENTS: Headers = (("content-type", "text/event-stream; charset=utf-8"),)
TEXT: Headers = (("content-type", "text/plain"),)


@each_row(
    ("headers", "body", "shape"),
    [
        (JSON, '{"a":"Zo\u00eb & Co","b":[1250,-3.5,true,null,{}]}', '{"a":"xxxxxxxx","b":[1111,-1.1,true,null,{}]}'),
        (JSON, '{"jobId":"a-1","status":"RUNNING","output":"RUNNING"}', '{"jobId":"a-1","status":"RUNNING","output":"xxxxxxx"}'),
        (JSON, '{"status":"Paid by Jane Doe"}', '{"status":"xxxxxxxxxxxxxxxx"}'),
        (JSON, '{"startDate":1750000000000,"price":99}', '{"startDate":1750000000000,"price":11}'),
        (JSON, '{"broken": "Jane', "xxxxxxxxxxxxxxxx"),
        (JSON, '"Jane"', "xxxxxx"),
        (FORM, "message=Hi+you&jobId=7", "message=xxxxxx&jobId=7"),
        (EVENTS, 'event: a\ndata: {"text":"Hi"}\n\n: beat\ndata: [DONE]\n\n', 'event: a\ndata: {"text":"xx"}\n\n: beat\ndata: [DONE]\n\n'),
        (EVENTS, "data: Hi you\n\n", "data: xxxxxx\n\n"),
        (TEXT, "Jane", "xxxx"),
    ],
)  # fmt: skip
def test_names_types_and_lengths_stay(headers: Headers, body: str, shape: str) -> None:
    assert shape_of(headers, body.encode()).decode() == shape


def test_bytes_that_are_no_text_are_as_many() -> None:
    assert shape_of(TEXT, b"\xff\xfeJane") == b"xxxxxx"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**14), 10**14) | st.text(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
)


@given(VALUES)
def test_a_shape_is_its_own_shape_and_as_deep(value: Json) -> None:
    body = json.dumps({"a": value}, ensure_ascii=False).encode("utf-8", "backslashreplace")
    shape = shape_of(JSON, body)
    assert shape_of(JSON, shape) == shape
    assert json.dumps(bare(json.loads(shape))) == json.dumps(bare(json.loads(body)))


def bare(value: Json) -> Json:
    """Names, types and lengths."""
    match value:
        case dict():
            return {name: bare(part) for name, part in value.items()}
        case list():
            return [bare(part) for part in value]
        case bool() | None:
            return value
        case _:
            return [type(value).__name__, len(str(value))]
