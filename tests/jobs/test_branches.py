"""Branches: which one is taken, by lot, by condition and by verdict; and what a branch leaves alone."""

from collections import Counter
from itertools import islice
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.core.errors import ScenarioError
from lab.identity.clients import JANE, Account
from lab.jobs.branches import possible, reachable
from lab.jobs.facts import GateOpened, derived
from lab.jobs.gates import Decision
from lab.jobs.lint import lint
from lab.jobs.own_run import own_plans
from lab.jobs.plan import JobUser, Plan, settle_draws
from lab.jobs.program import Program, program_of
from lab.jobs.texts import status_texts
from lab.jobs.timeline import UNWRITTEN, spans
from lab.language.parse import parse_with_locations
from lab.language.shape import parsed
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.program.steps import Branch
from lab.program.switches import Switches
from lab.program.words import Verdict
from lab.tui.state.course import planned_course
from tests.conftest import each_row
from tests.lab_strategies import planned, scenarios
from tests.wire_peer import EPOCH, invoke, read, token, token_request

ENDINGS: list[dict[str, object]] = [{"complete": name, "output": name.upper()} for name in "abcd"]


def program(*steps: dict[str, object], **members: object) -> Program:
    document = {"lab": 1, "name": "fork", "title": "F", "agent": {"code": "F"}, "ask": "go", **members}
    return program_of(parsed(Scenario, {**document, "steps": [*steps, *ENDINGS]}))


def forked(*branches: dict[str, object], **members: object) -> Program:
    return program({"work": "w", "takes": "1s", "next": list(branches)}, **members)


def asked_with(plan: Plan, **parameters: object) -> Plan:
    call = plan.invocation
    return replace(plan, invocation=replace(call, input=replace(call.input, parameters=parameters)))


def path(plan: Plan, *decisions: Decision) -> list[str]:
    return [span.id for span in spans(plan, decisions)]


BIG = {"when": "{{ parameters.amount > 1000 }}", "to": "b"}


@each_row(
    ("lot", "amount", "end"),
    [
        (0, 1, "a"), (199_999, 1, "a"), (200_000, 1, "c"), (499_999, 1, "c"), (500_000, 1, "d"), (999_999, 1, "d"),
        (0, 1001, "a"), (199_999, 1001, "a"), (200_000, 1001, "b"), (999_999, 1001, "b"),
    ],
)  # fmt: skip
def test_the_first_branch_that_fits_is_taken_and_chances_lie_end_to_end(lot: int, amount: int, end: str) -> None:
    fork = forked({"chance": "20%", "to": "a"}, BIG, {"chance": "30%", "to": "c"}, {"to": "d"})
    plan = asked_with(replace(planned(fork), drawn={"w/next": lot}), amount=amount)
    assert path(plan) == ["w", end]


def test_what_a_condition_stands_before_it_wins() -> None:
    fork = forked(BIG, {"chance": "100%", "to": "c"}, {"to": "d"})
    ends = {amount: path(asked_with(planned(fork), amount=amount))[-1] for amount in (1000, 1001)}
    assert ends == {1000: "c", 1001: "b"}


def test_where_none_fits_the_next_in_order_follows() -> None:
    assert path(asked_with(planned(forked(BIG)), amount=1)) == ["w", "a"]


GATE: dict[str, object] = {"gate": "g", "asks": "?", "patience": "10s"}
LATER = {"when": "{{ decisions.g.comment == 'later' }}", "to": "c"}


@each_row(
    ("gate", "verdict", "comment", "end"),
    [
        ({"verdicts": {"approved": [LATER]}}, "approved", "later", "c"),
        ({"verdicts": {"approved": [LATER]}}, "approved", None, "a"),
        ({"verdicts": {"approved": [LATER]}, "next": "d"}, "approved", None, "d"),
        ({"verdicts": {"approved": [LATER]}, "next": [{"chance": "100%", "to": "b"}]}, "approved", None, "b"),
        ({"next": [LATER]}, "approved", "later", "c"),
        ({"verdicts": {"rejected": [LATER]}}, "rejected", "later", "c"),
        ({"verdicts": {"rejected": [LATER]}}, "rejected", "never", "g"),  # as without an entry: the default ending
        ({"verdicts": {"changes-requested": [LATER, {"to": "g"}]}, "rounds": 1}, "changes-requested", "later", "c"),
    ],
)
def test_a_verdict_leads_to_the_first_branch_that_fits_and_its_decision_is_known_then(
    gate: dict[str, object], verdict: str, comment: str | None, end: str
) -> None:
    plan = planned(program({**GATE, **gate}), at=0)
    assert path(plan, Decision(1_000, "g", 0, Verdict(verdict), comment=comment))[-1] == end


def test_a_list_of_changes_requested_leads_back_by_rounds_and_its_condition_sees_the_last_comment() -> None:
    gate = {**GATE, "verdicts": {"changes-requested": [LATER, {"to": "g"}]}, "rounds": 2}
    plan = planned(program(gate), at=0)
    votes = [
        Decision(1_000 * (n + 1), "g", n, Verdict.CHANGES, comment=text)
        for n, text in enumerate(["so", "later", "late"])
    ]
    assert path(plan, *votes) == ["g", "g", "c"]
    assert path(plan, votes[0], replace(votes[1], comment="so"), votes[2]) == [
        "g",
        "g",
        "g",
        "g",
    ]  # the rounds are over


def test_what_an_opening_comes_to_if_nobody_acts_is_said_of_its_branch() -> None:
    first = {"gate": "f", "asks": "?", "patience": "5s", "reviewer": {"after": "1s", "verdict": "approved"}}
    known = "{{ decisions.g.verdict == 'timed-out' and decisions.f.verdict == 'approved' }}"
    gate = {**GATE, "verdicts": {"timed-out": [{"when": known, "to": "b"}]}}
    facts = derived(planned(program(first, gate), at=0), (), 1_000).facts
    assert [fact.otherwise.to for fact in facts if isinstance(fact, GateOpened)] == ["WAITING", "COMPLETE"]


def test_the_plans_of_the_own_messages_hold_what_is_sent_with_them() -> None:
    more = {"ask": {"message": "more"}, "steps": [{"work": "v", "takes": "1s", "next": [BIG]}, *ENDINGS[:2]]}
    fork = forked(BIG, {"to": "a"}, ask={"message": "go", "parameters": {"amount": 2000}}, turns=[more])
    assert [path(plan)[-1] for plan in own_plans(fork, 7)] == ["b", "b"]  # a later turn has the parameters of the first
    assert [step.name for step in planned_course(fork.scenario, 7, 1)] == ["w", "b"]


def test_each_visit_has_a_lot_of_its_own_and_each_job() -> None:
    loop = program(
        {"work": "w", "takes": "1s", "next": [{"chance": "50%", "to": "v"}, {"to": "u"}]},
        {"work": "u", "takes": "1s"},
        {"wait": "v", "takes": "1s", "again": {"to": "w", "rounds": 40}},
    )
    plan = planned(loop)
    assert 10 < path(plan).count("u") < 31
    assert path(plan) != path(planned(loop, ordinal=2))
    assert plan.lot("w", 0) == settle_draws(loop, 7, 1)["w/next"] != plan.lot("w", 1)


def test_the_lot_stands_among_the_draws_and_wins() -> None:
    fork = forked({"chance": "20%", "to": "a"}, {"to": "b"})
    drawn = settle_draws(fork, 7, 1)
    assert list(drawn) == ["w/next"]
    assert settle_draws(forked(BIG), 7, 1) == {}
    ends = {path(replace(planned(fork, seed), drawn={"w/next": 3}))[-1] for seed in range(20)}
    assert ends == {"a"}


def test_one_lot_is_pinned_for_a_change_would_break_every_recording() -> None:
    assert planned(forked({"chance": "20%", "to": "a"}), 42).lot("w", 0) == 326_162


@given(scenarios(), st.integers(0, 2**40), st.integers(1, 5))
def test_an_added_branch_moves_no_other_draw(fork: Program, seed: int, ordinal: int) -> None:
    first, *others = fork.scenario.steps
    branch = (parsed(Branch, {"chance": "10%", "to": "done"}),)
    more = program_of(replace(fork.scenario, steps=(replace(first, next=branch), *others)))
    before, after = settle_draws(fork, seed, ordinal), settle_draws(more, seed, ordinal)
    assert {name: after[name] for name in before if name in after} == {
        name: drawn for name, drawn in before.items() if name in after
    }
    assert set(after) - set(before) <= {f"{first.id}/next"}
    plans = planned(fork, seed, ordinal=ordinal), planned(more, seed, ordinal=ordinal)
    for name, step in fork.steps.items():
        for visit in range(3) if hasattr(step, "takes") else ():
            one, other = ((each.takes(name, visit), each.lot(name, visit)) for each in plans)
            assert one == other


# Shares


@each_row("seed", range(1, 21))
def test_shares_agree_with_the_written_chances(seed: int) -> None:
    fork = forked({"chance": "20%", "to": "a"}, {"chance": "30%", "to": "b"}, {"to": "c"})
    count = 400
    ends = Counter(path(planned(fork, seed, ordinal=ordinal))[-1] for ordinal in range(1, count + 1))
    stated = {"a": 0.2 * count, "b": 0.3 * count, "c": 0.5 * count}
    chi_square = sum((ends[name] - share) ** 2 / share for name, share in stated.items())
    assert exp(-chi_square / 2) >= 0.001  # the tail of chi-square with two degrees of freedom


# Conditions


@each_row(
    ("when", "end"),
    [
        ("{{ message == 'go' and turn == 1 }}", "b"),
        ("{{ user is none }}", "b"),
        ("{{ data.price * 2 == 5 }}", "b"),
        ("{{ conversation.turns | length > 0 }}", "a"),
        ("{{ match.what is defined and match.what == 'go' }}", "b"),
        ("{{ parameters.amount > 1 }}", "w"),
        ("{{ parameters }}", "w"),
        ("{{ data.price }}", "w"),
    ],
)
def test_a_condition_sees_what_texts_see_and_one_without_an_answer_ends_the_job(when: str, end: str) -> None:
    price = {"between": [2.5, 2.5], "decimals": 2}
    plan = planned(forked({"when": when, "to": "b"}, match="(?P<what>go)", data={"price": price}))
    *_, last = spans(plan, ())
    state = status_texts(plan, last, EPOCH, Switches())
    assert last.id == end and (state.error == UNWRITTEN) is (end == "w") is (state.status == "ERROR")


SORTED = "(message | list | sort | length)"


@pytest.mark.parametrize("later", [False, True])
def test_all_conditions_of_a_walk_have_the_steps_of_one(later: bool) -> None:
    # each of them alone has an answer; a look at a job takes no longer for a list of fifty
    first = "decisions.g.comment == '' and " if later else ""
    branches = [{"when": f"{{{{ {first}{SORTED} == {number} }}}}", "to": "b"} for number in range(40)]
    gate = {"gate": "g", "asks": "Q", "patience": "1m", "reviewer": {"after": "1s", "verdict": "approved"}}
    ends = {}
    for many in (2, 40):
        fork = program(gate, {"work": "w", "takes": "1s", "next": branches[:many]})
        mock = Service(Config((fork,), Switches(), 7, EPOCH))
        reply = mock.serve(invoke(token(mock), {"message": "x" * 3_000}, "F"), 0).response
        plan = planned(fork)
        call = replace(plan.invocation, input=replace(plan.invocation.input, message="x" * 3_000))
        ends[many] = reply.status, path(replace(plan, invocation=call))[-1]
        assert len({path(replace(plan, invocation=call))[-1] for _ in range(3)}) == 1
    assert ends[2] == (202, "a")
    assert ends[40] == (202 if later else 503, "w")


MARIA = Account("maria", "lab-password-maria", "Maria Moser", ("BUYER",))
BUYERS: list[dict[str, object]] = [
    {"work": "w", "takes": "1s", "next": [{"when": "{{ user is not none and 'BUYER' in user.roles }}", "to": "b"}]},
    {"complete": "end", "output": "Who are you?"},
]


def test_a_condition_sees_whose_token_it_is() -> None:
    fork = program(*BUYERS, {"complete": "hello", "output": "{{ user.name }}"})
    mock = Service(Config((fork,), Switches(), 42, EPOCH, accounts=(MARIA, JANE)))
    bearers = [token(mock)]
    for account in mock.config.identity.accounts:
        request = token_request("password", username=account.name, password=account.password)
        bearers.append(str(read(mock.serve(request, 0).response)["access_token"]))
    found: list[tuple[str | None, str]] = []
    for bearer in bearers:
        job = str(read(mock.serve(invoke(bearer, {"message": "go"}, "F"), 0).response)["jobId"])
        view = mock.look(job, 2_000)
        assert view is not None
        user = view.plan.invocation.user
        found.append((None if user is None else user.name, view.span.id))
    assert found == [(None, "end"), ("maria", "b"), ("jane", "end")]


def test_what_a_condition_asks_for_first_need_not_be_there_and_what_fails_at_once_is_refused() -> None:
    guarded = {"when": "{{ parameters.amount is defined }}", "to": "b"}
    steps = [
        {"work": "w", "takes": "1s", "next": [guarded, {"to": "a"}]},
        {"complete": "b", "output": "{{ parameters.amount }}"},
    ]
    document = {"lab": 1, "name": "f", "title": "F", "agent": {"code": "F"}, "ask": "go"}
    fine = {**document, "steps": [*steps, ENDINGS[0]]}
    fails = {**document, "steps": [{"work": "w", "takes": "1s", "next": [{"when": "{{ parameters.amount > 1 }}", "to": "a"}]}, ENDINGS[0]]}  # fmt: skip
    for body, statuses in (
        ({"message": "go"}, [202, 503]),
        ({"message": "go", "parameters": {"amount": 3}}, [202, 202]),
    ):
        mocks = [Service(Config((program_of(parsed(Scenario, each)),), Switches(), 1, EPOCH)) for each in (fine, fails)]
        assert [mock.serve(invoke(token(mock), body, "F"), 0).response.status for mock in mocks] == statuses
    refused = mocks[1].serve(invoke(token(mocks[1]), {"message": "go"}, "F"), 0).response
    assert b"{{ parameters.amount > 1 }} has no answer: there is no amount here" in refused.body


# What is said of a list


def written(*branches: str, more: str = "") -> str:
    lines = "".join(f"      - {branch}\n" for branch in branches)
    return (
        "lab: 1\nname: fork\ntitle: F\nagent: {code: F}\nask: {message: go, parameters: {amount: 5}}\n"
        f"steps:\n  - work: w\n    takes: 1s\n    next:\n{lines}  - {{complete: a, output: A}}\n"
        f"  - {{complete: b, output: \"{{{{ user.name if user is not none else '-' }}}}\"}}\n{more}"
    )


@each_row(
    ("branch", "complaint"),
    [
        ('{when: "{{ 1 + 1 }}", to: b}', "10:16: steps[0].next[0].when: is neither true nor false; compare it, as {{ parameters.amount > 1000 }}"),
        ("{when: parameters.amount > 3, to: b}", "10:16: steps[0].next[0].when: is no condition; write {{ parameters.amount > 3 }}"),
        ('{when: "{{ now > \'2026\' }}", to: b}', "10:16: steps[0].next[0].when: now is not known here; known here: client conversation data decisions delegates job match message parameters turn user"),
        ('{when: "{{ user.rolls == 1 }}", to: b}', "10:16: steps[0].next[0].when: user has no rolls; did you mean roles?"),
        ('{when: "{{ turn == 1 }}", chance: 5%, to: b}', "10:9: steps[0].next[0]: a branch has a when or a chance, not both; give one of them a step of its own"),
        ("{chance: 120%, to: b}", "10:18: steps[0].next[0].chance: must be more than 0% and at most 100%"),
        ("{chance: 20, to: b}", "10:18: steps[0].next[0].chance: is written 5% or 0.5%; this is 20, write 20%"),
        ("{chance: 5%, to: bb}", "10:26: steps[0].next[0].to: there is no step bb; did you mean b?"),
        ("{to: w}", "10:14: steps[0].next[0].to: leads to its own step; only changes-requested and again may lead back"),
        ("{too: b}", "10:10: steps[0].next[0]: unknown key too; did you mean to?"),
        ("{chance: 60%, to: a}\n      - {chance: 50%, to: b}", "11:18: steps[0].next[1].chance: the chances come to 110%, 100% at most; what is left is taken by a last {to: STEP}"),
    ],
)  # fmt: skip
def test_a_list_that_can_not_be_is_complained_of(branch: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_with_locations(written(branch), "fork.yaml")
    assert [str(each) for each in caught.value.complaints] == [f"fork.yaml:{complaint}"]


def test_where_changes_are_asked_for_some_branch_is_taken() -> None:
    gate = "  - {gate: g, asks: Q, patience: 1m, verdicts: {changes-requested: [{chance: 5%, to: g}]}}\n"
    with pytest.raises(ScenarioError) as caught:
        parse_with_locations(written("{to: a}").replace("  - {complete: a", gate + "  - {complete: a"), "fork.yaml")
    (complaint,) = caught.value.complaints
    assert complaint.what.endswith("where changes are asked for, some branch must be taken")
    assert complaint.hint == "end the list with {to: STEP}"


@each_row(
    ("branches", "warnings"),
    [
        (['{when: "{{ parameters.amount > 1000 }}", to: b}'], []),
        (["{chance: 20%, to: b}"], []),
        (["{to: b}", "{chance: 5%, to: a}"], ["11:9: the branch to a is never taken: those before it leave nothing over", "12:5: no path leads to a"]),
        (["{chance: 100%, to: b}", "{to: a}"], ["11:9: the branch to a is never taken: those before it leave nothing over",
                                                "12:5: no path leads to a"]),
        (['{when: "{{ turn > 1 }}", to: b}'] * 2, ["11:9: the branch to b is never taken: those before it leave nothing over"]),
        (["{when: \"{{ 'X' in user.roles }}\", to: b}"], ["10:16: steps[0].next[0].when: has no answer without a user: there is no roles here"]),
        (['{when: "{{ parameters.limit > 3 }}", to: b}'], ["10:16: steps[0].next[0].when: has no answer: there is no limit here"]),
        (['{when: "{{ parameters.amount or user }}", to: b}'], ["10:16: steps[0].next[0].when: has no answer: 5 is neither true nor false"]),
        (['{when: "{{ message > 3 }}", to: b}'], ["10:16: steps[0].next[0].when: has no answer: it compares a text with a number"]),
        (['{when: "{{ user.display if user is not none else true }}", to: b}'],
         ['10:16: steps[0].next[0].when: has no answer for a user with the roles (none): "Jane" is neither true nor false']),
        (['{when: "{{ user is none or user.roles | first }}", to: b}'],
         ["10:16: steps[0].next[0].when: has no answer for a user with the roles (none): No first item, sequence was empty"]),
    ],
)  # fmt: skip
def test_a_list_that_is_not_meant_so_is_warned_of(branches: list[str], warnings: list[str]) -> None:
    scenario, locations = parse_with_locations(written(*branches), "fork.yaml")
    found = [str(each).partition("; ")[0] for each in lint(scenario, "fork.yaml", locations)]
    assert found == [f"fork.yaml:{each}" for each in warnings]


def test_of_a_list_without_end_the_next_in_order_is_possible_too() -> None:
    fork = forked({"chance": "50%", "to": "b"}, {"when": "{{ turn > 1 }}", "to": "c"}, {"chance": "50%", "to": "d"})
    assert [branch.to for branch in possible(fork.ways["w"]["next"])] == ["b", "c", "d"]
    assert reachable(fork) == {"w", "b", "c", "d"}
    assert reachable(fork, lambda when: False) == {"w", "b", "d"}
    assert reachable(forked(BIG), lambda when: True) == {"w", "b"}
    assert list(islice(forked(BIG).lots, 1)) == [] and forked(BIG).conditional and not forked({"to": "a"}).conditional


def test_users_are_seen_with_their_roles() -> None:
    fork = forked({"when": "{{ user.roles | length == 1 and user.display == 'Ann' }}", "to": "b"})
    plan = planned(fork)
    plan = replace(plan, invocation=replace(plan.invocation, user=JobUser("ann", "Ann", ("X",))))
    assert path(plan) == ["w", "b"]
