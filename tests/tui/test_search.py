"""Words are found where they show, over the ends of rows too; n and N go from hit to hit until esc."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.tui.panes.hits import go_to_hit
from lab.tui.panes.registry import draw, places
from lab.tui.panes.search import search_for
from lab.tui.rows.marks import ELSEWHERE, HERE, find, mark
from lab.tui.rows.spans import Row, plain, row, width, wrap
from lab.tui.state.screen import ScreenState, settled
from tests.conftest import each_row
from tests.tui import play
from tests.tui.pilots import LabPilot, main_screen, screen_in, text, turn_to, until
from tests.tui.test_view import view_of

# In rows


def texts_of(rows: list[Row], query: str) -> list[str]:
    return [" ".join(plain(rows[at])[begin:end] for at, begin, end in hit) for hit in find(rows, query)]


@each_row(
    ("query", "found"),
    [
        ("price", ["Price", "price"]), ("the agreed", ["The agreed"]), ("agreed price is", ["agreed price is"]),
        ("is  due.", ["is due."]), ("", []), ("  ", []), ("[", ["["]), ("ß", ["ß"]), ("nowhere", []),
    ],
)  # fmt: skip
def test_words_are_found_whatever_their_capitals_and_blanks(query: str, found: list[str]) -> None:
    rows = [row(("Price [x] ", "dim"), "ß"), row("The agreed"), row("  price is"), row(" due.")]
    assert texts_of(rows, query) == found


@given(
    st.lists(st.text("aB .日", min_size=1, max_size=6), max_size=12), st.integers(4, 20), st.text("aB.日", max_size=3)
)
def test_what_is_marked_reads_as_before(words: list[str], cells: int, query: str) -> None:
    rows = wrap(row((" ".join(words), "fg !a")), cells)
    hits = find(rows, query)
    marked = mark(rows, hits, 1)
    assert [plain(each) for each in marked] == [plain(each) for each in rows]
    painted = "".join(span.text for each in marked for span in each if "fill" in span.role)
    assert painted == "".join(plain(rows[at])[begin:end] for hit in hits for at, begin, end in hit)
    assert all("!a" in span.role for each in marked for span in each)
    if query:
        assert sum(len(each.split(query)) - 1 for each in map(plain, rows)) <= len(hits)


# On the screen


def after(view: ScreenState, size: tuple[int, int], query: str, *steps: int) -> ScreenState:
    for by in (None, 0, *steps):
        ui = search_for(view, query).ui if by is None else go_to_hit(view, size, 30_000, by)
        assert ui is not None
        view = ScreenState(view.run, ui, view.source)
    return view


@each_row("size", [(80, 24), (120, 36), (200, 60)])
@each_row("ui", [{}, {"panes": True}, {"output": "body"}, {"zoom": "polling"}, {"presenter": True}])
def test_the_hit_that_is_chosen_is_in_sight(size: tuple[int, int], ui: dict[str, object]) -> None:
    steps: list[int] = []
    for hit in (1, 2, 3):
        view = after(view_of("complete", **ui), size, "m1000034", *steps)
        assert view.ui.hit == (hit - 1) % view.ui.hits + 1
        place = places(view, *size)["output"]
        drawn = draw("output", view, place, 30_000)
        assert [span.role for line in drawn for span in line].count(HERE) == 1
        assert all(width(line) == place.width for line in drawn)
        steps.append(1)
    assert after(view_of("complete", **ui), size, "m1000034", -1).ui.hit == view.ui.hits


def test_in_the_wire_headers_and_bodies_are_found_and_the_row_is_chosen() -> None:
    view = view_of("waiting", wire=True, focus="wire")
    exchanges = view.run.exchanges
    found = after(view, (120, 36), "buyer_approval")
    bodies = [each.x for each in exchanges if "BUYER_APPROVAL" in each.reply_body]
    assert found.ui.hits == len(bodies) and len(bodies) > 1
    for hit in range(len(bodies)):
        at = len(exchanges) - 1 - after(view, (120, 36), "buyer_approval", *[1] * hit).ui.scrolled.get("wire", 0)
        assert exchanges[at].x == bodies[hit - 1]  # the newest one is where the search begins
    drawn = draw("wire", after(view, (120, 36), "invokeasync"), places(view, 120, 36)["wire"], 0)
    assert any(span.role.startswith(ELSEWHERE) and span.text == "invokeAsync" for line in drawn for span in line)
    nothing = after(view, (120, 36), "no such")
    assert not nothing.ui.query and nothing.ui.remark == "Nothing in the wire has “no such”."


@each_row(("scrolled", "query", "stays"), [(0, "", False), (2, "", True), (0, "running", True)])
def test_what_comes_meanwhile_moves_nothing_that_was_chosen(scrolled: int, query: str, stays: bool) -> None:
    whole = view_of("waiting", scrolled={"wire": scrolled} if scrolled else {}, query=query, searched="wire")
    exchanges = whole.run.exchanges
    before = replace(whole, run=replace(whole.run, exchanges=exchanges[:-3]))
    now = settled(before, whole)
    chosen = exchanges[-4 - scrolled], exchanges[len(exchanges) - 1 - now.ui.scrolled.get("wire", 0)]
    assert (chosen[0] == chosen[1]) == stays


async def find_on(pilot: LabPilot, words: str) -> None:
    await pilot.press("slash", *("space" if each == " " else each for each in words), "enter")


async def test_n_goes_from_hit_to_hit_until_esc_and_then_steps_again() -> None:
    async with screen_in("running") as (app, source, pilot):
        main = main_screen(app)
        await turn_to(pilot, source, "complete")
        await find_on(pilot, "price")
        await until(pilot, lambda: "find › price   1 of 2 in the output" in text(app))
        await pilot.press("n")
        await until(pilot, lambda: "2 of 2" in text(app))
        await pilot.press("n", "N")
        await until(pilot, lambda: main.state.ui.hit == 2)
        await pilot.press("w")
        await find_on(pilot, "status/")
        await until(pilot, lambda: "in the wire" in text(app) and main.state.ui.focus == "wire")
        await pilot.press("n", "enter")
        await until(pilot, lambda: "EXCHANGE" in text(app) and "› status/ · 1 of" in text(app))
        await pilot.press("n", "slash", "j", "o", "b", "i", "backspace", "I", "d", "enter", "N", "escape")
        await until(pilot, lambda: "EXCHANGE" in text(app) and "›" not in text(app).partition("EXCHANGE")[2][:40])
        await pilot.press("escape", "escape")
        await until(pilot, lambda: "find ›" not in text(app) and app.screen is main)
        assert source.requests == []
        await find_on(pilot, "nowhere")
        await until(pilot, lambda: "Nothing in the wire has “nowhere”." in text(app))
        await turn_to(pilot, source, "running")
        await pilot.press("n")
        await until(pilot, lambda: source.requests == [("step",)])


async def test_a_form_is_left_once_what_it_asks_for_is_gone() -> None:
    """Somebody else decides while a comment is typed."""
    async with screen_in("waiting") as (app, source, pilot):
        await pilot.press("A", "x", "tab", "y")
        await until(pilot, lambda: "by › x" in text(app) and "saying › y" in text(app))
        for observation in play.complete()[len(play.waiting()) :]:
            source.tell(observation)
        await until(pilot, lambda: app.screen is main_screen(app) and main_screen(app).state.run.ended is not None)
        await pilot.press("A")
        assert source.requests == [] and "saying ›" not in text(app)


async def test_what_was_looked_for_in_the_wire_is_let_go_on_the_page_of_an_exchange() -> None:
    async with screen_in("waiting") as (app, _, pilot):
        await pilot.press("w")
        await find_on(pilot, "status/")
        await pilot.press("enter")
        await until(pilot, lambda: "› status/ · 1 of" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "› status/" not in text(app) and "EXCHANGE" in text(app))


async def test_in_a_list_it_begins_what_filters() -> None:
    async with screen_in("idle") as (app, _, pilot):
        await pilot.press("f", "slash", "5", "0", "3")
        await until(pilot, lambda: "answer 503" in text(app) and "answer 401" not in text(app))


async def test_an_exchange_is_found_by_its_instant_as_it_shows_and_opened_where_a_row_is_clicked() -> None:
    async with screen_in("waiting") as (app, _, pilot):
        await pilot.press("W", "slash", *"00:12.5", "enter", "up", "up")
        await until(pilot, lambda: "00:06.7›GET" in text(app))
        await pilot.press("escape", "escape", "escape", "3", "slash", *"00:12.5", "enter")
        await until(pilot, lambda: "00:12.5›GET" in text(app) and "1 of 1 in the wire" in text(app))
        await pilot.press("escape", "escape", "escape")
        await until(pilot, lambda: "EXCHANGE" not in text(app) and "00:09.5 ◆ WAITING" in text(app))
        row_of = next(at for at, line in enumerate(text(app).split("\n")) if "00:09.5 ◆ WAITING" in line)
        column = text(app).split("\n")[row_of].index("00:09.5 ◆")
        await pilot.click(offset=(column + 3, row_of))
        await until(pilot, lambda: "EXCHANGE 7 · status · 00:09.5" in text(app))
