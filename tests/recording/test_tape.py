"""The tape: order of lines, derived facts once and in time, death without harm."""

import json
import tracemalloc
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.clocks import AnyClock, ManualClock, ScaledClock, SystemClock
from lab.core.clock import epoch_text
from lab.core.exchange import LONG_BODY, Request, Response
from lab.core.journal.shell import ConnectionOpened
from lab.core.observe import Noted, Replied, Requested
from lab.faults.facts import FaultStruck
from lab.program.words import Verdict
from lab.recording.format.reader import read
from lab.recording.replay.replay import replay
from lab.recording.tape.header import recording_header
from lab.recording.tape.line_cache import MOST_LONG
from lab.recording.tape.tape import Tape
from tests.conftest import THOROUGH, each_row, examples, few_of
from tests.recording.joined import Joined, config
from tests.recording.killed import together


def kinds(data: bytes) -> list[str]:
    found = []
    for raw in data.decode().splitlines():
        line = json.loads(raw)
        found.append(line["fact"]["type"] if line["k"] == "fact" else f"{line['k']} {line.get('x', '')}".strip())
        found += [fact["type"] for fact in line.get("facts", ())]
    return found


def test_facts_stand_in_their_request_what_was_due_before_it_and_what_follows_behind_it() -> None:
    joined = Joined(config(scripted=False))
    joined.play(((Verdict.APPROVED, None),))
    lines = kinds(joined.data)
    decided = lines.index("gate.decided")
    assert lines[:4] == ["header", "req 1", "token.granted", "res 1"]
    assert lines[4:7] == ["req 2", "job.accepted", "res 2"]
    assert (
        lines[decided - 1].startswith("req")
        and lines[decided + 1] == "job.status"
        and lines[decided + 2].startswith("res")
    )
    opened = lines.index("gate.opened")
    assert lines[opened - 1] == "job.status" and lines[opened + 1].startswith("req") and opened < decided
    assert lines.count("gate.opened") == 1 and lines.count("job.status") == 3


def test_a_decision_from_outside_writes_what_was_due_first() -> None:
    joined = Joined(config(scripted=False))
    joined.play_until_accepted()
    job = next(joined.service.jobs())
    joined.now = 60_000
    assert joined.decide(job, "manager", "approved") == 200
    assert kinds(joined.data)[-4:] == ["job.status", "gate.opened", "gate.decided", "job.status"]
    lines = [json.loads(raw) for raw in joined.data.splitlines()[-4:]]
    assert [line["t"] for line in lines] == [60_000] * 4
    assert ["at" in line["fact"] for line in lines] == [True, True, False, False]


def test_what_nobody_looked_at_is_written_at_the_close_in_order_of_instants() -> None:
    joined = Joined(config())
    joined.play_until_accepted()
    joined.play_until_accepted()
    joined.tape.close(10**9)
    found = read(joined.data)
    tail = [entry for entry in found.facts() if entry.at is not None]
    assert [entry.instant for entry in tail] == sorted(entry.instant for entry in tail)
    assert [entry.type for entry in tail].count("gate.decided") == 2 and found.until == 10**9


def test_looking_changes_no_byte() -> None:
    looked, blind = Joined(config()), Joined(config())
    for joined in (looked, blind):
        joined.play_until_accepted()
        job = next(joined.service.jobs())
        if joined is looked:
            for now in range(0, 60_000, 500):
                joined.service.derived(job, joined.now + now)
        joined.tape.close(joined.now + 60_000)
    assert looked.data == blind.data


def test_a_dead_tape_says_why_and_never_raises() -> None:
    setup = config()
    for failing in range(1, 8):
        joined = Joined(setup)
        written: list[bytes] = []

        def fail(line: bytes, failing: int = failing, written: list[bytes] = written) -> None:
            if len(written) == failing:
                raise OSError(28, "No space left on device")
            written.append(line)

        tape = Tape(joined.service, fail, recording_header(setup, lab="0.1.0"))
        joined.service.observers[:] = [tape]
        assert joined.play().complete
        tape.close(joined.now)
        assert tape.dead is not None and "No space left" in tape.dead
        assert len(written) == failing and read(b"".join(written)).state == "open"


@each_row(
    ("clock", "mode", "factor"),
    [
        (None, "manual", None),
        (ManualClock(), "manual", None),
        (SystemClock(), "real", None),
        (ScaledClock("0.5"), "scaled", "0.5"),
    ],
)
def test_a_header_names_the_pace_of_a_scaled_clock_alone(clock: AnyClock | None, mode: str, factor: str | None) -> None:
    found = recording_header(config(), lab="0", clock=clock).clock
    assert (found.mode, found.factor, found.epoch) == (mode, factor, epoch_text(config().epoch))


@pytest.mark.parametrize("late", few_of([False, True], ("True",)))
def test_wherever_a_tape_reaches_its_limit_it_is_whole_and_replays(late: bool) -> None:
    ends = list(accumulate(map(len, together(late=late).lines)))
    lengths = set()
    for limit in ends if THOROUGH else ends[::7]:
        joined = together(late=late, limit=limit)
        found = read(joined.data)
        assert joined.tape.dead in (None, f"The recording reached its limit of {limit} bytes.")
        assert found.end is not None and found.end.reason == ("limit" if joined.tape.dead else "closed")
        result = replay(found, joined.service.config.scenarios)
        assert result.passed, result.text()
        lengths.add(len(found.lines))
    assert len(lengths) > 8


def test_shell_facts_odd_replies_and_the_listeners_own_host() -> None:
    joined = Joined(config())
    joined.tape(Noted(3, ConnectionOpened(at=3, c=2)))
    hosts = (("host", "127.0.0.1:4711"), ("host", "pod.example"), ("accept", "*/*"))
    joined.tape(
        Requested(4, 1, "unknown", Request("GET", "/a%20b", "x=%C3%A9&x=1&y=%ff", hosts), 2, ("double_slash",), 7)
    )
    joined.tape(Replied(9, 1, Response(413), 0, 5, "shell", "reset", 3))
    lines = [json.loads(raw) for raw in joined.lines[1:]]
    assert lines[0] == {"k": "fact", "n": 1, "t": 3, "fact": {"type": "connection.opened", "c": 2}}
    assert joined.lines[2].decode() == (
        '{"k":"req","n":2,"t":4,"x":1,"c":2,"flags":["double_slash"],"in":7,"m":"GET",'
        '"u":"/a%20b?x=%C3%A9&x=1&y=%ff","h":[["host","pod.example"],["accept","*/*"]]}\n'
    )
    assert joined.lines[3].decode() == (
        '{"k":"res","n":3,"t":9,"x":1,"s":413,"by":"shell","held":0,"first":5,"cut":"reset","sent":3}\n'
    )


@each_row(
    ("kind", "raw", "enc", "body", "hashed"),
    [
        ("application/json", b'{"a":1}', "json", {"a": 1}, False),
        ("application/json", b'{ "a":1}', "json", {"a": 1}, True),
        ("application/json", b'{"a":1,"a":2}', "text", '{"a":1,"a":2}', False),
        ("application/json", b'{"a":NaN}', "text", '{"a":NaN}', False),
        ("application/json", b'{"a":1e999}', "text", '{"a":1e999}', False),
        ("application/json", b'{"a":123456789012345678}', "json", {"a": 123456789012345678}, False),
        ("application/json", b'{"a":1234567890123456789}', "text", '{"a":1234567890123456789}', False),
        ("application/json", b'{"a":-0.1234567890123456789}', "text", '{"a":-0.1234567890123456789}', False),
        ("application/json", b'{"a":"1234567890123456789"}', "json", {"a": "1234567890123456789"}, False),
        ("application/json", b"\xff", "b64", "/w==", False),
        ("application/json", b"[" * 300 + b"]" * 300, "text", "[" * 300 + "]" * 300, False),
        ("application/x-www-form-urlencoded", b"a=1&a=2", "text", "a=1&a=2", False),
        ("application/x-www-form-urlencoded", b"a=%2f+&b", "text", "a=%2f+&b", False),
        ("text/plain", b"plain", "text", "plain", False),
        ("text/plain", b"", None, None, False),
    ],
)
def test_a_body_is_written_in_the_way_that_falsifies_nothing(
    kind: str, raw: bytes, enc: str, body: object, hashed: bool
) -> None:
    joined = Joined(config())
    joined.tape(Requested(0, 1, "unknown", Request("POST", "/", "", (("content-type", kind),), raw)))
    line = json.loads(joined.lines[-1])
    assert (line.get("enc"), line.get("body"), "raw" in line) == (enc, body, hashed)


def test_instants_never_go_back_even_when_observers_are_told_late() -> None:
    joined = Joined(config())
    for x, at in ((1, 50), (2, 40)):
        joined.tape(Requested(at, x, "unknown", Request("GET", "/", "", (), b"")))
    assert [json.loads(line)["t"] for line in joined.lines] == [0, 50, 50]


def test_a_tape_remembers_few_long_bodies() -> None:
    joined = Joined(config(scripted=False))
    tracemalloc.start()
    try:
        for x in range(1, 41):
            body = b"%d " % x + b"x" * 100_000
            joined.tape(Requested(0, x, "unknown", Request("POST", "/", "", (), body)))
            joined.tape(Replied(0, x, Response(404, (), body)))
            joined.lines.clear()
            body = b""
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    # the bytes and the line of as many requests as replies
    assert kept < 2 * MOST_LONG * 210_000


def test_a_long_line_is_written_as_soon_as_it_is_there() -> None:
    joined, writes = Joined(config()), list[int]()
    tape = Tape(joined.service, lambda lines: writes.append(len(lines)), recording_header(config(), lab="0.1.0"))
    tape.hold = 64
    for x, size in enumerate((10, LONG_BODY, 10, LONG_BODY, LONG_BODY, 10), 1):
        tape(Replied(x, x, Response(200, (), b"a" * size + b"%d" % x)))
    assert [size // LONG_BODY for size in writes] == [0, 0, 1, 0, 1, 1], (
        "the header, and what came before each long one"
    )


def test_a_request_waits_for_its_facts_and_for_nothing_else() -> None:
    joined, written = Joined(config()), list[bytes]()
    tape = Tape(joined.service, written.append, recording_header(config(), lab="0.1.0"))
    call = Request("GET", "/", "", (), b"")
    tape(Requested(0, 1, "unknown", call))
    assert tape.waiting and kinds(b"".join(written)) == ["header"]
    tape(Noted(0, FaultStruck(at=0, fault="f", call=1), 1))
    tape(Requested(0, 2, "unknown", call))
    assert kinds(b"".join(written)) == ["header", "req 1", "fault.struck"]
    tape.flush()
    assert not tape.waiting and kinds(b"".join(written)) == ["header", "req 1", "fault.struck", "req 2"]
    tape(Noted(0, FaultStruck(at=0, fault="f", call=2), 2))
    assert json.loads(written[-1]) == {
        "k": "fact", "n": 3, "t": 0, "x": 2, "fact": {"type": "fault.struck", "fault": "f", "call": 2},
    }  # fmt: skip


@examples(8, thorough=100)
@given(st.lists(st.booleans(), max_size=40), st.integers(1, 9))
def test_however_many_lines_are_written_at_once_the_bytes_are_the_same(flushes: list[bool], hold: int) -> None:
    """`flushes`: whether all is written behind each reply in turn."""
    joined, whole = Joined(config(scripted=False)), list[bytes]()
    tape = Tape(joined.service, whole.append, recording_header(config(scripted=False), lab="0.1.0"))
    tape.hold = hold
    joined.service.observers.append(tape)
    moments = iter(flushes)

    def flush(observation: object) -> None:
        if isinstance(observation, Replied) and next(moments, False):
            tape.flush()

    joined.service.observers.append(flush)
    joined.play(((Verdict.APPROVED, None),))
    assert joined.data.startswith(b"".join(whole))
    for each in (joined.tape, tape):
        each.close(joined.now)
    assert b"".join(whole) == joined.data
