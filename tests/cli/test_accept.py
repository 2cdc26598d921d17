"""`lab accept`, and `lab replay --out` and `--accept`: a new truth in the old one's place."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from lab.cli.console import Console
from tests.conftest import ROOT, Lab

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
    assert lab("replay", *NAMES, "--out", "now").code == 1
    assert [*Path("now").rglob("*.rec.jsonl")] == [Path("now/recordings") / changed.name]
    shown = lab("accept", "now")
    assert (shown.code, changed.read_bytes()) == (2, old)
    assert "| +    script: rejected by buyer" in shown.out and "--yes" in shown.err
    assert lab("accept", "now", "--yes").lines[-1] == "1 accepted"
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


def test_a_replay_accepts_at_once(lab: Lab, changed: Path) -> None:
    done = lab("replay", *NAMES, "--accept", "--yes")
    assert (done.code, done.lines[-1]) == (0, "1 accepted")
    assert b"rejected" in changed.read_bytes()
    assert lab("replay", *NAMES).code == 0


@pytest.mark.long
@pytest.mark.usefixtures("changed")
def test_long_bodies_come_along_and_the_old_ones_go(lab: Lab) -> None:
    scenario, blobs = Path("scenarios/heavy-load.yaml"), Path("recordings/heavy-load.blobs")
    old = {each.name for each in blobs.iterdir()}
    scenario.write_text(scenario.read_text().replace("{filler: 5MB}", "{filler: 1MB}"))
    assert lab("replay", "heavy-load", "--accept", "--yes").code == 0
    now = {each.name for each in blobs.iterdir()}
    assert len(now) == 1 and not now & old
    assert lab("replay", "heavy-load").code == 0


def test_nothing_is_accepted_that_isnt_whole(lab: Lab, changed: Path) -> None:
    old = changed.read_bytes()
    lab("replay", "item-comparison", "--out", "now")
    torn = Path("now/recordings/item-comparison.rec.jsonl")
    shutil.copy(torn, torn.with_name("other.rec.jsonl"))
    torn.write_bytes(torn.read_bytes()[:-30])
    done = lab("accept", "now", "--yes")
    assert done.code == 3 and f"lab: {torn}:" in done.err
    assert changed.read_bytes() == old and not (changed.parent / "other.rec.jsonl").exists()
    assert lab("accept", "nowhere", "--yes").code == 2


@pytest.mark.usefixtures("changed")
def test_recordings_of_the_same_name_go_back_each_to_its_folder(lab: Lab) -> None:
    places = [Path(folder, "item-comparison.rec.jsonl") for folder in (".", "sub", "sub/deep")]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("recordings/item-comparison.rec.jsonl", place)
    assert lab("replay", "recordings/item-comparison.rec.jsonl", places[0].resolve(), *places, "--out", "now").code == 1
    assert lab("accept", "now", "--yes").lines[-1] == "4 accepted"
    assert lab("replay", "recordings/item-comparison.rec.jsonl", *places).lines == ["4 passed, 0 failed"]


@pytest.mark.usefixtures("changed")
def test_the_place_of_what_lies_elsewhere_is_not_guessed(
    lab: Lab, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "item-comparison.rec.jsonl"
    shutil.copy("recordings/item-comparison.rec.jsonl", elsewhere)
    done = lab("replay", elsewhere, "--out", "now")
    assert (done.code, done.out) == (2, "") and "doesn't lie below this folder" in done.err
    assert not Path("now").exists()
    # at once it can be accepted: there the place is known
    assert lab("replay", elsewhere, "--accept", "--yes").lines[-1] == "1 accepted"
    assert lab("replay", elsewhere).code == 0


@pytest.mark.parametrize("out", ["recordings", ".", "now"])
def test_nothing_is_written_over_a_recording(lab: Lab, changed: Path, out: str) -> None:
    shutil.copytree("recordings", "now/recordings")
    before = {each: each.read_bytes() for each in lab.folder.rglob("*") if each.is_file()}
    done = lab("replay", *NAMES, "--out", out)
    assert (done.code, done.out) == (2, "") and f"{out} holds recordings already" in done.err
    assert {each: each.read_bytes() for each in lab.folder.rglob("*") if each.is_file()} == before


@pytest.mark.usefixtures("changed")
def test_for_programs_stdout_is_json_whatever_is_accepted(lab: Lab) -> None:
    refused = lab("replay", *NAMES, "--accept", "--json")
    assert [json.loads(line) for line in refused.lines][-1] == {"passed": 1, "failed": 1}
    done = lab("replay", *NAMES, "--accept", "--yes", "--json")
    assert [json.loads(line) for line in done.lines][-1] == {"passed": 1, "failed": 1, "accepted": 1}
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


@pytest.mark.long
@pytest.mark.usefixtures("changed")
def test_nothing_is_accepted_whose_long_bodies_are_missing(lab: Lab) -> None:
    scenario, place = Path("scenarios/heavy-load.yaml"), Path("recordings/heavy-load.rec.jsonl")
    scenario.write_text(scenario.read_text().replace("{filler: 5MB}", "{filler: 1MB}"))
    old = place.read_bytes()
    lab("replay", "heavy-load", "--out", "now")
    shutil.rmtree("now/recordings/heavy-load.blobs")
    done = lab("accept", "now", "--yes")
    assert (done.code, place.read_bytes()) == (3, old) and "is missing" in done.err


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
