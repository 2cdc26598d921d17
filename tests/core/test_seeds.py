"""Draws by name."""

import statistics
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from lab.core import seeds
from lab.core.seeds import (
    draw,
    draw_exponential,
    draw_log_normal,
    exponential,
    fraction,
    hexes,
    log_normal,
    odd_id,
    quantile,
    uuid4,
)
from tests.conftest import each_row


def test_two_draws_are_pinned():
    """Changing these values breaks every recording ever made."""
    assert draw(42, "item-comparison/1/fetch/takes#1", 0, 10**9) == PINNED[0]
    assert draw_log_normal(42, "item-comparison/1/plan/takes", 2_000, 5_000) == PINNED[1]


PINNED = (454_280_500, 3_599)


@given(st.integers(0, 2**63 - 1), st.text(), st.integers(-1000, 1000), st.integers(0, 10**12))
def test_a_draw_stays_within_its_bounds_and_is_the_same_again(seed, stream, shortest, width):
    drawn = draw(seed, stream, shortest, shortest + width)
    assert shortest <= drawn <= shortest + width
    assert drawn == draw(seed, stream, shortest, shortest + width)


def test_both_ends_of_a_draw_are_reached():
    assert {draw(1, str(n), 3, 5) for n in range(60)} == {3, 4, 5}


@each_row(("cells", "value"), [(0.5, 0.0), (0.95, 1.6448536), (0.001, -3.0902323), (0.999, 3.0902323)])
def test_the_normal_quantile_is_right(cells, value):
    assert abs(float(quantile(int(cells * 2**33) | 1)) - value) < 1e-6


MEANS = st.integers(1, 10**6) | st.integers(1, 10**16)


@given(st.integers(0, 2**63 - 1), MEANS, MEANS)
def test_what_floats_come_to_is_what_decimals_do(seed, some, other):
    half_cells, (median, p95) = 2 * (fraction(seed, "x") >> 96) + 1, sorted((some, other))
    assert draw_log_normal(seed, "x", median, p95) == log_normal(half_cells, median, p95)
    assert draw_exponential(seed, "x", some) == exponential(half_cells, some)


def test_where_a_float_may_round_another_way_decimals_decide(monkeypatch):
    monkeypatch.setattr(seeds, "exponential", lambda half_cells, mean: -1)
    monkeypatch.setattr(seeds, "log_normal", lambda half_cells, median, p95: -1)
    assert draw_exponential(1, "x", 10**15) == -1 < draw_exponential(1, "x", 10)
    assert draw_log_normal(1, "x", 10**15, 10**16) == -1 < draw_log_normal(1, "x", 10, 20)


def test_log_normal_draws_have_the_stated_median_and_p95():
    drawn = sorted(draw_log_normal(9, f"n{n}", 2_000, 5_000) for n in range(4000))
    assert abs(statistics.median(drawn) - 2000) < 80
    assert abs(drawn[3800] - 5000) < 300


def test_ids_have_the_shape_of_the_contract():
    id = uuid4(1, "job/demo/a/1")
    assert id[14] == "4" and id[19] in "89ab" and id == id.lower() and len(id) == 36
    odd = odd_id(1, "job/demo/a/1")
    assert len(odd) == 70 and not {"-", "_", ".", "~"} - {*odd} and odd not in (odd.lower(), odd.upper())
    assert quote(odd, safe="") == odd != odd_id(1, "job/demo/a/2")
    assert len(hexes(1, "x", 32)) == 32 and hexes(1, "x", 32) != hexes(2, "x", 32)
