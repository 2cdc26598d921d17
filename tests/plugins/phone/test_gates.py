"""Phones decide the gate that shows: a code for each opening, how it is drawn, what its page is told."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
import segno
from msgspec.structs import replace

from lab.app.effects import RunObservation
from lab.core.observe import Noted
from lab.jobs.facts import GateDecided, GateExpired, GateOpened
from lab.jobs.gates import Origin
from lab.plugins.phone.gates import PhoneGates
from lab.plugins.phone.panel import half_blocks
from lab.program.words import Verdict
from lab.tui.app import LabApp
from lab.tui.panes.registry import draw, places
from lab.tui.rows.spans import plain
from lab.tui.state.gate import GateAnswer
from lab.tui.state.screen import ScreenState, SidePanel, UiState
from tests.conftest import each_row
from tests.tui import play
from tests.tui.pilots import golden, main_screen, piloted, text, until, until_folded
from tests.tui.test_decision import KEY, fact
from tests.tui.test_view import SHOW, fold, screen

GOLDENS = Path(__file__).parent / "screens"
ORIGIN = "http://192.168.100.200:54321"
REACH = "open to this network"


def phone_gates() -> PhoneGates:
    numbers = (f"CODE{number:02}" for number in count(1))
    gates = PhoneGates(half_blocks, REACH, exposed=True, new_code=lambda: next(numbers))
    gates.origin = ORIGIN
    return gates


class Desk:
    """The gates, the screen's state as it comes to know it, and what is asked of the source."""

    def __init__(self) -> None:
        self.gates = phone_gates()
        self.clock = play.StillClock()
        self.answers: list[GateAnswer] = []
        self.refusal: str | None = None
        self.gates.attach(self.answer, self.clock)

    async def answer(self, answer: GateAnswer) -> str | None:
        self.answers.append(answer)
        return self.refusal

    def knows(self, observations: list[RunObservation], at: int = 22_900) -> SidePanel:
        self.clock.at = at
        return self.gates.follow(ScreenState(fold(observations), UiState(), SHOW), drawable=True)


async def test_a_code_is_good_for_one_opening_and_tells_afterwards_how_it_was_decided() -> None:
    desk = Desk()
    assert desk.knows(play.running(), 3_700).address == "" and desk.gates.look("CODE01") is None
    shown = desk.knows(play.waiting())
    assert shown.address == f"{ORIGIN}/G/CODE01" == desk.knows(play.waiting()).address
    gate = desk.gates.look("CODE01")
    assert gate is not None and (gate.question, gate.decided, gate.left) == (play.QUESTION, "", 884_744)
    assert gate.answers == (("approved", "Approve"), ("rejected", "Reject"), ("changes-requested", "Request changes"))
    assert desk.knows(play.decided(), 24_300) == SidePanel("PHONE", note=REACH, alarming=True)
    gate = desk.gates.look("CODE01")
    assert gate is not None and (gate.answers, gate.decided) == ((), "decided: approved")
    assert await desk.gates.decide("CODE01", "rejected", "") == "Somebody was faster." and desk.answers == []
    assert desk.knows(play.waiting()).address.endswith("CODE02"), "the run was set back: the gate opens anew"
    assert await desk.gates.decide("CODE01", "rejected", "") == "Somebody was faster." and desk.answers == []
    desk.knows(play.idle(), 0)
    gate = desk.gates.look("CODE02")
    assert gate is not None and gate.decided == "no longer asked"


def test_the_next_round_has_a_code_of_its_own() -> None:
    desk = Desk()
    desk.knows(play.waiting())
    run = fold([*play.waiting(), fact(22_900, Verdict.CHANGES)])
    assert run.decision is not None and run.decision.gate is not None
    opened = replace(run, gate=replace(run.decision.gate, key="the second round", round=1))
    shown = desk.gates.follow(ScreenState(opened, UiState(), SHOW), drawable=True)
    assert shown.address == f"{ORIGIN}/G/CODE02"
    first, second = desk.gates.look("CODE01"), desk.gates.look("CODE02")
    assert first is not None and first.decided == "decided: changes asked for"
    assert second is not None and second.answers and not second.decided
    desk.gates.follow(ScreenState(run, UiState(), SHOW), drawable=True)
    second = desk.gates.look("CODE02")
    assert second is not None and second.decided == "no longer asked", "what was decided was the round before"


def expired() -> Noted:
    return Noted(907_644, GateExpired(at=907_644, job=play.JOB, gate="buyer-approval"))


@each_row(
    ("more", "at", "words"),
    [
        (lambda: fact(23_000, Verdict.REJECTED), 23_000, "decided: rejected"),
        (lambda: fact(23_000, Verdict.CHANGES), 23_000, "decided: changes asked for"),
        (expired, 907_700, "nobody decided in time"), (None, 907_644, "nobody decided in time"),
    ],
)  # fmt: skip
def test_however_it_is_decided_its_page_says_so(more: Callable[[], Noted] | None, at: int, words: str) -> None:
    desk = Desk()
    desk.knows(play.waiting())
    desk.knows([*play.waiting(), *([more()] if more is not None else [])], at)
    gate = desk.gates.look("CODE01")
    assert gate is not None and gate.decided == words


async def test_an_answer_is_given_as_by_a_key_and_shows_at_once_unless_it_is_refused() -> None:
    desk = Desk()
    desk.knows(play.waiting())
    desk.refusal = "This approval is given outside the API."
    assert await desk.gates.decide("CODE01", "approved", "") == desk.refusal
    assert (gate := desk.gates.look("CODE01")) is not None and not gate.decided
    desk.refusal = None
    assert await desk.gates.decide("CODE01", "changes-requested", "Other terms.") is None
    given = GateAnswer("changes-requested", "Other terms.", play.JOB, "buyer-approval", KEY, by="phone")
    assert desk.answers[-1] == given
    assert (gate := desk.gates.look("CODE01")) is not None and gate.decided == "decided: changes asked for"


async def test_several_phones_make_a_quorum() -> None:
    desk = Desk()
    opened = [
        Noted(each.at, replace(each.fact, approvals=2)) if isinstance(each, Noted) and isinstance(each.fact, GateOpened)
        else each
        for each in play.waiting()
    ]  # fmt: skip
    desk.knows(opened)
    assert await desk.gates.decide("CODE01", "approved", "") is None
    assert (gate := desk.gates.look("CODE01")) is not None and not gate.decided
    vote = GateDecided(at=22_900, job=play.JOB, gate="buyer-approval", verdict=Verdict.APPROVED, by=Origin.PERSON)
    desk.knows([*opened, Noted(22_900, vote)])
    gate = desk.gates.look("CODE01")
    assert gate is not None and (gate.decided, gate.count) == ("", "1 of 2 approved")


def test_the_screen_says_by_phone() -> None:
    for by in (Origin.PERSON, Origin.API):
        source = replace(SHOW, own_decisions={KEY: "phone"})
        state = ScreenState(fold([*play.waiting(), fact(22_900, by=by)]), UiState(), source)
        grid = "\n".join(screen(state, 120, 36, 25_000))
        assert "APPROVED by phone · 00:22.9" in grid and "approved by phone" in grid
    scripted = ScreenState(fold([*play.waiting(), fact(22_900, by=Origin.SCRIPT)]), UiState(), source)
    assert "by phone" not in "\n".join(screen(scripted, 120, 36, 25_000))


# The code


def dark(cells: tuple[str, ...] | list[str]) -> list[list[int]]:
    """The modules of what is drawn in half-blocks, row by row."""
    rows: list[list[int]] = []
    for line in cells:
        rows += [[int(sign in "▀█") for sign in line], [int(sign in "▄█") for sign in line]]
    return rows


@each_row("address", [f"{ORIGIN}/G/ABC234", "http://127.0.0.1:8/G/ABC234", "http://[fe80::1]:54321/G/ABC234"])
def test_the_cells_are_the_code_of_the_address(address: str) -> None:
    cells = half_blocks(address)
    code = [list(map(int, line)) for line in segno.make(address.upper(), error="m", micro=False).matrix_iter(border=4)]
    assert dark(cells)[: len(code)] == code
    assert "[" in address or (len(cells[0]), len(cells)) == (33, 17)


def test_it_stands_beside_the_question_wherever_it_has_room() -> None:
    address = f"{ORIGIN}/G/ABC234"
    phone = SidePanel("PHONE", "scan to decide", half_blocks(address), address, REACH, alarming=True)
    for ui in (UiState(), UiState(presenter=True), UiState(zoom="polling")):
        for size in ((120, 36), (119, 36), (100, 36), (160, 44), (200, 60)):
            state = ScreenState(fold(play.waiting()), ui, SHOW, side=phone)
            found = places(state, *size)
            drawn = [plain(line) for line in draw("side", state, found["side"], 22_900)]
            rows = [line for line in drawn if set(line) & set("▀▄█")]
            assert len(rows) == 13, "twenty-five modules in thirteen rows; the margin is blank"
            assert all(each in "".join(drawn) for each in (address.removeprefix("http://"), REACH, "scan to decide"))
            assert "side" not in places(replace(state, ui=replace(ui, side=False)), *size)
            taken = [(x, y) for each in found.values() for x in range(each.x, each.x + each.width)
                     for y in range(each.y, each.y + each.height)]  # fmt: skip
            assert len(taken) == len(set(taken)), (ui, size)
    for size in ((99, 36), (120, 29), (100, 30), (80, 24)):
        assert "side" not in places(ScreenState(fold(play.waiting()), UiState(), SHOW, side=phone), *size)


async def test_d_shows_and_hides_it_and_where_it_has_no_room_opens_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    observations, at = play.STATES["waiting"]
    app = LabApp(play.Scripted(observations(), at), panel=phone_gates())
    async with piloted(app, sent=True) as pilot:
        await until_folded(pilot, "waiting")
        golden(app, "waiting-120x36", GOLDENS)
        await pilot.press("p")
        await until(pilot, lambda: main_screen(app).state.ui.presenter)
        golden(app, "waiting-presenter-120x36", GOLDENS)
        await pilot.press("p")
        await pilot.press("d")
        await until(pilot, lambda: "4 OUTPUT" in text(app) and "/G/CODE01" not in text(app))
        await pilot.press("d")
        await until(pilot, lambda: "/G/CODE01" in text(app))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: " a Approve" in text(app) and "/G/CODE01" not in text(app))
        await pilot.press("d")
        await until(pilot, lambda: "DECIDE ELSEWHERE" in text(app) and f"{ORIGIN}/G/CODE01" in text(app))
        await pilot.press("d")
        await until(pilot, lambda: app.screen is main_screen(app))
    monkeypatch.setenv("NO_COLOR", "1")
    app = LabApp(play.Scripted(observations(), at), panel=phone_gates())
    async with piloted(app) as pilot:
        await until_folded(pilot, "waiting")
        assert f"{ORIGIN}/G/CODE01" in text(app) and "█▀▀▀▀▀█" not in text(app), "the address alone"
