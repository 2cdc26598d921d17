"""`lab serve --from FILE`: a recording in a mock's place."""

import signal
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote_plus, urlencode

import pytest

from lab.cli.commands.serve import ServeSettings, connection_lines, may_choose_lines
from lab.cli.setup import Setup
from lab.clocks import ManualClock
from lab.files.scenarios import load_scenario
from lab.recording.format.reader import read
from lab.recording.tape.header import config_of
from lab.server.limits import ServerLimits
from lab.settings import MockSettings
from tests.cli.test_serve import fetch, listening
from tests.conftest import ROOT, Lab, each_row
from tests.forked import forked_lab

RECORDING = str(ROOT / "recordings" / "item-comparison.rec.jsonl")
HOW = ("serve", "--from", RECORDING, "--port", "0", "--json")


@pytest.mark.parametrize(
    "beside",
    [
        ["item-comparison"],
        ["--seed", "1"],
        ["--reviewer", "person"],
        ["--set", "hints=off"],
        ["--profile", "rfc"],
        ["--journal", "x"],
        ["--tenants", "2"],
    ],
)
def test_what_a_recording_has_in_itself_is_refused_beside_it(lab: Lab, beside: list[str]) -> None:
    done = lab(*HOW, *beside)
    assert done.code == 2
    assert "--from" in done.err


@each_row("option", [("--by-count",), ("--strict",), ("--repeat",), ("--without-faults",), ("--latency", "none")])
def test_what_says_how_is_refused_without_a_recording(lab: Lab, option: tuple[str, ...]) -> None:
    done = lab("serve", *option)
    assert done.code == 2 and done.err.startswith(f"lab: {option[0]} does nothing without --from.")


def test_one_way_to_play_a_recording_back_is_chosen(lab: Lab) -> None:
    assert lab("serve", "--from", "nowhere").code == 2
    assert lab(*HOW, "--by-count", "--strict").code == 2


@each_row("served", [True, False])
def test_a_scenario_can_be_chosen_where_there_are_some(served: bool) -> None:
    recorded = read(Path(RECORDING).read_bytes())
    program = (load_scenario("item-comparison", ROOT / "scenarios"),) if served else ()
    setup = Setup(MockSettings(), config_of(recorded, program), ManualClock(), ServerLimits())
    names = "base_url token_url client_id client_secret scope control_url control_token".split()
    lines = connection_lines(setup, dict.fromkeys(names, "x"), may_choose_lines(ServeSettings(), "x"))
    assert any("/scenario/NAME" in line for line in lines) == served
    assert ("Serving a recording" in lines[0]) != served


def record_a_playback(lab: Lab) -> None:
    """`again`: the recording played back to a client that also asks what nobody recorded."""
    with forked_lab(*HOW, "--latency", "none", "--record", "again", cwd=lab.folder) as process:
        ready = listening(process)
        pair = b64encode(":".join(quote_plus(ready[each]) for each in ("client_id", "client_secret")).encode()).decode()
        form = urlencode({"grant_type": "client_credentials", "scope": ready["scope"]}).encode()
        token = fetch(ready["token_url"], {"Authorization": f"Basic {pair}"}, form)["access_token"]
        head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        url = f"{ready['base_url']}/api/fusion-ai/orchestrator/agent/v2/ITEM_COMPARE_TEAM/invokeAsync"
        begun = fetch(url, head, b'{"message":"Compare M1000034 of org IMO and M1000040 of Org SBI"}')
        assert begun["status"] == "RUNNING"
        with pytest.raises(urllib.error.HTTPError, match="501"):
            fetch(url, head, b'{"message":"Something else"}')
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 1
        assert "no answer: POST" in process.stderr.read()


@pytest.mark.usefixtures("runtime")
def test_a_playback_is_recorded_and_a_call_that_nobody_recorded_makes_its_end_a_failure(lab: Lab) -> None:
    record_a_playback(lab)
    found = read((lab.folder / "recordings" / "again.rec.jsonl").read_bytes())
    recorded = read(Path(RECORDING).read_bytes())
    assert (found.header.source, found.header.scenarios, found.header.seed) == ("playback", None, None)
    assert recorded.end is not None
    assert found.header.origin == {"file": Path(RECORDING).name, "sha256": recorded.end.sha256}
    assert [fact.text("why") for fact in found.facts("playback.missed")] == ["unmatched"]
    refused = lab("replay", "again")
    assert refused.code == 2 and "Replay item-comparison.rec.jsonl, which was played back." in refused.err
    for command in (("show", "again"), ("check", "recordings/again.rec.jsonl")):
        assert lab(*command).code == 0, command
