"""Errors become text and an exit code, in one place."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from lab.cli import signals
from lab.cli.console import Console, guarded
from lab.cli.loop import Stop, complete
from lab.cli.main import run_command
from lab.cli.parser import commands, read_call, usual
from lab.cli.signals import Interrupted, ending
from lab.core.errors import (
    Complaint,
    Divergence,
    HostError,
    LabError,
    ProtocolError,
    RecordingError,
    ScenarioError,
    UsageError,
)  # fmt: skip
from lab.plugin import ExportForm, Plugin, WireDeclared
from tests.conftest import ROOT, Lab, each_row


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def err() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(out: io.StringIO, err: io.StringIO) -> Console:
    return Console(out, err)


def raising(error: BaseException) -> int:
    raise error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Divergence("they differ"), 1),
        (ProtocolError("no job body"), 1),
        (UsageError("no such option"), 2),
        (RecordingError("torn"), 3),
        (HostError("port taken"), 4),
        (PermissionError(13, "Permission denied", "x"), 4),
        (Interrupted("sigint"), 130),
        (Interrupted("sigterm"), 130),
        (BrokenPipeError(), 0),
    ],
)
def test_exit_codes(console: Console, error: BaseException, code: int) -> None:
    assert guarded(lambda: raising(error), console) == code


def test_what_happened_and_what_to_do(console: Console, out: io.StringIO, err: io.StringIO) -> None:
    guarded(lambda: raising(LabError("Port 80 is taken.", hint="Try --port 0.")), console)
    assert err.getvalue() == "lab: Port 80 is taken.\n  Try --port 0.\n"
    assert out.getvalue() == ""


def test_all_complaints_each_on_its_line(console: Console, err: io.StringIO) -> None:
    complaints = tuple(Complaint("a.yaml", line, 1, "wrong", "right") for line in (1, 2, 3))
    assert guarded(lambda: raising(ScenarioError(complaints)), console) == 2
    assert err.getvalue().splitlines()[1] == "a.yaml:2:1: wrong; right"
    assert len(err.getvalue().splitlines()) == 3


@pytest.mark.parametrize("writable", [True, False])
def test_a_bug_leaves_a_sentence_and_a_log_and_no_traceback(
    console: Console, err: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, writable: bool
) -> None:
    folder = tmp_path / "logs"
    if not writable:
        folder.write_text("no folder")
    monkeypatch.setattr("platformdirs.user_log_path", lambda name: folder)
    monkeypatch.setattr("lab.files.artifacts.gettempdir", lambda: str(tmp_path / "temporary"))
    for number in (1, 2):
        assert guarded(lambda: raising(ZeroDivisionError("said\udc80 by a client")), console) == 70
        logs = sorted((folder if writable else tmp_path / "temporary").glob("bug-*.log"))
        assert len(logs) == number, "none is written over"
    sentences = err.getvalue().splitlines()
    assert len(sentences) == 2 and {sentence.rpartition(" ")[2] for sentence in sentences} == {
        f"{log}." for log in logs
    }
    assert sentences[0].startswith("lab: A bug of the lab, ZeroDivisionError at cli/console.py:")
    assert "client" not in err.getvalue() and "Traceback" not in err.getvalue()
    log = logs[0].read_text("utf-8")
    assert log.startswith("invoke-async-lab ") and "ZeroDivisionError: said\\udc80 by a client" in log
    assert logs[0].stat().st_mode & 0o777 == 0o600


def test_a_bug_whose_log_no_folder_takes_is_told_all_the_same(
    console: Console, err: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("platformdirs.user_log_path", lambda name: tmp_path / "file")
    monkeypatch.setattr("lab.files.artifacts.gettempdir", lambda: str(tmp_path / "file" / "below"))
    assert guarded(lambda: raising(KeyError()), console) == 70
    assert (
        err.getvalue().startswith("lab: A bug of the lab, KeyError at ") and "no folder takes its log" in err.getvalue()
    )


SIGNALLED = [(signal.SIGINT, "sigint"), (signal.SIGTERM, "sigterm"), (signal.SIGHUP, "sigterm")]


@pytest.mark.parametrize(("number", "reason"), SIGNALLED)
def test_a_signal_passes_through_whatever_is_open(console: Console, number: int, reason: str) -> None:
    closed: list[str] = []

    def work() -> int:
        try:
            os.kill(os.getpid(), number)
            return 0
        except Interrupted as end:
            closed.append(end.reason)
            raise

    assert guarded(work, console) == 130
    assert closed == [reason]


@each_row(("number", "reason"), SIGNALLED)
def test_a_signal_ends_work_in_a_loop_after_it_has_cleaned_up(number: int, reason: str) -> None:
    closed: list[str] = []

    async def work(stop: Stop) -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            closed.append(stop.footer)

    with pytest.raises(Interrupted) as end:
        complete(work)
    assert (end.value.reason, closed) == (reason, [reason])


def test_work_may_say_how_it_is_left_and_what_a_second_signal_shortens() -> None:
    async def work(stop: Stop) -> str:
        left = asyncio.Event()
        stop.leave = left.set
        os.kill(os.getpid(), signal.SIGTERM)
        await left.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.hurry.wait()
        return stop.footer

    assert complete(work) == "sigterm"


@pytest.mark.parametrize("times", [2, 3])
def test_signals_end_a_process_that_does_not_end_by_itself(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(signals, "MOMENT", 0.0 if times == 2 else 60.0)
    with monkeypatch.context() as patched:
        patched.setattr(os, "_exit", ended.append)
        with ending(lambda reason: None):
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGTERM)
            while not ended:
                pass
    assert ended == [130]


class Discards:
    """Whose destructor is where a signal strikes: what is raised there is nobody's."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(100):  # it is obeyed between two steps
            pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("nested", [False, True])
def test_a_signal_that_is_discarded_where_it_strikes_ends_the_command_all_the_same(nested: bool) -> None:
    async def waits(stop: Stop) -> None:
        await asyncio.Event().wait()

    def work() -> None:
        Discards()
        if nested:
            complete(waits)
        Event().wait(10)

    with pytest.raises(Interrupted):
        obeyed(work)


def obeyed(work: Callable[[], object]) -> None:
    with ending():
        work()


def test_closing_that_takes_longer_than_the_next_try_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "AGAIN", 0.001)
    closed = []

    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            Event().wait(0.05)
            closed.append(True)

    with pytest.raises(Interrupted):
        obeyed(work)
    Event().wait(0.01)
    assert closed == [True]


def test_a_hang_up_that_nohup_ignores_is_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_library_that_is_interrupted_may_raise_what_it_likes(console: Console) -> None:
    def work() -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except BaseException as end:
            raise ValueError("half done") from end
        return 0

    assert guarded(work, console) == 130


class Gone(io.StringIO):
    """A stream that nobody reads any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_who_serves_goes_on_when_nobody_reads_and_who_prints_ends(err: io.StringIO) -> None:
    console = Console(Gone(), Gone())
    console.err("a remark")
    console.alarm("a banner", color=True)
    with pytest.raises(BrokenPipeError):
        console.out("a result")
    console.serving = True
    console.out("a result")


def test_a_run_that_nobody_reads_ends_quietly_and_closes_its_tape(lab: Lab, err: io.StringIO) -> None:
    argv = ["run", "item-comparison", "--speed", "instant", "--record", "./unread"]
    assert run_command(argv, Console(Gone(), err)) == 0
    assert '"reason":"closed"' in (lab.folder / "unread.rec.jsonl").read_text().splitlines()[-1]


@each_row("closed", [(1,), (2,), (0, 1, 2)])
def test_closed_streams_are_opened_to_nowhere(closed: tuple[int, ...]) -> None:
    code = (
        "import os, sys\nfrom lab.cli.console import Console, open_streams\nopen_streams()\nConsole().out('a')\n"
        "Console().err('b')\nassert os.open('.', os.O_RDONLY) > 2"
    )
    closing = " ".join(f"{number}>&-" for number in closed)
    done = subprocess.run(["sh", "-c", f'exec "$0" -c "$1" {closing}', sys.executable, code], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_text_from_outside_cannot_command_the_terminal(console: Console, out: io.StringIO) -> None:
    console.out("a\x1b[2Jb\x9bc\td")
    assert out.getvalue() == "a\\x1b[2Jb\\x9bc\td\n"


ROWS = 24
"""Of a terminal, at 80 columns."""


@pytest.mark.parametrize("name", commands())
def test_the_first_screen_of_a_help_has_an_example_and_what_the_usual_day_needs(
    console: Console, out: io.StringIO, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run_command([name, "--help"], console) == 0
    usage, _, text = out.getvalue().partition("\n\n")
    assert usage.startswith(f"usage: lab {name} [OPTIONS]") and "\n" not in usage
    rows = text.splitlines()[:ROWS]
    assert rows[2].startswith(f"  lab {name}")
    listed = [row.split()[0] for row in rows if row.startswith("  -")]
    first = usual(commands()[name])
    assert listed[1 : len(first) + 1] == list(first)


@pytest.mark.parametrize("argv", [[], ["dance"], ["run"], ["run", "x", "--nope"], ["run", "x", "--port", "70000"]])
def test_a_wrong_call_is_2(console: Console, err: io.StringIO, argv: list[str]) -> None:
    assert run_command(argv, console) == 2
    assert err.getvalue().startswith("lab: ")


@pytest.mark.parametrize(
    ("command", "option", "refused"),
    [("run", "  --base URL ", "--seed, --epoch"), ("serve", "  --from FILE ", "not with SCENARIO, --seed")],
)
def test_help_names_what_excludes_what(
    console: Console, out: io.StringIO, command: str, option: str, refused: str
) -> None:
    run_command([command, "--help"], console)
    _, found, text = out.getvalue().partition(option)
    assert found and refused in " ".join(text.split("\n  --")[0].split())


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["srve"], ["There is no command srve.", "Did you mean serve?"]),
        (["qqq"], ["There is no command qqq.", "lab --help lists"]),
        (["demo", "--log", "text"], ["lab demo takes no option --log.", "It is an option of lab serve."]),
        (["run", "x", "--seeed=5"], ["lab run takes no option --seeed.", "Did you mean --seed?"]),
        (["run", "x", "--fast"], ["lab run takes no option --fast.", "Did you mean --speed?"]),
        (["fidelity", "--fast"], ["lab fidelity takes no option --fast.", "Try: lab fidelity --help"]),
        (["run", "x", "--sut=1"], ["lab run takes no option --sut.", "Did you mean --set?"]),
        (["schema", "here"], ["lab schema takes no argument here.", "Try: lab schema --help"]),
    ],
)
def test_a_mistyped_word_is_answered_with_the_nearest(
    console: Console, err: io.StringIO, argv: list[str], said: list[str]
) -> None:
    assert run_command(argv, console) == 2
    assert [text in line for text, line in zip(said, err.getvalue().splitlines(), strict=True)] == [True, True]


def test_a_name_that_no_plugin_declares_is_answered_with_those_that_there_are(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire, form = WireDeclared("soap", "nowhere:WIRE", ()), ExportForm("xml", "tags", "nowhere:lines")
    monkeypatch.setattr("lab.options.strangers", lambda: (Plugin("strange", "speaks", wires=(wire,), forms=(form,)),))
    dialect, kind = lab("run", "x", "--dialect", "ftp"), lab("show", "x", "--as", "pdf")
    assert (dialect.code, kind.code) == (2, 2)
    assert dialect.err.startswith("lab: --dialect ftp: no dialect.\n") and "There are fusion, " in dialect.err
    assert kind.err.startswith("lab: --as pdf: no form of recordings.\n") and "There are text, " in kind.err
    assert dialect.err.endswith(", soap.\n") and kind.err.endswith(", cast, xml.\n")
    assert read_call(["run", "x", "--dialect", "soap"], Console(), {}).options.app.dialect == "soap"  # type: ignore[attr-defined]


async def test_a_line_that_comes_as_the_wait_ends_is_taken_by_the_next(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    lines = ["a\n", "b\n", ""]

    class Typed:
        def fileno(self) -> int:
            return reading

        def readline(self) -> str:
            waiting.cancel()
            return lines.pop(0)

    monkeypatch.setattr(sys, "stdin", Typed())
    os.write(writing, b"a\nb\n")
    waiting = asyncio.create_task(console.line())
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled() and await console.line() == "a\n"
    waiting = asyncio.get_running_loop().create_future()  # type: ignore[assignment]
    assert (await console.line(), await console.line()) == ("b\n", "")
    os.close(reading)
    os.close(writing)
