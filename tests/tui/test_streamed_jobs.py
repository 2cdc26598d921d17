"""Jobs whose call is answered with events are on the screens of WATCH and PLAYBACK from their acceptance on."""

import re

import pytest

from lab.core.clock import INSTANT_EPOCH
from lab.core.observe import Noted
from lab.jobs.facts import JobStatus
from lab.recording.format.lines import Res
from lab.recording.format.reader import read
from lab.tui.line_mode import lines
from lab.tui.panes.registry import draw, places
from lab.tui.rows.spans import plain
from lab.tui.state.journal import follow
from lab.tui.state.recording import RecordingTimeline
from lab.tui.state.run import RunState
from lab.tui.state.screen import ScreenState, SourceState, UiState
from lab.tui.state.status import phase
from tests.conftest import each_row
from tests.recording.dialect_sessions import SESSIONS, recorded

STREAMED = ["invokeStream", "chat", "debug", "local chat", "orchestrator stream"]


def timeline_of(name: str) -> RecordingTimeline:
    return timeline_in(recorded(SESSIONS[name])[0])


def timeline_in(recording: bytes) -> RecordingTimeline:
    return RecordingTimeline(read(recording), INSTANT_EPOCH)


def screen(run: RunState, columns: int, rows: int, at: int) -> dict[str, str]:
    view = ScreenState(run, UiState(), SourceState("PLAYBACK", "Consent"))
    parts = places(view, columns, rows).items()
    return {name: "\n".join("".join(plain(line)) for line in draw(name, view, place, at)) for name, place in parts}


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
@pytest.mark.parametrize("name", STREAMED)
def test_it_shows_before_its_first_answer_is_over(name: str, size: tuple[int, int]) -> None:
    assert_shown_early(timeline_of(name), size)


def assert_shown_early(timeline: RecordingTimeline, size: tuple[int, int]) -> None:
    """A job on the screen while the first answer about it is still coming."""
    run = timeline.journal(timeline.place(2_000)).run()
    assert run.job is not None and run.job.code is None and run.last is None and phase(run) == "invoke"
    shown = screen(run, *size, at=2_000)
    assert re.search(r"RUNNING|SUBMITTED|queued", shown["job"]) and str(run.job.job) in shown["job"]
    assert (size[0] < 100 or "Share it" in shown["job"]) and "accepted and runs" in shown["narration"]
    assert "No job" not in shown["output"] and shown["token"].count("200") == 1


@each_row("name", STREAMED)
def test_its_stretches_gate_and_end_are_those_that_its_events_told(name: str) -> None:
    assert_told_by_events(timeline_of(name))


def assert_told_by_events(timeline: RecordingTimeline) -> None:
    """Stretches, gate and end of its first job."""
    n = next(line.n for line in timeline._lines if isinstance(line, Res) and line.times)
    waiting = timeline.journal(next(at for at, line in enumerate(timeline._lines, 1) if line.n == n)).run()
    assert phase(waiting) == "waiting" and waiting.gate is not None and waiting.polls == 0
    assert [at for _, at in waiting.statuses][-2:] == [0, 3_000]
    assert "May it be shared?" in "".join(screen(waiting, 80, 24, at=3_200).values())
    first = timeline.journal(timeline.count).client_runs[2].run
    assert first.outcome is not None and (first.outcome.output, first.decisions, first.ended) == ("Shared.", 1, 3_500)
    assert [mark.kind for mark in timeline.marks if mark.kind != "poll"][:5] == [
        "token",
        "invoke",
        "gate",
        "decided",
        "output",
    ]


def test_a_client_that_hangs_up_loses_no_job() -> None:
    timeline = timeline_of("left early")
    run = timeline.journal(timeline.count).run()
    assert run.job is not None and run.job.refusal is None and run.job.status == "WAITING"
    assert [(row.kind, row.word) for row in run.timeline] == [("lost", "client_gone"), ("poll", "WAITING")]


def test_while_its_events_come_the_journals_facts_tell_how_it_goes() -> None:
    assert_facts_tell(timeline_of("chat"), ("RUNNING", "WAITING"))


def assert_facts_tell(timeline: RecordingTimeline, words: tuple[str, str]) -> None:
    """In the words of the wire, before and after a fact of the journal."""
    journal = timeline.journal(timeline.place(2_000))
    (job,) = journal.run_of_job
    journal = follow(
        journal, Noted(3_000, JobStatus(at=3_000, job=job, origin="RUNNING", to="WAITING", step="consent"))
    )
    run = journal.run()
    assert run.job is not None and run.job.status == words[1] and run.statuses == ((words[0], 0), (words[1], 3_000))


def test_line_mode_says_that_it_was_accepted_before_its_first_answer_is_over() -> None:
    shown: list[str] = []
    for _, changed in timeline_of("chat").changes():
        for each in changed:
            shown += lines(each)
    accepted = next(at for at, line in enumerate(shown) if "accepted and runs" in line)
    assert accepted < next(at for at, line in enumerate(shown) if " INVOKE " in line)
