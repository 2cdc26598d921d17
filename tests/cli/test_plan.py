"""`lab check --plan`: the timeline that a seed settles, and that it is the one that comes."""

from pathlib import Path

import pytest

from lab.recording.format.lines import Entry, Req
from lab.recording.format.reader import read
from tests.conftest import ROOT, Lab

TALK = """\
lab: 1
name: talk
title: Two turns
agent: {code: TALK}
ask: go
seed: 3
data: {color: {one_of: [red, blue]}}
steps:
  - work: think
    takes: {between: [2s, 4s]}
  - gate: board
    asks: Sell the {{ data.color }} one?
    channel: EMAIL
    approvals: 2
    patience: 1h
    reviewer: {after: 10m, verdict: approved, comment: Fine.}
  - complete: first
    output: {json: {color: "{{ data.color }}"}}
turns:
  - ask: more
    steps:
      - {wait: nap, takes: 1m, says: Sleeping}
      - {gate: who, asks: Who?, patience: 5m, reviewer: nobody, verdicts: {timed-out: second}}
      - complete: second
        output: "\\n\\n{{ conversation.turns[0].output }}\\nand more"
"""


def test_the_table_says_what_happens_when_and_who_decides(lab: Lab) -> None:
    Path("talk.yaml").write_text(TALK)
    done = lab("check", "talk.yaml", "--plan", "--seed", "7", "--strict")
    assert done.code == 0
    assert done.lines == [
        "talk · Two turns · seed 7",
        "  turn 1: go",
        "    at       lasts    status    step   what",
        "    00:00.0  3s763ms  RUNNING   think",
        "    00:03.7  20m      WAITING   board  Sell the red one?",
        "                                       10:03.7 script: approved, 1 of 2: Fine.",
        "                                       20:03.7 script: approved, 2 of 2: Fine.",
        '    20:03.7           COMPLETE  first  {"color":"red"}',
        "  turn 2: more",
        "    at       lasts  status    step    what",
        "    00:00.0  1m     WAITING   nap     Sleeping",
        "    01:00.0  5m     WAITING   who     Who?",
        "                                      06:00.0 nobody decided: timed out",
        '    06:00.0         COMPLETE  second  {"color":"red"}',
    ]


def test_the_parameters_of_the_first_turn_are_in_force_in_the_next(lab: Lab) -> None:
    text = TALK.replace("ask: go", "ask: {message: go, parameters: {org: NORTH}}", 1)
    Path("talk.yaml").write_text(text.replace("says: Sleeping", 'says: "{{ parameters.org }}"'))
    assert any(line.endswith("nap     NORTH") for line in lab("check", "talk.yaml", "--plan", "--seed", "7").lines)


def test_without_a_seed_it_is_the_scenarios_own(lab: Lab) -> None:
    Path("talk.yaml").write_text(TALK)
    assert lab("check", "talk.yaml", "--plan").lines[0].endswith("seed 3")
    assert lab("check", "talk.yaml", "--plan").out == lab("check", "talk.yaml", "--plan", "--seed", "3").out


def test_a_file_with_a_complaint_has_no_plan(lab: Lab) -> None:
    Path("talk.yaml").write_text(TALK.replace("approvals: 2", "approvals: two"))
    done = lab("check", "talk.yaml", "--plan")
    assert done.code == 2 and len(done.lines) == 1


def test_it_is_what_a_run_with_that_seed_comes_to(lab: Lab) -> None:
    plan = lab("check", ROOT / "scenarios" / "item-comparison.yaml", "--plan", "--seed", "11").lines
    gate_line = next(line for line in plan if "Share the prices" in line)
    run = lab("run", "item-comparison", "--seed", "11", "--speed", "instant", "--record", "eleven")
    assert gate_line.split("with ")[1].strip("? ") in run.out
    recorded = read(Path("recordings/eleven.rec.jsonl").read_bytes())
    began = next(recorded.facts("job.accepted")).instant
    moves = [fact.instant - began for fact in recorded.facts("job.status")]
    shown = [f"{at // 60_000:02d}:{at // 1000 % 60:02d}.{at // 100 % 10}" for at in moves]
    assert shown == [line.split()[0] for line in plan[4:] if line[4].isdigit()]


PER_JOB = "  `calls` of a status fault without `step` counts per job; struck, where a job is polled so often:"
NAP = """\
lab: 1
name: nap
title: A nap
agent: {code: NAP}
ask: go
settings: {wait_status: RUNNING}
steps:
  - {work: think, takes: 2s}
  - {wait: nap, takes: 1m}
  - {complete: done, output: Done.}
faults:
  - {route: status, step: nap, strike: reset}
  - {route: status, step: nap, after: 30s, answer: 503, retry_after: {date: 2s}}
  - {route: token, chance: 5%, delay: 10s}
  - {route: invoke, calls: 2-4, lose_reply: true}
  - {route: status, turn: 2, after: 1s, omit: [jobId]}
"""


def test_the_status_of_a_wait_is_the_one_on_the_wire(lab: Lab) -> None:
    Path("nap.yaml").write_text(NAP)
    assert lab("check", "nap.yaml", "--plan").lines[4].split()[2:4] == ["RUNNING", "nap"]
    Path("nap.yaml").write_text(NAP.replace("RUNNING}", "WAITING}"))
    assert lab("check", "nap.yaml", "--plan").lines[4].split()[2:4] == ["WAITING", "nap"]


def test_a_plan_without_any_seed_says_that_a_run_draws_its_own(lab: Lab) -> None:
    Path("nap.yaml").write_text(NAP)
    plan = lab("check", "nap.yaml", "--plan").lines
    assert plan[0] == "nap · A nap · seed 0, for the scenario names none: a run draws its own"
    assert lab("check", "nap.yaml", "--plan", "--seed", "0").lines[0] == "nap · A nap · seed 0"
    assert "else 0" in lab("check", "--help").out


def test_planned_faults_stand_below_with_their_first_instants(lab: Lab) -> None:
    Path("nap.yaml").write_text(NAP)
    assert lab("check", "nap.yaml", "--plan").lines[6:] == [
        "  faults, in the order in which they are tried:",
        "    from         route   when                             what",
        "    00:02.0      status  calls: 1, step: nap              strike: reset",
        "    00:30.0      status  calls: 1, step: nap, after: 30s  answer: 503, retry_after: {date: 2s}",
        "                 token   chance: 5%                       delay: 10s",
        "                 invoke  calls: 2-4                       lose_reply: true",
        "    not reached  status  calls: 1, turn: 2, after: 1s     omit: [jobId]",
        PER_JOB,
        "    the job  no poll",
    ]


def test_a_fault_of_several_turns_begins_in_each(lab: Lab) -> None:
    Path("talk.yaml").write_text(TALK + "faults:\n  - {route: status, after: 1s, answer: 500}\n")
    lines = lab("check", "talk.yaml", "--plan").lines
    assert lines[-3:] == [
        PER_JOB, "    turn 1  poll 1 from 00:01.0 on: status-500", "    turn 2  poll 1 from 00:01.0 on: status-500",
    ]  # fmt: skip
    assert lines[-4].split("status")[0].strip() == "turn 1 00:01.0, turn 2 00:01.0"


STRUCK = """\
lab: 1
name: struck
title: Polls that are struck
agent: {code: STRUCK}
ask: go
steps: [{work: think, takes: 90s}, {complete: done, output: Done.}]
turns:
  - ask: more
    steps: [{work: again, takes: 60s}, {complete: end, output: More.}]
faults:
  - {name: second, route: status, calls: 2, odd_body: true}
  - {name: lot, route: status, chance: 20%, odd_body: true}
  - {name: first-three, route: status, calls: 1-3, delay: 10ms}
  - {name: thirds, route: status, calls: every 3, turn: 2, delay: 10ms}
  - {name: in-think, route: status, step: think, calls: 900, delay: 10ms}
"""


def polls_of_the_plan(line: str) -> dict[str, set[int]]:
    """The polls that a turn's line names, by fault, up to the end of the last stretch that it shows."""
    found: dict[str, set[int]] = {}
    for part in line.split("  ")[-1].split("; "):
        numbers, _, name = part.removeprefix("polls ").removeprefix("poll ").partition(": ")
        for stretch in numbers.removesuffix(", …").split(", "):
            first, _, last = stretch.partition("-")
            found.setdefault(name, set()).update(range(int(first), int(last or first) + 1))
    return found


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_the_polls_of_the_plan_are_those_that_are_struck(lab: Lab, seed: str) -> None:
    Path("struck.yaml").write_text(STRUCK)
    plan = lab("check", "struck.yaml", "--plan", "--seed", seed).lines
    planned = [polls_of_the_plan(line) for line in plan[plan.index(PER_JOB) + 1 :]]
    assert "thirds" not in planned[0] and planned[0]["lot"] != planned[1]["lot"]
    assert lab("run", "struck.yaml", "--seed", seed, "--speed", "instant", "--record", "struck").code == 0
    jobs: list[dict[str, set[int]]] = []
    polls: list[int] = []
    for line in read(Path("recordings/struck.rec.jsonl").read_bytes()).lines:
        match line:
            case Entry(type="job.accepted"):
                jobs.append({})
                polls.append(0)
            case Req() if "/status/" in line.path:
                polls[-1] += 1
            case Entry(type="fault.struck"):
                jobs[-1].setdefault(str(line.get("fault")), set()).add(polls[-1])
    assert len(jobs) == 2 and min(polls) > 12
    for turn, last, line_of_plan in zip(jobs, polls, planned, strict=True):
        shown = {name: max(numbers) for name, numbers in line_of_plan.items()}
        struck = {name: {poll for poll in numbers if poll <= shown[name]} for name, numbers in turn.items()}
        seen = {name: {poll for poll in numbers if poll <= last} for name, numbers in line_of_plan.items()}
        assert struck == {name: numbers for name, numbers in seen.items() if numbers}


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("calls: 3", "poll 3: status-503"),
        ("calls: 2-4", "polls 2-4: status-503"),
        ("calls: every 3", "polls 3, 6, 9, 12, 15, …: status-503"),
        ("calls: every 1", "polls 1 on: status-503"),
        ("calls: 5000", "no poll"),
        ("calls: 2, after: 1s", "poll 2 from 00:01.0 on: status-503"),
        ("calls: 2, after: 1h", "poll 2 from 1:00:00.0 on: status-503"),
        ("calls: 2, turn: 2", "no poll"),
    ],
)
def test_a_line_of_the_plan_says_which_polls_a_fault_strikes(lab: Lab, fault: str, text: str) -> None:
    alone = STRUCK.split("turns:")[0]
    Path("struck.yaml").write_text(f"{alone}faults:\n  - {{route: status, {fault}, answer: 503}}\n")
    lines = lab("check", "struck.yaml", "--plan").lines
    assert lines[-2:] == [PER_JOB, f"    the job  {text}"]


def test_a_fault_that_names_a_step_counts_where_the_table_says(lab: Lab) -> None:
    alone = STRUCK.split("turns:")[0]
    Path("struck.yaml").write_text(f"{alone}faults:\n  - {{route: status, step: think, answer: 503}}\n")
    assert PER_JOB not in lab("check", "struck.yaml", "--plan").lines
