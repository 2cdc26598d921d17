"""Lists: what is typed filters them, and they say how much is below; the timeline keeps what changes."""

from hypothesis import given
from hypothesis import strategies as st

from lab.core.observe import Noted
from lab.faults.facts import FaultArmed, FaultStruck
from lab.tui.panes.job import turns
from lab.tui.panes.keys import ListEntry, ListPage
from lab.tui.panes.menus import FAULT_OFFERS, PICKER, fault_menu
from lab.tui.rows.spans import plain, width
from lab.tui.screens.overlays import ListScreen
from lab.tui.state.hands import ArmedFault
from lab.tui.state.run import TimelineRow
from lab.tui.state.screen import ScenarioChoice, ScreenState, SourceState
from lab.tui.state.timeline import fitted
from tests.conftest import each_row
from tests.tui import play
from tests.tui.pilots import main_screen, screen_in, text, until
from tests.tui.test_view import fold

CHOICES = tuple(ScenarioChoice(f"scenario-{at}", f"Title {at}", "a happy path" if at % 2 else "") for at in range(30))


OFFERS = [offer.word for offer in FAULT_OFFERS]


def found_in(page: ListPage, typed: str, *armed: ArmedFault, inner: int = 100) -> list[ListEntry]:
    state = ScreenState(source=SourceState(scenarios=CHOICES), armed=armed)
    return [each for each in page.entries(state, inner) if each.has(typed.split())]


def test_what_is_typed_filters_scenarios_by_all_its_words() -> None:
    (found,) = found_in(PICKER, "happy 17")
    assert found.name == "scenario-17"
    assert play.request_of(found.take("enter").ask) == ("choose", "scenario-17")
    assert len(found_in(PICKER, "")) == 30 and not found_in(PICKER, "nothing like it")


@given(st.sampled_from((PICKER, fault_menu())), st.integers(40, 110), st.booleans())
def test_every_row_of_a_list_fits_and_what_is_below_has_its_room(page: ListPage, inner: int, chosen: bool) -> None:
    for each in found_in(page, "", ArmedFault("odd-one", "status", once=True), inner=inner):
        assert width(each.line(inner, chosen=chosen)) <= inner
        below = each.more(inner, page.most)
        assert len(below) <= page.most and all(width(line) <= inner for line in below)


def test_the_fault_menu_arms_what_was_typed_and_disarms_what_is_armed() -> None:
    armed = ArmedFault("odd-one", "status", once=True)
    menu = fault_menu()
    found = found_in(menu, "gateway")
    assert [each.name for each in found] == ["answer 502 html", "answer 504"]
    arms = {"route": "status", "answer": 502, "body": "html"}
    assert play.request_of(found[0].take("enter").ask) == ("arm", arms)
    found[0].take("right")
    assert play.request_of(found_in(menu, "gateway")[0].take("enter").ask) == ("arm", arms | {"route": "invoke"})
    first, second, *_ = found_in(menu, "", armed)
    assert first.name == "✗ odd-one" and menu.first(ScreenState()) == second.name == OFFERS[0]
    assert play.request_of(first.take("delete").ask) == ("disarm", "odd-one")


async def test_a_list_takes_letters_as_text_and_esc_gives_it_back_whole_before_it_closes() -> None:
    async with screen_in("waiting", (80, 24)) as (app, _, pilot):
        await pilot.press("f", *"stall")
        await until(pilot, lambda: "strike stall" in text(app) and "strike hang" not in text(app))
        await pilot.press(*"zzz")
        await until(pilot, lambda: "no fault has these words" in text(app))
        await pilot.press("enter", "escape")
        await until(pilot, lambda: "more · " in text(app) and "answer 401" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is main_screen(app))


async def test_scenarios_that_are_read_while_their_list_is_open_come_into_it() -> None:
    async with screen_in("idle") as (app, source, pilot):
        known, source.scenarios = source.scenarios, ()
        await pilot.press("s")
        await until(pilot, lambda: "the scenarios are being read" in text(app) and "more" not in text(app))
        source.scenarios = known
        await until(pilot, lambda: "2 scenarios" in text(app) and "invoice-analysis" in text(app))


@each_row(("key", "moved"), [("down", 1), ("pagedown", 10), ("up", -1)])
async def test_keys_choose_another_entry_and_a_click_takes_one(key: str, moved: int) -> None:
    async with screen_in("waiting", (120, 36)) as (app, source, pilot):
        await pilot.press("f", key)
        screen = app.screen
        assert isinstance(screen, ListScreen)
        await until(pilot, lambda: screen.options.highlighted == moved % len(FAULT_OFFERS) or moved == 10)
        assert screen.options.highlighted != 0 and screen.chosen is not None and screen.chosen.name in OFFERS
        place = screen.options.region
        await pilot.click(offset=(place.x + 3, place.y + 2))
        await until(pilot, lambda: app.screen is main_screen(app) and source.requests != [])
        assert source.requests[0][0] == "arm"


async def test_an_entry_that_is_chosen_stays_so_when_the_list_changes_and_where_it_goes_the_next_one_is() -> None:
    async with screen_in("running") as (app, source, pilot):
        for name in ("one", "two"):
            source.tell(Noted(3_100, FaultArmed(at=3_100, by="control", fault=name, where={"route": "status"})))
        await until(pilot, lambda: len(main_screen(app).state.armed) == 2)
        await pilot.press("f", "down", "down")
        screen = app.screen
        assert isinstance(screen, ListScreen)
        await until(pilot, lambda: screen.chosen is not None and screen.chosen.name == OFFERS[2])
        source.tell(Noted(3_200, FaultStruck(at=3_200, fault="one", call=3)))
        await until(pilot, lambda: len(screen.entries) == 1 + len(FAULT_OFFERS))
        assert screen.chosen is not None and screen.chosen.name == OFFERS[2] and screen.options.highlighted == 3
        await pilot.press("up", "up", "up")
        await until(pilot, lambda: screen.chosen is not None and screen.chosen.name == "✗ two")
        source.tell(Noted(3_300, FaultStruck(at=3_300, fault="two", call=4)))
        await until(pilot, lambda: screen.chosen is not None and screen.chosen.name == OFFERS[0])


async def test_what_is_chosen_to_be_copied_stays_so_when_there_is_more() -> None:
    async with screen_in("running") as (app, source, pilot):
        await pilot.press("y", "end", "up")
        screen = app.screen
        assert isinstance(screen, ListScreen)
        before = screen.chosen
        polled = play.Script()
        polled.x = 90
        polled.poll(5_000, play.body("COMPLETE", output="Take the second."), 40)
        for observation in polled.observations:
            source.tell(observation)
        await until(pilot, lambda: "o" in [each.name for each in screen.entries])
        assert screen.chosen is not None and before is not None and screen.chosen.name == before.name


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
