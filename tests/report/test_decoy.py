"""D8, on lines written by hand: the mock has no second origin, and redirects nobody."""

import json

import pytest

from lab.recording.reader import read
from lab.report.judge import RuleVerdict
from tests.report.good import Plain
from tests.report.together import Together, judged
from tests.report.zoo import QUICK


def day(*headers: list[str]) -> bytes:
    """A good client's day, and after its last poll the same one at the other origin, with these headers."""
    lab = Together(QUICK)
    lab.play(Plain(lab).story())
    lines = [json.loads(line) for line in lab.lines[:-1]]
    place = max(n for n, line in enumerate(lines) if line["k"] == "res")
    poll = next(line for line in lines if line["k"] == "req" and line["x"] == lines[place]["x"])
    more = {"t": lines[place]["t"], "x": poll["x"] + 1, "enc": "none"}
    agent = [pair for pair in poll["h"] if pair[0] == "user-agent"]
    request = {"k": "req", **more, "c": 99, "l": "decoy", "m": poll["m"], "p": poll["p"], "h": [*agent, *headers]}
    lines[place + 1 : place + 1] = [request, {"k": "res", **more, "s": 503, "h": []}]
    return b"".join(json.dumps(line | {"n": n}).encode() + b"\n" for n, line in enumerate(lines))


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [((), RuleVerdict.PASS), ((["authorization", "Bearer «token:T1»"],), RuleVerdict.FAIL)],
)
def test_the_bearer_goes_to_no_other_origin(headers: tuple[list[str], ...], verdict: RuleVerdict) -> None:
    found = judged(read(day(*headers)))
    assert {each.rule.id: each.verdict for each in found.findings}["D8"] is verdict
    assert [each.rule.id for each in found.with_verdict(RuleVerdict.FAIL)] == ["D8"] * (verdict is RuleVerdict.FAIL)
