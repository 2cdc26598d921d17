"""Programs that are kept: the same as read anew, whatever became of what was kept."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from msgspec import DecodeError

from lab.files import programs
from lab.files.scenarios import load_scenario
from lab.language.parse import parse_scenario
from lab.program.scenario import Scenario
from tests import programs as build
from tests.conftest import ROOT, examples
from tests.documents import Document, documents

TEXT = """\
lab: 1
name: kept
title: Kept
agent: {code: KEPT}
ask: Compare M1 and M2
data: {price: {between: [1, 9], decimals: 2}, buyer: {fake: name}}
steps:
  - {work: look, takes: {between: [1s, 2s]}, says: "For {{ message }}"}
  - {complete: done, output: {file: answer.txt}}
"""


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenario of a user's, whose cache is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "answer.txt").write_text("An answer.")
    file = tmp_path / "kept.yaml"
    file.write_text(TEXT)
    return file


def entries(file: Path) -> list[Path]:
    return sorted((file.parent / "cache").rglob("programs/*"))


def loaded(file: Path) -> tuple[Scenario, dict[str, str], str]:
    program = load_scenario(str(file), file.parent)
    return program.scenario, dict(program.files), program.digest


def parses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read anew from now on."""
    seen: list[str] = []

    def parse(text: bytes, file: str, **more: object) -> Scenario:
        seen.append(file)
        return parse_scenario(text, file, **more)

    monkeypatch.setattr("lab.language.parse.parse_scenario", parse)
    return seen


def test_the_number_stands_for_the_sources_and_the_lab_carries_its_scenarios_compiled() -> None:
    assert build.number() == programs.PROGRAM_NUMBER, "run python -m tests.programs"
    assert programs.SHIPPED.read_bytes() == build.shipped(), "run python -m tests.programs"


@examples(30, thorough=300)
@given(documents(faults=True))
def test_what_is_kept_is_what_was_read(document: Document) -> None:
    text = json.dumps(document).encode()
    scenario = parse_scenario(text, "a.yaml")
    raw = programs.entry_of(scenario, {})
    assert raw is not None and programs._decoded(raw).scenario == scenario


def test_an_unchanged_scenario_is_read_once(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, first = parses(monkeypatch), loaded(scenario)
    assert [loaded(scenario) for _ in range(3)] == [first] * 3
    assert len(seen) == len(entries(scenario)) == 1
    load_scenario("item-comparison", ROOT / "scenarios")
    assert len(seen) == 1


@pytest.mark.parametrize("change", ["text", "file", "name"])
def test_a_change_is_taken_up(change: str, scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, seen = loaded(scenario), parses(monkeypatch)
    if change == "text":
        scenario.write_text(TEXT.replace("Kept", "Another"))
    elif change == "file":
        (scenario.parent / "answer.txt").write_text("Another.")
    else:
        scenario = scenario.rename(scenario.with_name("other.yaml"))
        scenario.write_text(TEXT.replace("name: kept", "name: other"))
    assert loaded(scenario) != first and len(seen) == 1


@pytest.mark.parametrize("damage", ["emptied", "cut", "a byte", "of another", "a folder", "no program"])
def test_a_damaged_entry_costs_time_and_nothing_else(
    damage: str, scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, seen = loaded(scenario), parses(monkeypatch)
    (entry,) = entries(scenario)
    raw = entry.read_bytes()
    if damage == "a folder":
        entry.unlink()
        entry.mkdir()
    else:
        wrong = {"emptied": b"", "cut": raw[:-9], "a byte": raw[:99] + bytes([raw[99] ^ 1]) + raw[100:]}
        wrong |= {"of another": raw[:32] + b"\x80", "no program": programs._checked(b"\x81\xa1a\x01")}
        entry.write_bytes(wrong[damage])
    assert loaded(scenario) == first and len(seen) == 1
    assert loaded(scenario) == first and len(seen) == (2 if damage == "a folder" else 1)


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(
    scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scenario.parent / "cache").write_text("no folder")
    seen, first = parses(monkeypatch), loaded(scenario)
    assert loaded(scenario) == first and len(seen) == 2


def test_what_can_not_be_kept_is_read_each_time(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario.write_text(TEXT.replace("data: {", f"data: {{big: {10**30}, "))
    seen, first = parses(monkeypatch), loaded(scenario)
    assert loaded(scenario) == first and len(seen) == 2 and not entries(scenario)


def test_only_so_many_are_kept(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_MOST", 3)
    monkeypatch.setattr(programs, "_SLACK", 2)
    counts, first = [], set[str]()
    for number in range(9):
        scenario.write_text(TEXT.replace("Kept", f"Kept {number}"))
        loaded(scenario)
        counts.append(len(entries(scenario)))
        first |= {each.name for each in entries(scenario)} if number < 2 else set()
        for each in entries(scenario):  # as old as it is, on a file system whose clock is coarse
            os.utime(each, (0, 0) if each.name in first else None)
    assert counts == [1, 2, 3, 4, 5, 3, 4, 5, 3]
    assert first.isdisjoint(each.name for each in entries(scenario))


SERVED = """
import sys
from pathlib import Path
from lab.files.scenarios import load_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from tests.wire_peer import invoke, token
compiled = load_scenario(sys.argv[1], Path(sys.argv[1]).parent)
mock = Service(Config((compiled,), Switches(), 7, 0))
reply = mock.serve(invoke(token(mock), {"message": compiled.scenario.message}, compiled.scenario.agent.code), 0)
job = reply.response.body.decode().partition('"jobId":"')[2].partition('"')[0]
assert mock.status_of(job, 500) and mock.status_of(job, 10**9)
heavy = "pydantic jinja2 yaml faker re2 jwt cryptography prometheus_client lab.language.parse"
print(*({*heavy.split()} & {*sys.modules}))
"""


def test_an_unchanged_scenario_is_served_without_what_reads_one(scenario: Path) -> None:
    scenario.write_text(TEXT.replace(", buyer: {fake: name}", ""))

    def printed() -> str:
        command = [sys.executable, "-c", SERVED, str(scenario)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    assert "yaml" in printed()
    assert printed() == ""


def test_a_route_that_is_known_no_more_makes_an_entry_stale() -> None:
    scenario = parse_scenario(TEXT + "faults: [{route: status, answer: 503}]\n", "kept.yaml")
    raw = programs.entry_of(scenario, {})
    assert raw is not None and programs._decoded(raw).scenario == scenario
    with pytest.raises(DecodeError):
        programs._decoded(programs._checked(raw[programs._DIGEST :].replace(b"status", b"statue")))
