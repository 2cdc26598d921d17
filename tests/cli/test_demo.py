"""`lab demo` as a person sees it, and as a pipe reads it."""

import asyncio
import io
import json
import signal
from pathlib import Path

import pytest

from lab.cli.commands.demo import LiveDemo
from lab.cli.console import Console
from lab.cli.loop import Stop
from lab.cli.main import run_command
from lab.cli.run_settings import DemoSettings
from lab.cli.serve.serving import Serving
from lab.cli.setup import load_folder, make_setup, own_client
from lab.client.transport import HttpTransport
from lab.clocks import ScaledClock
from lab.control import RunTape
from lab.core.observe import Requested
from lab.identity.client import token_request
from lab.identity.scopes import api_scope
from lab.recording.format.reader import read
from lab.settings import ClockSettings, MockSettings
from tests import terminal
from tests.conftest import ROOT, Lab, each_row
from tests.server.conftest import lines_in
from tests.settings import settings_of
from tests.terminal import Terminal


def demo(folder: Path, *argv: str) -> Terminal:
    return terminal.lab("demo", "--scenarios", str(ROOT / "scenarios"), "--speed", "8", *argv, cwd=folder)


def test_from_the_first_paint_to_the_output(lab: Lab) -> None:
    with demo(lab.folder, "--record", "./shown", "--speed", "80") as shown:
        shown.press_at("space Begin", " ")
        shown.press_at(" a Approve", "a")
        shown.press_at("sooner.", "\x11")
        assert shown.ended() == 0
    done = lab("replay", "./shown.rec.jsonl")
    assert (done.code, done.out) == (0, "1 passed, 0 failed\n"), done.err


def test_lab_alone_on_a_terminal_is_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_CONFIG_DIR", str(tmp_path / "none"))
    with terminal.lab() as shown:
        shown.press_at("Press space, and the run begins. Press ? to see", "\x03")
        shown.press_at("once more ends the lab", "q")
        assert shown.ended() == 0
    assert run_command([], Console(io.StringIO(), io.StringIO())) == 2


def test_in_the_shell_the_clock_stands(tmp_path: Path) -> None:
    def state_of(process: int) -> str:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]

    with terminal.lab("demo", "--record", "./away", "--speed", "20", cwd=tmp_path) as shown:
        shown.press_at("space Begin", " ")
        shown.press_at("in RUNNING", "\x1a")
        shown.until(lambda seen: seen.raw.count(b"\x1b[?1049l") == 1)
        assert shown.process.pid is not None
        while state_of(shown.process.pid) != "T":
            pass
        shown.process.send_signal(signal.SIGCONT)
        shown.until(lambda seen: seen.raw.count(b"\x1b[?1049h") == 2 and " a Approve" in seen.text)
        shown.press("q\x03")
        assert shown.ended() == 0
    tape = read((tmp_path / "away.rec.jsonl").read_bytes())
    assert [fact.get("factor") for fact in tape.facts("clock.scaled")] == ["0", "20"]


@pytest.mark.parametrize("begun", [False, True])
def test_sigterm_restores_the_terminal_and_closes_the_tape(tmp_path: Path, begun: bool) -> None:
    with demo(tmp_path, "--record", "./cut") as shown:
        shown.press_at("space Begin", " ")
        shown.until(lambda seen: ("in RUNNING" if begun else "oauth2") in seen.text)
        shown.process.send_signal(signal.SIGTERM)
        assert shown.ended() == 130
    assert '"reason":"sigterm"' in (tmp_path / "cut.rec.jsonl").read_text().splitlines()[-1]


def test_without_a_terminal_it_prints_lines(lab: Lab) -> None:
    done = lab("demo", "--speed", "instant")
    assert done.code == 0
    assert done.lines[0].startswith("# Compare two items")
    assert done.out == lab("run", "item-comparison", "--speed", "instant").out


PATIENT = """\
lab: 1
name: patient
title: A gate that waits for months
agent: {code: PATIENT, version: 1}
ask: go
steps:
  - gate: ok
    asks: May it?
    patience: 100d
    verdicts: {rejected: done}
  - complete: done
    output: Done.
"""


def test_a_person_answers_line_by_line_where_there_is_no_screen(tmp_path: Path) -> None:
    (tmp_path / "patient.yaml").write_text(PATIENT)
    with demo(tmp_path, "./patient.yaml", "--plain", "--speed", "80") as shown:
        shown.until(lambda _: b"? a [COMMENT]: Approve, r [COMMENT]: Reject\r\n" in shown.raw)
        shown.press("x\nc\nr too dear\n")
        shown.until(lambda _: b"API: rejected: too dear" in shown.raw and b"COMPLETE" in shown.raw, 60)
        assert shown.ended() == 0
    assert shown.raw.count(b"? one of a [COMMENT]: Approve, r [COMMENT]: Reject\r\n") == 2


OUTSIDE = PATIENT.replace("patience: 100d", "channel: EMAIL\n    patience: 100d").replace(
    "name: patient", "name: outside"
)


def test_a_gate_outside_of_the_wire_is_decided_by_the_line_too(tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text(OUTSIDE)
    with demo(tmp_path, "./outside.yaml", "--plain", "--speed", "80") as shown:
        shown.until(lambda _: b"? a [COMMENT]" in shown.raw)
        shown.press("a by mail\n")
        shown.until(lambda _: b"control plane: approved: by mail" in shown.raw and b"COMPLETE" in shown.raw, 60)
        assert shown.ended() == 0


SCRIPTED = OUTSIDE.replace("patience: 100d", "patience: 100d\n    reviewer: {after: 20s, verdict: rejected, by: Ann}")


def test_once_the_input_has_ended_the_scenarios_reviewer_decides(tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text(SCRIPTED)
    with demo(tmp_path, "./outside.yaml", "--plain", "--speed", "80") as shown:
        shown.until(lambda _: b"? a [COMMENT]" in shown.raw)
        shown.press("\x04")
        shown.until(lambda _: b"rejected by Ann" in shown.raw and b"COMPLETE" in shown.raw, 60)
        assert shown.ended() == 0


BRIEF = """
lab: 1
name: {name}
title: T
seed: {seed}
agent: {{code: T_{seed}}}
ask: Go
token: {{lifetime: {seed}m}}
steps: [{{complete: done, output: x}}]
"""


def test_as_somebody_each_scenario_of_the_picker_is_asked_by_that_user(lab: Lab) -> None:
    settings = settings_of(DemoSettings, ["demo", "item-comparison", "--as", "jane"])
    demo = LiveDemo(make_setup(settings.mock), Console(), Stop(), app=settings.app)
    assert {demo.playable(each.scenario).app.user for each in load_folder(None)[0][:3]} == {"jane"}


@pytest.mark.parametrize(("given", "seeds"), [(None, [5, 7]), (9, [9, 9])])
async def test_a_scenario_chosen_has_token_and_seed_of_its_own_unless_a_tape_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: int | None, seeds: list[int]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, seed in (("first", 5), ("second", 7)):
        (tmp_path / f"{name}.yaml").write_text(BRIEF.format(name=name, seed=seed).lstrip())
    settings = MockSettings(scenarios=str(tmp_path), seed=given, targets=("first",), clock=ClockSettings("scaled"))
    setup = make_setup(settings, reviewer="person")
    async with LiveDemo(setup, Console(), Stop()) as demo, demo.connect() as link:
        mock = link.mock
        assert mock is not None
        assert [(each.name, each.seed) for each in mock.choices] == [("first", seeds[0]), ("second", seeds[1])]

        async def lifetime() -> object:
            act = demo.playable(setup.scenario)
            return json.loads(
                (
                    await link.transport.send(
                        "token", token_request(act.app.client_id, act.app.client_secret, act.app.scope)
                    )
                ).body
            )["expires_in"]

        assert await lifetime() == 300
        assert mock.follow("second").seed == seeds[1]
        assert await lifetime() == 420
        await mock.control.ask(RunTape("kept"))
        act = mock.follow("first")
        assert (act.seed, act.choice.name, await lifetime()) == (seeds[1], "first", 420)
        await mock.control.ask(RunTape())
        assert (mock.follow("first").seed, await lifetime()) == (seeds[0], 300)
    assert f'"seed":{seeds[1]}' in (tmp_path / "recordings" / "kept.rec.jsonl").read_text().splitlines()[0]


@each_row(("given", "seconds"), [("--stage item-comparison", 3), ("--stage=0", 0), ("", None)])
def test_a_scenario_s_name_is_no_number_of_seconds(given: str, seconds: int | None) -> None:
    settings = settings_of(DemoSettings, ["demo", *given.split()])
    assert (settings.screen.stage, settings.mock.targets) == (seconds, ("item-comparison",))


def test_an_act_stays_for_a_minute_at_most(lab: Lab) -> None:
    done = lab("demo", "--stage=61")
    assert done.code == 2 and "--stage 61: out of range" in done.err


async def test_a_run_that_is_skipped_through_has_the_facts_of_one_that_costs_no_time(lab: Lab) -> None:
    def facts(name: str) -> list[dict[str, object]]:
        lines = lines_in((lab.folder / f"{name}.rec.jsonl").read_bytes())[1:]
        kept = [line for line in lines[:-1] if not line.get("type", "").startswith(("connection.", "clock."))]
        return [{key: line.get(key) for key in ("k", "t", "type", "at", "held", "to", "verdict")} for line in kept]

    run = await asyncio.to_thread(lab, "run", "item-comparison", "--speed", "instant", "--record", "./instant")
    assert run.code == 0
    settings = MockSettings(targets=("item-comparison",), clock=ClockSettings("scaled", "0.000001"), record="./skipped")
    async with LiveDemo(make_setup(settings), Console(), Stop()) as demo:
        source = demo.source()
        assert isinstance(source.clock, ScaledClock)
        stream, skips = source.observations(), 0
        observing = asyncio.create_task(anext(stream))
        await source.begin()
        source.clock.rewind(0)
        while source.outcome is None:
            await observing
            observing = asyncio.create_task(anext(stream))
            if not source.describe().skipping:
                skips += 1
                await source.skip()
        observing.cancel()
        await asyncio.gather(observing, return_exceptions=True)
        await stream.aclose()  # type: ignore[attr-defined]
    assert skips > 5
    assert facts("skipped") == facts("instant")


@pytest.mark.parametrize("outside", [True, False], ids=["of others", "our own app"])
async def test_the_library_that_signs_fast_is_loaded_for_clients_of_others_alone(
    outside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr("lab.cli.serve.serving._UP", 0)
    monkeypatch.setattr("lab.cli.serve.serving.load_library", lambda: loop.call_soon_threadsafe(loaded.set))
    async with Serving(make_setup(MockSettings()), Console(), Stop(), outside=outside) as mock:
        transport = HttpTransport(mock.base_url, mock.token_url)
        client = own_client(mock.setup.config)
        sent = token_request(client.id, client.secret, api_scope(mock.setup.config.switches.pod))
        assert [(await transport.send("token", sent)).status for _ in range(5)] == [200] * 5
        await transport.close()
        if outside:
            async with asyncio.timeout(10):
                await loaded.wait()
    assert loaded.is_set() is outside


async def test_who_calls_from_outside_is_answered_while_the_run_stands_paused_or_between_turns(lab: Lab) -> None:
    settings = MockSettings(targets=("item-comparison",), clock=ClockSettings("scaled", "20"), record="./paused")
    async with LiveDemo(make_setup(settings), Console(), Stop()) as demo:
        source = demo.source()
        stream = source.observations()
        observing = asyncio.create_task(anext(stream))
        await source.begin()
        while not isinstance(await observing, Requested):
            observing = asyncio.create_task(anext(stream))
        await source.pause()
        mock, client = demo.mock, demo.playable(demo.setup.scenario).app
        assert mock is not None
        outside = HttpTransport(mock.base_url, mock.token_url)
        sent, at = token_request(client.client_id, client.client_secret, client.scope), source.clock.now()
        async with asyncio.timeout(10):
            assert [(await outside.send("token", sent)).status for _ in range(3)] == [200] * 3
        assert source.clock.now() == at and source.paused, "our own call is under way still"
        await source.pause()
        while source.outcome is None:
            observing = asyncio.create_task(anext(stream))
            await observing
        async with asyncio.timeout(10):
            assert (await outside.send("token", sent)).status == 200
        await outside.close()
        await stream.aclose()  # type: ignore[attr-defined]
    lines = [json.loads(line) for line in (lab.folder / "paused.rec.jsonl").read_text().splitlines()[1:-1]]
    begun, left = ({each["x"]: each for each in lines if each["k"] == kind} for kind in ("req", "res"))
    took = {x: left[x]["t"] - begun[x]["t"] for x in left}
    assert took[1] == left[1]["held"] > 0, "our own call had the whole of its latency"
    assert [took[x] for x in (2, 3, 4)] == [0, 0, 0] and took[max(left)] == 0
