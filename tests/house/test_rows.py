"""`each_row`: a table in one test, which tells of every row that fails."""

import pytest

from tests.conftest import each_row


def test_every_row_is_tried_and_each_that_fails_is_named() -> None:
    tried: list[int] = []

    @each_row("one, other", [(1, 1), (1, 2), (3, 3), (4, 5)], ids="abcd")
    def equal(one: int, other: int, factor: int) -> None:
        tried.append(one * factor)
        assert one == other

    with pytest.raises(BaseExceptionGroup, match="2 of 4 rows failed") as caught:
        equal(factor=10)
    assert [each.__notes__ for each in caught.value.exceptions] == [["row 2: 'b'"], ["row 4: 'd'"]]
    assert tried == [10, 10, 30, 40]


def test_what_nobody_expected_ends_the_table_at_its_row() -> None:
    @each_row("divisor", [1, 0, 1])
    def divided(divisor: int) -> None:
        assert 1 / divisor == 1

    with pytest.raises(ZeroDivisionError) as caught:
        divided()
    assert caught.value.__notes__ == ["row 2: 0"]
    with pytest.raises(AssertionError, match="mark a row"):
        each_row("divisor", [pytest.param(1)])
