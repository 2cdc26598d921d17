"""How fast routes answer, and where in a gap between two polls a scenario changes."""

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Request, Response
from lab.core.observe import Replied, Requested
from lab.dialects.client import Seen
from lab.plugins.learn.story import ObservedTurn, earliest_polls, pace_of, stretches_of
from lab.program.words import Status
from lab.recording.exchange import ExchangeReader, RecordedExchange
from tests.conftest import each_row


def call(at: Millis, took: Millis, status: int = 200) -> RecordedExchange:
    requested = Requested(at, 1, "unknown", Request("GET", "/jobs/1"))
    reader = ExchangeReader()
    return reader.complete(reader.begin(requested), Replied(at + took, 1, Response(status)))


@each_row(
    ("latencies", "median", "usual"),
    [
        ([], 0, []),
        ([100], 100, [100]),
        ([100, 50], 75, [50, 100]),
        ([80, 90, 100, 4_000], 90, [80, 90, 100]),
        ([80, 90, 100, 900], 95, [80, 90, 100, 900]),
        ([900, 900, 3_000], 900, [900, 900, 3_000]),
    ],
)
def test_what_is_far_beyond_the_usual_is_odd(latencies: list[Millis], median: Millis, usual: list[Millis]) -> None:
    pace = pace_of(latencies)
    assert ([*pace.usual], pace.median) == (usual, median)


def turn_of(*polls: tuple[Millis, Millis, str]) -> ObservedTurn:
    """A message at 1 s, and polls: when, how long, and what each shows; nothing: it failed."""
    turn = ObservedTurn(invoke=call(1_000, 200), message="x")
    for at, took, word in polls:
        seen = Seen(job="1", word=word, status=Status(word)) if word else None
        turn.polls.append(replace(call(at, took, 200 if word else 503), answer=seen))
    return turn


def test_the_fastest_client_with_the_same_pauses_comes_sooner_but_for_what_failed() -> None:
    turn = turn_of((2_000, 60, "RUNNING"), (3_000, 500, ""), (5_000, 90, "RUNNING"), (7_000, 80, "COMPLETE"))
    paces = pace_of((150, 200)), pace_of((60, 80, 90))
    assert earliest_polls(turn, *paces) == [950, 1_950, 3_950, 5_920]
    assert earliest_polls(turn, pace_of((200,)), pace_of((60,))) == [1_000, 2_000, 4_000, 5_970]


def test_a_change_lies_as_late_in_its_gap_as_each_such_poll_still_meets_it() -> None:
    turn = turn_of((2_000, 60, "RUNNING"), (5_000, 90, "WAITING"), (7_000, 80, "COMPLETE"))
    earliest = earliest_polls(turn, pace_of((150, 200)), pace_of((60, 80, 90)))
    found = [(each.low, each.high, each.begins) for each in stretches_of(turn, earliest)]
    assert found == [(0, 1_000, 0), (1_000, 4_000, 3_900), (4_000, 6_000, 5_900)]


def test_a_gap_too_short_for_tenths_of_a_second_is_kept_to() -> None:
    turn = turn_of((1_210, 5, "RUNNING"), (1_230, 5, "WAITING"), (1_250, 5, "COMPLETE"))
    earliest = earliest_polls(turn, pace_of((200,)), pace_of((5,)))
    assert [each.begins for each in stretches_of(turn, earliest)] == [0, 230, 250]
