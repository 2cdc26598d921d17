"""Of a body whose shape is kept, what A2A itself says."""

from lab.core.exchange import Headers
from lab.recording.tape.body_shapes import shape_of
from tests.conftest import each_row
from tests.recording.test_body_shapes import FORM, JSON


@each_row(
    ("headers", "body", "shape"),
    [
        (JSON, '{"status":{"state":"working","message":"Hi"}}', '{"status":{"state":"working","message":"xx"}}'),
        (FORM, "message=Hi+you&id=7", "message=xxxxxx&id=7"),
    ],
)
def test_states_and_ids_stay(headers: Headers, body: str, shape: str) -> None:
    assert shape_of(headers, body.encode()).decode() == shape
