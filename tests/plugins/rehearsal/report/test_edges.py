"""Where the limits of rules lie: on either side of each, by a millisecond or by one."""

from collections.abc import Callable

from msgspec.structs import replace

from lab.plugins.rehearsal.report.history import ClientHistory, ConnectionHistory
from tests.conftest import each_row
from tests.plugins.rehearsal.report.by_hand import call, history, polls, token, verdict

MINUTE, HOUR = 60_000, 3_600_000
DONE = "COMPLETE"


def retry_after(pause: int) -> ClientHistory:
    first = call(5_000, status=503, headers=(("retry-after", "2"),))
    return history(first, call(5_000 + pause), call(99_000, DONE))


def refused(*pauses: int, status: int = 503) -> ClientHistory:
    failed = polls(*pauses[:-1], first=5_000, status=status)
    return history(call(4_000), *failed, call(5_000 + sum(pauses), DONE))


def waited(pause: int, running: int = 4_000) -> ClientHistory:
    worked = polls(running, running, running)
    gate = polls(20_000, pause, pause, pause, shows="WAITING", first=20_000)
    return history(*worked, *gate, call(HOUR, DONE))


def ended(at: int) -> ClientHistory:
    return history(call(at, DONE))


def decided(after: int) -> ClientHistory:
    return history(call(0, "WAITING"), call(after, DONE))


def paces(running: int, waiting: int) -> ClientHistory:
    """So many pauses of 4 s in RUNNING and one more, and so many in WAITING after its first 20 s."""
    gate = polls(20_000, *(4_000,) * waiting, shows="WAITING", first=30_000)
    return history(*polls(*(4_000,) * running), *gate, call(HOUR, DONE))


def soon_waiting(since: int) -> ClientHistory:
    gate = polls(since, 5_000, 5_000, 5_000, shows="WAITING", first=20_000)
    return history(*polls(4_000, 4_000, 4_000), *gate, call(HOUR, DONE))


def patient(begun: int, pause: int) -> ClientHistory:
    """Polled every 50 s for so long in WAITING, and then after a longer pause."""
    return history(*polls(*(50_000,) * (begun // 50_000), pause, shows="WAITING"), call(999 * HOUR, DONE))


def failing(*runs: int) -> ClientHistory:
    """As many failures in a row as each number says, a second after the other, and then an answer."""
    statuses = [status for count in runs for status in (*(503,) * count, 200)]
    return history(*(call(n * 1_000, status=status) for n, status in enumerate(statuses)))


def steady(*pauses: int, shows: str = "RUNNING") -> ClientHistory:
    return history(*polls(*pauses, shows=shows), call(sum(pauses) + 30_000, DONE))


def given_up(lasted: int) -> ClientHistory:
    gone = call(5_000, took=lasted, cut="client_gone", struck="hang")
    return history(gone, call(5_000 + lasted, DONE))


def renewed(left: int) -> ClientHistory:
    return history(
        *polls(300_000, 299_000), call(601_000, DONE), tokens=[token(-2), token(599_998 - left)], life=600_000
    )


def stopped(lasted: int, shows: str = "RUNNING") -> ClientHistory:
    return history(*polls(5_000, shows=shows), call(lasted, shows))


def outage(tries: int) -> ClientHistory:
    """A poll each 4 s, about a minute, of which the lab's own app would send five."""
    return history(*polls(*(4_000,) * (tries - 1), first=5_000, status=503))


def fresh(calls: int) -> ClientHistory:
    """Each call on a connection of its own, closed by the client at the end."""
    lived = history(*polls(*(9_000,) * (calls - 2)))
    alone = tuple(replace(each, connection=each.x) for each in lived.calls)
    connections = tuple(
        ConnectionHistory(c=each.x, calls=(each,), closed=HOUR, how="client", line=99) for each in alone
    )
    return replace(lived, calls=alone, connections=connections)


def left_open(until: int) -> ClientHistory:
    lived = history(call(0, DONE), until=until)
    return replace(lived, connections=(ConnectionHistory(c=1, calls=lived.calls),))


def closed_after(pause: int) -> ClientHistory:
    lived = left_open(HOUR)
    return replace(lived, connections=tuple(replace(each, closed=pause, how="client") for each in lived.connections))


Case = tuple[str, Callable[..., ClientHistory], tuple[object, ...], str]
CASES: list[Case] = [
    ("C1", retry_after, (1_900,), "pass"),
    ("C1", retry_after, (1_899,), "fail"),
    ("C3", ended, (57_000,), "pass"),
    ("C3", ended, (56_999,), "-"),
    ("C4", decided, (57_000,), "pass"),
    ("C4", decided, (56_999,), "-"),
    ("C15", decided, (57_000,), "pass"),
    ("C15", decided, (56_999,), "-"),
    ("C5", paces, (2, 3), "fail"),
    ("C5", paces, (1, 3), "-"),
    ("C5", paces, (2, 2), "-"),
    ("C3", stopped, (59_999,), "fail"),
    ("C3", stopped, (60_000,), "pass"),
    ("C5", soon_waiting, (20_000,), "fail"),
    ("C5", soon_waiting, (19_999,), "-"),
    ("C7", patient, (1_200_000, 126_000), "pass"),
    ("C7", patient, (1_200_000, 126_001), "fail"),
    ("C7", patient, (300_000, 63_000), "pass"),
    ("C7", patient, (300_000, 63_001), "fail"),
    ("C7", patient, (20 * HOUR, 3_780_000), "pass"),
    ("C7", patient, (20 * HOUR, 3_780_001), "fail"),
    ("C7", patient, (200 * HOUR, 7_560_000), "pass"),
    ("C7", patient, (200 * HOUR, 7_560_001), "fail"),
    ("C8", failing, (2, 2, 2, 2), "fail"),
    ("C8", failing, (2, 2, 2, 1), "-"),
    ("C6", steady, (950, 2_000), "pass"),
    ("C6", steady, (949, 2_000), "fail"),
    ("C5", waited, (7_600,), "pass"),
    ("C5", waited, (7_599,), "fail"),
    ("C5", waited, (9_500, 6_000), "pass"),
    ("C5", waited, (9_499, 6_000), "fail"),
    ("C7", steady, (5_000, 5_000, 5_000, 5_000), "-"),
    ("C7", steady, (5_000, 5_000, 5_000, 5_000, 5_000), "pass"),
    ("C7", steady, (10_000, 9_000, 9_000, 9_000, 8_000), "pass"),
    ("C7", steady, (10_000, 9_000, 9_000, 9_000, 7_999), "fail"),
    ("C7", steady, (3_900, 4_000, 4_000, 4_000, 4_680), "pass"),
    ("C7", steady, (3_900, 4_000, 4_000, 4_000, 4_679), "fail"),
    ("C7", steady, (4_750, 4_750, 4_750, 4_750, 4_750), "pass"),
    ("C7", steady, (4_749, 4_749, 4_749, 4_749, 4_749), "fail"),
    ("C7", steady, (30_000, 40_000, 50_000, 60_000, 63_000), "pass"),
    ("C7", steady, (30_000, 40_000, 50_000, 60_000, 63_001), "fail"),
    ("C10", stopped, (3_420_000,), "pass"),
    ("C10", stopped, (3_419_999,), "-"),
    ("C10", stopped, (50 * HOUR + 24 * MINUTE,), "pass"),
    ("C10", stopped, (50 * HOUR + 24 * MINUTE + 1,), "fail"),
    ("D1", refused, (950, 1_000), "pass"),
    ("D1", refused, (949, 1_000), "fail"),
    ("D1", refused, (2_000, 2_000), "pass"),
    ("D1", refused, (2_000, 2_000, 2_000), "fail"),
    ("D1", refused, (2_000, 2_000, 2_100), "fail"),
    ("D1", refused, (2_000, 2_000, 2_101), "pass"),
    ("D1", refused, (4_750, 4_750, 4_750), "pass"),
    ("D1", refused, (4_749, 4_749, 4_749), "fail"),
    ("D1", refused, (6_000, 1_000, 6_000), "fail"),
    ("D1", refused, (2_000, 3_000, 2_500), "pass"),
    ("D6", outage, (15,), "pass"),
    ("D6", outage, (16,), "fail"),
    ("E1", fresh, (5,), "fail"),
    ("E1", fresh, (4,), "-"),
    ("E3", left_open, (315_001,), "fail"),
    ("E3", left_open, (315_000,), "-"),
    ("E3", closed_after, (315_001,), "fail"),
    ("E3", closed_after, (315_000,), "pass"),
    ("D5", given_up, (4_750,), "pass"),
    ("D5", given_up, (4_749,), "fail"),
    ("A1", renewed, (126_000,), "pass"),
    ("A1", renewed, (126_001,), "fail"),
]


@each_row(("rule", "make", "arguments", "expected"), CASES)
def test_a_limit_is_where_the_page_has_it(
    rule: str, make: Callable[..., ClientHistory], arguments: tuple[object, ...], expected: str
) -> None:
    assert verdict(rule, make(*arguments)) == expected


@each_row(("pause", "expected"), [(99, "fail"), (100, "pass")])
def test_a_failed_poll_is_repeated_after_a_pause(pause: int, expected: str) -> None:
    assert verdict("D2", refused(pause, status=500)) == expected


@each_row(("tries", "expected"), [(10, "pass"), (11, "fail")])
def test_a_failed_poll_is_repeated_ten_times_at_most(tries: int, expected: str) -> None:
    assert verdict("D2", refused(*range(10_000, 10_000 + tries), status=502)) == expected
