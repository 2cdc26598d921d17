"""What failed, or was odd, in a recorded run fails at the same calls of a learned one."""

import json
from copy import deepcopy
from pathlib import Path

from lab.core.clock import INSTANT_EPOCH
from lab.plugins.learn.story import RoutePace, Story, find_faults
from tests.conftest import ROOT, Lab
from tests.plugins.learn.observed import canonical, story_in

SCENARIO = """
lab: 1
name: odd-day
title: Much goes wrong
agent: {code: T_TEAM}
ask: hello there
seed: 3
latency: {status: 50ms, invoke: 100ms}
steps:
  - {work: a, takes: 9s, says: A}
  - {wait: carrier, takes: 200s, says: Waiting for the carrier}
  - complete: done
    output: {json: {a: 1, b: ["{{ message }}"]}}
"""
FAULTS = [
    "{route: token, calls: 1, answer: 503, retry_after: 1s, body: empty}",
    "{route: invoke, calls: 1, answer: 429, retry_after: {date: 3s}}",
    "{route: status, calls: 2, omit: [output, status]}",
    "{route: status, calls: 3, omit: [progressMessage]}",
    "{route: status, calls: 4, odd_body: true, omit: [traceId]}",
    "{route: status, calls: 5, answer: 502, body: html}",
    '{route: status, calls: 6, answer: 503, retry_after: {text: "1.5"}}',
    "{route: status, calls: 8, strike: garbage}",
    "{route: status, calls: 9, strike: wrong-length}",
    "{route: status, calls: 11, strike: hang}",
    "{route: status, calls: 12, answer: 401}",
    "{route: status, calls: 14, status_word: QUEUED_V2}",
    "{route: status, calls: 15, strike: reset}",
]
"""Each in the words in which it is learned again."""


def test_faults_are_learned_as_they_were_written(lab: Lab) -> None:
    path = Path("odd-day.yaml")
    path.write_text(SCENARIO + "faults:\n" + "".join(f"  - {fault}\n" for fault in FAULTS))
    assert lab("run", path, "--speed", "instant", "--record", "before").code == 0
    learned = lab("learn", "before", "--name", "odd-day")
    rows = [line.removeprefix("  - ").partition("  #")[0] for line in learned.lines if line.startswith("  - {route")]
    assert rows == FAULTS
    path.write_text(learned.out, "utf-8")
    assert lab("check", path, "--strict").code == 0
    assert lab("run", path, "--speed", "instant", "--record", "after").code == 0
    before, after = (story_in(Path(f"recordings/{name}.rec.jsonl")) for name in ("before", "after"))
    assert canonical(after) == canonical(before)


def test_a_day_without_faults_has_none(lab: Lab) -> None:
    Path("odd-day.yaml").write_text(SCENARIO)
    assert lab("run", "./odd-day.yaml", "--speed", "instant", "--record", "before").code == 0
    learned = lab("learn", "before", "--name", "odd-day")
    assert "faults:" not in learned.out
    story: Story = story_in(Path("recordings/before.rec.jsonl"))
    story.paces = {route: RoutePace() for route in story.calls}
    find_faults(story, INSTANT_EPOCH)
    assert (story.faults, story.notes) == ([], [])


def test_a_token_that_was_too_old_is_no_fault(lab: Lab) -> None:
    shown = json.loads(lab("show", ROOT / "recordings" / "item-comparison.rec.jsonl", "--as", "har").out)
    entries = shown["log"]["entries"]
    grant, *_, last = entries
    grant["response"]["content"]["text"] = grant["response"]["content"]["text"].replace("3600", "10")
    refused, renewed = deepcopy(last), deepcopy(grant)
    refused["response"] |= {"status": 401, "content": {"text": "{}"}}
    refused["startedDateTime"] = "2026-01-01T00:00:16.400Z"
    renewed["startedDateTime"] = "2026-01-01T00:00:16.500Z"
    entries += [refused, renewed]
    Path("old.har").write_text(json.dumps(shown), "utf-8")
    learned = lab("learn", "old.har")
    assert "token: {lifetime: 10s, renewed: true}" in learned.lines
    assert "faults:" not in learned.out
    refused["startedDateTime"] = "2026-01-01T00:00:08.000Z"
    Path("old.har").write_text(json.dumps(shown), "utf-8")
    assert "  - {route: status, calls: 5, answer: 401}" in lab("learn", "old.har").lines


def test_a_later_message_that_was_refused_and_said_again_is_one(lab: Lab) -> None:
    turns = "turns:\n  - ask: and then\n    steps:\n      - {complete: then, output: x}\n"
    fault = "  - {route: invoke, calls: 2, answer: 429, retry_after: 1s}\n"
    Path("odd-day.yaml").write_text(f"{SCENARIO}{turns}faults:\n{fault}")
    assert lab("run", "./odd-day.yaml", "--speed", "instant", "--record", "before").code == 0
    learned = lab("learn", "before", "--name", "odd-day").out
    assert learned.count("ask: and then") == 1 and learned.endswith(f"faults:\n{fault}")
