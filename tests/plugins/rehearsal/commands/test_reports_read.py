"""`lab report` reads what other commands read: what the lab carries, damaged files, captures and playbacks."""

import asyncio
from pathlib import Path

import pytest

from tests.cli.test_capture import captured
from tests.cli.test_injection import assert_nobody_obeys, harmless_page, runner, written
from tests.cli.test_playback import HOW, record_a_playback
from tests.cli.test_replay import assert_crlf_is_told, recordings
from tests.cli.test_scenario_origin import NOTE, own
from tests.cli.test_shipped_recordings import assert_found, empty
from tests.conftest import Lab
from tests.recording.hostile import TEXTS

__all__ = ["empty", "own", "recordings", "runner"]


def test_a_name_finds_what_the_lab_carries(empty: Lab) -> None:
    assert_found(empty, "report")


def test_a_shipped_scenario_to_drill_is_found_and_named_as_such(own: Lab) -> None:
    assert own("drill", "invoice-analysis").err.startswith(NOTE)


def test_a_checkout_with_crlf_is_called_that_and_no_damage(lab: Lab, recordings: Path) -> None:
    assert_crlf_is_told(lab, recordings, "report")


@pytest.mark.usefixtures("recordings")
def test_each_target_means_some_recording(lab: Lab) -> None:
    done = lab("report", "nothing-*", "item-comparison")
    assert done.code == 5 and "No recording matched nothing-*." in done.err
    assert "of 100" in done.out


@pytest.mark.usefixtures("recordings")
def test_of_two_forms_none_is_dropped_in_silence(lab: Lab) -> None:
    done = lab("report", "item-comparison", "--json", "--format", "github")
    assert (done.code, done.out) == (2, "") and "--json can't be used with --format" in done.err


@pytest.mark.long
@pytest.mark.parametrize("text", TEXTS)
def test_what_stands_in_a_recording_is_obeyed_by_nobody(runner: Lab, text: str) -> None:
    assert_nobody_obeys(runner, "report", written(text))
    harmless_page(Path("summary.txt").read_text())


def test_a_captured_client_did_nothing_critical(lab: Lab) -> None:
    asyncio.run(captured("order"))
    assert lab("report", "order", "--fail-on", "critical").code == 0


@pytest.mark.usefixtures("runtime")
def test_of_a_playback_there_is_a_report(lab: Lab) -> None:
    record_a_playback(lab)
    assert lab("report", "again").code == 0


def test_drills_are_no_part_of_a_recording_that_is_served(lab: Lab) -> None:
    done = lab(*HOW, "--drills", "quick")
    assert done.code == 2 and "--from" in done.err


def test_drills_are_no_part_of_a_shared_lab(lab: Lab) -> None:
    done = lab("serve", "item-comparison", "--ledger", "redis://:hush@127.0.0.1:1/0", "--drills", "item-comparison")
    assert done.code == 2 and "--drills can't be used with --ledger" in done.err and "hush" not in done.err
