"""What is looked at goes to the terminal's clipboard, and nothing secret does."""

import pytest

from lab.tui.panes.copy_menu import CopyPage, copied_texts
from lab.tui.rows.spans import plain, width
from tests.tui import play
from tests.tui.pilots import main_screen, screen_in, text, turn_to, until
from tests.tui.test_view import view_of


@pytest.mark.parametrize("state", play.STATES)
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
        body = CopyPage(lambda: view).body(inner, 20)
        assert max(map(width, body)) <= inner and len(body) >= len(found)


@pytest.mark.parametrize(
    ("focus", "key"), [("token", "t"), ("job", "j"), ("polling", "b"), ("output", "o"), ("wire", "c"), ("", "o")]
)
def test_what_is_looked_at_is_chosen(focus: str, key: str) -> None:
    view = view_of("complete", focus=focus, panes=bool(focus))
    page = CopyPage(lambda: view)
    assert [plain(line)[2] for line in page.body(80, 20) if plain(line).startswith("▌")] == [key]


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
