"""What is looked at goes to the terminal's clipboard, and nothing secret does."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lab.tui.app import LabApp
from lab.tui.panes.menus import COPY_MENU, copied_texts
from lab.tui.panes.screen_keys import END
from lab.tui.rows.blocks import frame
from lab.tui.rows.marks import selected_parts, selected_text, with_selection
from lab.tui.rows.spans import plain, row, width
from tests.conftest import each_row
from tests.tui import play
from tests.tui.pilots import main_screen, screen_in, text, turn_to, until
from tests.tui.test_bursts import click, drag, send
from tests.tui.test_view import view_of


@each_row("state", play.STATES)
def test_what_there_is_to_copy_and_never_a_secret(state: str) -> None:
    view = view_of(state)
    found = {each.key: each.text for each in copied_texts(view)}
    assert ("j" in found) == (view.run.job is not None and view.run.job.job is not None)
    assert all(secret not in each for each in found.values() for secret in (play.TOKEN, play.SECRET))
    if "t" in found:
        assert "…" in found["t"] and play.TOKEN.startswith(found["t"].partition("…")[0])
    if "o" in found and state in ("complete", "decided"):
        assert found["o"] == play.OUTPUT
    for inner in (68, 104):
        entries = COPY_MENU.entries(view, inner)
        lines = [each.line(inner, chosen=True) for each in entries]
        assert all(width(line) <= inner for line in (*lines, *(entries[0].more(inner, 4) if lines else ())))


@each_row(("focus", "key"), [("token", "t"), ("job", "j"), ("polling", "b"), ("output", "o"), ("wire", "c"), ("", "o")])
def test_what_is_looked_at_is_chosen(focus: str, key: str) -> None:
    view = view_of("complete", focus=focus, panes=bool(focus))
    assert COPY_MENU.first(view) == key and key in [each.name for each in COPY_MENU.entries(view, 80)]


async def test_y_copies_by_a_menu_and_twice_what_is_looked_at() -> None:
    async with screen_in("idle") as (app, source, pilot):
        await pilot.press("y", "j", "k")
        assert app.clipboard == "http://127.0.0.1:8080/oauth2/v1/token"
        await turn_to(pilot, source, "complete")
        for pressed, copied in (
            ("y y", play.OUTPUT), ("y j", play.JOB), ("y up up enter", play.JOB),
            ("escape 2 y y", play.JOB), ("y x c escape", play.JOB),
        ):  # fmt: skip
            await pilot.press(*pressed.split())
            await until(pilot, lambda: app.screen is main_screen(app))
            if "x" not in pressed:
                assert app.clipboard == copied, pressed
                assert f"{len(copied)} characters." in text(app)
        assert app.clipboard.startswith("# set first") and "curl" in app.clipboard


# With the mouse


@given(
    st.lists(st.text("ab 日", max_size=8), min_size=1, max_size=5),
    st.booleans(),
    st.tuples(st.integers(0, 12), st.integers(0, 8)),
    st.tuples(st.integers(0, 12), st.integers(0, 8)),
)
def test_what_is_selected_lies_within_the_frame_and_reads_on(
    texts: list[str], framed: bool, one: tuple[int, int], other: tuple[int, int]
) -> None:
    body = [row(each) for each in texts]
    rows = frame(body, row("T"), row("f"), "work", 14, len(body) + 2) if framed else tuple(body)
    start, end = sorted((one, other), key=lambda place: (place[1], place[0]))
    parts = selected_parts(rows, start, end)
    assert [y for y, _, _ in parts] == sorted({y for y, _, _ in parts})
    for y, begin, stop in parts:
        assert 0 <= begin <= stop <= len(plain(rows[y])) or begin == stop
        assert not set("╭╮╰╯│─") & set(plain(rows[y])[begin:stop])
        assert plain(with_selection(rows, y, start, end)) == plain(rows[y])
    if selected_parts(rows, None, None) and not framed:
        assert selected_text(rows, None, None).split() == " ".join(texts).split()


def place_of(app: LabApp, words: str) -> tuple[int, int]:
    """Where on the screen the words begin, in cells."""
    y, line = next((y, line) for y, line in enumerate(text(app).split("\n")) if words in line)
    return cell_len(line[: line.index(words)]), y


async def test_a_mouse_selects_within_a_pane_and_y_or_ctrl_c_copies_it() -> None:
    async with screen_in("waiting") as (app, source, pilot):
        main, x, y = main_screen(app), *place_of(app, play.JOB)
        await send(pilot, drag((x, y), (x + 35, y)))
        await until(pilot, lambda: "36 characters selected" in text(app))
        job = main.canvas.widgets["job"]
        turned = [span for span in job.row(y - job.region.y) if "r" in span.role.split()]
        assert plain(tuple(turned)) == play.JOB
        await pilot.press("y")
        assert app.clipboard == play.JOB and not main.selections
        # into another pane: to the end of the one in which it began, without frames
        await send(pilot, drag((x, y), (x + 70, y + 1)))
        await pilot.press("ctrl+c")
        await until(pilot, lambda: app.clipboard.startswith(play.JOB + "\n"))
        assert app.clipboard.count("\n") == 1 and not set("│╭╰╮") & set(app.clipboard) and not app._exit
        # twice the word, three times the row; esc and a click let it go
        for times, copied in ((2, play.JOB), (3, play.JOB)):
            await send(pilot, [each for _ in range(times) for each in click((x + 5, y))])
            await until(pilot, lambda: bool(main.selections))
            assert app.screen.get_selected_text() == copied
            await pilot.press("escape")
            assert not main.selections and not main.state.ui.remark
        await send(pilot, drag((x, y), (x + 9, y)))
        await send(pilot, click((x, y)))
        await pilot.press("ctrl+c")
        await until(pilot, lambda: END in text(app))
        assert source.requests == []


async def test_a_mouse_selects_on_a_page_too() -> None:
    async with screen_in("waiting") as (app, _, pilot):
        await pilot.press("1", "enter")
        await until(pilot, lambda: "grant_type=client_credentials" in text(app))
        x, y = place_of(app, "grant_type=client_credentials")
        await send(pilot, drag((x, y), (x + 9, y)))
        await until(pilot, lambda: "10 characters selected" in text(app))
        await pilot.press("y")
        await until(pilot, lambda: "Copied: what was selected" in text(app))
        assert app.clipboard == "grant_type"
        await send(pilot, drag((x, y), (x + 9, y)))
        await pilot.press("escape", "ctrl+c")
        await until(pilot, lambda: END in text(app) and app.screen is main_screen(app))
