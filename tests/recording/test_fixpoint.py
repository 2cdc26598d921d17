"""What a replay records is what was recorded, and a session is the same whatever the pace at which it was played."""

import json
from pathlib import Path

import pytest

from lab.core.exchange import Json
from lab.recording.format.facts import class_of
from lab.recording.format.lines import Recording
from lab.recording.format.reader import read
from lab.recording.format.text import dumps
from lab.recording.replay.replay import replay
from tests.conftest import Lab, each_row
from tests.recording.killed import together
from tests.recording.shipped import shipped, target_of

SCENARIO = """\
lab: 1
name: brief
title: Brief
agent: {code: BRIEF}
ask: Two nights in Lyon
seed: 7
latency: {token: 20ms, invoke: {between: [20ms, 40ms]}, status: {between: [10ms, 30ms]}}
data: {hotel: {fake: company}, price: {between: [80, 120], decimals: 2}}
steps:
  - work: look
    takes: {between: [100ms, 300ms]}
    says: Asking {{ data.hotel }}…
  - gate: agree
    asks: "{{ data.price }} a night?"
    patience: 1h
    reviewer: {after: 400ms, verdict: approved}
  - work: book
    takes: {between: [100ms, 300ms]}
  - complete: done
    output: Booked at {{ data.hotel }}.
"""


@pytest.mark.long
@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.name.partition(".")[0])
def test_a_replay_of_what_a_replay_recorded_records_the_same_bytes(path: Path) -> None:
    target, data = target_of(path), path.read_bytes()
    result = replay(read(data), target.scenarios)
    assert result.passed, result.text()
    once = result.again()
    again = replay(read(once), target.scenarios)
    assert again.passed and again.again() == once
    assert once.splitlines()[1:-1] == data.splitlines()[1:-1]


@each_row("late", [False, True])
def test_so_does_one_of_many_jobs_at_once_and_one_that_began_late(late: bool) -> None:
    joined = together(late=late)
    scenarios = joined.service.config.scenarios
    once = replay(read(joined.data), scenarios).again()
    again = replay(read(once), scenarios)
    assert again.passed and again.again() == once
    # of a tape that began late, what follows from its opening is looked at earlier in a replay
    assert (once == joined.data) is not late
    assert story(read(once)) == story(read(joined.data))


def story(recording: Recording) -> list[tuple[object, ...]]:
    """What happened to each job, instants counted from its acceptance, in their order."""
    accepted = {fact.text("job"): fact.instant for fact in recording.facts("job.accepted")}
    found = []
    for fact in recording.facts():
        if class_of(fact) != "shell" and (since := accepted.get(fact.text("job"))) is not None:
            found.append((fact.text("job"), fact.instant - since, fact.type, dumps(moved(fact.members, since))))
    return sorted(found)


def moved(value: Json, since: int) -> Json:
    """The value with every instant in it counted from then."""
    match value:
        case dict():
            return {
                name: each - since if name in ("at", "until") and isinstance(each, int) else moved(each, since)
                for name, each in value.items()
            }
        case _:
            return value


@pytest.mark.long
@pytest.mark.parametrize("speed", ["20", "1"])
def test_a_session_has_the_same_facts_at_any_speed(lab: Lab, speed: str) -> None:
    (lab.folder / "brief.yaml").write_text(SCENARIO)
    stories, ends = [], []
    for pace in ("instant", speed):
        done = lab("run", "./brief.yaml", "--speed", pace, "--record", f"at-{pace}", "--json")
        assert done.code == 0, done.err
        found = read((lab.folder / "recordings" / f"at-{pace}.rec.jsonl").read_bytes())
        stories.append(story(found))
        ends.append([json.loads(line)["output"] for line in done.lines])
    assert stories[0] == stories[1] and ends[0] == ends[1]
    assert [type_ for *_, type_, _ in stories[0]].count("job.status") == 3
