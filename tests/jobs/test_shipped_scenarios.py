"""The shipped scenarios: they load without a complaint, and show what they say."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import asdict, replace

from lab.core.exchange import Request
from lab.identity.clients import DEMO, JANE
from lab.jobs.lint import lint
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario, parse_with_locations
from lab.language.templates import template
from lab.language.values import generate, restore
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.draws import draw_latency
from lab.program.scenario import Scenario
from lab.program.steps import Complete, Failure, Gate, Html, Pause, Work
from lab.program.switches import Switches
from lab.program.words import Verdict
from lab.tui.panes.output import content
from lab.tui.panes.pane import View
from lab.tui.rows.formats import kind, markdown, to_markdown
from lab.tui.state.screen import ScreenState, SourceState
from tests.conftest import each_row
from tests.wire_peer import EPOCH, invoke, read, status, token, token_request

FOLDER = Path(__file__).parents[2] / "scenarios"
NAMES = (
    "anomaly-flag", "bad-line", "broken-tool", "contract-redraft", "heavy-load", "invoice-analysis", "item-comparison",
    "month-end-marathon", "nobody-home", "rejected-discount", "rush-hour", "supplier-onboarding", "three-turns",
    "tomorrow-s-status", "wrong-badge",
)  # fmt: skip
STAGES = ("idle", "token", "invoke", "polling")


def shipped(name: str) -> Scenario:
    return parse_scenario((FOLDER / f"{name}.yaml").read_bytes(), f"{name}.yaml", stem=Path(name).name)


NO_DECISION: dict[str, object] = {"verdict": None, "by": None, "comment": None, "rounds": []}


def names_in(scenario: Scenario, **decision: object) -> Mapping[str, object]:
    """The names of the scenario's first job, its gate decided so."""
    found = re.search(scenario.match or "", scenario.message, re.IGNORECASE)
    drawn = generate(scenario.data, scenario.seed or 0, f"{scenario.name}/1")
    return {
        "message": scenario.message,
        "parameters": scenario.parameters,
        "match": found.groupdict() if found else {},
        "data": restore(scenario.data, drawn, scenario.seed or 0, f"{scenario.name}/1"),
        "decisions": {gate.id: NO_DECISION | decision for gate in scenario.steps if isinstance(gate, Gate)},
    }


def output(scenario: Scenario, ending: str, **decision: object) -> str:
    for step in scenario.steps:
        if isinstance(step, Complete) and step.id == ending:
            text = step.output.html if isinstance(step.output, Html) else step.output
            return template(text).render(names_in(scenario, **decision)) if isinstance(text, str) else ""
        if isinstance(step, Failure) and step.id == ending:
            return template(step.text).render(names_in(scenario, **decision))
    raise AssertionError(ending)


def test_these_are_shipped() -> None:
    assert set(NAMES) == {path.stem for path in FOLDER.glob("*.yaml")}


@each_row("name", NAMES)
def test_each_loads_without_complaint_or_warning(name: str) -> None:
    file = f"{name}.yaml"
    scenario, locations = parse_with_locations((FOLDER / file).read_bytes(), file, stem=Path(name).name)
    assert lint(scenario, file, locations) == ()


def told_of(scenario: Scenario) -> set[str]:
    """The stages that a run of it can come to."""
    kinds: dict[type, str] = {Gate: "waiting", Pause: "waiting", Complete: "complete", Failure: "error"}
    return {*STAGES, *(kinds[type(step)] for step in scenario.steps if type(step) in kinds)}


@each_row("name", NAMES)
def test_each_fits_its_panes_before_the_run(name: str) -> None:
    scenario = shipped(name)
    assert len(scenario.title) <= 40
    assert len(scenario.shows) <= 76
    view = ScreenState(source=SourceState(title=scenario.title, scenario=scenario))
    for inner, rows in ((76, 15), (36, 28)):
        assert len(content(View(view, inner + 4, rows + 2, 0))) <= rows


@each_row("name", NAMES)
def test_questions_take_one_row_and_tables_break_no_cell(name: str) -> None:
    scenario = shipped(name)
    for step in scenario.steps:
        if isinstance(step, Gate):
            assert len(template(step.asks).render(names_in(scenario))) <= 76
        if isinstance(step, Complete):
            text = output(scenario, step.id, verdict="approved", by=None, comment=None)
            page = to_markdown(text) if kind(text) == "HTML" else text
            for table in re.findall(r"(?m)(?:^\|.*\n?)+", page):
                lines = table.strip().split("\n")
                drawn = len(lines) - 2 * (not lines[0].strip("| "))  # a head has a rule below it
                assert len(markdown(table, 36)) == drawn


@each_row("name", NAMES)
def test_each_has_what_a_presenter_needs(name: str) -> None:
    scenario = shipped(name)
    assert scenario.seed == 42
    assert scenario.title
    assert scenario.shows
    assert len(scenario.story) > 200
    assert scenario.latency["token"]
    sentences = [sentence for sentence in asdict(scenario.narration).values() if sentence]
    sentences = [each for one in sentences for each in (one.values() if isinstance(one, dict) else (one,))]
    assert all(getattr(scenario.narration, stage) for stage in told_of(scenario))
    for sentence in sentences:
        assert len(sentence) <= 76
        assert sentence.endswith(".")
        assert "!" not in sentence
        assert not re.search(r"\bwe\b", sentence, re.IGNORECASE)


@each_row("name", NAMES)
def test_the_pace_is_right_for_a_room(name: str) -> None:
    scenario = shipped(name)
    total = 0
    for step in scenario.steps:
        if not isinstance(step, Work):
            break
        total += draw_latency(42, f"{name}/1/{step.id}/takes", step.takes)
    assert 7_000 <= total <= 36_000


def test_the_comparison_is_the_article_s_answer() -> None:
    assert output(shipped("item-comparison"), "answer", verdict="approved", by="buyer", comment=None) == (
        "## M1000034 and M1000040\n"
        "\n"
        "Same category, different terms.\n"
        "\n"
        "| | IMO | SBI |\n"
        "|---|---|---|\n"
        "| Category | Bearings | Bearings |\n"
        "| Status | Active | Active |\n"
        "| Lead time | 14 days | **8 days** |\n"
        "| On hand | 38 | **140** |\n"
        "| Price, EUR | **21.53** | 23.21 |\n"
        "\n"
        "Prices agreed with *Williams, Herrera and White*.\n"
        "\n"
        "**M1000034** is cheaper, **M1000040** comes sooner.\n"
    )


def test_the_comparison_gates_on_the_buyer() -> None:
    scenario = shipped("item-comparison")
    (gate,) = (step for step in scenario.steps if isinstance(step, Gate))
    assert (scenario.agent.code, scenario.agent.version) == ("ITEM_COMPARE_TEAM", 13)
    assert scenario.message == "Compare M1000034 of org IMO and M1000040 of Org SBI"
    assert (gate.id, gate.channel, gate.patience, gate.rounds) == ("buyer-approval", "CHAT", 900_000, 3)
    assert gate.verdicts.changes_requested == "fetch"
    assert template(gate.asks).render(names_in(scenario)) == (
        "Share the prices agreed with the supplier, Williams, Herrera and White?"
    )


@pytest.mark.parametrize("ending", ["answer", "decline"])
def test_the_comparison_that_is_made_anew_says_what_was_asked_for(ending: str) -> None:
    scenario = shipped("item-comparison")
    (gate,) = (step for step in scenario.steps if isinstance(step, Gate))
    wish = {"verdict": "changes-requested", "comment": "Leave out SBI"}
    question = template(gate.asks).render(names_in(scenario, **wish, rounds=[wish]))
    assert question == "Compared anew. Share the prices agreed with the supplier, Williams, Herrera and White?"
    approval = {"verdict": "approved", "comment": None, "by": None}
    text = output(scenario, ending, **approval, rounds=[wish, approval])
    assert text.count("\n\n> Compared anew, as the buyer asked: Leave out SBI\n\n|") == 1
    assert "anew" not in output(scenario, ending, **approval, rounds=[approval])


def test_the_comparison_without_prices_shows_none() -> None:
    text = output(shipped("item-comparison"), "decline", verdict="rejected", by=None, comment="Not this week.")
    assert "Price" not in text
    assert "Williams" not in text
    assert text.endswith("> Not this week.\n")


def test_the_invoice_s_analysis_is_json_in_a_string_and_its_sums_are_right() -> None:
    answer = json.loads(output(shipped("invoice-analysis"), "answer"))
    lines = answer["lines"]
    assert answer["invoice"] == "INV-204817"
    assert answer["total"] == pytest.approx(sum(line["quantity"] * line["unitPrice"] for line in lines))
    assert answer["overcharged"] == pytest.approx(sum(line["difference"] for line in lines))
    assert not any(isinstance(step, Gate) for step in shipped("invoice-analysis").steps)


def test_the_rejected_discount_is_a_complete_that_gives_the_reason() -> None:
    scenario = shipped("rejected-discount")
    (gate,) = (step for step in scenario.steps if isinstance(step, Gate))
    assert gate.verdicts.rejected == "explain"
    assert getattr(gate.reviewer, "verdict", None) == Verdict.REJECTED
    comment = getattr(gate.reviewer, "comment", None)
    assert comment
    assert comment in output(scenario, "explain", verdict="rejected", by="Rebecca Thomas", comment=comment)


def test_nobody_is_home_and_the_error_says_so() -> None:
    scenario = shipped("nobody-home")
    (gate,) = (step for step in scenario.steps if isinstance(step, Gate))
    assert gate.reviewer == "nobody"
    assert gate.patience == 20_000
    assert gate.verdicts.timed_out == "unanswered"
    assert output(scenario, "unanswered") == (
        "The shift lead did not answer within 20 seconds; P-117 stays in service."
    )


def refusal(mock: Service, sent: Request, now: int = 0) -> tuple[int, str]:
    response = mock.serve(sent, now).response
    members = read(response)
    return response.status, str(members.get("error") or members.get("status"))


def test_a_wrong_badge_is_refused_at_each_of_four_doors_and_the_right_one_at_none() -> None:
    scenario = shipped("wrong-badge")
    code, message = scenario.agent.code, {"message": scenario.message}
    config = Config((program_of(scenario),), Switches(), 42, EPOCH, (DEMO,))
    mock = Service(config)
    assert refusal(mock, token_request("client_credentials", scope="urn:opc:resource:consumer::all")) == (
        400,
        "invalid_scope",
    )
    bearer = token(mock)
    assert refusal(mock, invoke(bearer, message, code)) == (403, "FAI-40300")
    assert refusal(mock, invoke(bearer, message, code), 3_600_000) == (401, "FAI-40100")
    drafted = replace(scenario, agent=replace(scenario.agent, published=False))
    unpublished = Service(replace(config, scenarios=(program_of(drafted),)))
    assert refusal(unpublished, invoke(token(unpublished), message, code)) == (404, "FAI-40400")
    manager = Service(replace(config, accounts=(replace(JANE, roles=scenario.agent.roles),)))
    granted = read(manager.serve(token_request("password", username=JANE.name, password=JANE.password), 0).response)
    job = read(manager.serve(invoke(str(granted["access_token"]), message, code), 0).response)["jobId"]
    done = read(manager.serve(status(str(granted["access_token"]), str(job), code), 60_000).response)
    assert "**Ready for payment**" in str(done["output"])


@pytest.mark.parametrize("name", ["two-turns", "odd-output"])
def test_a_message_that_lost_its_conversation_is_told_from_a_first_one(name: str) -> None:
    scenario = shipped(f"rehearsal/{name}")
    first, *later = (each.message for each in scenario.user_messages)
    assert scenario.match and re.search(scenario.match, first, re.IGNORECASE)
    assert not any(re.search(scenario.match, each, re.IGNORECASE) for each in later)
    assert all(
        turn.match and re.search(turn.match, each, re.IGNORECASE)
        for turn, each in zip(scenario.turns, later, strict=True)
    )
