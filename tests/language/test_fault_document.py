"""`faults` as authors write them: what loads, what is refused and why, what can't strike."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.errors import ScenarioError
from lab.jobs.lint import lint
from lab.language.fault import fault_document
from lab.language.parse import parse_scenario, parse_with_locations
from lab.language.shape import json_schema, parsed
from lab.program.faults import Calls, Fault, fault_names
from lab.program.routes import FAULT_ROUTES, OF_A_JOB, WITHOUT_BEARER
from lab.program.scenario import Scenario
from tests.conftest import each_row

HEAD = """\
lab: 1
name: a
title: A
agent: {code: A}
ask: x
steps:
  - {work: w, takes: 1s, next: end}
  - {work: lonely, takes: 1s}
  - {work: blink, takes: 0ms}
  - {complete: end, output: done}
faults:
"""


def document(*faults: str) -> str:
    return HEAD + "".join(f"  - {{{fault}}}\n" for fault in faults)


def load(*faults: str) -> tuple[Fault, ...]:
    return parse_scenario(document(*faults), "a.yaml").faults


@each_row(
    "fault",
    [
        "route: status, calls: 2, answer: 503, retry_after: 2s",
        "route: status, answer: 429, retry_after: {date: 2s}",
        'route: status, answer: 429, retry_after: {text: "1.5"}',
        "route: status, answer: 200, body: html",
        "route: stream, calls: every 3, chance: 5%, strike: reset",
        "route: status, step: w, after: 5s, delay: 10s",
        "route: token, answer: 400, error: invalid_scope",
        "route: token, odd_body: true, omit: [expires_in]",
        "route: status, status_word: QUEUED_V2",
        "route: invoke, expire_token: true",
        "route: invoke, expire_token: true, answer: 401",
        "route: jwks, expire_token: true",
        "route: invoke, redirect: same, delay: 1s",
        "route: status, calls: 2, redirect: other",
        "route: invoke, lose_reply: true",
        "route: invoke, lose_reply: true, answer: 504",
        "route: invoke, lose_reply: true, strike: hang",
    ],
)
def test_what_loads(fault: str) -> None:
    assert len(load(fault)) == 1


NO_BEARER = (
    "faults[0]: expire_token needs a route that takes a bearer, as invoke or status do; none is taken by "
    + ", ".join(each for each in FAULT_ROUTES if each in WITHOUT_BEARER)
)
OF_JOBS = ", ".join(each for each in FAULT_ROUTES if each in OF_A_JOB)


@each_row(
    ("fault", "complaint"),
    [
        ("route: status", "faults[0]: a fault says what goes wrong: one of answer, strike, redirect, status_word, "
         "odd_body, omit, expire_token, lose_reply, delay"),
        ("answer: 503", "faults[0]: route is missing"),
        ("route: stauts, answer: 503",
         "faults[0].route: takes none of that name; did you mean status?"),
        ("route: relay, status_word: X",
         "faults[0]: an answer of relay has no status: status_word needs another route"),
        ("route: authorize, odd_body: true",
         "faults[0]: an answer of authorize has no members: odd_body and omit need another route"),
        ("route: discovery, expire_token: true", NO_BEARER),
        ("route: status, status: 503", "faults[0]: unknown key status; write answer: 503"),
        ("route: status, anwser: 503", "faults[0]: unknown key anwser; did you mean answer?"),
        ("route: status, answer: 503, strike: reset",
         "faults[0]: a fault does one thing; this one has answer and strike"),
        ("route: status, answer: 503, omit: [jobId]",
         "faults[0]: a fault does one thing; this one has answer and omit"),
        ("route: status, redirect: same, status_word: X",
         "faults[0]: a fault does one thing; this one has redirect and status_word"),
        ("route: status, redirect: elsewhere", "faults[0].redirect: takes same or other"),
        ("route: invoke, redirect: same, lose_reply: true",
         "faults[0]: a lost reply never arrives: lose_reply goes alone, or with answer or another strike"),
        ("route: status, calls: two, answer: 503", "faults[0].calls: is written 2, 2-4 or every 3"),
        ("route: status, calls: true, answer: 503", "faults[0].calls: is written 2, 2-4 or every 3"),
        ("route: status, calls: 0, answer: 503", "faults[0].calls: is written 2, 2-4 or every 3"),
        ("route: status, calls: 4-2, answer: 503", "faults[0].calls: the smaller number comes first: write 2-4"),
        ("route: status, answer: 418", "faults[0].answer: takes 200, 400, 401, 403, 404, 429, 500, 502, 503 or 504"),
        ("route: status, answer: 503, retry_after: 2",
         "faults[0].retry_after: a duration needs a unit: write 2s or 2ms"),
        ("route: status, answer: 503, retry_after: 1500ms",
         'faults[0].retry_after: takes whole seconds, as 2s; {text: "1.5"} sends that very text'),
        ("route: status, answer: 503, retry_after: {dat: 2s}",
         "faults[0].retry_after: unknown key dat; did you mean date?"),
        ("route: status, strike: reset, retry_after: 2s",
         "faults[0]: retry_after is of a refusal: add answer: 429 or 503"),
        ("route: status, strike: stal", "faults[0].strike: takes reset, empty, truncate, garbage, stall, slow-body, "
         "hang, wrong-length or close; did you mean stall?"),
        ("route: status, answer: 200",
         "faults[0]: answer: 200 is a login page in place of the answer: add body: html"),
        ("route: status, strike: reset, body: html",
         "faults[0]: body is of an answer: add answer: 503, or whichever"),
        ("route: status, answer: 400, error: x", "faults[0]: error is the code of an OAuth refusal: it needs "
         "route: token, device, introspect or revoke with answer: 400 or 401"),
        ("route: token, answer: 503, step: w",
         "faults[0]: step, after and turn are of a job: they need route: status"),
        ("route: status, answer: 503, job: J", "faults[0]: a fault of a file can't name a job; "
         "arm the fault while the lab runs (lab docs control-plane, §6.2)"),
        ("route: jwks, answer: 503, client: demo",
         "faults[0]: nobody says which client calls jwks: client needs another route"),
        ("route: token, answer: 503, user: jane",
         "faults[0]: user is whose token comes: it needs another route than token, one that takes a bearer"),
        ("route: token, answer: 503, scenario: a", f"faults[0]: scenario is whose job it is: it needs a route of jobs: {OF_JOBS}"),
        ("route: status, answer: 503, scenario: b",
         "faults[0].scenario: the faults of a strike nobody's jobs but its own; leave it out"),
        ("route: status, answer: 503, user: a b",
         "faults[0].user: is without blanks and colons, at most 200 characters"),
        ("route: status, answer: 503, step: ww", "faults[0].step: there is no step ww; did you mean w?"),
        ("route: status, chance: 5, answer: 503", "faults[0].chance: is written 5% or 0.5%; this is 5, write 5%"),
        ("route: status, chance: 0%, answer: 503", "faults[0].chance: must be more than 0% and at most 100%"),
        ("route: status, chance: 101%, answer: 503", "faults[0].chance: must be more than 0% and at most 100%"),
        ("route: status, status_word: COMPLETE",
         "faults[0]: status_word takes an unknown word; COMPLETE is one of the wire's own"),
        ("route: token, status_word: X",
         "faults[0]: an answer of token has no status: status_word needs another route"),
        ("route: status, omit: []", "faults[0].omit: must not be empty"),
        ("route: status, odd_body: false", "faults[0].odd_body: takes true"),
        ("route: status, delay: 0s", "faults[0].delay: must be more than 0"),
        ("route: token, expire_token: true", NO_BEARER),
        ("route: status, expire_token: true, answer: 503",
         "faults[0]: expire_token answers 401 by itself, and does nothing else"),
        ("route: invoke, lose_reply: true, strike: close",
         "faults[0]: a lost reply never arrives: lose_reply goes alone, or with answer or another strike"),
    ],
)  # fmt: skip
def test_what_is_refused(fault: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(fault)
    assert [each.what + (f"; {each.hint}" if each.hint else "") for each in caught.value.complaints] == [complaint]


def test_two_faults_of_one_name() -> None:
    with pytest.raises(ScenarioError) as caught:
        load("name: x, route: status, answer: 503", "name: x, route: token, answer: 503")
    assert str(caught.value) == ("a.yaml:13:12: faults[1].name: a second fault called x; the first is on line 12")


def test_names_say_route_and_what_and_are_numbered() -> None:
    faults = load(
        "route: status, answer: 503", "route: status, answer: 503", "name: status-503-3, route: token, strike: reset",
        "route: status, answer: 503", "route: invoke, lose_reply: true, strike: hang", "route: token, omit: [scope]",
        "route: status, delay: 1s", "route: stream, strike: slow-body",
    )  # fmt: skip
    assert fault_names(faults) == (
        "status-503", "status-503-2", "status-503-3", "status-503-4", "invoke-lose-reply", "token-omit",
        "status-delay", "stream-slow-body",
    )  # fmt: skip
    assert fault_names(faults[:1], taken=("status-503",)) == ("status-503-2",)


@each_row(
    ("written", "struck"),
    [
        ("", [1]),
        ("calls: 3", [3]),
        ("calls: 2-4", [2, 3, 4]),
        ("calls: every 3", [3, 6, 9]),
        ("calls: every 1", [*range(1, 11)]),
        ("chance: 50%", [*range(1, 11)]),
    ],
)
def test_which_calls_are_meant(written: str, struck: list[int]) -> None:
    (fault,) = load(f"route: status, answer: 503, {written}" if written else "route: status, answer: 503")
    assert [call for call in range(1, 11) if fault.numbers.holds(call)] == struck


@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 20))
def test_once_over_no_call_is_struck_and_before_some_call_is(first: int, more: int, counted: int) -> None:
    calls = Calls(first, first + more)
    assert calls.over(counted) == (not any(calls.holds(call) for call in range(counted + 1, 40)))


@each_row(
    ("faults", "warnings"),
    [
        (["route: status, step: lonely, answer: 503"], ["status-503 can't strike: no path leads to lonely"]),
        (["route: status, answer: 503", "route: status, strike: reset"],
         ["status-reset can't strike: status-503 strikes all its calls"]),
        (["route: status, calls: every 1, answer: 503", "route: status, step: w, strike: reset"],
         ["status-reset can't strike: status-503 strikes all its calls"]),
        (["route: status, calls: 1-5, answer: 503", "route: status, calls: 2-6, strike: reset"], []),
        (["route: status, calls: every 2, answer: 503", "route: status, calls: every 4, strike: reset"],
         ["status-reset can't strike: status-503 strikes all its calls"]),
        (["route: status, calls: 2-5, answer: 503", "route: status, calls: 1-4, strike: reset"], []),
        (["route: status, calls: every 2, answer: 503", "route: status, calls: every 3, strike: reset"], []),
        (["route: status, chance: 50%, answer: 503", "route: status, strike: reset"], []),
        (["route: status, answer: 503", "route: invoke, strike: reset"], []),
        (["route: status, answer: 503", "route: status, step: w, strike: reset"], []),
        (["route: status, client: a, answer: 503", "route: status, strike: reset"], []),
        (["route: status, client: a, answer: 503", "route: status, client: b, strike: reset"], []),
        (["route: status, user: a, answer: 503", "route: status, user: a, strike: reset"],
         ["status-reset can't strike: status-503 strikes all its calls"]),
        (["route: status, calls: every 1, answer: 503", "route: status, user: a, strike: reset"],
         ["status-reset can't strike: status-503 strikes all its calls"]),
    ],
)  # fmt: skip
def test_faults_that_can_not_strike_bring_a_warning(faults: list[str], warnings: list[str]) -> None:
    text = document(*faults).replace("  - {work: blink, takes: 0ms}\n", "")
    scenario, locations = parse_with_locations(text, "a.yaml")
    found = [each.what for each in lint(scenario, "a.yaml", locations)]
    assert [each for each in found if "strike" in each] == warnings


def test_a_step_that_takes_no_time_is_never_polled_in() -> None:
    text = document("route: status, step: blink, answer: 503").replace(", next: end", "")
    scenario, locations = parse_with_locations(text, "a.yaml")
    assert [each.what for each in lint(scenario, "a.yaml", locations)] == [
        "status-503 can't strike: blink takes no time"
    ]


def test_the_schema_tells_editors_of_faults() -> None:
    fault = json_schema(Scenario)["definitions"]["Fault"]
    assert set(fault["required"]) == {"route"}
    assert "slow-body" in json.dumps(fault)
    assert fault["additionalProperties"] is False


WRITTEN = [
    "route: status, client: demo, user: jane, scenario: a, answer: 503",
    "route: status, calls: 2, answer: 503, retry_after: 2s", "route: status, answer: 429, retry_after: {date: 1h30m}",
    'route: status, answer: 429, retry_after: {text: "1.5"}', "route: stream, calls: every 3, chance: 0.5%, strike: hang",
    "route: status, calls: 2-4, step: w, after: 5s, delay: 250ms", "route: token, answer: 400, error: invalid_scope",
    "route: token, odd_body: true, omit: [expires_in]", "route: invoke, lose_reply: true, answer: 504, body: empty",
    "route: status, status_word: QUEUED_V2", "name: mine, route: status, expire_token: true, chance: 100%",
]  # fmt: skip


@each_row("fault", WRITTEN)
def test_a_fault_that_is_written_again_is_the_same(fault: str) -> None:
    (read,) = load(fault)
    document = fault_document(read)
    assert parsed(Fault, document) == read
    assert load(json.dumps(document)[1:-1]) == (read,)


TURNS = """\
turns:
  - {ask: more, steps: [{work: again, takes: 1s}, {complete: more, output: x}]}
"""


@pytest.mark.parametrize(
    ("fault", "warnings"),
    [
        ("route: status, step: again, turn: 2, answer: 503", []),
        ("route: status, step: again, answer: 503", []),
        ("route: status, turn: 3, answer: 503", ["status-503 can't strike: the conversation has 2 turns"]),
    ],
)
def test_faults_of_later_turns(fault: str, warnings: list[str]) -> None:
    text = document(fault).replace("faults:", TURNS + "faults:").replace("  - {work: blink, takes: 0ms}\n", "")
    scenario, locations = parse_with_locations(text, "a.yaml")
    found = [each.what for each in lint(scenario, "a.yaml", locations)]
    assert [each for each in found if "strike" in each] == warnings


def test_the_faults_of_the_readme_load() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (block,) = re.findall(r"```yaml\n(faults:\n.*?)```", readme, re.DOTALL)
    assert (
        len(parse_scenario(HEAD.replace("faults:\n", "") + block.replace("step: fetch", "step: w"), "a.yaml").faults)
        == 4
    )
