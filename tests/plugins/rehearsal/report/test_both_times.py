"""Clients of the zoo as processes, over sockets: in real and in virtual time each rule says the same of them."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from lab.core.clock import Millis
from lab.identity.clients import DEMO
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.judge import ClientReport, report_on
from lab.recording.format.reader import read
from tests.conftest import ROOT, Lab
from tests.plugins.rehearsal.report.matrix import row
from tests.plugins.rehearsal.report.over_sockets import code_of
from tests.plugins.rehearsal.report.rehearsal import Rehearsal
from tests.plugins.rehearsal.report.together import judged
from tests.plugins.rehearsal.report.zoo_all import ZOO, rule_of
from tests.plugins.rehearsal.report.zoo_given_up import GIVEN_UP

WORTH_WAITING: Millis = 100_000
"""A client that takes longer is tried in virtual time alone."""
GIVEN_UP_ROWS = {
    name: f"{name}: {said}"
    for name, said in (
        line.split(": ")
        for line in """
B4 late: fails B4, passes A1 A6 A7 A8 A9 A10 B1 B2 B3 B8 B9 C2 C6 C9 D5 E1 E4
B4 late reset: fails B4, passes A1 A6 A7 A8 A9 A10 B1 B2 B3 B8 B9 C2 C6 C9 D5 E1 E4
B4 hung: fails B4, passes A1 A6 A7 A8 A9 A10 B1 B2 B3 B8 B9 C2 C6 C9 D5 E1 E3 E4
D3 hung: fails D3, passes A6 A7 A8 A9 A10 B1 B2 B3 B4 B8 B9 D5 E4
D3 late: fails D3, passes A6 A7 A8 A9 A10 B1 B2 B3 B4 B8 B9 D5 E4
late token: fails nothing, passes A1 A6 A7 A8 A9 A10 B1 B2 B3 B8 B9 C2 C6 C9 D5 E1 E3 E4
late token reset: fails nothing, passes A1 A6 A7 A8 A9 A10 B1 B2 B3 B8 B9 C2 C6 C9 D5 E1 E3 E4
late token once: fails D3, passes A7 A8 A9 A10 B3 D5 E4
hung token: fails nothing, passes A1 A6 A7 A8 A9 A10 B1 B2 B3 B8 B9 C2 C6 C9 D5 E1 E3 E4
late invoke: fails nothing, passes A6 A7 A8 A9 A10 B1 B2 B3 B4 D5 E4
late invoke keyed: fails nothing, passes A1 A6 A7 A8 A9 A10 B1 B2 B3 B4 B5 B8 B9 C2 D5 E3 E4
late invoke awaited: fails nothing, passes A6 A7 A8 A9 A10 B1 B2 B3 B8 B9 C2 E3 E4
late poll: fails nothing, passes A1 A6 A7 A8 A9 A10 B1 B2 B3 B4 B8 B9 C2 C9 D3 D5 E3 E4
late poll reset: fails nothing, passes A1 A6 A7 A8 A9 A10 B1 B2 B3 B4 B8 B9 C2 C9 D3 D5 E3 E4
hung poll: fails nothing, passes A1 A6 A7 A8 A9 A10 B1 B2 B3 B4 B8 B9 C2 C9 D3 D5 E3 E4
stalled poll: fails nothing, passes A1 A6 A7 A8 A9 A10 B1 B2 B3 B4 B8 B9 C2 C9 D3 D5 E3 E4
""".strip().splitlines()
    )
}
"""What every rule says of who gave up a call: what isn't named wasn't exercised."""
FEW = ("B4 late", "late poll")


def over_sockets(rehearsal: Rehearsal) -> bool:
    """Whether its client goes by itself, as one process against a lab as it usually is, at one origin."""
    alone = rehearsal.crowd == 1 and rehearsal.meanwhile is None
    usual = (rehearsal.pace, rehearsal.idle, rehearsal.rest, rehearsal.client) == (None, None, 0, DEMO)
    return alone and usual and "QUICK" in rehearsal.scenario and "redirect: other" not in rehearsal.scenario


@pytest.fixture
def here(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return lab


def test_of_each_client_that_gives_up_every_verdict_is_known() -> None:
    assert {name: row(name, judged(rehearsal.day())) for name, rehearsal in GIVEN_UP.items()} == GIVEN_UP_ROWS


def test_a_process_that_gives_up_is_judged_in_virtual_time_as_a_client_in_the_labs_own(here: Lab) -> None:
    assert rows_over_sockets(here, {name: GIVEN_UP[name] for name in FEW}, "--virtual") == {
        name: GIVEN_UP_ROWS[name] for name in FEW
    }


@pytest.mark.long
def test_a_client_that_gives_up_is_judged_alike_in_real_and_in_virtual_time(here: Lab) -> None:
    assert rows_over_sockets(here, GIVEN_UP, "--virtual") == GIVEN_UP_ROWS
    assert rows_over_sockets(here, GIVEN_UP) == GIVEN_UP_ROWS


@pytest.mark.long
def test_each_client_of_the_zoo_is_judged_alike_in_real_and_in_virtual_time(here: Lab) -> None:
    zoo = {name: each for name, each in ZOO.items() if over_sockets(each) and each.day().until <= WORTH_WAITING}
    assert len(zoo) > 50
    assert rows_over_sockets(here, zoo) == rows_over_sockets(here, zoo, "--virtual")


@pytest.mark.long
def test_each_client_of_the_zoo_fails_over_sockets_what_it_fails_in_the_labs_own_process(here: Lab) -> None:
    zoo = {name: each for name, each in ZOO.items() if over_sockets(each)}
    for name, found in rows_over_sockets(here, zoo, "--virtual").items():
        # what its exit code says only a process tells: C12's says that it failed, so it didn't take the odd word for the
        # known one; B7's says all went well, though what it said elsewhere ended with an error
        rule = {"C12": "C11", "B7": "B7 F4", "B7 other": "B7 F4", "B7 one-shot": "B7 F4"}.get(name, rule_of(name))
        assert found.startswith(f"{name}: fails {rule}, "), found


def rows_over_sockets(lab: Lab, zoo: Mapping[str, Rehearsal], *options: str, good: bool = False) -> dict[str, str]:
    """What every rule says of each client, by its rehearsal; `good`: of the good client in its place."""
    folder, files = lab.folder / f"out{len([*lab.folder.iterdir()])}", dict[str, str]()
    for name, rehearsal in zoo.items():
        stem = code_of(name).lower().replace("_", "-")
        settings = ", ".join(f"{switch}: {value}" for switch, value in rehearsal.switches.items())
        text = rehearsal.scenario.replace("name: quick", f"name: {stem}").replace("QUICK", code_of(name))
        (lab.folder / f"{stem}.yaml").write_text(text + (f"settings: {{{settings}}}\n" if settings else ""))
        files[name] = f"{stem}.yaml"
    command = (sys.executable, "-m", "tests.plugins.rehearsal.report.over_sockets", *(["good"] if good else []))
    called = lab("rehearse", *files.values(), *options, "--parallel", "16", "--into", folder, "--", *command)
    assert called.code in (0, 1), called.err
    return {name: row(name, _judged(folder / f"{Path(file).stem}.rec.jsonl")) for name, file in files.items()}


def _judged(path: Path) -> ClientReport:
    recording = read(path.read_bytes(), path.name)
    assert recording.end is not None and recording.end.reason.startswith("exit"), path
    return report_on({"day": histories_of(recording)})
