"""Pages over the stage: an exchange and its curl, help, the picker, the palette, presenter mode."""

import re
import shlex

import pytest
from msgspec.structs import replace

from lab.core.exchange import Request, Response
from lab.core.journal.fact import Fact, LedgerCleared
from lab.core.observe import Lost, Noted, Replied, Requested
from lab.faults.facts import FaultArmed, FaultDisarmed, FaultStruck
from lab.language.fault import parse_fault
from lab.language.shape import parsed
from lab.program.scenario import Scenario
from lab.tui.panes.help import LEGEND, HelpPage
from lab.tui.panes.menus import FAULT_OFFERS, PICKER, FaultOffer, lane
from lab.tui.panes.message import suggestions
from lab.tui.panes.registry import PANES, SCREEN_KEYS, exchange_in_focus, key_named
from lab.tui.panes.wire import ExchangePage
from lab.tui.rows.curl import curl
from lab.tui.rows.spans import Row, plain, width
from lab.tui.state.journal import follow
from lab.tui.state.run import Exchange
from lab.tui.state.screen import ScenarioChoice, ScreenState, UiState
from tests.conftest import each_row
from tests.tui import play
from tests.tui.pilots import main_screen, screen_in, text, until
from tests.tui.test_view import SHOW, fold, screen, view_of

FORM = "application/x-www-form-urlencoded"


def sent(request: Request, route: str = "invoke") -> Exchange:
    return play.folded([Requested(0, 1, route, request)]).exchanges[0]


@each_row(
    ("request_", "route", "words"),
    [
        (Request("GET", "/s/1", "a=b%26&code=canary", (("authorization", f"Bearer {play.TOKEN}"),)), "status",
         ["http://h/s/1?a=b%26&code=••••••", "-H", "authorization: Bearer $token"]),
        (Request("POST", "/oauth2/v1/token", "", (("authorization", "Basic ZGVtbzpjYW5hcnk="), ("content-type", FORM)),
                 b"grant_type=password&username=o'neill&password=canary"), "token",
         ["http://h/t", "-u", "$LAB_CLIENT_ID:$LAB_CLIENT_SECRET", "--data-urlencode", "grant_type=password",
          "--data-urlencode", "username=o'neill", "--data-urlencode", "password=$LAB_PASSWORD"]),
        (Request("POST", "/i", "", (("cookie", "canary"), ("host", "h")), b'{"message": "it\'s $HOME `id`"}'), "invoke",
         ["http://h/i", "-H", "cookie: $LAB_COOKIE", "-H", "content-type:", "--data-raw", '{"message": "it\'s $HOME `id`"}']),
        (Request("DELETE", "/x", "", ()), "unknown", ["-X", "DELETE", "http://h/x"]),
    ],
)  # fmt: skip
def test_an_exchange_is_a_curl_command_without_its_secrets(request_: Request, route: str, words: list[str]) -> None:
    command = curl(sent(request_, route), "http://h/", "http://h/t")
    assert "canary" not in command and play.TOKEN not in command
    assert shlex.split(command.replace("\\\n", ""), comments=True) == ["curl", "-g", "--proto", "=http,https", *words]
    names = sorted(set(re.findall(r"\"\$(\w+)\"", command)))
    first = command.splitlines()[0]
    assert first.startswith("# set first") == bool(names) and all(name in first for name in names)
    assert ("access_token in the reply of POST http://h/t" in first) == ("token" in names)


def test_without_an_address_curl_takes_it_from_the_shell() -> None:
    comment = "# set first, as in LAB_BASE=…: LAB_BASE\n"
    assert curl(sent(Request("GET", "/s&1"), "status")) == f"{comment}curl -g --proto =http,https \"$LAB_BASE\"'/s&1'"
    assert curl(sent(Request("GET", "/s#1"), "status")).endswith("/s%231")
    assert 'curl -g --proto =http,https -X POST "$LAB_TOKEN_URL"' in curl(sent(Request("POST", "/t"), "token"))


@each_row("base", ["", "http://h"])
@each_row("path", ["@evil.example/s", "a@evil.example:81", ".evil.example/s", "*"])
def test_what_could_lead_to_another_server_is_no_command(path: str, base: str) -> None:
    command = curl(sent(Request("GET", path, "", (("authorization", f"Bearer {play.TOKEN}"),)), "unknown"), base)
    assert command == "# curl can't ask it: what it asks for is no path of a server"


def test_each_pane_opens_its_own_exchange() -> None:
    run = fold(play.second())
    found = {
        (pane, turn): getattr(exchange_in_focus(ScreenState(run, UiState(focus=pane, turn=turn), SHOW)), "x", None)
        for pane in ("", "token", "job", "polling", "output", "wire") for turn in (0, 1)
    }  # fmt: skip
    assert found == {
        ("", 0): None, ("", 1): None, ("token", 0): 1, ("token", 1): 1, ("job", 0): 15, ("job", 1): 2,
        ("polling", 0): 16, ("polling", 1): 14, ("output", 0): 16, ("output", 1): 14, ("wire", 0): 16, ("wire", 1): 16,
    }  # fmt: skip


def test_a_call_that_was_lost_and_one_in_flight_have_their_page() -> None:
    observations = [Requested(0, 1, "status", Request("GET", "/s")), Requested(1, 2, "status", Request("GET", "/s"))]
    run = fold([*observations, Lost(9, 1, "reset"), Replied(9, 7, Response(200, (), b""))])
    pages = ["\n".join(map(plain, ExchangePage(call).body(ScreenState(run), 60))) for call in run.exchanges]
    assert "← reset" in pages[0] and "← ···" in pages[1]


def test_the_page_of_a_poll_shows_its_status_in_its_colour() -> None:
    view = view_of("waiting")
    for call, word, role in (
        (view.run.exchanges[2], "◐ RUNNING", "run b"),
        (view.run.exchanges[-1], "◆ WAITING", "wait b"),
    ):
        head = next(row for row in ExchangePage(call).body(view, 100) if plain(row).startswith("← 200"))
        assert plain(head).endswith(word) and head[-1].role == role


async def test_the_exchange_of_a_pane_is_opened_copied_and_left() -> None:
    async with screen_in("complete") as (app, _, pilot):
        await pilot.press("escape", "1", "enter")
        await until(pilot, lambda: "EXCHANGE 1 · token" in text(app) and "LAB_CLIENT_SECRET" in text(app))
        assert play.TOKEN not in text(app)
        await pilot.press("y")
        await until(pilot, lambda: "sent to the clipboard" in text(app))
        assert "\ncurl -g --proto =http,https http://127.0.0.1:8080/oauth2/v1/token" in app.clipboard
        await pilot.press("right", "right", "left")
        await until(pilot, lambda: "EXCHANGE 2 · invoke" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(getattr(app.screen, "page", None), ExchangePage))


@each_row("size", [(120, 36), (80, 24)])
async def test_the_wire_fills_the_screen_and_goes(size: tuple[int, int]) -> None:
    async with screen_in("waiting", size) as (app, _, pilot):
        await pilot.press("W")
        await until(pilot, lambda: "3 POLLING" not in text(app) and "11 exchanges" in text(app))
        assert " a Approve" in text(app)
        await pilot.press("W")
        await until(pilot, lambda: "3 POLLING" in text(app) and "11 exchanges" not in text(app))


async def test_presenter_mode_has_one_fact_and_no_keys_but_they_work() -> None:
    async with screen_in("waiting") as (app, source, pilot):
        await pilot.press("p")
        await until(pilot, lambda: "? Help" not in text(app))
        lines = text(app).split("\n")
        assert any(
            line.strip() == "The agent stopped on purpose. A person must decide before it may go on." for line in lines
        )
        assert any(line.split() == ["WAITING", "p:", "leave", "presenter"] for line in lines[-3:])
        assert not any("─" in line for line in lines if "if nobody decides" not in line)
        await pilot.press("c", "x", "enter")
        await until(pilot, lambda: source.requests == [play.answer("changes-requested", "x")])
        await pilot.press("p")
        await until(pilot, lambda: "? Help" in text(app))


async def test_help_says_how_many_rows_are_below_those_that_show() -> None:
    async with screen_in("waiting", (80, 24)) as (app, _, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: "↓" in text(app).splitlines()[-1])
        below = int(text(app).splitlines()[-1].partition("↓ ")[2].split()[0])
        for left in (below - 1, below - 2):
            await pilot.press("down")
            await until(pilot, lambda left=left: f"↓ {left} more" in text(app))  # type: ignore[misc]
        await pilot.press("end")
        await until(pilot, lambda: "more ·" not in text(app))


async def test_the_palette_names_every_offered_key() -> None:
    async with screen_in("waiting") as (app, source, pilot):
        names = [each.name for each in main_screen(app).commands()]
        assert len(names) == len({*names}), "two of one name do two things"
        named = {each.name: plain(each.right).strip() for each in main_screen(app).commands()}
        assert {
            "Approve": "a",
            "Pause": "space",
            "Presenter": "p",
            "Output view": "o",
        }.items() <= named.items()
        assert "Message" not in named
        await pilot.press("ctrl+p", *"reject", "space", *"name", "enter")
        await until(pilot, lambda: "─ REJECT ─" in text(app))
        await pilot.press("enter", "n", "o", "enter")
        await until(pilot, lambda: source.requests == [play.answer("rejected", "no")])
        await pilot.press("s", "ctrl+p", "ctrl+p")
        await until(pilot, lambda: "every command by name" in text(app))
        assert len(app.screen_stack) == 3, "over a page too, once"


def help_rows(view: ScreenState, columns: int, rows: int, colours: str, inner: int) -> list[Row]:
    return HelpPage(SCREEN_KEYS, PANES, (columns, rows), colours).body(view, inner)


@each_row("state", play.STATES)
@each_row("focus", ["", "output", "wire"])
def test_help_has_every_key_and_the_keys_of_the_pane(state: str, focus: str) -> None:
    view = view_of(state, focus=focus)
    for inner in (40, 68, 76, 104):
        page = help_rows(view, 80, 24, "256", inner)
        grid = "\n".join(map(plain, page))
        assert max(map(width, page)) <= inner
        hidden = ("↓", "pgdn", "]", "-", "N", *"234678")
        assert all(key.face in grid for key in SCREEN_KEYS if key.face not in hidden and key.is_served(view))
        assert (" for a pane" in grid) == (not focus)
        assert all(f"{sign} {meaning}" in grid for sign, meaning, _ in LEGEND) and grid.count("1 … 9") == 1
    pod = ScreenState(view.run, UiState(), type(SHOW)("POD example.com"))
    assert "a pod's clock" in " ".join(map(plain, help_rows(pod, 80, 24, "256", 104)))


@each_row("inner", [70, 104])
def test_help_tells_each_key_whole(inner: int) -> None:
    view = view_of("waiting")
    words = " ".join(" ".join(map(plain, help_rows(view, 120, 36, "16 million", inner))).split())
    assert "…" not in words.replace("1 … 9", "").replace("1 … 5", "").replace("1…", "")
    assert inner > 96 or key_named("step").help in words
    assert key_named("step").help.split(";")[0].split(",")[0] in words


def test_help_names_only_the_keys_of_the_source() -> None:
    texts = {key.face: key.help for key in reversed(SCREEN_KEYS) if key.face and key.face in "arcmfvsn0+"} | {
        "←": key_named("back").help
    }
    for source, can in {
        "arcmfvsn0+": SHOW.can, "n0+←": frozenset(("pause", "step", "speed", "seek", "reset")), "arcf": frozenset(("decide", "fault")),
    }.items():  # fmt: skip
        page = help_rows(ScreenState(fold(play.waiting()), UiState(), replace(SHOW, can=can)), 80, 24, "256", 110)
        grid = "\n".join(map(plain, page))
        assert "".join(screen_in for screen_in, words in texts.items() if words[:30] in grid) == "".join(
            sorted(source, key=list(texts).index)
        )
        assert ("At a gate" in grid) == ("a" in source)


def picker(choice: ScenarioChoice, *others: ScenarioChoice, rows: int = 14, inner: int = 96) -> str:
    entry, *_ = PICKER.entries(ScreenState(source=replace(SHOW, scenarios=(choice, *others))), inner)
    lines = [entry.line(inner, chosen=True), *entry.more(inner, rows)]
    assert all(width(line) <= inner for line in lines) and len(lines) <= rows + 1
    return "\n".join(plain(line).rstrip() for line in lines)


def test_the_picker_draws_the_course_of_a_scenario_and_the_complaints_of_another() -> None:
    known = ScenarioChoice("item-comparison", "Compare", "all", "A *story*.", play.SCENARIO, 42)
    odd = ScenarioChoice("odd", "does not load", complaints=("odd.yaml:3:1: takess is no key; did you mean takes?",))
    grid = picker(known, odd)
    assert grid.startswith(" item-comparison  Compare        ▄▄▄▄") and "▄ ✓ 11 s\nall\n\nA story.\n" in grid
    assert "▌fetch " in grid and "3.0 s " in grid and "◆ buyer-approval" in grid and f"asks  {play.MESSAGE}" in grid
    grid = picker(odd, known)
    assert "odd.yaml:3:1" in grid and "▄" not in grid


@each_row(
    ("steps", "drawn"),
    [
        ([("9s", "a"), ("3s", "b")], "▄▄▄▄▄▄▄▄▄▄ ✓ 12 s"),
        ([("84s", "a")], "▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄ ··· ▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄ ✓ 84 s"),
        ([("7s", "a"), ("50h", "b"), ("7s", "c")], " ··· "),
        ([("63h", "a")], "✓ 63 h"),
    ],
)  # fmt: skip
def test_all_lanes_have_one_scale_and_what_takes_days_is_broken(steps: list[tuple[str, str]], drawn: str) -> None:
    work = [{"work": name, "takes": takes} for takes, name in steps]
    document = play.DOCUMENT | {"steps": [*work, {"complete": "answer", "output": "x"}]}
    choice = ScenarioChoice("x", "X", scenario=parsed(Scenario, document))
    found = plain(lane(choice, 36, colours=True))
    assert drawn in found and len(found.partition("✓")[0]) <= 37


def test_a_scenario_that_is_refused_says_so_in_the_place_of_its_lane() -> None:
    refused = parsed(Scenario, play.DOCUMENT | {"expect": {"refused": 403}})
    assert plain(lane(ScenarioChoice("x", "X", scenario=refused), 36, colours=True)) == "✗ 403, no job"


async def test_a_key_or_a_page_that_breaks_does_not_end_the_show(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    for where, press in (
        ("lab.tui.screens.main.MainScreen.choose", "w"),
        ("lab.tui.panes.help.HelpPage.body", "?"),
    ):
        async with screen_in("waiting", sent=True) as (app, _, pilot):
            with monkeypatch.context() as patch:
                patch.setattr(where, broken)
                await pilot.press(press if press != "?" else "question_mark")
                await until(pilot, lambda app=app: app.bug is not None)
            assert isinstance(app.bug, ZeroDivisionError)
            app.bug = None
            await pilot.press("escape", "2")
            await until(pilot, lambda app=app: "A bug of the lab: ZeroDivisionError" in text(app))
            await until(pilot, lambda app=app: main_screen(app).state.ui.focus == "job")


def test_the_scenario_suggests_the_next_message_and_says_how_many_gates_the_turn_has() -> None:
    turns = [{"ask": "And which comes sooner?", "steps": [{"complete": "sooner", "output": "M1000040"}]}]
    scenario = parsed(Scenario, play.DOCUMENT | {"turns": turns})
    view = ScreenState(fold(play.complete()), UiState(), replace(SHOW, scenario=scenario))
    assert suggestions(view) == ("And which comes sooner?", *play.FOLLOW_UP)
    assert view.gates == 1
    second = ScreenState(fold(play.second()), UiState(), replace(SHOW, scenario=scenario))
    assert (second.gates, suggestions(second)) == (0, ())
    assert ScreenState(second.run, UiState(turn=1), second.source).in_sight.gates == 1


async def test_the_way_back_is_offered_where_the_clock_can_be_set_back() -> None:
    async with screen_in("waiting") as (app, source, pilot):
        assert "← →" not in text(app)
        await pilot.press("ctrl+p", *"go", "space", *"to", "space", *"gate", "enter")
        await until(pilot, lambda: source.requests == [("go_to", "gate")])


@pytest.mark.parametrize("words", ["go back", "rewind", "back"])
async def test_going_back_is_found_in_plain_words(words: str) -> None:
    async with screen_in("waiting") as (app, _, pilot):
        await pilot.press("ctrl+p", *words)
        await until(pilot, lambda: "Go to Gate" in text(app) and "Faster" not in text(app))


async def test_an_earlier_turn_says_that_it_cannot_be_gone_back_through() -> None:
    async with screen_in("second") as (app, source, pilot):
        await pilot.press("left_square_bracket", "ctrl+p", *"go to gate", "enter")
        await until(pilot, lambda: "This turn is over: only the newest can be gone back through." in text(app))
        assert source.requests == []


# Faults


def noted(fact: Fact) -> Noted:
    return Noted(fact.at, fact)


def test_a_fault_stands_in_the_header_until_it_strikes_and_then_in_the_timeline() -> None:
    observed = play.folded(play.running())
    where = {"route": "status", "answer": 503, "name": "status-503"}
    observed = follow(observed, noted(FaultArmed(at=3_000, by="control", fault="status-503", where=where)))
    often = dict(where, calls="2-9", name="often")
    observed = follow(observed, noted(FaultArmed(at=3_000, by="control", fault="often", where=often)))
    gone = noted(FaultArmed(at=3_000, by="control", fault="gone", where=where))
    observed = follow(follow(observed, gone), noted(FaultDisarmed(at=3_001, by="control", fault="gone")))
    assert [each.name for each in observed.armed] == ["status-503", "often"]
    armed = ScreenState(observed.run(), UiState(), SHOW, observed.armed)
    assert "✗ 2 faults" in "\n".join(screen(armed, 120, 36, 3_000))
    for name in ("status-503", "often"):
        observed = follow(observed, noted(FaultStruck(at=3_100, fault=name, call=1)))
    assert [each.name for each in observed.armed] == ["often"]
    grid = "\n".join(screen(ScreenState(observed.run(), UiState(), SHOW, observed.armed), 120, 36, 3_200))
    assert "✗ often" in grid and "✗ fault status-503" in grid
    calls = observed.exchanges
    assert [call.struck for call in calls] == [""] * (len(calls) - 1) + ["often"], "the last call sent by then"
    assert follow(observed, noted(LedgerCleared(at=4_000, by="person"))).armed == ()


@each_row("reply", [503, None, "reset"])
def test_the_wire_and_the_exchange_name_the_fault_that_struck(reply: int | str | None) -> None:
    seen = [*play.running(), *(Requested(3_000 + x, x, "status", Request("GET", "/s")) for x in (9, 10))]
    seen.append(Noted(3_002, FaultStruck(at=3_020, fault="busy", call=1), 9))
    if isinstance(reply, int):
        seen.append(Replied(3_040, 9, Response(reply, (), b"")))
    elif reply is not None:
        seen.append(Lost(3_040, 9, reply))
    run = fold(seen)
    struck = next(call for call in run.exchanges if call.x == 9)
    view = ScreenState(run, UiState(wire=True, focus="wire"), SHOW)
    grid = [line for line in screen(view, 120, 36, 3_100) if "✗ busy" in line and "GET" in line]
    assert len(grid) == 1 and str(reply or "···") in grid[0]
    page = "\n".join(map(plain, ExchangePage(struck).body(view, 60)))
    assert "✗ busy  a fault struck" in page


@each_row(("answer", "asks"), [("APPROVE_ACTION", "approve"), ("REJECT_ACTION", "reject")])
def test_a_call_that_carries_a_decision_says_which(answer: str, asks: str) -> None:
    script = play.Script()
    script.observations, script.x = play.waiting(), 30
    script.invoke(23_924, {"jobId": play.JOB, "resumeInput": {"userResponse": answer}}, 202, play.body("RUNNING"), 176)
    view = ScreenState(fold(script.observations), UiState(wire=True), SHOW)
    for columns, rows in ((80, 24), (120, 36), (160, 44), (200, 60)):
        post = next(line for line in screen(view, columns, rows, 24_200) if "00:23.9 POST" in line)
        assert (f" 202   176 ms  {asks}  " if columns == 120 else f"POST invoke 202 {asks:<8}") in post


def test_a_call_shows_what_it_brought_in_later_turns_too() -> None:
    view = ScreenState(fold(play.second()), UiState(wire=True), SHOW)
    grid = "\n".join(screen(view, 200, 60, 42_500))
    for at, word in (("00:04.5", "RUNNING"), ("00:21.5", "WAITING"), ("00:27.5", "COMPLETE"), ("00:42.1", "RUNNING")):
        assert f"{at} GET  status 200 {word}" in grid


@each_row("columns", [120, 140, 159])
def test_the_wire_cuts_a_path_before_the_reason_why_no_reply_came(columns: int) -> None:
    path = f"/api/fusion-ai/orchestrator/agent/v2/ITEM_COMPARE_TEAM/status/{play.JOB}?trace=on"
    struck = Noted(3_002, FaultStruck(at=3_002, fault="status-reset", call=1), 9)
    request = Requested(3_000, 9, "status", Request("GET", path))
    run = fold([*play.running(), request, struck, Lost(3_040, 9, "connection reset")])
    (line,) = [
        each for each in screen(ScreenState(run, UiState(wire=True), SHOW), columns, 36, 3_100) if "status-reset" in each
        and "GET" in each
    ]  # fmt: skip
    assert "connection reset  ✗ status-reset" in line


@each_row(("offer", "route"), [(offer, route) for offer in FAULT_OFFERS for route in offer.routes])
def test_every_offer_of_the_menu_is_a_fault_of_the_language(offer: FaultOffer, route: str) -> None:
    assert parse_fault(offer.at(route)).route == route


async def test_a_fault_is_chosen_turned_to_another_route_armed_and_disarmed() -> None:
    async with screen_in("running") as (app, source, pilot):
        await pilot.press("f")
        await until(pilot, lambda: "answer 401" in text(app) and "on status" in text(app))
        await pilot.press("down", "right", "enter")
        await until(pilot, lambda: source.requests == [("arm", {"route": "invoke", "answer": 403})])
        source.tell(noted(FaultArmed(at=3_100, by="control", fault="invoke-403", where={"route": "invoke"})))
        await until(pilot, lambda: "✗ invoke-403" in text(app))
        await pilot.press("f", "up")
        await until(pilot, lambda: "delete disarms" in text(app))
        await pilot.press("enter", "delete", "f")
        await until(pilot, lambda: source.requests[1:] == [("disarm", "invoke-403")])
