"""The forms of a latency, each drawn from the name of a stream."""

from lab.core.seeds import draw_log_normal
from lab.language.shape import parsed
from lab.program.draws import Between, Exponential, Latency, LogNormal, Observed, draw_latency, longest_latency

MEDIAN = parsed(LogNormal, {"median": "2s", "p95": "5s"})


def test_a_log_normal_latency_is_drawn_by_its_numbers():
    assert draw_latency(42, "item-comparison/1/plan/takes", MEDIAN) == 3_599
    assert draw_latency(9, "n", MEDIAN) == draw_log_normal(9, "n", 2_000, 5_000)


def test_the_longest_that_a_latency_is_expected_to_be():
    forms: list[tuple[Latency, int]] = [
        (250, 250), (parsed(Between, {"between": ["2s", "4s"]}), 4_000), (MEDIAN, 5_000),
        (parsed(Observed, {"observed": ["7ms", "3ms"]}), 7), (parsed(Exponential, {"mean": "2s"}), 6_000),
    ]  # fmt: skip
    assert [longest_latency(form) for form, _ in forms] == [longest for _, longest in forms]


def test_the_five_ways_to_write_a_latency():
    assert draw_latency(1, "a", 250) == 250
    assert 2_000 <= draw_latency(1, "a", parsed(Between, {"between": ["2s", "4s"]})) <= 4_000
    assert draw_latency(1, "a", parsed(Observed, {"observed": ["7ms"]})) == 7
    assert draw_latency(1, "a", parsed(LogNormal, {"median": "2s", "p95": "2s"})) == 2_000
    assert draw_latency(9, "n", parsed(Exponential, {"mean": "2m"})) == 46_368
