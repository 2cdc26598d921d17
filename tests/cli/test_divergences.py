"""A recording that diverges, in five ways: from what is said alone everybody knows what and where, and what to do."""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec.structs import replace

from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.recording.format.lines import Recording
from tests.conftest import Lab
from tests.recording.joined import Joined, config
from tests.recording.rewritten import rewritten, without

GOLDEN = Path(__file__).parent / "divergences"
SCENARIO = """
lab: 1
name: order
title: An order
agent: {code: ORDERS}
ask: Ten chairs, please
steps:
  - work: read
    takes: 4s
  - gate: buyer
    asks: Buy them?
    patience: 30m
    verdicts: {rejected: refused}
    reviewer: {after: 6s, verdict: approved, by: Script}
  - complete: bought
    output: Ten chairs were ordered.
  - error: refused
    text: Nothing was ordered.
"""


def recorded() -> Recording:
    """One job, from token to end."""
    program = program_of(parse_scenario(SCENARIO, "order.yaml"), sha256(SCENARIO.encode()).hexdigest())
    joined = Joined(config(program=program))
    joined.play()
    return joined.closed()


def without_token(recording: Recording) -> bytes:
    """The first call was never made."""
    return without(recording, lambda line: line.x == 1)


def without_job(recording: Recording) -> bytes:
    """The call that began the job was never made."""
    kept = (line for line in recording.lines if line.x is not None and line.x != 2)
    return rewritten(recording, (replace(line, x=line.x - (line.x > 2)) for line in kept if line.x is not None))


def job_second(recording: Recording) -> bytes:
    """The first look at the job came before the call that began it."""
    both = {2: 3, 3: 2}
    lines = [replace(line, x=both[line.x], t=0) if line.x in both else line for line in recording.lines]
    return rewritten(recording, sorted(lines, key=lambda line: min(line.x or 4, 4)))


def token_second(recording: Recording) -> bytes:
    """The first two calls were made the other way round."""
    both = {1: 2, 2: 1}
    lines = [replace(line, x=both.get(line.x or 0, line.x)) for line in recording.lines]
    return rewritten(recording, sorted(lines, key=lambda line: line.x if line.x in both else 2.5))


@pytest.mark.parametrize(
    ("name", "edit", "change"),
    [
        ("output", ("were ordered", "were bought"), rewritten),
        ("time", ("takes: 4s", "takes: 9s"), rewritten),
        ("status", ("verdict: approved", "verdict: rejected"), rewritten),
        ("missing call", ("", ""), without_token),
        ("other order", ("", ""), token_second),
        ("missing job", ("", ""), without_job),
        ("job later", ("", ""), job_second),
    ],
)
def test_what_is_said(lab: Lab, name: str, edit: tuple[str, str], change: Callable[[Recording], bytes]) -> None:
    """LAB_GOLDEN=write writes it anew; read the diff."""
    (lab.folder / "scenarios").unlink()
    for folder in ("scenarios", "recordings"):
        (lab.folder / folder).mkdir()
    Path("scenarios/order.yaml").write_text(SCENARIO.replace(*edit))
    Path("recordings/order.rec.jsonl").write_bytes(change(recorded()))
    done = lab("replay", "recordings")
    assert done.code == 1
    golden = GOLDEN / f"{name.replace(' ', '-')}.txt"
    if os.environ.get("LAB_GOLDEN") == "write":
        golden.write_text(done.out + done.err)
    assert done.out + done.err == golden.read_text()
