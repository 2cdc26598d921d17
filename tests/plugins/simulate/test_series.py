"""The jobs of a simulation over time."""

from hypothesis import given
from hypothesis import strategies as st

from lab.plugins.simulate.tally import BEGAN, CLOSED, COMPLETED, FAILED, MARKS, OPENED
from lab.plugins.simulate.totals import AtOnce

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
    at_once = AtOnce()
    at_once.take([at * MARKS + mark for at, mark in EVENTS], 9_200)
    at_once.take((), None)
    assert at_once.series.columns == [
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


@given(
    st.lists(st.tuples(st.integers(0, 2_000_000), st.integers(0, 900_000)), min_size=1, max_size=30), st.integers(1, 9)
)
def test_a_series_holds_for_each_stretch_what_held_at_its_end(jobs, pieces):
    spans = sorted((began, began + took) for began, took in jobs)
    at_once = AtOnce()
    for piece in range(pieces):  # in any number of chunks, each with the marks of the jobs that it holds
        part = spans[piece * len(spans) // pieces : (piece + 1) * len(spans) // pieces]
        marks = sorted(mark for began, end in part for mark in (began * MARKS + BEGAN, end * MARKS + COMPLETED))
        at_once.take(marks, part[-1][0] if part else 0)
    at_once.take((), None)
    series, last = at_once.series, max(end for _, end in spans)
    assert len(series.columns) <= 240
    for number, (working, waiting, complete, failed) in enumerate(series.columns):
        instant = min((number + 1) * series.width, last) - 1
        assert working == sum(began <= instant < end for began, end in spans)
        assert (waiting, complete, failed) == (0, sum(end <= instant for _, end in spans), 0)
    edges = sorted({instant for span in spans for instant in span})
    assert at_once.alive.largest == max(
        (sum(began <= instant < end for began, end in spans) for instant in edges), default=0
    )
