"""A scenario with branches, agents, parallels and gates that escalate, recorded once: later labs replay it and do the same."""

from pathlib import Path

import pytest

from tests.conftest import ROOT, Lab

AGENTS = ROOT / "tests" / "corpus" / "agents"
"""Never recorded again: that one of these differs means that a draw or a rule has moved, and that recordings break."""
SEEDS = (1, 2, 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_it_replays_and_comes_again_byte_for_byte(lab: Lab, seed: int) -> None:
    file = AGENTS / f"seed-{seed}.rec.jsonl"
    done = lab("replay", file, "--scenarios", AGENTS)
    assert (done.code, done.lines[-1]) == (0, "1 passed, 0 failed"), done.out
    how = ("--seed", str(seed), "--speed", "instant", "--record", "./again")
    assert lab("run", AGENTS / "agents.yaml", *how).code == 0
    again, before = Path("again.rec.jsonl").read_bytes().splitlines(), file.read_bytes().splitlines()
    assert again[1:-1] == before[1:-1]  # but for the versions that the header names


def test_the_recordings_hold_what_they_are_there_for() -> None:
    text = "".join((AGENTS / f"seed-{seed}.rec.jsonl").read_text() for seed in SEEDS)
    for needle in (
        '"price/next"', '"boss/next"', '"lorry/takes"', '"name":"eve"', '"verdict":"changes-requested"', '"round":1',
        '"step":"nap"', '"step":"around"', '"type":"fault.struck"',
    ):  # fmt: skip
        assert needle in text, needle
