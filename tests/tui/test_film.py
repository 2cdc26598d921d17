"""A recording filmed: the same bytes each time, and played it shows what the playback's screen shows."""

import ast
import asyncio
import json
from functools import cache
from itertools import count, pairwise
from pathlib import Path

import pyte
import pytest
from textual.pilot import Pilot
from textual.timer import Timer

import lab.tui.film as film_module
from lab.clocks import breathe
from lab.recording.format.lines import Recording
from lab.tui.film import BEAT, MOST_BEATS, FilmedPlayback, film, instants, moved
from lab.tui.screens.main import MainScreen
from lab.tui.state.recording import RecordingTimeline
from tests.conftest import ROOT, THOROUGH, Lab, each_row
from tests.tui import play
from tests.tui.pilots import GOLDENS
from tests.tui.test_playback import recording


def filmed(
    found: Recording,
    size: tuple[int, int] = (120, 36),
    *,
    light: bool = False,
    stage: int | None = None,
    frames: int = 1_000_000,
) -> list[bytes]:
    scenario = play.SCENARIO
    source = FilmedPlayback(
        RecordingTimeline(found, 1_767_225_600),
        title=scenario.title,
        seed=42,
        known={scenario.name: scenario},
    )
    lines: list[bytes] = []
    calls = count()
    asyncio.run(film(source, lines.append, size, light=light, stage=stage, ended=lambda: next(calls) >= frames))
    return lines


@cache
def whole_film(columns: int, rows: int) -> list[bytes]:
    """The film of the recording, which several tests look at."""
    return filmed(recording(), (columns, rows))


def screen_in(lines: list[bytes], until: float = 1e9) -> list[str]:
    head, *events = [json.loads(line) for line in lines]
    screen = pyte.Screen(head["width"], head["height"])
    stream = pyte.Stream(screen)
    for at, code, data in events:
        if code == "o" and at <= until:
            stream.feed(data)
    return [row.rstrip() for row in screen.display]


@pytest.mark.long
@pytest.mark.parametrize(("columns", "rows"), [(120, 36), (80, 24)])
def test_a_film_ends_with_the_playback_s_screen_and_is_the_same_each_time(columns: int, rows: int) -> None:
    lines = whole_film(columns, rows)
    golden = (GOLDENS / f"playback-complete-{columns}x{rows}.txt").read_text().splitlines()[:rows]
    assert screen_in(lines) == golden
    if columns == 80 or THOROUGH:
        assert filmed(recording(), (columns, rows)) == lines


def test_a_film_s_times_are_the_recording_s_and_its_stages_are_marked() -> None:
    head, *events = [json.loads(line) for line in whole_film(80, 24)]
    assert (head["version"], head["width"], head["height"]) == (2, 80, 24)
    assert [[at, label] for at, code, label in events if code == "m"] == [
        [0.12, "token"], [0.291, "invoke"], [1.33, "poll"], [9.578, "gate"], [15.636, "decided"], [16.726, "output"],
    ]  # fmt: skip
    times = [at for at, _, _ in events]
    assert times == sorted(times) and times[-1] == 16.726


def test_a_film_of_acts_is_the_same_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    films = []
    for tick in (0.001, 60):  # how often the screen looks at the clock, in real time
        monkeypatch.setattr("lab.tui.screens.main.TICK", tick)
        films.append(filmed(recording(), (80, 24), stage=3, frames=12))
    assert films[0] == films[1] and len(films[0]) > 20


def test_a_film_begins_when_its_screen_stands_and_nobody_else_looks_at_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = filmed(recording(), (80, 24), stage=3, frames=4)
    looked: list[float] = []
    resume = Timer.resume

    def resumed(timer: Timer) -> None:
        looked.append(timer._interval)
        resume(timer)

    async def hurried(pilot: Pilot[object]) -> None:
        await breathe()

    monkeypatch.setattr(Pilot, "pause", hurried)  # as on a busy machine, where it gives up after a second
    monkeypatch.setattr(Timer, "resume", resumed)
    monkeypatch.setattr("lab.tui.screens.main.TICK", 7.0)
    assert filmed(recording(), (80, 24), stage=3, frames=4) == expected and 7.0 not in looked


def test_a_frame_is_taken_once_each_part_is_where_it_is_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = filmed(recording(), (80, 24), stage=3, frames=4)
    # as where the screen is refreshed before its parts have asked for their places
    monkeypatch.setattr(
        MainScreen, "call_after_refresh", lambda screen, call: asyncio.get_running_loop().call_soon(call)
    )
    assert filmed(recording(), (80, 24), stage=3, frames=4) == expected


def test_of_textual_a_film_takes_what_is_public() -> None:
    tree = ast.parse(Path(film_module.__file__).read_text())
    for node in ast.walk(tree):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not any(part.startswith("_") for name in names for part in name.split("."))
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
            assert isinstance(node.value, ast.Name) and node.value.id in ("self", "source"), node.attr


def test_the_light_stage_is_filmed_in_its_colours() -> None:
    assert "48;2;255;255;255" in b"".join(filmed(recording(), (80, 24), light=True, frames=2)).decode()


def test_a_film_has_its_colours_whatever_terminal_it_is_made_on(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = filmed(recording(), (80, 24), frames=2)
    monkeypatch.setenv("NO_COLOR", "1")
    assert filmed(recording(), (80, 24), frames=2) == lines and b"48;2;" in b"".join(lines)


def test_a_film_in_stage_pace_stands_at_each_act_and_adds_that_to_its_times() -> None:
    lines = filmed(recording(), (80, 24), stage=2, frames=9)
    last = json.loads(lines[-1])[0]
    plain = json.loads(filmed(recording(), (80, 24), frames=9)[-1])[0]
    assert 2 * 2 <= round(last - plain, 3) <= 2 * 2.5
    for until, shown in ((1.0, "act 1 of 6"), (3.5, "act 2 of 6")):
        assert any(shown in line for line in screen_in(lines, until)), shown


def test_only_rows_that_changed_are_sent() -> None:
    assert list(moved(["a", "b", "c"], ["a", "B", "c", "d"])) == ["\x1b[2;1HB", "\x1b[4;1Hd"]


def test_frames_come_with_the_beat_and_more_rarely_in_a_long_silence() -> None:
    found = list(instants(RecordingTimeline(recording(), 1_767_225_600)))
    assert found == sorted(set(found))
    assert all(later - earlier <= BEAT for earlier, later in pairwise(found))

    class Days:
        start, times = 0, (10, 3 * 86_400_000)

        def place(self, at: int) -> int:
            return sum(time <= at for time in self.times)

        def due(self, place: int) -> int | None:
            return self.times[place] if place < len(self.times) else None

    assert len(list(instants(Days()))) <= MOST_BEATS + 3  # type: ignore[arg-type]


def test_show_prints_the_film_whatever_a_person_prefers(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "screen.yaml").write_text("theme: light\nlayout: presenter\n")
    monkeypatch.setenv("LAB_CONFIG_DIR", str(tmp_path))
    called = lab("show", ROOT / "recordings" / "item-comparison.rec.jsonl", "--as", "cast", "--size", "80x24")
    assert (called.code, called.err) == (0, "")
    assert json.loads(called.lines[0])["title"] == "Compare two items"
    assert "48;2;255;255;255" not in called.out
    assert "M1000034" in "\n".join(screen_in([line.encode() for line in called.lines]))


@pytest.mark.parametrize("size", ["80", "40x12", "80x", "axb", "9999x24"])
def test_a_size_that_no_screen_has_is_refused(lab: Lab, size: str) -> None:
    called = lab("show", ROOT / "recordings" / "item-comparison.rec.jsonl", "--as", "cast", "--size", size)
    assert called.code == 2 and f"--size {size}" in called.err and "80x24" in called.err


@each_row(
    ("options", "refused"),
    [
        (("--stage",), "--stage does nothing without --as cast.\n  Add it, or leave this out."),
        (("--as", "text", "--size", "80x24"), "--size does nothing without --as cast.\n  Add it, or leave this out."),
        (("--as", "har", "--light"), "--light does nothing without --as cast.\n  Add it, or leave this out."),
        (("--scenarios", "scenarios"), "--scenarios does nothing without --as cast.\n  Add it, or leave this out."),
        (
            ("--as", "cast", "--line-numbers"),
            "--line-numbers can't be used with --as cast: it has no lines of the recording.\n  Leave one of them out.",
        ),
        (("--as", "text", "--line-numbers"), ""),
    ],
)
def test_what_a_form_makes_nothing_of_is_refused(lab: Lab, options: tuple[str, ...], refused: str) -> None:
    called = lab("show", ROOT / "recordings" / "item-comparison.rec.jsonl", *options)
    assert (called.code, called.err.strip()) == ((2, f"lab: {refused}") if refused else (0, ""))


def test_a_film_that_is_ended_draws_no_further_frame() -> None:
    def frames(lines: list[bytes]) -> list[str]:
        return [data for _, _, data in map(json.loads, lines[1:])]

    assert frames(filmed(recording(), frames=0)) == ["\x1b[?25l\x1b[2J", "\x1b[?25h"]
    *begun, end = frames(filmed(recording(), frames=3))
    whole = frames(whole_film(120, 36))
    assert begun == whole[: len(begun)] and end == whole[-1] and len(begun) + 1 < len(whole)
