"""The jobs of a simulation over time."""

from hypothesis import given
from hypothesis import strategies as st

from lab.plugins.simulate.result import load_of

CHANGES = ((0, 1, 0), (2_000, 1, 0), (4_000, 0, 1), (5_000, -1, 0), (8_000, 0, -1), (9_000, -1, 0))


def test_a_series_has_a_stretch_for_each_second_with_who_works_and_who_waits() -> None:
    found = load_of(reversed(CHANGES))
    assert found.width == 1_000
    assert found.series == [(1, 0), (1, 0), (2, 0), (2, 0), (1, 1), (0, 1), (0, 1), (0, 1), (1, 0)]


@given(st.lists(st.tuples(st.integers(0, 2_000_000), st.integers(1, 900_000)), min_size=1, max_size=30))
def test_a_series_holds_for_each_stretch_what_held_at_its_end(jobs):
    spans = [(began, began + took) for began, took in jobs]
    found = load_of(change for began, end in spans for change in ((began, 1, 0), (end, -1, 0)))
    last = max(end for _, end in spans)
    assert len(found.series) <= 240 and (len(found.series) - 1) * found.width < last <= len(found.series) * found.width
    for number, (working, waiting) in enumerate(found.series):
        instant = min((number + 1) * found.width, last) - 1
        assert working == sum(began <= instant < end for began, end in spans)
        assert waiting == 0
    edges = sorted({instant for span in spans for instant in span})
    assert found.alive.spread().max == max(sum(began <= instant < end for began, end in spans) for instant in edges)
    assert sum(many * lasted for many, lasted in found.alive.counts.items()) == sum(took for _, took in jobs)
    assert found.alive.total == found.waiting.total == last
