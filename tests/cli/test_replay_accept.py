"""`lab replay --accept`: a new truth in the old one's place."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from lab.cli.console import Console
from lab.recording.format.lines import Line, Res
from lab.recording.format.reader import read
from tests.conftest import ROOT, Called, Lab
from tests.recording.rewritten import rewritten

NAMES = ("heavy-load", "item-comparison")


@pytest.fixture
def changed(lab: Lab) -> Path:
    """Two recordings, of scenarios of which one says something else now."""
    for folder in ("scenarios", "recordings"):
        place = lab.folder / folder
        if place.is_symlink():
            place.unlink()
        shutil.copytree(ROOT / folder, place)
    scenario = lab.folder / "scenarios" / "item-comparison.yaml"
    scenario.write_text(scenario.read_text().replace("verdict: approved", "verdict: rejected"))
    return lab.folder / "recordings" / "item-comparison.rec.jsonl"


def test_what_differs_is_shown_and_accepted_and_replays_then(lab: Lab, changed: Path) -> None:
    old = changed.read_bytes()
    shown = lab("replay", *NAMES, "--accept")
    assert (shown.code, changed.read_bytes()) == (2, old)
    assert "| +    script: rejected by buyer" in shown.out and "--yes" in shown.err
    done = lab("replay", *NAMES, "--accept", "--yes")
    assert (done.code, done.lines[-1]) == (0, "1 accepted")
    assert lab("replay", *NAMES).lines == ["2 passed, 0 failed"]
    assert not [each for each in changed.parent.iterdir() if ".old" in each.name]


@pytest.mark.parametrize(
    ("typed", "code", "last"), [(b"", 1, "0 accepted"), (b"n\n", 1, "0 accepted"), (b"y\n", 0, "1 accepted")]
)
def test_a_person_is_asked_and_the_end_of_input_is_no(
    lab: Lab, changed: Path, monkeypatch: pytest.MonkeyPatch, typed: bytes, code: int, last: str
) -> None:
    old, (end, begin) = changed.read_bytes(), os.pipe()
    os.write(begin, typed)
    os.close(begin)
    with os.fdopen(end) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(Console, "terminal", property(lambda _: True))
        done = lab("replay", "item-comparison", "--accept")
        monkeypatch.undo()
    assert (done.code, done.lines[-1]) == (code, last)
    assert (changed.read_bytes() == old) is bool(code)


@pytest.mark.long
@pytest.mark.usefixtures("changed")
def test_long_bodies_are_those_of_now(lab: Lab) -> None:
    scenario, recording = Path("scenarios/heavy-load.yaml"), Path("recordings/heavy-load.rec.jsonl")
    old = recording.stat().st_size
    scenario.write_text(scenario.read_text().replace("{filler: 5MB}", "{filler: 1MB}"))
    done = lab("replay", "heavy-load", "--accept", "--yes")
    assert done.code == 0 and "more rows" in done.out
    assert sum(line.startswith("| -      ") for line in done.lines) < 100
    assert recording.stat().st_size < old - 3_000_000
    assert lab("replay", "heavy-load").code == 0


def test_of_several_nothing_is_accepted_while_one_can_not_be_read_and_that_is_said(lab: Lab, changed: Path) -> None:
    old, torn = changed.read_bytes(), changed.with_name("heavy-load.rec.jsonl")
    torn.write_bytes(torn.read_bytes()[:-20])
    done = lab("replay", *NAMES, "--accept", "--yes")
    assert (done.code, changed.read_bytes(), done.lines[-1]) == (3, old, "0 passed, 2 failed")
    assert f"Nothing is accepted of {changed.relative_to(lab.folder)}: recordings/{torn.name} couldn't be" in done.err
    as_json = lab("replay", *NAMES, "--accept", "--yes", "--json")
    assert json.loads(as_json.lines[-1]) == {"accepted": 0}
    torn.unlink()
    assert lab("replay", *NAMES, "--accept", "--yes").code == 2, "one that is missing is none that may be passed over"


@pytest.mark.usefixtures("changed")
def test_for_programs_stdout_is_json_whatever_is_accepted(lab: Lab) -> None:
    refused = lab("replay", *NAMES, "--accept", "--json")
    assert [json.loads(line) for line in refused.lines][-1] == {"accepted": 0}
    done = lab("replay", *NAMES, "--accept", "--yes", "--json")
    assert [json.loads(line) for line in done.lines][-1] == {"accepted": 1}
    assert "| +    script: rejected by buyer" in done.err and done.code == 0


@pytest.mark.long
@pytest.mark.usefixtures("changed")
def test_what_differs_in_a_long_body_is_shown_and_may_be_excepted(lab: Lab) -> None:
    scenario, matchers = Path("scenarios/heavy-load.yaml"), Path("recordings/heavy-load.match.yaml")
    scenario.write_text(scenario.read_text().replace("{filler: 5MB}", "{filler: 4MB}"))
    plain = lab("replay", "heavy-load")
    assert plain.code == 1 and "sha256" not in plain.out and '"output": ' in plain.out
    assert '"output": ' in lab("replay", "heavy-load", "--accept").out
    matchers.write_text("- {where: res, route: status, path: $.output, rule: type}\n")
    assert lab("replay", "heavy-load").lines == ["1 passed, 0 failed"]
    matchers.write_text("- {where: res, route: status, path: $.nope, rule: ignore}\n")
    assert lab("replay", "heavy-load").code == 1


def test_generated_data_that_was_edited_is_told_and_accepted(lab: Lab, changed: Path) -> None:
    scenario = lab.folder / "scenarios" / "item-comparison.yaml"
    before = (ROOT / "scenarios" / "item-comparison.yaml").read_text()
    assert "{fake: company}" in before
    scenario.write_text(before.replace("{fake: company}", "{one_of: [Acme]}"))
    without, shown = lab("replay", "item-comparison"), lab("replay", "item-comparison", "--regenerate")
    assert (without.code, shown.code) == (1, 1)
    assert "is drawn otherwise now" in without.out and "drawn otherwise" not in shown.out
    assert lab("replay", "item-comparison", "--accept", "--yes").code == 0
    assert lab("replay", "item-comparison").lines == ["1 passed, 0 failed"]
    assert changed.exists()


SLOW = """
lab: 1
name: slow
title: Slow
agent: {code: SLOW}
ask: Go
steps:
  - {work: think, takes: 4s}
  - {complete: end, output: Done}
"""


def recorded(lab: Lab, text: str = SLOW) -> tuple[Path, Path]:
    """A scenario, and a run of it that was recorded until its end."""
    scenario, recording = lab.folder / "own" / "slow.yaml", lab.folder / "recordings" / "slow.rec.jsonl"
    scenario.parent.mkdir()
    scenario.write_text(text)
    assert lab("run", scenario, "--speed", "instant", "--seed", "1", "--record", "slow").code == 0
    return scenario, recording


def replayed(lab: Lab, *how: str) -> Called:
    return lab("replay", "slow", "--scenarios", "own", *how)


def assert_not_accepted(lab: Lab, recording: Path, old: bytes, said: str) -> None:
    """It says why, and what would accept it all the same; the recording is the old one."""
    refused = replayed(lab, "--accept", "--yes")
    assert (refused.code, recording.read_bytes()) == (1, old)
    assert said in refused.err
    assert "--accept-unfinished" in refused.err and "accepted" not in refused.lines[-1]


def test_a_job_that_ends_no_longer_is_not_accepted_so_that_its_output_is_still_held(lab: Lab) -> None:
    scenario, recording = recorded(lab)
    old = recording.read_bytes()
    scenario.write_text(SLOW.replace("4s", "40s"))
    assert_not_accepted(lab, recording, old, "recordings/slow.rec.jsonl: no answer shows the end of job ")
    scenario.write_text(SLOW.replace("4s", "40s").replace("Done", "Undone"))
    assert replayed(lab).code == 1


def test_of_a_long_text_the_lines_that_differ_are_shown(lab: Lab) -> None:
    """Also those behind what a transcript has room for."""
    text = "".join(f"Line {n} of what was found in the long report.\\n" for n in range(40))
    scenario, _ = recorded(lab, SLOW.replace("Done", f'"{text}"'))
    scenario.write_text(scenario.read_text().replace("Line 30 of what was", "Line 30 of what is."))
    shown = replayed(lab, "--accept").lines
    assert [line for line in shown if line.startswith(("| -", "| +"))][-2:] == [
        r"| -      Line 30 of what was found in the long report.\u000a",
        r"| +      Line 30 of what is. found in the long report.\u000a",
    ]


def test_where_a_transcript_does_not_show_what_differs_that_is_said(lab: Lab) -> None:
    _, recording = recorded(lab)
    found = read(recording.read_bytes())

    def change(line: Line) -> Line:
        if not isinstance(line, Res):
            return line
        return replace(
            line, headers=(*(pair for pair in line.headers if pair[0] != "cache-control"), ("cache-control", "private"))
        )

    recording.write_bytes(rewritten(found, map(change, found.lines)))
    assert "| The transcripts are the same: what differs isn't shown in them." in replayed(lab, "--accept").lines


def test_a_job_that_begins_no_longer_is_not_accepted_either(lab: Lab) -> None:
    scenario, recording = recorded(lab)
    old = recording.read_bytes()
    scenario.write_text(SLOW.replace("code: SLOW", "code: FAST"))
    said = "is gone: POST …/SLOW/invokeAsync (x=2) began it, and is answered 404 now."
    assert_not_accepted(lab, recording, old, said)
    assert replayed(lab, "--accept", "--yes", "--accept-unfinished").lines[-1] == "1 accepted"


def test_it_is_accepted_where_that_is_said_and_nothing_holds_the_output_then(lab: Lab) -> None:
    scenario, _ = recorded(lab)
    scenario.write_text(SLOW.replace("4s", "40s"))
    assert replayed(lab, "--accept", "--yes", "--accept-unfinished").lines[-1] == "1 accepted"
    scenario.write_text(SLOW.replace("4s", "40s").replace("Done", "Undone"))
    assert replayed(lab).code == 0
    # it was so before, so no more is lost
    scenario.write_text(SLOW.replace("takes: 4s", "says: Busy, takes: 50s"))
    assert replayed(lab, "--accept", "--yes").lines[-1] == "1 accepted"


def test_an_end_that_comes_after_the_last_answer_is_none(lab: Lab) -> None:
    """A fact tells of it, as the tape ends later; but no answer has the output."""
    slow = SLOW.replace("steps:", "latency: {status: 120ms}\nsteps:")
    scenario, recording = recorded(lab, slow)
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    start = next(line["t"] for line in lines if "job.accepted" in str(line.get("facts")))
    *_, poll = (line["t"] for line in lines if line["k"] == "req")
    assert poll < lines[-1]["t"]
    scenario.write_text(slow.replace("4s", f"{poll - start + 1}ms"))
    refused = replayed(lab, "--accept", "--yes")
    assert refused.code == 1 and "no answer shows the end" in refused.err


def test_a_folder_that_is_not_there_is_named(lab: Lab) -> None:
    done = lab("replay", "nosuch/")
    assert done.code == 2 and "There is no folder nosuch/." in done.err


@pytest.mark.parametrize("option", ["--yes", "--accept-unfinished"])
def test_what_says_how_to_accept_says_nothing_alone(lab: Lab, option: str) -> None:
    recorded(lab)
    assert replayed(lab, option).code == 2
