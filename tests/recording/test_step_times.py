"""A replay says which step takes another time than it took when it was recorded, and how that is taken."""

from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH
from lab.jobs.program import Program
from lab.mock.config import Config
from lab.program.switches import Switches
from lab.recording.format.lines import Entry, Recording
from lab.recording.replay.edits import retimed_steps
from lab.recording.replay.replay import Comparing, replay
from tests.conftest import Lab, each_row
from tests.recording.test_redrawn import program, recorded

TIMED = """
lab: 1
name: timed
title: Timed
agent: {code: TIMED}
ask: Go
steps:
  - {work: first, takes: 4s}
  - {work: drawn, takes: {between: [2s, 3s]}}
  - {wait: nap, takes: 5s, again: {to: drawn, rounds: 1}}
  - {parallel: both, of: [{work: one, takes: 6s}, {work: other, takes: 7s}]}
  - {delegate: check, agent: CHECKER, takes: 8s}
  - {complete: done, output: Done.}
"""


def timed(old: str = "", new: str = "") -> Program:
    assert old in TIMED
    return program(TIMED.replace(old, new), "timed")


def steps_named(old: str, new: str, *, anew: bool = False) -> list[str]:
    """What is said of steps behind the differences."""
    found = replay(recorded(timed()), [timed(old, new)], comparing=Comparing(anew=anew))
    assert not found.passed
    return [
        step
        for each in found.differences
        for _, mark, step in [each.what.partition(" (J")[0].partition("; step ")]
        if mark
    ]


@each_row(
    ("old", "new", "step"),
    [
        ("first, takes: 4s", "first, takes: 1s", "first took 4s, and takes 1s now"),
        ("first, takes: 4s", "first, takes: 40m", "first took 4s, and takes 40m now"),
        ("first, takes: 4s", "first, takes: {between: [9s, 9s]}", "first took 4s, and takes 9s now"),
        ("nap, takes: 5s", "nap, takes: 5001ms", "nap took 5s, and takes 5s1ms now"),
        ("check, agent: CHECKER, takes: 8s", "check, agent: CHECKER, takes: 7s", "check took 8s, and takes 7s now"),
    ],
)
def test_the_first_step_that_takes_another_time_is_named_with_both(old: str, new: str, step: str) -> None:
    assert steps_named(old, new) == [step]


def test_of_what_was_drawn_later_visits_are_named_and_all_where_all_is_drawn_anew() -> None:
    edit = ("[2s, 3s]", "[7s, 9s]")
    (later,) = [each for each in steps_named(*edit) if "drawn took" in each]
    assert later.startswith("drawn took 2s") and "at visit 2, and takes " in later
    (first,) = steps_named(*edit, anew=True)
    assert first.startswith("drawn took 2s") and "visit" not in first


@each_row(
    ("old", "new"),
    [("output: Done.", "output: Else."), ("one, takes: 6s", "one, takes: 9s"), ("complete: done", "complete: ended")],
)
def test_of_other_edits_no_step_is_named(old: str, new: str) -> None:
    assert steps_named(old, new) == []


def test_an_edit_that_changes_no_time_is_no_difference() -> None:
    assert replay(recorded(timed()), [timed("first, takes: 4s", "first, takes: 4000ms")]).passed


def retimed(found: Recording, scenario: Program, *changed: str) -> list[str]:
    setup = Config((scenario,), Switches(), 42, INSTANT_EPOCH, recorded={})
    return list(retimed_steps(found, setup, frozenset(changed)).values())


def test_a_wait_that_somebody_ended_took_no_time_of_its_own() -> None:
    found, edit = recorded(timed()), timed("nap, takes: 5s", "nap, takes: 6s")
    assert retimed(found, edit, "timed") == ["step nap took 5s, and takes 6s now"]
    lines = list(found.lines)
    for place in [place for place, line in enumerate(lines) if isinstance(line, Entry) and line.text("step") == "nap"][::-1]:  # fmt: skip
        (entry,) = [line for line in lines[place : place + 1] if isinstance(line, Entry)]
        lines.insert(place + 1, replace(entry, type="wait.ended"))
    assert retimed(replace(found, lines=lines), edit, "timed") == []


def test_scenarios_that_were_not_edited_are_not_looked_at() -> None:
    assert retimed(recorded(timed()), timed("first, takes: 4s", "first, takes: 1s")) == []


def test_what_takes_the_new_truth_is_said_once_on_stderr_and_takes_it(lab: Lab) -> None:
    for name in ("a b", "two"):
        file = lab.folder / "scenarios" / f"{name}.yaml"
        if file.parent.is_symlink():
            file.parent.unlink()
        file.parent.mkdir(exist_ok=True)
        file.write_text(TIMED.replace("name: timed", f"name: {name.replace(' ', '-')}"))
    (lab.folder / "scenarios" / "a b.yaml").rename(lab.folder / "scenarios" / "a-b.yaml")
    for name in ("a-b", "two"):
        assert lab("run", name, "--speed", "instant", "--record", name).code == 0
        file = lab.folder / "scenarios" / f"{name}.yaml"
        file.write_text(file.read_text().replace("first, takes: 4s", "first, takes: 1s"))
    differs = lab("replay", "a-b", "two")
    assert differs.out.count("step first took 4s, and takes 1s now") == 2 and differs.lines[-1] == "0 passed, 2 failed"
    assert [line for line in differs.err.splitlines() if line.startswith("note: ")] == [
        "note: where that is meant, lab replay a-b two --accept shows it, asks, and puts it in the recording's place."
    ]
    kept = lab("replay", "a-b", "two", "--json")
    assert "lab replay a-b two --json --accept shows it" in kept.err and "step first took 4s" in kept.lines[0]
    assert lab("replay", "a-b", "two", "--accept", "--yes").lines[-1] == "2 accepted"
    again = lab("replay", "a-b", "two")
    assert (again.code, again.err) == (0, "")
