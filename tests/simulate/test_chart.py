"""The jobs of a simulation over time, with plain characters."""

from lab.simulate.chart import chart
from lab.simulate.tally import BEGAN, CLOSED, COMPLETED, FAILED, MARKS, OPENED
from lab.simulate.totals import AtOnce

EVENTS = (
    (0, BEGAN),
    (2_000, BEGAN),
    (4_000, OPENED),
    (5_000, COMPLETED),
    (8_000, CLOSED),
    (9_000, FAILED),
    (9_500, BEGAN),
)


def test_each_state_has_a_strip_with_a_scale_of_its_own() -> None:
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
    assert chart(at_once, 4, 21, 15)[:8] == [
        "3 of 4 jobs",
        "at work: 1",
        "       2 |  ##",
        "         |#####   #",
        "waiting for a person:",
        "       1 |    ####",
        "         |    ####",
        "COMPLETE: 1",
    ]


def test_a_terminal_of_any_size_holds_it() -> None:
    at_once = AtOnce()
    at_once.take([second * 1_000 * MARKS + BEGAN for second in range(1_000)], None)
    for columns, rows in ((20, 10), (80, 24), (300, 70)):
        lines = chart(at_once, 1_000, columns, rows)
        assert max(map(len, lines)) <= columns and len(lines) <= max(rows, 14)
