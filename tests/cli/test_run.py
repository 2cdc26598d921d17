"""`lab run` as a user calls it."""

import json
import re
from pathlib import Path

import pytest

from lab.app.effects import App, Outcome
from lab.cli.run.conversation import turns_of
from lab.language.parse import parse_scenario
from lab.plugin import plugins
from lab.program.scenario import ExpectedRun, Scenario
from tests.conftest import ROOT, Lab, each_row
from tests.server.conftest import lines_in

SHIPPED = sorted(path.stem for path in (ROOT / "scenarios").glob("*.yaml"))
STATUS = {"bad-line": None, "broken-tool": "ERROR", "nobody-home": "ERROR", "wrong-badge": None}
"""Endings that are not COMPLETE; None: no job came of the last message."""


def shipped(name: str) -> Scenario:
    return parse_scenario((ROOT / "scenarios" / f"{name}.yaml").read_bytes(), name)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_scenario_runs_to_its_end(lab: Lab, name: str) -> None:
    status = STATUS.get(name, "COMPLETE")
    done = lab("run", name, "--speed", "instant", "--json")
    assert done.code == 0, done.err
    assert len(done.lines) == len(shipped(name).user_messages)
    outcomes = [json.loads(line) for line in done.lines]
    assert outcomes[-1]["status"] == status
    assert {(outcome["expected"], *outcome["differences"]) for outcome in outcomes} == {(True,)}
    assert (shipped(name).expect != ExpectedRun()) == (name in STATUS)


def test_the_seed_that_was_drawn_is_told_to_programs_and_brings_the_same_run_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAB_SEED", raising=False)
    text = (ROOT / "scenarios" / "item-comparison.yaml").read_text("utf-8")
    (lab.folder / "item-comparison.yaml").write_text(re.sub(r"(?m)^seed: .*\n", "", text))
    run = "run", "./item-comparison.yaml", "--speed", "instant", "--json"
    first, second = (json.loads(lab(*run).out)["seed"] for _ in range(2))
    assert first != second
    assert lab(*run, "--seed", str(first)).out != lab(*run, "--seed", str(second)).out


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "scenarios" / "rehearsal").glob("*.yaml")))
def test_those_made_for_rehearsals_go_as_they_expect_too(lab: Lab, name: str) -> None:
    assert lab("run", name, "--speed", "instant", "--json").code == 0


def test_a_transcript_tells_the_story(lab: Lab) -> None:
    done = lab("run", "item-comparison", "--speed", "instant")
    words = [line.split()[1] for line in done.lines if line[:3] == "00:"]
    assert [word for word, before in zip(words, [None, *words], strict=False) if word != before][-5:] == [
        "RUNNING", "WAITING", "DECIDED", "RUNNING", "COMPLETE",
    ]  # fmt: skip
    assert "Prices agreed with" in done.out


@each_row(("ends", "turns"), [("COMPLETE", 3), ("ERROR", 1), (None, 1)])
def test_the_next_message_is_said_only_after_an_answer(ends: str | None, turns: int) -> None:
    app = App("TEAM", "hi", "demo", "s", "x")
    conversation = turns_of(app, shipped("three-turns"), lambda observation: None)
    for _ in conversation.turns():
        conversation.outcomes.append(Outcome(ends, None, None, None, "C", 0, 0))
    assert [outcome.status for outcome in conversation.outcomes] == [ends] * turns


def record(lab: Lab, name: str, speed: str) -> list[tuple[object, ...]]:
    """When each line of a recorded run was written, and what each fact says, those about connections left out."""
    assert lab("run", name, "--speed", speed, "--record", f"./{speed}").code == 0
    lines = lines_in((lab.folder / f"{speed}.rec.jsonl").read_bytes())[1:]
    kept = [line for line in lines if not line.get("type", "").startswith("connection.")]
    return [(line["t"], {**line, "n": 0} if line["k"] == "fact" else line["k"]) for line in kept]


@pytest.mark.parametrize(
    ("name", "speed"),
    [
        ("item-comparison", "20"),
        ("bad-line", "300"),
        *(pytest.param(name, "99999", marks=pytest.mark.long) for name in SHIPPED),
    ],
)
def test_a_run_has_the_same_facts_at_the_same_instants_at_any_speed(lab: Lab, name: str, speed: str) -> None:
    assert record(lab, name, speed) == record(lab, name, "instant")


def test_the_dialects_that_can_be_named_are_those_that_there_are(lab: Lab) -> None:
    names = [wire.name for plugin in plugins() for wire in plugin.wires]
    refused = lab("run", "item-comparison", "--dialect", "fax")
    assert refused.code == 2 and f"There are {', '.join(names)}." in refused.err


def test_the_seed_decides(lab: Lab) -> None:
    runs = [lab("run", "item-comparison", "--speed", "instant", "--seed", seed).out for seed in ("1", "2", "1")]
    assert runs[0] == runs[2] != runs[1]


def test_a_path_serves_as_well_as_a_name(lab: Lab) -> None:
    path = ROOT / "scenarios" / "item-comparison.yaml"
    assert lab("run", path, "--speed", "instant").out == lab("run", "item-comparison", "--speed", "instant").out


def test_a_wrong_name_gives_the_nearest(lab: Lab) -> None:
    done = lab("run", "item-comparson", "--speed", "instant")
    assert done.code == 2
    assert "Did you mean item-comparison?" in done.err


def test_a_switch_changes_the_answer(lab: Lab) -> None:
    done = lab("run", "item-comparison", "--speed", "instant", "--set", "invoke_status=200")
    assert any(" INVOKE " in line and "  200  " in line for line in done.lines)
    assert lab("run", "item-comparison", "--set", "invoke_statsu=200").code == 2
    assert "did you mean invoke_status?" in lab("run", "item-comparison", "--set", "invoke_statsu=200").err
    assert lab("run", "item-comparison", "--set", "invoke_status=418").code == 2


def test_with_nobody_to_decide_patience_ends_the_gate(lab: Lab) -> None:
    done = lab("run", "item-comparison", "--speed", "instant", "--reviewer", "person", "--json")
    assert json.loads(done.out)["status"] == "ERROR"
    assert json.loads(done.out)["elapsed_ms"] > 900_000


def test_an_existing_recording_is_kept(lab: Lab) -> None:
    args = ("run", "item-comparison", "--speed", "instant", "--record", "kept")
    assert lab(*args).code == 0
    first = Path("recordings/kept.rec.jsonl").read_bytes()
    assert lab(*args).code == 2
    assert lab(*args, "--force").code == 0
    assert Path("recordings/kept.rec.jsonl").read_bytes() == first
    assert Path("recordings/kept.rec.jsonl.old").read_bytes() == first


def test_a_clock_that_nobody_moves_is_refused(lab: Lab) -> None:
    assert lab("run", "item-comparison", "--clock", "manual").code == 2
