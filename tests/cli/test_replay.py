"""`lab replay` and `lab show` as a user and a CI job call them."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab.clocks import wall_second
from lab.recording.format import reader
from tests.conftest import ROOT, THOROUGH, Lab

SHIPPED = sorted(path.stem for path in (ROOT / "scenarios").glob("*.yaml"))


def resealed(data: bytes) -> bytes:
    """The recording with a footer that fits."""
    body, mark, _ = data.rpartition(b'"sha256":"')
    head = body + mark
    return head + sha256(head).hexdigest().encode() + b'"}\n'


FEW = ("bad-line", "item-comparison", "nobody-home")


@pytest.fixture
def recordings(lab: Lab) -> Path:
    """A copy of a few of the shipped recordings."""
    folder = lab.folder / "recordings"
    folder.mkdir()
    for name in FEW:
        shutil.copy(ROOT / "recordings" / f"{name}.rec.jsonl", folder)
    return folder


@pytest.mark.parametrize(
    ("place", "value", "code", "said"),
    [
        ("clock", {"mode": "manual", "epoch": "x"}, 3, ":1: the epoch 'x' is no instant"),
        ("settings", {"accounts": 5}, 3, ":1: the accounts are none"),
        ("profile", "zz", 3, ":1: the setting profile"),
        ("scenarios", [{"name": "nope", "sha256": "x"}], 2, ": There is no scenario 'nope'."),
        ("scenarios", None, 3, ":1: scenarios is missing"),
        ("scenarios", [{"name": "../x", "sha256": "x"}], 3, ":1: a scenario's name is a path"),
    ],
)
def test_what_is_wrong_with_a_header_is_told_with_its_file(
    recordings: Path, lab: Lab, place: str, value: object, code: int, said: str
) -> None:
    file = recordings / "bad-line.rec.jsonl"
    head, _, rest = file.read_bytes().partition(b"\n")
    file.write_bytes(resealed(json.dumps({**json.loads(head), place: value}).encode() + b"\n" + rest))
    called = lab("replay", "recordings")
    assert called.code == code and f"lab: recordings/bad-line.rec.jsonl{said}" in called.err
    assert called.out == "2 passed, 1 failed\n"


def test_every_shipped_scenario_has_a_recording_that_replays(lab: Lab) -> None:
    folder = ROOT / "recordings"
    assert sorted(path.name.removesuffix(".rec.jsonl") for path in folder.glob("*.rec.jsonl")) == SHIPPED
    done = lab("replay", folder)
    assert (done.code, done.lines) == (0, [f"{len(SHIPPED)} passed, 0 failed"]), done.out + done.err


@pytest.mark.usefixtures("recordings")
@pytest.mark.parametrize("how", ["item-comparison", "recordings/item-comparison.rec.jsonl", "recordings/item-*"])
def test_a_recording_by_name_path_or_pattern(lab: Lab, how: str) -> None:
    assert lab("replay", how).lines == ["1 passed, 0 failed"]


@pytest.mark.usefixtures("recordings")
@pytest.mark.parametrize("how", ["recordings", "recordings/*.rec.jsonl"])
def test_a_folder_and_a_pattern_mean_all_in_it(lab: Lab, how: str) -> None:
    assert lab("replay", how).lines == [f"{len(FEW)} passed, 0 failed"]


EACH = """
import io, sys
from lab.cli.main import run_command
from lab.cli.console import Console

for name in sys.argv[1:]:
    argv = ["run", name, "--speed", "instant", "--seed", "42", "--record", "./" + name]
    run_command(argv, Console(io.StringIO(), io.StringIO()))
"""


@pytest.mark.long
def test_recording_anew_gives_the_same_bytes_in_any_interpreter_and_the_shipped_ones_but_for_versions(lab: Lab) -> None:
    elsewhere = lab.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "scenarios").symlink_to(ROOT / "scenarios")
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(ROOT)}
    there = SHIPPED if THOROUGH else SHIPPED[::3]
    subprocess.run([sys.executable, "-c", EACH, *there], cwd=elsewhere, env=environment, check=True)
    for name in SHIPPED:
        lab("run", name, "--speed", "instant", "--seed", "42", "--record", f"./{name}")
        written = Path(f"{name}.rec.jsonl").read_bytes()
        shipped = (ROOT / "recordings" / f"{name}.rec.jsonl").read_bytes()
        assert written.splitlines()[1:-1] == shipped.splitlines()[1:-1], name
        if name in there:
            assert written == (elsewhere / f"{name}.rec.jsonl").read_bytes(), name


def test_a_changed_status_fails_and_says_where(lab: Lab, recordings: Path) -> None:
    file = recordings / "item-comparison.rec.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if b'"s":202' in line)
    lines[place] = lines[place].replace(b'"s":202', b'"s":200')
    file.write_bytes(resealed(b"".join(lines)))
    done = lab("replay", "recordings/*.rec.jsonl")
    assert done.code == 1
    assert done.lines[-1] == f"{len(FEW) - 1} passed, 1 failed"
    assert f"recordings/item-comparison.rec.jsonl:{place + 1}" in done.out
    assert "expected status 200, got 202" in done.out


def test_a_runner_is_told_where(lab: Lab, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = recordings / "item-comparison.rec.jsonl"
    file.write_bytes(resealed(file.read_bytes().replace(b'"s":202', b'"s":200')))
    assert "::error" not in lab("replay", "item-comparison").out
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    done = lab("replay", "item-comparison")
    note = "::error file=recordings/item-comparison.rec.jsonl,line=5,col=1,title=lab replay::"
    assert note in done.out
    assert done.lines[-1] == "0 passed, 1 failed"
    assert note not in lab("replay", "item-comparison", "--format", "text").out


def test_a_changed_scenario_is_said_first(lab: Lab, recordings: Path) -> None:
    (lab.folder / "scenarios").unlink()
    shutil.copytree(ROOT / "scenarios", lab.folder / "scenarios")
    path = lab.folder / "scenarios" / "item-comparison.yaml"
    path.write_text(path.read_text().replace("verdict: approved", "verdict: rejected"))
    done = lab("replay", "item-comparison")
    assert done.code == 1
    assert done.lines[0].startswith(
        "warning: recordings/item-comparison.rec.jsonl: the scenario item-comparison has changed"
    )
    assert recordings.exists()


def test_a_damaged_byte_is_no_divergence(lab: Lab, recordings: Path) -> None:
    file = recordings / "item-comparison.rec.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"s":202', b'"s":200'))
    done = lab("replay", "item-comparison")
    assert (done.code, done.lines[-1]) == (3, "0 passed, 1 failed")
    assert "digest" in done.err


LONGEST = 65_536
"""Bytes of a line."""


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda lines: b"".join(lines)[:-20], "recording is torn: 103 bytes of a line hang over"),
        (lambda lines: b"".join(lines[:-1]), "recording is open: there is no footer"),
        (lambda lines: b"".join(lines[1:]), "jsonl:1: the first line is no header of a lab recording"),
        (lambda lines: resealed(b"".join(lines[:5] + lines[6:])), "jsonl:6: n is 6, expected 5"),
        (
            lambda lines: resealed(b"".join(lines).replace(b'"n":5,"t":1291', b'"n":5,"t":129')),
            "jsonl:6: t goes back from 291 to 129",
        ),
        (
            lambda lines: resealed(b"".join(lines).replace(b'"version":[2,', b'"version":[3,')),
            "jsonl:1: version 3.",
        ),
        (
            lambda lines: resealed(b"".join(lines).replace(b'"as":5', b'"as":6', 1)),
            "jsonl:8: as is 6, where no such line stands",
        ),
        (lambda lines: b"".join(lines) + lines[-1], "jsonl:29: there is more after the footer"),
        (lambda lines: b"".join(lines) + b"{", "there is more after the footer"),
        (
            lambda lines: resealed(b"".join(lines).replace(b'"n":5,', b'"n":5,"pad":"' + b"x" * LONGEST + b'",')),
            f"jsonl:6: the line is longer than {LONGEST} bytes",
        ),
        (lambda lines: gzip.compress(b"".join(lines)), "jsonl:1: the line is no JSON"),
    ],
)
def test_a_damaged_recording_is_unreadable_and_says_where(
    lab: Lab, recordings: Path, damage: Callable[[list[bytes]], bytes], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "LONGEST_LINE", LONGEST)  # so many megabytes would be written, and read, for one row
    file = recordings / "item-comparison.rec.jsonl"
    file.write_bytes(damage(file.read_bytes().splitlines(keepends=True)))
    done = lab("replay", "item-comparison")
    assert done.code == 3 and says in done.err and "Traceback" not in done.err
    assert ("lab repair" in done.err) is (says.startswith("recording is"))


@pytest.mark.parametrize("command", ["replay", "show", "repair", "play --plain", "serve --from", "check"])
def test_a_checkout_with_crlf_is_called_that_and_no_damage(lab: Lab, recordings: Path, command: str) -> None:
    assert_crlf_is_told(lab, recordings, command)


def assert_crlf_is_told(lab: Lab, recordings: Path, command: str) -> None:
    """A command that reads recordings says what a checkout has done to one."""
    file = recordings / "nobody-home.rec.jsonl"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    done = lab(*command.split(), "recordings/nobody-home.rec.jsonl")
    assert done.code == 3 and "nobody-home.rec.jsonl:1" in done.out + done.err
    assert "ends in CRLF" in done.out + done.err and "digest" not in done.err
    assert ".gitattributes" in done.err or command == "check"


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_git_shows_a_recording_as_its_transcript_and_a_damaged_one_as_it_is(recordings: Path) -> None:
    (convert,) = re.findall(r"git config diff\.lab\.textconv '(.*)'", (ROOT / "lab/docs/recordings.md").read_text())
    one, bad = (recordings / f"{name}.rec.jsonl" for name in ("bad-line", "nobody-home"))
    bad.write_bytes(bad.read_bytes()[1:])
    (recordings / ".gitattributes").write_text("*.rec.jsonl text eol=lf diff=lab merge=binary\n")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["git", "-c", f"diff.lab.textconv={convert}", "diff", "--no-index", one, bad]
    subprocess.run(["git", "init", "-q"], cwd=recordings, check=True)
    done = subprocess.run(command, cwd=recordings, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "-mock bad-line, seed 42" in done.stdout.splitlines()
    assert '+"k":"header"' in done.stdout


@pytest.mark.parametrize("cut", [1, 70])
def test_an_open_or_torn_recording_is_unreadable_but_shown(lab: Lab, recordings: Path, cut: int) -> None:
    file = recordings / "nobody-home.rec.jsonl"
    file.write_bytes(file.read_bytes()[:-cut])
    assert lab("replay", "nobody-home").code == 3
    assert lab("show", "nobody-home").code == 0


@pytest.mark.parametrize(
    ("targets", "code"),
    [
        (["nothing-*.rec.jsonl"], 5),
        (["empty"], 5),
        (["nope"], 2),
        (["item-comparison", "nope"], 2),
        (["item-comparison", "nothing-*"], 5),
        (["empty", "item-comparison"], 5),
        (["nothing-*", "item-comparison", "nope"], 2),
    ],
)
@pytest.mark.usefixtures("recordings")
def test_nothing_is_never_green(lab: Lab, targets: list[str], code: int) -> None:
    Path("empty").mkdir()
    done = lab("replay", *targets)
    assert done.code == code
    for idle in {"empty", "nothing-*"} & {*targets}:
        assert f"No recording matched {idle}." in done.err


@pytest.mark.usefixtures("recordings")
def test_each_target_means_some_recording(lab: Lab) -> None:
    done = lab("replay", "nothing-*", "item-comparison")
    assert done.code == 5 and "No recording matched nothing-*." in done.err
    assert "1 passed" in done.out


@pytest.mark.parametrize("command", ["replay", "check"])
@pytest.mark.usefixtures("recordings")
def test_of_two_forms_none_is_dropped_in_silence(lab: Lab, command: str) -> None:
    done = lab(command, "item-comparison", "--json", "--format", "github")
    assert (done.code, done.out) == (2, "") and "--json can't be used with --format" in done.err


@pytest.mark.usefixtures("recordings")
def test_of_a_scenario_that_is_missing_no_list_of_all_others_is_given(lab: Lab) -> None:
    Path("elsewhere").mkdir()
    text = (ROOT / "scenarios" / "rejected-discount.yaml").read_text()
    for name in ("mine", "other"):
        Path("elsewhere", f"{name}.yaml").write_text(text.replace("name: rejected-discount", f"name: {name}"))
    assert lab("run", "elsewhere/mine.yaml", "--speed", "instant", "--record", "mine").code == 0
    Path("elsewhere/mine.yaml").unlink()
    done = lab("replay", "mine", "--scenarios", "elsewhere", "--json")
    problem = json.loads(done.lines[0])["problems"][0]
    assert done.code == 2 and problem["hint"].startswith("elsewhere has none of that name: --scenarios DIR")
    assert "other" not in done.out + done.err


def test_what_to_do_is_said_once(lab: Lab, recordings: Path) -> None:
    for name in FEW:
        file = recordings / f"{name}.rec.jsonl"
        file.write_bytes(file.read_bytes()[:-20])
    done = lab("replay", "recordings")
    assert done.err.count("recording is torn") == len(FEW) and done.err.count("lab repair") == 1


@pytest.mark.usefixtures("recordings")
def test_json_is_a_line_a_file_and_the_counts(lab: Lab) -> None:
    *files, counts = map(json.loads, lab("replay", "recordings", "--json").lines)
    assert [each["file"] for each in files] == [f"recordings/{name}.rec.jsonl" for name in FEW]
    assert all(each["passed"] and each["code"] == 0 for each in files)
    assert counts == {"passed": len(FEW), "failed": 0}


def test_junit_tells_failures_from_what_cant_be_read(lab: Lab, recordings: Path) -> None:
    changed, torn = (recordings / f"{name}.rec.jsonl" for name in ("item-comparison", "nobody-home"))
    changed.write_bytes(resealed(changed.read_bytes().replace(b'"s":202', b'"s":200')))
    torn.write_bytes(torn.read_bytes()[:-20])
    assert lab("replay", "recordings", "--out", "junit=out/replay.xml").code == 3
    (suite,) = ElementTree.parse("out/replay.xml").getroot()
    assert [suite.get(each) for each in ("tests", "failures", "errors")] == ["3", "1", "1"]
    times = [float(str(case.get("time"))) for case in suite]
    assert times[0] > 0 and float(str(suite.get("time"))) == pytest.approx(sum(times))
    assert abs(datetime.fromisoformat(str(suite.get("timestamp"))).timestamp() - wall_second()) < 60
    assert [(case.get("classname"), [child.tag for child in case]) for case in suite] == [
        ("recordings.bad-line", []), ("recordings.item-comparison", ["failure"]), ("recordings.nobody-home", ["error"]),
    ]  # fmt: skip
    said = ["".join(case.itertext()).splitlines()[0] for case in suite if len(case)]
    assert said[0].startswith("recordings/item-comparison.rec.jsonl:5:1: POST")
    last = len(torn.read_bytes().splitlines())
    assert said[1].startswith(f"recordings/nobody-home.rec.jsonl:{last}:1: the recording is torn: ")
    assert "lab repair" in said[1] and said[1].count("nobody-home") == 1


def test_how_many_more_there_are_and_how_to_accept_is_in_every_form(lab: Lab, recordings: Path) -> None:
    file = recordings / "item-comparison.rec.jsonl"
    file.write_bytes(resealed(file.read_bytes().replace(b'"held":', b'"held":1')))
    plain = lab("replay", "item-comparison")
    more = next(line for line in plain.lines if line.endswith(" more after the first of each job.")).rstrip(".")
    accept = "lab replay item-comparison --accept shows it, asks, and puts it in the recording's place."
    assert accept in plain.err
    runner = lab("replay", "item-comparison", "--format", "github")
    notes = [line.partition("::")[2] for line in runner.lines if "title=lab replay" in line]
    assert accept.replace("item-comparison", "item-comparison --format github") in notes[0]
    assert notes[-1].startswith("warning ") and notes[-1].endswith(more)
    problems = json.loads(lab("replay", "item-comparison", "--json").lines[0])["problems"]
    assert "--accept" in problems[0]["hint"] and "hint" not in problems[-1]
    assert (problems[-1]["what"], problems[-1]["warning"]) == (more, True)
    lab("replay", "item-comparison", "--out", "junit=out.xml")
    (failure,) = ElementTree.parse("out.xml").getroot().iter("failure")
    assert failure.get("message") == problems[0]["what"]
    assert more in str(failure.text) and "--accept shows it" in str(failure.text)


def test_a_recording_that_never_shows_the_end_of_a_job_is_warned_of_in_every_form(lab: Lab, recordings: Path) -> None:
    file = recordings / "item-comparison.rec.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    polled = max(number for number, line in enumerate(lines) if b'"k":"req"' in line)
    file.write_bytes(b"".join(lines[:polled]))
    assert lab("repair", "./recordings/item-comparison.rec.jsonl").code == 0
    said = "no answer shows the end of job "
    plain = lab("replay", "item-comparison")
    assert (plain.code, plain.out) == (0, "1 passed, 0 failed\n")
    assert plain.err.startswith(f"warning: recordings/item-comparison.rec.jsonl:5: {said}")
    (problem,) = json.loads(lab("replay", "item-comparison", "--json").lines[0])["problems"]
    assert problem["what"].startswith(said) and problem["warning"] and problem["line"] == 5
    runner = lab("replay", "item-comparison", "--format", "github")
    assert "::warning file=recordings/item-comparison.rec.jsonl,line=5" in runner.out
    assert "warning" not in lab("replay", "bad-line").err


def test_junit_has_no_name_twice_and_no_attribute_that_a_strict_reader_refuses(lab: Lab, recordings: Path) -> None:
    for folder in ("a", "b", "a.b", "a/b"):
        Path(folder).mkdir()
        shutil.copy(recordings / "nobody-home.rec.jsonl", Path(folder, "day.rec.jsonl"))
    lab("replay", "a", "b", "a.b", "a/b", "--out", "junit=replay.xml")
    (suite,) = ElementTree.parse("replay.xml").getroot()
    assert [case.get("classname") for case in suite] == ["a.day", "b.day", "a%2Eb.day", "a.b.day"]
    assert all(set(case.attrib) <= {"classname", "name", "time"} for case in suite)


@pytest.mark.usefixtures("recordings")
def test_show_tells_the_story_without_secrets(lab: Lab) -> None:
    done = lab("show", "recordings/item-comparison.rec.jsonl")
    assert done.code == 0
    assert "job.status" in done.out
    assert "lab-secret" not in done.out
    assert "eyJ" not in done.out


@pytest.mark.usefixtures("recordings")
@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("text", "mock item-comparison, seed 42"),
        ("har", '{"log":{"version":"1.2"'),
        ("md", "# `item-comparison`"),
        ("html", "<!doctype html>"),
    ],
)
def test_a_recording_is_shown_in_each_form(lab: Lab, kind: str, begins: str) -> None:
    done = lab("show", "item-comparison", "--as", kind)
    assert (done.code, done.lines[0][: len(begins)], done.err) == (0, begins, "")
    assert lab("show", "item-comparison", "--as", kind).out == done.out
