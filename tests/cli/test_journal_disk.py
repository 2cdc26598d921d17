"""A journal on a disk that fails: who was answered is known after a restart, and who was refused never was."""

import errno
import json
import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from lab.cli.console import Console
from lab.cli.serve import state_journal
from lab.cli.serve.state_journal import StateJournal
from lab.cli.setup import Setup
from lab.clocks import ManualClock
from lab.core.clock import INSTANT_EPOCH
from lab.core.exchange import Request, json_bytes
from lab.core.journal.shared import StoreRefused
from lab.files import growing_files
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.identity.scopes import api_scope
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.server.limits import ServerLimits
from lab.server.shared import refused_writes
from lab.settings import MockSettings

SCENARIO = program_of(
    parse_scenario(
        "lab: 1\nname: slow\ntitle: Slow\nagent: {code: SLOW}\nask: x\n"
        "steps:\n  - {work: think, takes: 1h}\n  - {complete: done, output: Done.}\n",
        "slow.yaml",
    )
)
CONFIG = Config((SCENARIO,), Switches(), 42, INSTANT_EPOCH)
FULL, BROKEN = errno.ENOSPC, errno.EIO


class Disk:
    """`os` as the journal sees it, of which the calls of that number fail, each in its own way."""

    def __init__(self, faults: dict[int, str | int]) -> None:
        self.faults, self.calls = faults, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def _fault(self) -> str | int | None:
        self.calls += 1
        return self.faults.get(self.calls - 1)

    def write(self, file: int, data: bytes) -> int:
        fault = self._fault()
        if isinstance(fault, int):
            raise OSError(fault, os.strerror(fault))
        if fault == "short":  # more of it may be taken by the next call
            return os.write(file, data[: len(data) // 2])
        return os.write(file, data)

    def _plain(self, act: Callable[..., Any], *args: Any) -> Any:
        fault = self._fault()
        if fault is not None:
            number = fault if isinstance(fault, int) else BROKEN
            raise OSError(number, os.strerror(number))
        return act(*args)

    def lseek(self, *args: int) -> Any:
        return self._plain(os.lseek, *args)

    def ftruncate(self, *args: int) -> Any:
        return self._plain(os.ftruncate, *args)


class FullDisk(Disk):
    """Nothing can be written; what is there can be cut."""

    def __init__(self) -> None:
        super().__init__({})

    def write(self, file: int, data: bytes) -> int:
        raise OSError(FULL, os.strerror(FULL))


class Lab:
    """A lab with a journal, and what its client was answered."""

    def __init__(self, path: Path) -> None:
        self.service, self.errors = Service(CONFIG), StringIO()
        self.journal = StateJournal(MockSettings(), str(path), Console(StringIO(), self.errors))
        self.journal.attach(self.service, ManualClock())
        self.jobs: list[str] = []
        self.tokens: list[str] = []
        self.refused = 0

    def ask(self, request: Request) -> dict[str, Any] | None:
        """The answer; None if it was refused, and then nobody was told of a request."""
        before = self.service.exchanges
        try:
            reply = self.service.serve(request, 0)
        except StoreRefused:
            assert self.service.exchanges == before
            self.refused += 1
            return None
        return json.loads(reply.response.body)  # type: ignore[no-any-return]

    def log_in(self) -> None:
        if (got := self.ask(token_request(DEMO.id, DEMO.secret, api_scope(CONFIG.switches.pod)))) is not None:
            self.tokens.append(got["access_token"])

    def invoke(self, token: str) -> None:
        head = (("authorization", f"Bearer {token}"), ("content-type", "application/json"))
        path = "/api/fusion-ai/orchestrator/agent/v2/SLOW/invokeAsync"
        got = self.ask(Request("POST", path, "", head, json_bytes({"message": "x"})))
        if got is not None and "jobId" in got:
            self.jobs.append(got["jobId"])

    def command(self, act: Callable[[], object]) -> None:
        try:
            act()
        except StoreRefused:
            self.refused += 1

    def busy(self) -> None:
        """Calls of every kind that writes: grants, messages, a refusal whose number is used, commands."""
        self.log_in()
        for _ in range(2):
            for token in (*self.tokens[-1:], "none"):
                self.invoke(token)
        self.command(lambda: self.service.rotate_key(0))
        self.log_in()
        for token in self.tokens[-1:]:
            self.invoke(token)

    def die(self) -> None:
        self.journal._file.close()


def known(service: Service) -> tuple[list[str], str]:
    """All that a restart has to know: the jobs, and every record."""
    return list(service.jobs()), repr(sorted(service.ledger._records.items()))


def check(lab: Lab, path: Path) -> None:
    """Start again, and compare."""
    lab.die()
    again = Lab(path)
    assert list(again.service.jobs()) == lab.jobs
    assert known(again.service) == known(lab.service)
    assert all(again.service.knows_token(token) for token in lab.tokens)
    again.busy()
    assert again.refused == 0 and not set(again.jobs) & set(lab.jobs) and len(set(again.jobs)) == len(again.jobs)
    again.die()


def running(path: Path, monkeypatch: pytest.MonkeyPatch, faults: dict[int, str | int]) -> tuple[Lab, Disk]:
    lab, disk = Lab(path), Disk(faults)
    monkeypatch.setattr(growing_files, "os", disk)
    lab.busy()
    monkeypatch.undo()
    return lab, disk


@pytest.mark.parametrize("fault", ["short", FULL, BROKEN])
def test_whichever_call_of_the_disk_fails_a_restart_knows_what_was_answered_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str | int
) -> None:
    calls = running(tmp_path / "whole", monkeypatch, {})[1].calls
    assert calls >= 12
    refused = 0
    for number in range(calls):
        path = tmp_path / str(number)
        lab, _ = running(path, monkeypatch, {number: fault})
        refused += lab.refused
        check(lab, path)
    assert refused >= calls // 2


@pytest.mark.parametrize("way", [("short", FULL), ("short", BROKEN), (FULL, FULL)])
def test_a_line_that_was_torn_and_could_not_be_cut_at_once_is_cut_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: tuple[str | int, int]
) -> None:
    calls = running(tmp_path / "whole", monkeypatch, {})[1].calls
    for number in range(calls - 2):
        path = tmp_path / str(number)
        # the call, the rest of the line or the cut, the cut, and the cut before the next line
        lab, _ = running(path, monkeypatch, dict(enumerate((*way, BROKEN, BROKEN), number)))
        assert lab.refused
        lab.command(lambda lab=lab: lab.service.rotate_key(0))  # type: ignore[misc]
        check(lab, path)


def test_a_disk_that_stays_full_refuses_all_that_writes_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [10_000]
    monkeypatch.setattr(refused_writes, "real_millis", lambda: now[0])
    lab = Lab(tmp_path / "journal")
    lab.log_in()
    with monkeypatch.context() as full:
        full.setattr(growing_files, "os", FullDisk())
        for _ in range(3):
            lab.invoke(lab.tokens[0])
        assert (lab.refused, lab.jobs) == (3, [])
        assert lab.service.file.trouble == "The journal takes no line: No space left on device."
        now[0] += 10_000
        lab.journal.look()
        assert lab.journal.trouble is not None
        with pytest.raises(StoreRefused):
            lab.service.file.reserve()
    lab.invoke(lab.tokens[0])
    assert len(lab.jobs) == 1 and lab.journal.trouble is not None  # it was refused just now
    now[0] += refused_writes.SETTLED
    lab.journal.look()
    assert lab.journal.trouble is None
    assert lab.errors.getvalue().count("get 503") == 1 and "takes writes again" in lab.errors.getvalue()
    check(lab, tmp_path / "journal")


def test_a_file_that_somebody_took_away_takes_nothing_any_more(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "journal")
    lab.log_in()
    (tmp_path / "journal").unlink()
    lab.journal.look()
    lab.invoke(lab.tokens[0])
    assert lab.refused == 1 and lab.journal.trouble == "The journal takes no line: somebody has removed it."
    assert "503 until this lab ends" in lab.errors.getvalue()
    assert lab.journal.close() == 4


def test_a_journal_that_can_not_be_begun_ends_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing_files, "os", Disk({0: FULL}))
    with pytest.raises(StoreRefused, match="No space left"):
        Lab(tmp_path / "journal")


def test_a_real_clock_goes_on_no_earlier_than_it_stood_however_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    Lab(path).die()
    monkeypatch.setattr(state_journal, "wall_nanos", lambda: (INSTANT_EPOCH * 1000 + 1_999) * 1_000_000)
    journal = StateJournal(MockSettings(), str(path), Console(StringIO(), StringIO()))
    assert journal.resume(Setup(MockSettings(), CONFIG, ManualClock(), ServerLimits())).clock.now() >= 1_999
    assert journal.close() == 0
