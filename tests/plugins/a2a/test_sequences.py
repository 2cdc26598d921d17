"""A sample of the random sequences over both wires: what clients do wrong replays as it was refused."""

from lab.identity.clients import DEMO
from lab.recording.redaction.leaks import leaks
from tests.conftest import each_row
from tests.plugins.a2a.sequences import Sequence
from tests.recording.sequences import replayed, sequence_of


@each_row("first", range(0, 20, 5))
def test_random_sequences_replay(first: int) -> None:
    for number in range(first, first + 5):
        result = replayed(number, Sequence)
        assert result.passed, result.text()


def test_a_secret_that_began_behind_an_escape_leaves_no_half_of_it() -> None:
    assert replayed(7847, Sequence).passed  # its request has the secret `"quoted\\"` in a text of JSON


@each_row("first", [10, 30, 231, 389])
def test_nothing_that_redaction_left_is_called_a_leak(first: int) -> None:
    for number in range(first, first + 3):
        assert list(leaks(sequence_of(number, Sequence).data, ((DEMO.id, DEMO.secret),))) == []
