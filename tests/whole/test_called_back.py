"""Clients that callbacks tell of their jobs, rehearsed: a good one passes all rules, and of each mistake there is one finding."""

import json
import sys
from pathlib import Path

import pytest

from lab.core.exchange import Response
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.judge import report_on
from lab.recording.format.reader import read
from tests.conftest import Lab
from tests.plugins.callbacks.test_recorded import Shop

CLIENT = Path(__file__).with_name("clients") / "receiver.py"
SCENARIO = """\
lab: 1
name: one
title: One
agent: {code: ONE}
ask: Do it.
seed: 3
latency: {status: 50ms}
steps:
- {work: w, takes: 3s}
- {wait: x, takes: 4s}
- {complete: end, output: Done.}
"""
MISTAKES = {
    "no-signature": ("G1", "bad-signature"), "old": ("G2", "old-timestamp"), "doubles": ("G3", "twice"),
    "believes": ("G4", "other-job"), "no-polls": ("G5", "lost"), "works": ("G6", "late"), "slow": ("G7", "twice"),
    "deaf": ("G8", "twice"),
}  # fmt: skip
"""By what the client does wrong: the rule that finds it, and a drill in which it does."""
ANSWERS_LATE = ("works", "slow")
STYLE = {"A8", "B3"}
"""Rules of no weight that this client doesn't keep."""


def rehearsed(lab: Lab, mistake: str, *options: str) -> dict[str, object]:
    """What the report says of the client: the rules that failed and those that passed, and how its runs ended."""
    (lab.folder / "one.yaml").write_text(SCENARIO)
    client = sys.executable, CLIENT, *filter(None, [mistake])
    *runs, report = map(
        json.loads, lab("rehearse", "--drills", "one.yaml", "--notify", "--json", *options, "--", *client).lines
    )
    rules = {rule["rule"]: rule["verdict"] for rule in report["rules"]}
    return {
        "failed": {name for name, verdict in rules.items() if verdict == "fail"} - STYLE,
        "called back": {name for name, verdict in rules.items() if verdict == "pass" and name.startswith("G")},
        "runs": [run["good"] for run in runs],
    }


ALL = {"G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8"}


def test_a_good_client_passes_all(lab: Lab) -> None:
    found = rehearsed(lab, "", "--family", "N", "--virtual")
    assert (found["failed"], found["called back"]) == (set(), ALL)
    assert found["runs"] == [True] * 8


@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_mistake_is_one_finding_in_the_drill_that_shows_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    if (
        mistake in ANSWERS_LATE
    ):  # for each of its answers real time passes, until the lab's does; meanwhile both are busy
        monkeypatch.setattr("lab.server.control.clock._SILENCE", 100)
    rule, drill = MISTAKES[mistake]
    found = rehearsed(lab, mistake, "--only", f"n-callback-{drill}-turn-1", "--virtual")
    assert found["failed"] == {rule}


def test_what_nobody_takes_has_struck_nobody(lab: Lab) -> None:
    assert rehearsed(lab, "deaf", "--only", "n-callback-bad-signature-turn-1", "--virtual")["runs"] == [None]


def test_who_looks_once_more_as_a_callback_says_polls_no_job_that_has_ended(lab: Lab) -> None:
    found = rehearsed(lab, "busy", "--only", "n-callback-twice-turn-1", "--virtual")
    assert (found["failed"], found["runs"]) == (set(), [True])


@pytest.mark.parametrize(("until", "verdict"), [(5_000, "not exercised"), (60_000, "fail")])
def test_who_stops_once_a_wait_was_told_believed_no_end(until: int, verdict: str) -> None:
    shop = Shop({"tries": ["0s"], "on": ["WAITING", "COMPLETE"]})
    shop.post = answered_204  # type: ignore[method-assign, assignment]
    histories = histories_of(read(shop.run(1, until - 100)), over=True)
    report = report_on({"x": histories})
    assert {each.rule.id: str(each.verdict) for each in report.findings}["G4"] == verdict


async def answered_204(*_: object) -> Response:
    return Response(204)


def test_rules_of_callbacks_are_asked_of_nobody_else() -> None:
    shop = Shop({"for": {"clients": ["eve"]}})
    report = report_on({"x": histories_of(read(shop.run(1, 60_000)), over=True)})
    assert not [each for each in report.findings if each.rule.id.startswith("G")]


@pytest.mark.long
@pytest.mark.parametrize("clock", ["virtual", "real"])
@pytest.mark.parametrize("mistake", ["", *MISTAKES])
def test_one_mistake_is_one_finding_in_all_drills(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, mistake: str, clock: str
) -> None:
    monkeypatch.setenv("UNIT", "1" if clock == "virtual" else "0.3")
    found = rehearsed(lab, mistake, "--family", "N", *(["--virtual"] if clock == "virtual" else []))
    assert found["failed"] == ({MISTAKES[mistake][0]} if mistake else set())
    if not mistake:
        assert found["called back"] == ALL
