"""Errors become text and an exit code, in one place."""

import io
import os
import signal

import pytest

from lab.cli.console import Console, Interrupted, guarded
from lab.cli.main import run_command
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


def test_a_bug_keeps_its_traceback(console: Console) -> None:
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: raising(ZeroDivisionError()), console)


@pytest.mark.parametrize(("number", "reason"), [(signal.SIGINT, "sigint"), (signal.SIGTERM, "sigterm")])
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


def test_text_from_outside_cannot_command_the_terminal(console: Console, out: io.StringIO) -> None:
    console.out("a\x1b[2Jb\x9bc\td")
    assert out.getvalue() == "a\\x1b[2Jb\\x9bc\td\n"


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        *(
            [name, "--help"]
            for name in "demo serve run replay check show repair new schema openapi fidelity docs".split()
        ),
    ],
)
def test_help_shows_an_example(console: Console, out: io.StringIO, argv: list[str]) -> None:
    assert run_command(argv, console) == 0
    if len(argv) > 1:
        assert f"example:\n  lab {argv[0]}" in out.getvalue()


@pytest.mark.parametrize("argv", [[], ["dance"], ["run"], ["run", "x", "--nope"], ["run", "x", "--port", "70000"]])
def test_a_wrong_call_is_2(console: Console, err: io.StringIO, argv: list[str]) -> None:
    assert run_command(argv, console) == 2
    assert err.getvalue().startswith("lab: ")
