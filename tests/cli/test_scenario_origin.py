"""Where a scenario came from is told when its folder doesn't have it."""

from pathlib import Path

import pytest

from tests.conftest import ROOT, Lab
from tests.scenario_texts import BRIEF

NOTE = "note: scenarios has no scenario invoice-analysis: it is the shipped one.\n"


@pytest.fixture
def own(lab: Lab) -> Lab:
    """A lab whose folder of scenarios has one of its own."""
    (lab.folder / "scenarios").unlink()
    (lab.folder / "scenarios").mkdir()
    text = (ROOT / "scenarios/invoice-analysis.yaml").read_text()
    Path("scenarios/mine.yml").write_text(text.replace("name: invoice-analysis", "name: mine"))
    return lab


def test_a_shipped_scenario_is_found_and_named_as_such(own: Lab) -> None:
    done = own("run", "invoice-analysis", "--speed", "instant", "--json")
    assert (done.code, done.err) == (0, NOTE)
    assert own("check", "invoice-analysis").err.startswith(NOTE)


def test_one_of_the_folder_needs_no_word(own: Lab) -> None:
    done = own("run", "mine", "--speed", "instant", "--json", "--record", "day")
    assert (done.code, done.err.count("note:")) == (0, 0)
    assert own("check", "scenarios").err.startswith("1 file, 0 complaints")
    assert own("replay", "day").code == 0


def test_a_recording_of_a_shipped_one_is_replayed_beside_other_scenarios(own: Lab) -> None:
    assert own("run", "invoice-analysis", "--speed", "instant", "--record", "day").code == 0
    assert own("replay", "day").code == 0


def test_a_replay_by_a_shipped_scenario_says_so(lab: Lab) -> None:
    recording = lab.folder / "mine.rec.jsonl"
    recording.write_bytes((ROOT / "recordings" / "item-comparison.rec.jsonl").read_bytes())
    (lab.folder / "other").mkdir()
    (lab.folder / "other" / "refund.yaml").write_text(BRIEF.replace("name: brief", "name: refund"))
    done = lab("replay", recording, "--scenarios", "other")
    assert (done.code, done.lines[-1]) == (0, "1 passed, 0 failed")
    assert done.err == "note: other has no scenario item-comparison: it is the shipped one.\n"
