"""What is kept from one start to the next: what a file may say, what of it the screen does, and when it is written."""

import io
from pathlib import Path

import pytest

from lab.cli.console import Console
from lab.cli.run_settings import ScreenSettings
from lab.cli.screen.kept_preferences import screen_start
from lab.core.errors import ScenarioError
from lab.tui.app import LabApp
from lab.tui.panes.registry import SCREEN_KEYS
from lab.tui.preference_syntax import THEMES, changed_text, parse_preferences
from lab.tui.state.cursor import PlaybackCursor
from lab.tui.state.narrate import sentence
from lab.tui.state.preferences import Preferences, ScreenStart
from lab.tui.state.screen import ScreenState, SourceState, UiState
from tests import terminal
from tests.conftest import Lab, each_row
from tests.tui import play
from tests.tui.pilots import main_screen, piloted, text, until

# The file


@each_row(
    ("text_", "meant"),
    [
        ("", Preferences()),
        ("# theme: light\n\n", Preferences()),
        ("theme: light\nlayout: presenter\n", Preferences("light", "presenter")),
        ("theme: dark\nstage: '5'\n", Preferences("dark", stage="5")),
        ('\ufefftheme : "dark"  # as at home\r\nlayout: wire\r\n', Preferences("dark", "wire")),
    ],
)
def test_what_a_file_says(text_: str, meant: Preferences) -> None:
    assert parse_preferences(text_.encode(), "screen.yaml") == meant


@each_row(
    ("text_", "complaint"),
    [
        ("theme: light\ncolour: red\n", "screen.yaml:2:1: unknown key colour"),
        ("theme: ligth\n", "screen.yaml:1:8: theme: there is no theme ligth; did you mean light?"),
        ("speed: 3\n", "screen.yaml:1:1: unknown key speed"),
        ("layout: [panes]\n", "screen.yaml:1:9: layout: there is no layout [panes]; did you mean panes?"),
        ("stage: 61\n", "screen.yaml:1:8: stage: there is no stage 61"),
        ("theme: 'light\n", "screen.yaml:1:1: this is no setting; write one a line, as in theme: light"),
        ("\n- theme\n", "screen.yaml:2:1: this is no setting"),
        ("theme:\n  light\n", "screen.yaml:1:1: this is no setting"),
        ("theme: light#er\n", "screen.yaml:1:1: this is no setting"),
        ("theme: light\n# or\ntheme: dark\n", "screen.yaml:3:1: theme is there twice; leave one of them"),
        ("# gr\udcfcn\ntheme: light\n", "screen.yaml:1:1: the file is not UTF-8; save it as UTF-8"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text_: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_preferences(text_.encode(errors="surrogateescape"), "screen.yaml")
    assert str(caught.value).startswith(complaint)


@each_row(
    ("before", "after"),
    [
        ("theme: light # bright room\nstage: 5\n", "theme: dark # bright room\nstage: 5\n"),
        ("stage: 5\r\ntheme:  'light'\r\n# theme: nord", "stage: 5\r\ntheme:  'dark'\r\n# theme: nord"),
        ("# mine\nstage: 5\n", "# mine\nstage: 5\ntheme: dark\n"),
        ("theme: dark", "theme: dark"),
    ],
)
def test_one_setting_is_changed_and_all_else_stays(before: str, after: str) -> None:
    assert changed_text(before.encode(), "theme", "dark", "screen.yaml") == after


# Where it lies


def start_in(folder: Path, theme: str | None = None) -> tuple[ScreenStart, str]:
    err = io.StringIO()
    return screen_start(ScreenSettings(theme=theme, config=str(folder)), Console(err=err)), err.getvalue()


def test_the_command_line_comes_before_the_file_and_that_before_what_is_usual(tmp_path: Path, lab: Lab) -> None:
    first = start_in(tmp_path / "none")[0]
    assert first.preferences == Preferences() and first.first
    (tmp_path / "screen.yaml").write_text("theme: light\nlayout: wire\n")
    again = start_in(tmp_path)[0]
    assert again.preferences == Preferences("light", "wire") and not again.first
    assert start_in(tmp_path, "dark")[0].preferences == Preferences("dark", "wire")
    assert f"of the screen: {' or '.join(THEMES)};" in " ".join(lab("demo", "--help").out.split())
    for how in ([], ["--plain"]):
        called = lab("demo", "--theme", "ligth", *how)
        assert called.code == 2 and "--theme ligth: no theme." in called.err and "did you mean light?" in called.err


def test_a_file_that_is_wrong_is_told_of_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "screen.yaml"
    for written, notice in (
        (b"theme: light\nlayout: 3\n", "screen.yaml:2: layout: there is no layout 3."),
        (b"\xff\xfe", "screen.yaml:1: the file is not UTF-8."),
    ):
        file.write_bytes(written)
        start, err = start_in(tmp_path)
        assert start.preferences == Preferences() and start.notice.startswith(notice) and str(file) in err
        assert start.keep("theme", "dark") is None and file.read_bytes() == written
    file.unlink()
    file.mkdir()
    assert "screen.yaml is a folder" in start_in(tmp_path)[0].notice


def test_a_change_is_written_by_rename_for_the_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    start, _ = start_in(folder)
    assert not folder.exists()
    assert start.keep("theme", "light") is None
    file = folder / "screen.yaml"
    assert file.read_text().endswith("\ntheme: light\n") and file.stat().st_mode & 0o777 == 0o600
    before = file.stat().st_ino
    assert start.keep("layout", "wire") is None
    assert parse_preferences(file.read_bytes(), "x") == Preferences("light", "wire")
    assert file.stat().st_ino != before and list(folder.iterdir()) == [file]
    file.write_text("theme: [\n")
    assert "theme isn't kept" in str(start.keep("theme", "dark")) and file.read_text() == "theme: [\n"
    file.unlink()
    folder.rmdir()
    folder.write_text("in the way")
    assert "isn't kept" in str(start.keep("theme", "dark"))


# The screen


@each_row("recorded", [False, True])
def test_the_first_start_points_at_space_and_at_the_help(recorded: bool) -> None:
    cursor = PlaybackCursor(0, 1, 1, 2) if recorded else None
    source = SourceState(scenario=play.SCENARIO, follows=recorded, cursor=cursor)
    states = [ScreenState(ui=UiState(first=True, **more), source=source) for more in ({}, {"starting": True})]
    said, started = [sentence(each) for each in states]
    assert "Press space" in said and "Press ?" in said and len(said) <= 76
    assert recorded or "Press" not in started
    assert "Press ?" not in sentence(ScreenState(source=source))


async def test_the_screen_begins_as_its_file_says_and_keeps_what_is_no_matter_of_one_show() -> None:
    kept: list[tuple[str, str]] = []
    preferences = Preferences("light", layout="presenter")
    start = ScreenStart(preferences, notice="screen.yaml:3: wrong.", keep=lambda *change: kept.append(change))  # type: ignore[func-returns-value]
    observations, at = play.STATES["waiting"]
    app = LabApp(play.Scripted(observations(), at), start)
    async with piloted(app) as pilot:
        main = main_screen(app)
        await until(pilot, lambda: "a Approve" in text(app))
        assert app.theme == "stage-light" and main.state.ui.presenter and "screen.yaml:3: wrong." in text(app)
        await pilot.press("p", "w")
        await until(pilot, lambda: main.state.ui.wire)
        await pilot.press("plus", "t", "escape")
        await until(pilot, lambda: not main.state.ui.wire)
    assert kept == [("layout", "wire"), ("theme", "dark"), ("layout", "panes")]


def test_nothing_is_bound_twice_that_wasn_t_before() -> None:
    shared = {key.keys for key in SCREEN_KEYS if key.keys and sum(key.keys == each.keys for each in SCREEN_KEYS) > 1}
    assert shared == set("12345n")


@pytest.mark.long
def test_it_is_the_same_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_CONFIG_DIR", str(tmp_path))
    with terminal.lab("demo", "item-comparison", "--theme", "light") as shown:
        shown.until(lambda seen: "Press space, and the run begins" in seen.text)
        assert b"48;2;255;255;255" in shown.raw and not (tmp_path / "screen.yaml").exists()
        shown.press("+")
        shown.press_at("×2", "\x11")
        assert shown.ended() == 0
    assert not (tmp_path / "screen.yaml").exists(), "the pace of one show is not that of the next"
    (tmp_path / "screen.yaml").write_text("theme: light\nstage: 3\n")
    with terminal.lab("demo", "item-comparison") as shown:
        shown.until(lambda seen: "×1 " in seen.text)
        assert b"48;2;255;255;255" in shown.raw
        shown.press("\x11")
        assert shown.ended() == 0
