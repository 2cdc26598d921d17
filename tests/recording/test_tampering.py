"""No falsified recording passes a replay: a sample of what `tampering` tries whole."""

from pathlib import Path
from random import Random

import pytest

from tests.conftest import THOROUGH
from tests.recording.tampering import forgeries, shipped, target_of, written

SAMPLE = 200 if THOROUGH else 8


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


def test_a_traceback_is_no_verdict() -> None:
    target = target_of(shipped()[0])
    assert target.verdict(b"") == "red"
