"""What other systems lack: each such thing is asked for in one place, which goes another way without it.

Windows and macOS themselves are not among those on which the tests have run (lab docs limits, §8).
"""

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import active_count
from types import ModuleType, SimpleNamespace

import pytest

from lab.cli.signals import block_ctrl_c, ending, ending_signals
from lab.cli.typed_lines import TypedLines
from lab.core.errors import HostError, UsageError
from lab.files.growing_files import JournalFile, TapeFile
from lab.files.opening import open_file, open_regular
from lab.files.runtime import publish_token, token_for
from lab.server.listener import most_connections
from lab.tui.app import LabApp
from tests.conftest import ROOT

LIKE_WINDOWS = Path(__file__).with_name("windows_like.py")


def like_windows(*arguments: str, folder: Path = ROOT) -> str:
    """What the lab prints, in a Python that lacks what Windows lacks."""
    done = subprocess.run(
        [sys.executable, LIKE_WINDOWS, *arguments], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.long
def test_every_module_is_imported_without_what_is_only_on_posix() -> None:
    assert int(like_windows("import-all")) > 500


@pytest.mark.long
def test_runs_recordings_and_replays_need_nothing_of_it(tmp_path: Path) -> None:
    name = "invoice-analysis"
    said = like_windows("run", name, "--speed", "1000", "--seed", "7", "--record", "./a", "--json", folder=tmp_path)
    assert json.loads(said)["status"] == "COMPLETE"
    like_windows("replay", "a.rec.jsonl", folder=tmp_path)
    like_windows("check", "a.rec.jsonl", folder=tmp_path)


def test_without_a_flag_for_it_no_link_is_followed_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_NOFOLLOW")
    secret, link = tmp_path / "secret", tmp_path / "link"
    secret.write_text("s3cret")
    link.symlink_to(secret)
    for attempt in (lambda: open_file(link, os.O_RDWR), lambda: open_regular(link)):
        with pytest.raises(OSError, match="symbolic") as refused:
            attempt()
        assert refused.value.errno == errno.ELOOP
    with pytest.raises(UsageError, match="is a link"):
        JournalFile(link)
    file = open_regular(secret)
    assert file is not None
    with file:
        assert file.read() == b"s3cret"


def test_modes_and_folders_are_left_alone_where_they_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fchmod", "fdatasync", "O_DIRECTORY"):
        monkeypatch.delattr(os, name)
    journal, tape = JournalFile(tmp_path / "journal"), TapeFile(tmp_path / "tape.rec.jsonl")
    for file in (journal, tape):
        file.write(b"a line\n")
        file.close()
    assert (tmp_path / "journal").read_bytes() == tape.path.read_bytes() == b"a line\n"


def test_a_journal_is_held_by_a_byte_that_nobody_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places: dict[int, int] = {}

    def locking(file: int, how: int, count: int) -> None:
        place = os.lseek(file, 0, os.SEEK_CUR)
        inode = os.fstat(file).st_ino
        if places.setdefault(inode, place) != place or (how, count) != (2, 1) or locked.again:
            raise PermissionError(errno.EACCES, "Permission denied")

    locked = ModuleType("msvcrt")
    vars(locked).update(locking=locking, LK_NBLCK=2, again=False)
    monkeypatch.setitem(sys.modules, "msvcrt", locked)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    path = tmp_path / "journal"
    journal = JournalFile(path)
    journal.write(b"a line\n")
    assert journal.read() == b"a line\n"
    locked.again = True
    with pytest.raises(HostError, match="in use"):
        JournalFile(path)
    journal.write(b"another\n")
    journal.close()
    assert path.read_bytes() == b"a line\nanother\n"
    (place,) = places.values()
    assert place > 1 << 30


def test_where_users_have_no_numbers_a_token_is_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "getuid")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert publish_token("http://127.0.0.1:9", "sesame") is not None
    assert token_for("http://localhost:9") == "sesame"
    assert [each.name for each in tmp_path.iterdir()] == ["invoke-async-lab"]
    (tmp_path / "invoke-async-lab").rename(tmp_path / "elsewhere")
    (tmp_path / "invoke-async-lab").symlink_to(tmp_path / "elsewhere")
    assert token_for("http://localhost:9") is None


def test_the_signals_that_there_are_end_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    assert signal.SIGHUP in ending_signals()
    for name in ("SIGHUP", "pthread_sigmask"):
        monkeypatch.delattr(signal, name)
    assert ending_signals() == {signal.SIGINT: "sigint", signal.SIGTERM: "sigterm"}
    block_ctrl_c()
    reasons: list[str] = []
    with ending(reasons.append):
        signal.raise_signal(signal.SIGTERM)
    assert reasons == ["sigterm"]


def test_connections_have_no_other_bound_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert most_connections(10**9) < 10**9
    monkeypatch.setitem(sys.modules, "resource", None)
    assert most_connections(10**9) == 10**9


def test_no_shell_is_gone_to_where_no_signal_stops_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    app = SimpleNamespace(is_headless=False, is_web=False, panel=None)
    assert LabApp.can.fget(app) == {"suspend"}  # type: ignore[attr-defined]
    for without in ("is_headless", "is_web"):
        assert LabApp.can.fget(SimpleNamespace(**{**vars(app), without: True})) == frozenset()  # type: ignore[attr-defined]
    monkeypatch.delattr(signal, "SIGTSTP")
    assert LabApp.can.fget(app) == frozenset()  # type: ignore[attr-defined]


@pytest.mark.parametrize("watched", [True, False])
async def test_a_typed_line_is_read_and_none_is_lost(watched: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not watched:

        def refuse(*_: object) -> None:
            raise NotImplementedError

        monkeypatch.setattr(asyncio.get_running_loop(), "add_reader", refuse)
    read, write = os.pipe()
    lines, threads = TypedLines(), active_count()
    with os.fdopen(read, encoding="utf-8") as stdin, os.fdopen(write, "w", encoding="utf-8", buffering=1) as person:
        monkeypatch.setattr(sys, "stdin", stdin)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await lines.next()
        assert active_count() - threads == (0 if watched else 1)
        person.write("é first\n")
        async with asyncio.timeout(10):
            assert await lines.next() == "é first\n"
            person.write("second\n")
            assert await lines.next() == "second\n"
            person.close()
            assert await lines.next() == ""
