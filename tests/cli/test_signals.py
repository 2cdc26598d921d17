"""A signal ends the lab whenever in its start it comes."""

import pytest

from tests.cli.signalled import AT_ONCE, duration, table


@pytest.mark.long
def test_a_signal_at_any_instant_of_a_start_ends_it() -> None:
    whole = duration() * AT_ONCE
    for number, found in table(whole * place / 16 for place in range(17)):
        assert all(how.startswith("ended") for how in found), (number, found)
