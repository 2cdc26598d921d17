"""One run, expected live, watched, and played back: the same final screen but for pill, keys and the token's own text."""

import re
from pathlib import Path

import pytest

from lab.app.effects import Answer, RunObservation
from lab.app.run import run
from lab.cli.run.apps import app_of
from lab.cli.run_settings import AppSettings
from lab.client.control import read_journal_line as read_line
from lab.client.driver import run_instantly
from lab.clocks import ManualClock
from lab.core.clock import INSTANT_EPOCH, Millis
from lab.core.observe import Noted
from lab.dialects.client import Question
from lab.files.scenarios import load_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.program.words import Verdict
from lab.recording.format.reader import read
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from lab.server.control.journal import Buffer, Subscriber
from lab.server.limits import ServerLimits
from lab.tui.panes.registry import draw, places
from lab.tui.rows.spans import plain
from lab.tui.state.journal import JournalState, follow
from lab.tui.state.recording import RecordingTimeline
from lab.tui.state.run import RunState
from lab.tui.state.screen import ScreenState, SourceState, UiState
from tests.tui import play

SCENARIOS = Path(__file__).parents[2] / "scenarios"
APART = ("header", "clock", "keys", "scrubber")
"""Parts that tell where the observations come from."""


class Run:
    """A run in one process: what a live screen, the control plane's journal and the tape were told."""

    def __init__(self, name: str, answer: Verdict | None, dialect: str = "fusion") -> None:
        program = load_scenario(name, SCENARIOS)
        config = Config((program,), Switches(), 42, INSTANT_EPOCH, scripted=answer is None)
        self.scenario = program.scenario
        service = Service(config)
        header = recording_header(config, lab="0")
        self.lines: list[bytes] = []
        self.live: list[RunObservation] = []
        tape = Tape(service, self._write, header)
        ring = Buffer(service, ServerLimits())
        service.observers.append(tape)
        answered: set[object] = set()

        def person(question: Question, now: Millis) -> Answer | None:
            opening = question.key
            if answer is None or opening in answered:
                return None
            answered.add(opening)
            return Answer(now, answer, "Shorter, please." if answer is Verdict.CHANGES else None)

        run_instantly(
            service, run(app_of(config, settings=AppSettings(dialect=dialect)), 0), (self.live.append,), reviewer=person
        )
        self.end = self.live[-1].at
        tape.close(self.end)
        self.onlooker = Subscriber(service, ManualClock(self.end), header, ring.exchanges())

    def _write(self, line: bytes) -> None:
        self.lines.append(line)
        observed = read_line(line)
        # LIVE hears facts of the control plane's journal, and everything else from its own driver
        self.live += [each for each in observed if isinstance(each, Noted)] if isinstance(observed, tuple) else []

    def seen_live(self) -> RunState:
        return play.folded(self.live).run()

    async def seen_watching(self) -> RunState:
        observed = JournalState(INSTANT_EPOCH)
        for line in [line async for piece in self.onlooker.so_far() for line in piece]:
            entries = read_line(line)
            for each in entries if isinstance(entries, tuple) else ():
                observed = follow(observed, each)
        return observed.run()

    def seen_played(self) -> RunState:
        timeline = RecordingTimeline(read(b"".join(self.lines)), INSTANT_EPOCH)
        return timeline.journal(timeline.count).run()

    def screen(self, run: RunState, columns: int, rows: int, *, wire: bool) -> dict[str, str]:
        """Every part that shows a run, as text. The long form of Token has claims that only the token itself tells."""
        show = SourceState("SAME", self.scenario.title, self.scenario.agent.code, 42, self.scenario)
        view = ScreenState(run, UiState(wire=wire), show)
        grid = {
            name: "\n".join("".join(plain(line)) for line in draw(name, view, place, self.end))
            for name, place in places(view, columns, rows).items()
            if name not in APART and not (name == "token" and columns >= 160)
        }
        # a journal has a stand-in in the token's place, so what follows in its row stands elsewhere
        return {name: re.sub(r'("access_token":|lab-T1-token|eyJ\w+…).*', "TOKEN", text) for name, text in grid.items()}


DIFFERENT = ("item-comparison", "rejected-discount", "nobody-home", "invoice-analysis")
"""Scenarios whose screens differ."""


@pytest.mark.long
@pytest.mark.parametrize("answer", [None, Verdict.APPROVED, Verdict.REJECTED])
@pytest.mark.parametrize("name", DIFFERENT)
async def test_live_watched_and_played_back_give_one_screen(name: str, answer: Verdict | None) -> None:
    await assert_one_screen(name, answer, "fusion")


async def assert_one_screen(name: str, answer: Verdict | None, dialect: str) -> None:
    """Of one run over a wire, live, watched and played back."""
    run = Run(name, answer, dialect)
    live, watched, played_back = run.seen_live(), await run.seen_watching(), run.seen_played()
    assert live.outcome is not None
    for columns, rows, wire in ((120, 36, False), (80, 24, False), (160, 44, True), (80, 24, True)):
        expected = run.screen(live, columns, rows, wire=wire)
        assert run.screen(watched, columns, rows, wire=wire) == expected
        assert run.screen(played_back, columns, rows, wire=wire) == expected
