"""The picker draws who works within a job: agents one after the other, and side by side, in proportion to time."""

from msgspec.structs import replace

from lab.language.shape import parsed
from lab.program.scenario import Scenario
from lab.tui.panes.picker import PickerPage
from lab.tui.panes.planned_path import lane_rows, planned_path
from lab.tui.rows.spans import plain, width
from lab.tui.state.screen import ScenarioChoice, ScreenState, SourceState
from tests.conftest import each_row


def scenario(until: str = "any", more: int = 0) -> Scenario:
    lorry = {"delegate": "lorry", "agent": "LORRY_AGENT", "takes": "2s"}
    train = {"delegate": "train", "agent": "TRAIN_AGENT", "takes": "4s"}
    works = [{"work": f"weigh-{n}", "takes": "2s"} for n in range(more)]
    return parsed(Scenario, {
        "lab": 1, "name": "both", "title": "B", "agent": {"code": "B"}, "ask": "go",
        "steps": [
            {"parallel": "around", "until": until, "of": [lorry, train, *works]},
            {"delegate": "price", "agent": "A", "takes": "1s"},
            {"wait": "nap", "takes": "1s", "again": {"to": "around", "rounds": 2}},
            {"complete": "done", "output": None},
        ],
    })  # fmt: skip


def drawn(of: Scenario, inner: int = 66, most: int = 20) -> list[str]:
    return [plain(each).rstrip() for each in lane_rows(planned_path(of, 1).lanes, inner, most)]


def test_a_step_that_is_left_has_a_thin_rest_and_each_has_one_lane_whatever_the_rounds() -> None:
    assert drawn(scenario()) == [
        "  around: side by side, until any has ended",
        "  ┌ lorry  LORRY_AGENT  ━━━━━━━━━━━━━━               2.0 s",
        "  └ train  TRAIN_AGENT  ━━━━━━━━━━━━━━─────────────  2.0 s, left",
        "    price  A            ━━━━━━━                      1.0 s",
    ]


def test_until_all_have_ended_none_is_left() -> None:
    assert drawn(scenario("all", 1)) == [
        "  around: side by side, until all have ended",
        "  ┌ lorry    LORRY_AGENT  ━━━━━━━━━━━━               2.0 s",
        "  ├ train    TRAIN_AGENT  ━━━━━━━━━━━━━━━━━━━━━━━━━  4.0 s",
        "  └ weigh-0               ━━━━━━━━━━━━               2.0 s",
        "    price    A            ━━━━━━                     1.0 s",
    ]


@each_row(("most", "count"), [(0, 0), (1, 1), (5, 5), (21, 21), (22, 22), (30, 22)])
def test_what_has_no_room_is_counted(most: int, count: int) -> None:
    lines = drawn(scenario(more=18), most=most)
    assert len(lines) == count
    if 0 < most < 22:
        assert lines[-1] == f"  and {22 - most + 1} more"


@each_row("inner", [40, 66, 74, 88, 106])
def test_no_row_is_wider_than_the_page_and_the_story_stays(inner: int) -> None:
    choice = ScenarioChoice("both", "Both", "It shows agents.", "A story.", scenario(more=18), 1)
    page = PickerPage(lambda: ScreenState(source=SourceState(scenarios=(choice,))))
    for rows in range(6, 40):
        lines = page.more(choice, inner, rows)
        assert len(lines) <= rows and all(width(each) <= inner for each in lines)
        shown = "\n".join(map(plain, lines))
        assert "┌ lorry" not in shown or "It shows agents." in shown


def test_a_scenario_without_agents_has_no_lanes() -> None:
    alone = replace(scenario(), steps=scenario().steps[3:])
    assert planned_path(alone, 1).lanes == ()
