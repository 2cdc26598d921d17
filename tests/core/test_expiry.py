"""Records that say when they are forgotten: the ledger knows which are due, whatever was tried, refused or dropped."""

from hypothesis import given
from hypothesis import strategies as st

from lab.core.journal.fact import LedgerCleared, RecordsDropped
from lab.core.journal.ledger import MemoryLedger, known_record
from lab.core.journal.numbers import Counter, NumberUsed, counter_key
from tests.conftest import examples

ALL = 1_000
"""More looks than there are records."""
NAMES = "abcdef"
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["use", "use", "use", "use for ever", "drop", "look", "clear", "try", "replace"]),
        st.sampled_from(NAMES),
        st.integers(0, 40),
    ),
    max_size=60,
)


def used(name: str, until: int | None, at: int = 0) -> NumberUsed:
    return NumberUsed(at=at, counter=name, value=1, until=until)


def forgotten(ledger: MemoryLedger, now: int) -> set[bytes]:
    """What is due by looking at every record."""
    return {key for key, record in ledger.of(Counter) if record.until is not None and record.until <= now}


@given(steps=STEPS)
@examples(80, thorough=10_000)
def test_what_is_forgotten_is_due_and_nothing_else_is(steps: list[tuple[str, str, int]]) -> None:
    ledger, trial = MemoryLedger(), False
    for what, name, number in steps:
        match what:
            case "use":
                ledger.commit([used(name, number)])
            case "use for ever":
                ledger.commit([used(name, None)])
            case "drop":
                ledger.commit([RecordsDropped(at=0, keys=ledger.forgotten(number, 3))])
            case "look":  # and drop nothing, as when an observer failed
                ledger.forgotten(number, 3)
            case "clear" if number == 0:
                ledger.commit([LedgerCleared(at=0, by="control")])
            case "replace" if not trial:
                ledger.replace({counter_key(name): Counter(1, number), counter_key("z"): Counter(1)})
            case "try":
                trial = not trial
                ledger.begin() if trial else ledger.roll_back()
    if trial:
        ledger.roll_back()
    ledger.commit([])
    for now in (0, 20, 40):
        assert set(ledger.forgotten(now, ALL)) == forgotten(ledger, now)
        ledger.commit([])
    ledger.commit([RecordsDropped(at=0, keys=ledger.forgotten(40, ALL))])
    assert not forgotten(ledger, 40) and not ledger.forgotten(40, ALL)


def test_the_longest_forgotten_comes_first_and_no_more_than_asked_for_are_looked_at() -> None:
    ledger = MemoryLedger()
    ledger.commit([used("late", 3), used("soon", 1), used("never", None), used("then", 2)])
    assert ledger.forgotten(0, ALL) == ()
    assert ledger.forgotten(9, 2) == (counter_key("soon"), counter_key("then"))


def test_one_that_is_used_again_goes_at_its_later_end() -> None:
    ledger = MemoryLedger()
    ledger.commit([used("a", 5), used("a", 9)])
    assert ledger.forgotten(8, ALL) == () and ledger.forgotten(9, ALL) == (counter_key("a"),)


def test_what_is_put_in_the_place_of_all_records_is_due_in_its_time() -> None:
    ledger = MemoryLedger()
    ledger.commit([used("old", 1)])
    ledger.replace({counter_key("a"): Counter(1, 5), counter_key("b"): Counter(1)})
    assert ledger.forgotten(5, ALL) == (counter_key("a"),)


def test_one_that_another_process_dropped_leaves_nothing_behind() -> None:
    ledger = MemoryLedger()
    for number in range(1_000):
        ledger.commit([used(str(number), number)])
        ledger.commit([RecordsDropped(at=number, keys=(counter_key(str(number - 9)),))])
    assert len(ledger._expiry._entries) == 9


def test_a_record_is_remembered_until_it_is_forgotten() -> None:
    ledger = MemoryLedger()
    ledger.commit([used("a", 5), used("b", None)])
    a, b = counter_key("a"), counter_key("b")
    assert known_record(ledger, a, Counter, 4) == Counter(1, 5) and known_record(ledger, a, Counter, 5) is None
    assert known_record(ledger, b, Counter, 1 << 50) == Counter(1) and known_record(ledger, b"#c", Counter, 0) is None
