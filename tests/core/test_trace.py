"""Which trace an exchange belongs to, by W3C Trace Context §3.2, and where a client names none that counts."""

from lab.core.trace import own_trace, trace_in
from tests.conftest import each_row

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{PARENT}-01"


@each_row(
    "value",
    [
        GOOD,
        f"00-{TRACE}-{PARENT}-00",
        f"00-{TRACE}-{PARENT}-ff",  # flags that aren't known yet
        f" \t{GOOD}\t ",
        f"01-{TRACE}-{PARENT}-01",
        f"cc-{TRACE}-{PARENT}-01",
        f"fe-{TRACE}-{PARENT}-01-",
        f"cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like",
    ],
)
def test_a_trace_that_is_well_formed_is_taken_up(value: str) -> None:
    assert trace_in((("accept", "*/*"), ("traceparent", value))) == TRACE


@each_row(
    "value",
    [
        "",
        "00",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT.upper()}-01",
        f"0A-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-0X",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-011",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}0-{PARENT}-01",
        f"00-{TRACE}-{PARENT}0-01",
        f"00-{TRACE[:-1]}.-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-",
        f"00-{TRACE}-{PARENT}-01-more",
        f"01-{TRACE}-{PARENT}-01.more",
        f"01-{TRACE}-{PARENT}-012",
        f"{TRACE}-{PARENT}-01",
        f"00_{TRACE}_{PARENT}_01",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE[:-1]}\u0661-{PARENT}-01",  # a digit, but none of these
        f"{GOOD}\n",
        f"{GOOD}, {GOOD}",
    ],
)
def test_one_that_is_not_counts_as_none(value: str) -> None:
    assert trace_in((("traceparent", value),)) is None


def test_where_several_are_sent_none_counts() -> None:
    header = ("traceparent", GOOD)
    assert trace_in((header, header)) is None
    assert trace_in(()) is None and trace_in((("tracestate", "a=b"),)) is None


def test_an_exchange_has_a_trace_of_its_own_by_seed_mock_and_ordinal() -> None:
    places = [(seed, prefix, ordinal) for seed in (1, 42) for prefix in ("", "/a") for ordinal in (1, 2)]
    assert len({own_trace(*each) for each in places}) == len(places)
    # whoever reads a recording finds it again, today and later
    assert own_trace(42, "/scenario/quick", 7) == "f47f2bfad3eb82293db05abf226de2d6"
    assert trace_in((("traceparent", f"00-{own_trace(42, '', 1)}-{PARENT}-01"),)) == own_trace(42, "", 1)
