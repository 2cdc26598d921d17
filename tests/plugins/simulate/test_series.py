"""The jobs of a simulation over time."""

from hypothesis import given
from hypothesis import strategies as st

from lab.plugins.simulate.result import BEGAN, CLOSED, COMPLETED, FAILED, MARKS, OPENED, levels

EVENTS = (
    (0, BEGAN),
    (2_000, BEGAN),
    (4_000, OPENED),
    (5_000, COMPLETED),
    (8_000, CLOSED),
    (9_000, FAILED),
    (9_500, BEGAN),
)


def test_a_series_has_a_column_for_each_second_with_all_states() -> None:
    found = levels(at * MARKS + mark for at, mark in reversed(EVENTS))
    assert found.columns == [
        (1, 0, 0, 0),
        (1, 0, 0, 0),
        (2, 0, 0, 0),
        (2, 0, 0, 0),
        (1, 1, 0, 0),
        (0, 1, 1, 0),
        (0, 1, 1, 0),
        (0, 1, 1, 0),
        (1, 0, 1, 0),
        (0, 0, 1, 1),
    ]


@given(st.lists(st.tuples(st.integers(0, 2_000_000), st.integers(1, 900_000)), min_size=1, max_size=30))
def test_a_series_holds_for_each_stretch_what_held_at_its_end(jobs):
    spans = [(began, began + took) for began, took in jobs]
    marks = (mark for began, end in spans for mark in (began * MARKS + BEGAN, end * MARKS + COMPLETED))
    found, last = levels(marks), max(end for _, end in spans)
    assert (
        len(found.columns) <= 240 and (len(found.columns) - 1) * found.width < last <= len(found.columns) * found.width
    )
    for number, (working, waiting, complete, failed) in enumerate(found.columns):
        instant = min((number + 1) * found.width, last) - 1
        assert working == sum(began <= instant < end for began, end in spans)
        assert (waiting, complete, failed) == (0, sum(end <= instant for _, end in spans), 0)
    edges = sorted({instant for span in spans for instant in span})
    assert max(found.alive) == max(sum(began <= instant < end for began, end in spans) for instant in edges)
    assert sum(many * lasted for many, lasted in found.alive.items()) == sum(took for _, took in jobs)
    assert found.alive.total() == found.waiting.total() == last
