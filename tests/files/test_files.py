"""The disk door: names, folders, and a tape's file when things go wrong."""

import errno
import os
import stat
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from lab.core.errors import HostError, RecordingError, UsageError
from lab.core.exchange import Request
from lab.files import growing_files
from lab.files.artifacts import write_text
from lab.files.growing_files import TapeFile, replace_recording
from lab.files.opening import OVERWRITE, write_file
from lab.files.recordings import LONGEST_RECORDING, is_slug, read_recording, recording_path
from lab.files.scenarios import (
    digest_of,
    load_scenario,
    load_scenarios,
    read_scenario,
    scenario_names,
    scenario_path,
    scenarios_folder,
    shipped_path,
)
from lab.language.parse.settings_file import limit_number
from lab.program.words import Verdict
from lab.recording.format.lines import LONGEST_LINE
from lab.recording.format.reader import read
from lab.recording.redaction.redactor import redactor_of
from lab.recording.tape.header import recording_header
from lab.recording.tape.line_cache import LineCache
from lab.recording.tape.tape import Tape
from tests.conftest import THOROUGH, each_row
from tests.recording.joined import SCENARIO, Joined, config


@each_row(
    ("slug", "fits"),
    [
        ("a", True), ("0", True), ("a" * 80, True), ("a" * 81, False), ("monday.v2_final-x", True), ("a.b.c", True),
        ("", False), (".", False), ("..", False), ("a..b", False), ("a.", False), (".a", False), ("-a", False),
        ("_a", False), ("A", False), ("aB", False), ("é", False), ("a b", False), ("a/b", False), ("a\\b", False),
        ("a\n", False), ("a\0", False), ("con", False), ("con.x", False), ("prn", False), ("aux", False),
        ("nul", False), ("nul.txt", False), ("com1", False), ("com9.a", False), ("lpt1", False), ("com0", True),
        ("com10", True), ("console", True), ("a.con", True),
    ],
)  # fmt: skip
def test_a_slug_names_a_file_on_any_system(slug: str, fits: bool) -> None:
    assert is_slug(slug) is fits
    if not fits and "/" not in slug:
        with pytest.raises(UsageError):
            recording_path(slug)


@each_row(
    ("name", "path"),
    [
        ("monday", "recordings/monday.rec.jsonl"),
        ("monday.rec.jsonl", "recordings/monday.rec.jsonl"),
        ("./monday", "monday.rec.jsonl"),
        ("out/monday", "out/monday.rec.jsonl"),
        ("/tmp/Deep/monday.rec.jsonl", "/tmp/Deep/monday.rec.jsonl"),
    ],
)
def test_a_bare_name_goes_to_recordings_and_a_path_stays(name: str, path: str) -> None:
    assert recording_path(name) == Path(path)


@each_row("name", ["out/Monday", "out/..", "../..", "out/", "out/con"])
def test_the_last_part_of_a_path_obeys_the_rule(name: str) -> None:
    with pytest.raises(UsageError):
        recording_path(name)


def test_scenarios_come_from_the_folder_named_else_here_else_from_the_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "item-comparison" in scenario_names(scenarios_folder(None))
    (tmp_path / "scenarios").mkdir()
    assert scenarios_folder(None) == Path("scenarios")
    with pytest.raises(UsageError, match="holds no scenarios"):
        load_scenarios(scenarios_folder(None), ())
    with pytest.raises(UsageError, match="There is no folder nowhere"):
        scenarios_folder("nowhere")


def test_an_unknown_scenario_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "expense-approval.yaml").write_text(SCENARIO, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_scenario("expense-aproval", tmp_path)
    assert "Did you mean expense-approval?" in caught.value.hint
    with pytest.raises(UsageError, match="There is no file"):
        load_scenario("x/y.yaml", tmp_path)


def test_a_file_of_that_name_elsewhere_is_pointed_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "contract.yml").write_text("x")
    (tmp_path / "scenarios" / "expense.yaml").write_text("x")
    for name, hint in {
        "contract": "./contract.yml is here: write its path.",
        "scenarios/expense": "Did you mean scenarios/expense.yaml?",
        "scenarios/expanse": "",
    }.items():
        with pytest.raises(UsageError) as caught:
            scenario_path(name, Path("scenarios"))
        assert caught.value.hint == hint


def test_a_name_is_sought_in_the_folder_with_either_ending_and_then_among_the_shipped(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("x")
    assert scenario_names(tmp_path) == ("mine",)
    assert scenario_path("mine", tmp_path) == tmp_path / "mine.yml"
    assert shipped_path("mine", tmp_path) is None
    shipped = scenario_path("item-comparison", tmp_path)
    assert shipped == shipped_path("item-comparison", tmp_path)
    assert shipped_path("item-comparison", shipped.parent) is None
    with pytest.raises(UsageError) as caught:
        scenario_path("item-comparisn", tmp_path)
    assert "Did you mean item-comparison?" in caught.value.hint
    (tmp_path / "mine.yaml").write_text("x")
    with pytest.raises(UsageError, match=r"mine\.yaml and mine\.yml are two scenarios of one name"):
        scenario_path("mine", tmp_path)


def test_a_digest_is_the_same_with_either_line_ending(tmp_path: Path) -> None:
    assert digest_of(b"a\r\nb\n") == digest_of(b"a\nb\n")
    (tmp_path / "expense-approval.yaml").write_text(SCENARIO, encoding="utf-8")
    assert load_scenarios(tmp_path, ())[0].digest == digest_of(SCENARIO.encode())
    assert load_scenario(str(tmp_path / "expense-approval.yaml"), tmp_path).name == "expense-approval"


def test_a_tape_file_is_private_and_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.rec.jsonl"
    first = TapeFile(path)
    first.write(b"one\n")
    first.sync()
    first.close()
    first.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and read_recording(path) == b"one\n"
    with pytest.raises(UsageError, match="exists already"):
        TapeFile(path)
    for number in (1, 2):
        again = TapeFile(path, force=True)
        again.write(b"again\n")
        again.close()
        assert sorted(each.name for each in path.parent.iterdir())[0] == "a.rec.jsonl", number
    assert (path.parent / "a.rec.jsonl.old").read_bytes() == b"one\n"
    assert (path.parent / "a.rec.jsonl.old-2").exists()


def test_an_empty_file_that_a_killed_lab_left_is_taken_and_one_that_a_lab_holds_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.rec.jsonl"
    path.touch(0o644)
    first = TapeFile(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="exists already"):
        TapeFile(path)  # nothing is written yet, but it is going to be
    first.write(b"one\n")
    first.close()
    assert path.read_bytes() == b"one\n"
    with pytest.raises(UsageError, match="exists already"):
        TapeFile(path)
    for other in ("fifo", "folder"):
        (os.mkfifo if other == "fifo" else os.mkdir)(tmp_path / f"{other}.rec.jsonl")
        with pytest.raises(UsageError, match="exists already"):
            TapeFile(tmp_path / f"{other}.rec.jsonl")


def removed(path: Path) -> None:
    path.unlink()


def moved(path: Path) -> None:
    path.rename(path.with_name("b"))


def replaced(path: Path) -> None:
    path.with_name("b").write_bytes(path.read_bytes())
    path.with_name("b").replace(path)


def shortened(path: Path) -> None:
    os.truncate(path, 2)


def lengthened(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


@pytest.mark.parametrize("change", [removed, moved, replaced, shortened, lengthened])
def test_a_file_that_is_changed_under_way_is_found_out(tmp_path: Path, change: Callable[[Path], None]) -> None:
    file = TapeFile(tmp_path / "a.rec.jsonl")
    file.check()
    file.write(b"one\n")
    file.check()
    change(file.path)
    with pytest.raises(OSError, match=r"somebody|another file"):
        file.check()
    if change in (shortened, lengthened):
        with pytest.raises(OSError, match="somebody else"):
            file.write(b"two\n")
    file.close()


@pytest.mark.parametrize("call", ["write", "fdatasync", "rename", "none"])
def test_a_recording_is_replaced_whole_or_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "a.rec.jsonl"
    path.write_bytes(b"old\n")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    if call == "none":
        replace_recording(path, b"new\n")
    else:
        with monkeypatch.context() as patched:
            patched.setattr(Path if call == "rename" else growing_files.os, call, full)
            with pytest.raises(HostError, match="No space"):
                replace_recording(path, b"new\n")
    before, after = {"a.rec.jsonl": b"old\n"}, {"a.rec.jsonl": b"new\n", "a.rec.jsonl.old": b"old\n"}
    expected = after if call == "none" else before
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == expected


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.rec.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError):
        TapeFile(tmp_path / "a.rec.jsonl")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_can_not_be_made_is_a_host_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError):
        TapeFile(tmp_path / "file" / "a.rec.jsonl")


def test_short_writes_go_on_and_a_failing_one_is_cut_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.rec.jsonl"
    tape = TapeFile(path)
    write = os.write
    monkeypatch.setattr(growing_files.os, "write", lambda file, line: write(file, line[:3]))
    tape.write(b"whole line\n")
    assert path.read_bytes() == b"whole line\n"
    left = [3]

    def full(file: int, line: bytes) -> int:
        if not left:
            raise OSError(28, "No space left on device")
        return write(file, line[: left.pop()])

    monkeypatch.setattr(growing_files.os, "write", full)
    with pytest.raises(OSError, match="No space"):
        tape.write(b"torn line\n")
    assert path.read_bytes() == b"whole line\n"


@pytest.mark.parametrize("call", ["open", "write", "fdatasync", "fsync", "rename"])
def test_whichever_call_fails_serving_goes_on_and_the_file_reads_as_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Each call of its kind fails, the first, then the second, and so on, until there are no more of them."""
    where = Path if call == "rename" else os
    real: Callable[..., object] = getattr(where, call)
    for failing in range(1, 100, 5 if call == "write" and not THOROUGH else 1):
        calls, path = 0, tmp_path / str(failing) / "a.rec.jsonl"
        path.parent.mkdir()
        path.write_bytes(b"before\n")

        def once(*arguments: object, failing: int = failing) -> object:
            nonlocal calls
            calls += 1
            if calls == failing:
                raise OSError(5, "Input/output error")
            return real(*arguments)

        with monkeypatch.context() as patched:
            patched.setattr(where, call, once)
            refused = fails_to_record(path)
        if refused is None:
            assert calls < failing
            break
        there = {each.name: each.read_bytes() for each in path.parent.iterdir() if each.is_file()}
        assert b"before\n" in there.values(), "what was there before is never lost"
        if refused == "served":
            # the last sync comes after the footer
            ends = ("open", "closed") if call == "fdatasync" else ("open",)
            assert there[path.name] == b"" or read(there[path.name]).state in ends
        else:  # before anybody was served: what is left of it keeps no later lab from its name
            assert there.get(path.name, b"") in (b"", b"before\n")
    assert failing > {"open": 2, "write": 10, "fdatasync": 3, "fsync": 1, "rename": 1}[call]


def fails_to_record(path: Path) -> str | None:
    """Record to a new file while a call fails: whether people were served; None: nothing failed."""
    joined, served = Joined(config(scripted=False)), config(scripted=False)
    try:
        file = TapeFile(path, force=True)
    except HostError:
        return "not served"
    header = recording_header(served, lab="0.1.0")
    tails = LineCache(redactor_of(served))
    tape = Tape(joined.service, file.write, header, sync=file.sync, tails=tails)
    joined.service.observers[:] = [tape]
    joined.ask(Request("POST", "/x", "", (), b"x" * 70_000))
    assert joined.play(((Verdict.APPROVED, None),)).complete
    tape.close(joined.now)
    file.close()
    if tape.dead is None:
        assert read(path.read_bytes()).state == "closed"
        return None
    assert "Input/output error" in tape.dead
    return "served"


def test_what_a_tape_writes_at_its_limit_is_still_read() -> None:
    most_open, cut = 20_000, 128
    assert 2 * LONGEST_LINE + most_open * cut < LONGEST_RECORDING - limit_number("16GiB", "disk")


@pytest.mark.parametrize("read_file", [read_recording, read_scenario])
def test_what_is_no_file_is_told_at_once(tmp_path: Path, read_file: Callable[[Path], bytes]) -> None:
    os.mkfifo(tmp_path / "pipe")
    error = RecordingError if read_file is read_recording else UsageError
    for path, what in ((tmp_path / "pipe", "a pipe"), (tmp_path, "a folder"), (Path("/dev/zero"), "a pipe, a device")):
        with pytest.raises(error, match=f"is {what}.*, no file") as told_so:
            read_file(path)
        assert told_so.value.hint == "Name a regular file."


def test_a_read_asks_for_what_a_file_has(tmp_path: Path) -> None:
    (tmp_path / "long").touch()
    os.truncate(tmp_path / "long", LONGEST_RECORDING + 1)
    (tmp_path / "short").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("short")
    tracemalloc.start()
    with pytest.raises(RecordingError, match=f"is longer than {LONGEST_RECORDING} bytes"):
        read_recording(tmp_path / "long")
    assert read_recording(tmp_path / "link") == b"abc"
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_a_file_that_says_nothing_of_its_length_is_read_whole() -> None:
    if not (limits := Path("/proc/self/limits")).is_file():
        pytest.skip("this system has no such files")
    assert read_scenario(limits).startswith(b"Limit")


def test_what_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file"):
        read_recording(tmp_path / "none.rec.jsonl")
    with pytest.raises(RecordingError):
        read_recording(tmp_path)


def test_a_scenario_for_rehearsals_is_found_by_name_after_those_of_the_folder(tmp_path: Path) -> None:
    shipped = scenario_path("quick", tmp_path)
    assert shipped.parts[-2:] == ("rehearsal", "quick.yaml")
    (tmp_path / "quick.yaml").write_text("mine")
    assert scenario_path("quick", tmp_path) == tmp_path / "quick.yaml"


def test_a_file_that_is_written_over_is_the_old_one_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "found.xml"
    write_text(str(path), "old")

    def full(file: int, how: str) -> None:
        os.close(file)
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", full)
        with pytest.raises(HostError):
            write_text(str(path), "new")
    assert [each.name for each in tmp_path.iterdir()] == ["found.xml"] and path.read_text() == "old"
    write_text(str(path), "new")
    assert path.read_text() == "new"
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(HostError):
        write_text(str(tmp_path / "link"), "through it")
    assert path.read_text() == "new"


def test_a_pipe_that_takes_no_more_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def full(file: int, mode: str) -> NoReturn:
        os.close(file)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(pipe, b"text", how=OVERWRITE)
    os.close(reader)
    assert pipe.is_fifo()
