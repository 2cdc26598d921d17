"""No falsified recording passes a replay: a sample of what `tampering` tries whole."""

from pathlib import Path
from random import Random

import pytest

from lab.core.errors import RecordingError
from lab.recording.format.reader import read
from lab.recording.replay.replay import ReplayResult, replay
from tests.conftest import THOROUGH
from tests.recording.tampering import Members, forgeries, shipped, target_of, written

SAMPLE = 200 if THOROUGH else 4


@pytest.mark.long
@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.name.partition(".")[0])
def test_what_was_changed_in_a_shipped_recording_is_seen(path: Path) -> None:
    target, chance = target_of(path), Random(path.name)
    assert written(target.lines) == path.read_bytes() and target.verdict(path.read_bytes()) == "green"
    for _ in range(SAMPLE):
        forgery = chance.choice(list(forgeries(target.lines, chance.randrange(len(target.lines)))))
        assert target.judged(forgery) in ("red", "not compared"), forgery


def test_a_recording_without_its_replies_is_refused(subtests: pytest.Subtests) -> None:
    for path in shipped():
        target = target_of(path)
        with subtests.test(path.name):
            assert target.verdict(written([line for line in target.lines if line["k"] != "res"])) == "red"
            polls = {line["x"] for line in target.lines if line["k"] == "req" and line["m"] == "GET"}
            kept = [line for line in target.lines if line["k"] == "fact" or line.get("x") not in polls]
            assert not polls or target.verdict(written(kept)) == "red"


def without_a_byte(line: Members, cut: str) -> Members:
    """The reply as one of which nothing left; at a tape's end no latency is known."""
    kept = {name: line[name] for name in ("k", "n", "t", "x", "held") if name != "held" or cut == "client_gone"}
    return {**kept, "s": 0, "cut": cut, "sent": 0, "h": [], "enc": "none"}


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.name.partition(".")[0])
def test_replies_that_left_nothing_are_told_and_never_all_there_is(path: Path) -> None:
    target = target_of(path)

    def cut(how: str, *, polls: bool) -> ReplayResult:
        lines = [
            without_a_byte(line, how) if line["k"] == "res" and (line["x"] > 1 or not polls) else line
            for line in target.lines
        ]
        return replay(read(written(lines)), target.scenarios, blob=target.blob)

    exchanges = sum(line["k"] == "req" for line in target.lines)
    for polls in (True, False) if exchanges > 2 else (False,):
        with pytest.raises(RecordingError, match=r"cut as the lab ended: nothing is asked or decided after that$"):
            cut("shutdown", polls=polls)
    with pytest.raises(RecordingError, match=r"none of its replies left a byte: there is nothing to compare$"):
        cut("client_gone", polls=False)
    assert "replies left no byte, and were not compared" in cut("client_gone", polls=True).text()


def test_a_connection_asks_for_no_more_while_its_reply_is_under_way() -> None:
    target = target_of(shipped()[0])
    last = [without_a_byte(line, "shutdown") for line in target.lines if line["k"] == "res"]
    rest = [line for line in target.lines if line["k"] != "res"]
    with pytest.raises(
        RecordingError, match=":2: the exchange 1 has no reply before its connection asks for more in line"
    ):
        read(written([*rest[:-1], *({**line, "t": rest[-1]["t"]} for line in last), rest[-1]]))


def test_a_traceback_is_no_verdict() -> None:
    target = target_of(shipped()[0])
    assert target.verdict(b"") == "red"
