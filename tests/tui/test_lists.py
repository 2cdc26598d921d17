"""Lists: what is typed filters them, and they say how much is below; the timeline keeps what changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.tui.panes.fault_menu import FAULT_OFFERS, FaultPage
from lab.tui.panes.job import turns
from lab.tui.panes.page import ListPage
from lab.tui.panes.picker import PickerPage
from lab.tui.rows.spans import plain, width
from lab.tui.state.journal import ArmedFault
from lab.tui.state.run import TimelineRow
from lab.tui.state.screen import ScenarioChoice, ScreenState, SourceState
from lab.tui.state.timeline import fitted
from tests.tui import play
from tests.tui.pilots import main_screen, screen_in, text, until
from tests.tui.test_view import fold

CHOICES = tuple(ScenarioChoice(f"scenario-{at}", f"Title {at}", "a happy path" if at % 2 else "") for at in range(30))


def page(kind: type[PickerPage] | type[FaultPage], *armed: ArmedFault) -> PickerPage | FaultPage:
    return kind(lambda: ScreenState(source=SourceState(scenarios=CHOICES), armed=armed))


def type_in(found: ListPage, typed: str) -> None:
    for character in typed:
        assert found.edit(character, character)


def test_what_is_typed_filters_scenarios_and_enter_takes_the_first_that_is_left() -> None:
    picker = page(PickerPage)
    picker.move(12)
    type_in(picker, "happy 17")
    assert [each.name for each in picker.entries()] == ["scenario-17"] and picker.title == "SCENARIO › happy 17"
    assert play.request_of(picker.press("enter").ask) == ("choose", "scenario-17")
    assert picker.edit("backspace", None) and [each.name for each in picker.entries()][:2] == [
        "scenario-1",
        "scenario-11",
    ]
    assert picker.edit("escape", None) and len(picker.entries()) == 30
    assert not picker.edit("escape", None), "then it closes"
    type_in(picker, "nothing like it")
    assert "no scenario has these words" in "\n".join(map(plain, picker.body(60, 20)))
    assert picker.press("enter").ask is None and not picker.press("enter").close


@pytest.mark.parametrize(("kind", "many"), [(PickerPage, 30), (FaultPage, len(FAULT_OFFERS))])
@given(st.integers(0, 40), st.integers(6, 40))
def test_a_list_says_how_many_entries_are_below(
    kind: type[PickerPage] | type[FaultPage], many: int, by: int, rows: int
) -> None:
    found = page(kind)
    found.move(by)
    drawn = list(map(plain, found.body(70, rows)))
    names = [each.name if isinstance(each, ScenarioChoice) else each.word for each in found.every()]  # type: ignore[union-attr]
    shown = [at for at, name in enumerate(names) if any(line[2:].startswith(f"{name} ") for line in drawn)]
    assert found.at in shown and found.below == many - 1 - shown[-1]


def test_the_fault_menu_arms_what_was_typed_and_disarms_what_is_armed() -> None:
    armed = ArmedFault("odd-one", "status", once=True)
    menu = page(FaultPage, armed)
    type_in(menu, "gateway")
    assert {each.word for each in menu.entries()} == {"answer 502 html", "answer 504"}  # type: ignore[union-attr]
    assert play.request_of(menu.press("enter").ask) == ("arm", {"route": "status", "answer": 502, "body": "html"})
    menu.edit("escape", None)
    menu.at = 0
    assert play.request_of(menu.press("delete").ask) == ("disarm", "odd-one")


async def test_a_page_takes_letters_as_text_and_esc_gives_the_list_back_before_it_closes() -> None:
    async with screen_in("waiting", (80, 24)) as (app, _, pilot):
        await pilot.press("f", *"stall")
        await until(pilot, lambda: "FAULT › stall" in text(app) and "strike hang" not in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "more · type to find" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is main_screen(app))


# The timeline


@given(st.lists(st.sampled_from(("RUNNING", "WAITING", "QUEUED_V2", "decided")), max_size=60), st.integers(6, 30))
def test_a_folded_timeline_has_the_newest_changes_in_order_and_counts_what_is_older(
    words: list[str], room: int
) -> None:
    rows = [
        TimelineRow(at, "decided" if word == "decided" else "poll", word, first=at == 0 or words[at - 1] != word)
        for at, word in enumerate(words)
    ]
    lines = fitted(rows, room)
    assert len(lines) <= room and (not rows or lines[-1] == rows[-1])
    changes = [row for row in rows if row.kind == "decided" or row.first]
    shown = [row for row in lines if isinstance(row, TimelineRow) and row in changes]
    assert shown == (changes[-len(shown) :] if shown else [])
    if len(shown) < len(changes):
        polls = sum(each if isinstance(each, int) else each.kind == "poll" for each in lines)
        assert polls == sum(row.kind == "poll" for row in rows) and isinstance(lines[0], int)


def test_the_row_of_turns_breaks_between_turns_only() -> None:
    run = fold(play.second())
    state = ScreenState(run)
    for inner in range(14, 60):
        lines = [plain(line) for line in turns(state, inner, 3)]
        assert [part for line in lines for part in line.split(" · ")] == ["turn 1 ✓ 27.6 s", "turn 2 ◐"]
        assert all(width(line) <= max(inner, 15) for line in turns(state, inner, 3))
