"""`lab check` as an author calls it."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Lab
from tests.recording.shipped import written

FIVE = """\
lab: 1
name: five
titel: Five mistakes
title: Five mistakes
agent: {code: with-hyphens}
ask: Do it
steps:
  - work: think
    takes: 3
  - gate: ask
    asks: "May I, {{ data.nobody }}?"
    patience: 1m
    verdicts: {rejected: nowhere}
  - complete: done
    output: Done.
"""
GOOD = """\
lab: 1
name: good
title: Good
agent: {code: GOOD_TEAM}
ask: Do it
steps:
  - work: think
    takes: 3s
  - complete: done
    output: Done.
"""


def test_the_shipped_scenarios_have_nothing_to_complain_of(lab: Lab) -> None:
    done = lab("check", "scenarios", "--strict")
    assert (done.code, done.out) == (0, "")


def test_five_mistakes_five_complaints(lab: Lab) -> None:
    Path("five.yaml").write_text(FIVE)
    done = lab("check", "five.yaml")
    assert done.code == 2
    assert len(done.lines) == 5, done.out
    assert [line.split(":")[1] for line in done.lines] == ["3", "5", "9", "11", "13"]
    assert all(line.startswith("five.yaml:") for line in done.lines)
    assert "1 file, 5 complaints" in done.err


def test_whom_the_settings_do_not_know_is_warned_of(lab: Lab) -> None:
    Path("good.yaml").write_text(GOOD + "for: {users: [mario], clients: [demo]}\n")
    Path("settings.yaml").write_text(
        "accounts: {users: [{name: maria, password: lab-password-maria}], clients: [{id: portal, public: true}]}\n"
    )
    assert lab("check", "good.yaml").lines == [
        "good.yaml:11:15: warning: a lab without --settings FILE knows no user mario; users there: jane; name the file that has it"
    ]
    done = lab("check", "good.yaml", "--settings", "settings.yaml", "--strict")
    assert (done.code, done.lines) == (
        2, ["good.yaml:11:15: warning: the settings know no user mario; did you mean maria?"]
    )  # fmt: skip
    Path("good.yaml").write_text(GOOD + "for: {users: [maria]}\n")
    assert lab("check", "good.yaml", "--settings", "settings.yaml", "--strict", "--plan").code == 0
    assert lab("check", "good.yaml", "--settings", "none.yaml").code == 2


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("for: {users: [jane], clients: [demo]}", []),
        ("for: {users: [jnae]}", ["11:15: warning: {} user jnae; did you mean jane? Else name the file that has it"]),
        ("for: {roles: [BUYER]}", ["11:15: warning: {} role BUYER; roles there: none; name the file that has it"]),
        ("for: {clients: [portal]}", ["11:17: warning: {} client portal; clients there: demo; name the file that has it"]),
        ("for: {clients: [portal]}\nsettings: {clients: any}", []),
        ("faults: [{route: status, user: tom, strike: reset}]",
         ["11:32: warning: {} user tom; users there: jane; name the file that has it"]),
    ],
)  # fmt: skip
def test_without_settings_those_whom_every_lab_knows_are_there(lab: Lab, text: str, warned: list[str]) -> None:
    Path("good.yaml").write_text(f"{GOOD}{text}\n")
    found = [f"good.yaml:{each.format('a lab without --settings FILE knows no')}" for each in warned]
    assert lab("check", "good.yaml").lines == found


def test_one_that_can_not_be_read_keeps_no_other_from_being_looked_at(lab: Lab) -> None:
    Path("all").mkdir()
    Path("all/a-large.yaml").write_text(GOOD + "#" * 1_048_576)
    Path("all/five.yaml").write_text(FIVE)
    Path("all/a.rec.jsonl").mkdir()
    Path("all/b.rec.jsonl").write_text('{"password":"x"}\n')
    done = lab("check", "all")
    assert done.code == 2 and len(done.lines) == 9, done.out
    assert done.lines[0] == "all/a-large.yaml:1:1: is longer than 1048576 bytes."
    assert done.lines[-3:] == [
        "all/a.rec.jsonl:1:1: is a folder, no file. Name a regular file.",
        "all/b.rec.jsonl:1:1: a secret, or what looks like one",
        "all/b.rec.jsonl:1:1: the first line is no header of a lab recording",
    ]
    assert "4 files, 6 complaints, 0 warnings, 1 leak, 2 unreadable" in done.err
    assert lab("check", "all/a-large.yaml").code == 2 and lab("check", "all/a.rec.jsonl").code != 0


def test_running_it_gives_the_same_complaints(lab: Lab) -> None:
    Path("five.yaml").write_text(FIVE)
    assert lab("run", "./five.yaml", "--speed", "instant").err.splitlines() == [
        f"{line}" for line in lab("check", "./five.yaml").lines
    ]


def test_what_is_never_chosen_of_a_folder_is_warned_of_unless_it_is_meant_to_be_alone(lab: Lab) -> None:
    for folder in ("mine", "yours"):
        Path(folder).mkdir()
        for name in ("b-good", "a-good"):
            Path(f"{folder}/{name}.yaml").write_text(GOOD.replace("name: good", f"name: {name}"))
    Path("yours/a-good.yaml").unlink()
    warning = (
        "mine/b-good.yaml:4:15: warning: never chosen: a-good, before it by name, takes all that this one takes; rename "
        "this one so that it comes before by name, if that one is for all others; or give that one a match or a for; or "
        "write alone: true if it is served alone or called for by its name"
    )
    assert lab("check", "mine", "yours").lines == [warning]
    assert lab("check", "mine/b-good.yaml", "mine/a-good.yaml", "--strict").lines == [warning]
    assert lab("check", "mine/b-good.yaml", "yours/b-good.yaml", "--strict").code == 0
    for name in ("a-good", "b-good"):
        path = Path(f"mine/{name}.yaml")
        path.write_text(path.read_text() + "alone: true\n")
        assert lab("check", "mine", "--strict").code == 0
        path.write_text(path.read_text().replace("alone: true", "alone: false"))


def test_file_names_are_complained_of_with_the_file(lab: Lab) -> None:
    for folder in ("twins", "odd", "loud"):
        Path(folder).mkdir()
    for name in ("twins/good.yaml", "twins/good.yml", "odd/Good.yaml", "loud/good.YAML"):
        Path(name).write_text(GOOD)
    Path("twins/other.yaml").write_text(GOOD)
    done = lab("check", "twins")
    assert (done.code, done.lines) == (2, [
        "twins/good.yaml:1:1: has another scenario of its name beside it. Rename one of them.",
        "twins/good.yml:1:1: has another scenario of its name beside it. Rename one of them.",
        "twins/other.yaml:2:7: name: good is not the file's name; write other, or rename the file",
    ])  # fmt: skip
    assert lab("check", "odd").lines == [
        "odd/Good.yaml:2:7: name: good is not the file's name; rename the file: small letters, digits and -"
    ]
    assert (
        lab("check", "loud").err
        == "lab: loud/good.YAML is no scenario, by its name.\n  A scenario is a file NAME.yaml.\n"
    )


def test_a_warning_fails_only_when_strict(lab: Lab) -> None:
    Path("good.yaml").write_text(
        GOOD.replace("  - complete", "    next: done\n  - work: lost\n    takes: 1s\n  - complete")
    )
    assert lab("check", "good.yaml").code == 0
    assert "warning: no path leads to lost" in lab("check", "good.yaml").out
    assert lab("check", "good.yaml", "--strict").code == 2


def test_missing_files_and_empty_folders_are_wrong_usage(lab: Lab) -> None:
    Path("empty").mkdir()
    assert lab("check", "nope.yaml").code == 2
    assert lab("check", "empty").code == 2


def test_a_bare_name_is_a_scenario_of_the_folder(lab: Lab) -> None:
    assert lab("check", "item-comparison", "--strict").err.startswith("1 file, 0 complaints")
    assert "item-comparison · " in lab("check", "item-comparison", "--plan").out
    wrong = lab("check", "item-comparsion")
    assert wrong.code == 2 and "Did you mean item-comparison?" in wrong.err
    Path("mine").mkdir()
    Path("mine/five.yaml").write_text(FIVE)
    assert lab("check", "five", "--scenarios", "mine").lines[0].startswith("mine/five.yaml:3:")
    Path("item-comparison").mkdir()
    assert "holds no scenarios" in lab("check", "item-comparison").err


def test_each_form_has_every_complaint_at_its_place(lab: Lab) -> None:
    Path("bad.yaml").write_text("lab: 1\nname: bad\nagent: {code: X}\nstepps: []\n")
    shown = lab("check", "bad.yaml").lines
    document, counts = map(json.loads, lab("check", "bad.yaml", "--json").lines)
    assert counts == {"passed": 0, "failed": 1}
    assert [
        f"{document['file']}:{each['line']}:{each['column']}: {each['what']}{'; ' * ('hint' in each)}{each.get('hint', '')}"
        for each in document["problems"]
    ] == shown
    notes = lab("check", "bad.yaml", "--format", "github", "--out", "junit=check.xml").lines[: -len(shown)]
    assert len(notes) == len(shown) and all(note.startswith("::error file=bad.yaml,line=") for note in notes)
    assert [note.rpartition("::")[2] for note in notes] == [line.split(": ", 1)[1] for line in shown]
    assert 'failures="1"' in Path("check.xml").read_text()


def _blanked(data: bytes) -> bytes:
    return data.replace(b"\n", b"\n\n", 1)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:-20], "the recording is torn"),
        (lambda data: data[: data.index(b'{"k":"end"')], "the recording is open"),
        (lambda data: b"", "the file is empty"),
        (lambda data: b"[]\n", "Expected `object`, got `array`"),
        (lambda data: b"\0" * 9 + b"\n", "no JSON"),
        (_blanked, "no JSON"),
        (lambda data: data.replace(b'{"k":"res","n":4,', b'{"k":"res","n":5,'), ":5:1: n is 5, expected 4"),
        (lambda data: data.replace(b'"s":202', b'"s":200'), "the digest is wrong"),
        (lambda data: data.replace(b"\n", b"\r\n"), ".gitattributes"),
    ],
)
def test_a_recording_that_cant_be_read_is_no_leak_and_not_fine(
    lab: Lab, damage: Callable[[bytes], bytes], said: str
) -> None:
    data = (ROOT / "recordings" / "item-comparison.rec.jsonl").read_bytes()
    changed = damage(data)
    assert changed != data
    Path("day.rec.jsonl").write_bytes(changed)
    done = lab("check", "day.rec.jsonl", "--out", "junit=check.xml")
    assert done.code == 3 and said in done.out and done.out.count("\n") == 1
    assert done.err == "1 file, 0 complaints, 0 warnings, 1 unreadable\n"
    assert 'errors="1"' in Path("check.xml").read_text()


def test_what_is_no_recording_or_not_there_is_no_leak(lab: Lab) -> None:
    os.mkfifo("pipe.rec.jsonl")
    piped = lab("check", "pipe.rec.jsonl")
    assert piped.code == 3 and piped.out.endswith("is a pipe, a device or a socket, no file. Name a regular file.\n")
    missing = lab("check", "nope.rec.jsonl")
    assert missing.code == 2 and "There is no file nope.rec.jsonl." in missing.out
    assert "leak" not in piped.err + missing.err


DAY = "item-comparison.rec.jsonl"
KEY = "q7Jw2xN0bT5zK9fV3mRd"


def days_note(said: str) -> None:
    """A recording of somebody who said it in a message."""
    lines = [json.loads(each) for each in (ROOT / "recordings" / DAY).read_text("utf-8").splitlines()]
    question = next(line for line in lines if line["k"] == "req" and "message" in line.get("body", {}))
    question["body"]["message"] = said
    Path("day.rec.jsonl").write_bytes(written(lines))


def test_what_is_allowed_beside_a_recording_is_not_refused_and_what_is_idle_there_is_warned_of(lab: Lab) -> None:
    days_note(f"Ask +49 30 1234567 or me@mine.net at https://shop.mine.net/ about {KEY}")
    refused = lab("check", "day.rec.jsonl")
    assert refused.code == 3 and len(refused.lines) == 4, refused.out
    allowed = ["# of the catalogue", f"{KEY}  # an article", "", "shop.mine.net", "me@mine.net", "+49 30 1234567"]
    Path("day.allow.txt").write_text("\n".join(allowed))
    done = lab("check", "day.rec.jsonl", "--strict")
    assert (done.code, done.out, done.err) == (0, "", "1 file, 0 complaints, 0 warnings\n")
    Path("day.allow.txt").write_text("\n".join((*allowed, "nobody-says-this", "")))
    done = lab("check", "day.rec.jsonl")
    idle = "day.allow.txt:7:1: warning: nothing is refused for nobody-says-this any more; remove the line"
    assert (done.code, done.lines) == (0, [idle]) and "0 complaints, 1 warning" in done.err
    assert lab("check", "day.rec.jsonl", "--strict").code == 2


def test_a_secret_is_allowed_by_no_file(lab: Lab) -> None:
    days_note('{"password": "hunter2-hunter2"}')
    Path("day.allow.txt").write_text("hunter2-hunter2\n")
    done = lab("check", "day.rec.jsonl")
    assert done.code == 3 and "a secret, or what looks like one" in done.out
