"""The search: what it proposes, what it makes simpler, and that it is the same each time; clients are functions here."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.faults.yamltext import yaml_text
from lab.jobs.lint import lint
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario, parse_with_locations
from lab.plugins.rehearsal.drills.drills import without_faults
from lab.plugins.rehearsal.drills.places import INVOKE_CALLS, TOKEN_CALLS, HappyPath, PlacedFault, happy_path
from lab.plugins.rehearsal.drills.search import (
    BURST,
    GO_ALONE,
    NO_FAULT,
    Combination,
    FaultSearch,
    Trial,
    kinds_at,
    simpler,
)
from lab.plugins.rehearsal.drills.variants import ScenarioDocument
from tests.conftest import each_row, examples
from tests.plugins.rehearsal.drills.test_drills import ONE_GATE, QUICK, TWO_TURNS

FakeClient = Callable[[Combination], str | None]
"""Which harm it does with these faults."""
HARMS = ("doubled", "lost")


def path_of(document: ScenarioDocument) -> HappyPath:
    return happy_path(program_of(parse_scenario(json.dumps(document), "quick.yaml")), 0)


GATE_PATH, QUICK_PATH = path_of(ONE_GATE), path_of(QUICK)


def tried(search: FaultSearch, client: FakeClient) -> list[tuple[Combination, ...]]:
    """The batches that it proposes to a client which renews refused tokens and sends refused messages again."""
    batches: list[tuple[Combination, ...]] = []
    walk = search.walk()
    batch = next(walk)
    while True:
        batches.append(batch)
        try:
            batch = walk.send([trial(client, each) for each in batch])
        except StopIteration:
            return batches


def trial(client: FakeClient, combination: Combination) -> Trial:
    tokens = 1 + sum(fault.kind == "revoked-token" for fault in combination)
    invokes = 1 + sum(fault.series == INVOKE_CALLS and fault.kind.startswith("429") for fault in combination)
    reached = [
        fault.name
        for fault in combination
        if fault.first <= {TOKEN_CALLS: tokens, INVOKE_CALLS: invokes}.get(fault.series, fault.first)
    ]
    return Trial(client(combination), frozenset(reached), {"token": tokens, "invoke": invokes})


def careful(_: Combination) -> None:
    """Comes through everything."""


def harmed_by(kind: str, route: str, times: int = 1, harm: str = "lost") -> FakeClient:
    """By so many in a row of one kind."""
    return lambda faults: harm if any(harms(fault, kind, route, times) for fault in faults) else None


def harms(fault: PlacedFault, kind: str, route: str, times: int) -> bool:
    return (fault.kind, fault.series.route) == (kind, route) and fault.count >= times


def flat(batches: list[tuple[Combination, ...]]) -> Iterator[Combination]:
    return (each for batch in batches for each in batch)


@each_row("route", ["invoke", "status"])
def test_every_kind_is_tried_by_itself_before_the_runs_are_half_over(route: str) -> None:
    for kind in kinds_at(route):
        search = FaultSearch(GATE_PATH, 0, ("lost",), 200, 8)
        tried(search, harmed_by(kind, route))
        assert len(search.trials) < 100
        (fault,) = search.found["lost"].combination
        assert (fault.kind, fault.series.route, fault.count, search.found["lost"].simplest) == (kind, route, 1, True)


def test_a_number_of_failures_in_a_row_is_found_and_made_the_least() -> None:
    for times in range(1, BURST + 1):
        search = FaultSearch(GATE_PATH, 3, ("lost",), 200, 8)
        tried(search, harmed_by("503", "status", times))
        assert [fault.count for fault in search.found["lost"].combination] == [times]


def test_a_plainer_kind_takes_the_place_of_another_that_does_the_same() -> None:
    search = FaultSearch(QUICK_PATH, 0, ("lost",), 100, 8)
    tried(search, lambda faults: "lost" if any(fault.series.route == "status" for fault in faults) else None)
    assert [(fault.kind, fault.count) for fault in search.found["lost"].combination] == [("503", 1)]


def renewal_fails(faults: Combination) -> str | None:
    """Begins anew where it gets no new token for one that was refused."""
    routes = [(fault.series.route, fault.kind, fault.first) for fault in faults]
    refused = any(kind == "revoked-token" for _, kind, _ in routes)
    return "doubled" if refused and any(route == "token" and first == 2 for route, _, first in routes) else None


def refused_and_lost(faults: Combination) -> str | None:
    """Sends a message again that was refused, and then believes that it may do so always."""
    kinds = {fault.first: fault.kind for fault in faults if fault.series == INVOKE_CALLS}
    return "doubled" if "429" in kinds.get(1, "") and "lose-reply" in kinds.get(2, "") else None


def fails_again(faults: Combination) -> str | None:
    """Takes garbage for the end where the call before had failed, too."""
    polls = [fault for fault in faults if fault.series.route == "status"]
    again = any(one.last + 1 == two.first and two.kind == "garbage" for one in polls for two in polls)
    return "doubled" if again else None


@pytest.mark.long
@pytest.mark.parametrize("client", [renewal_fails, refused_and_lost, fails_again])
@pytest.mark.parametrize("seed", range(5))
def test_two_faults_that_do_harm_only_together_are_found(client: FakeClient, seed: int) -> None:
    search = FaultSearch(QUICK_PATH, seed, ("doubled",), 200, 8)
    tried(search, client)
    found = search.found["doubled"]
    assert (len(found.combination), found.simplest, client(found.combination)) == (2, True, "doubled")


def test_what_never_strikes_is_combined_with_nothing() -> None:
    search = FaultSearch(GATE_PATH, 0, HARMS, 200, 8)
    walk = search.walk()
    batch = next(walk)
    with suppress(StopIteration):
        while True:
            reached = [[fault.name for fault in each if fault.series.label != "poll-2"] for each in batch]
            batch = walk.send([Trial(None, frozenset(names), {"token": 1, "invoke": 1}) for names in reached])
    together = [fault for each in search.trials if len(each) > 1 for fault in each]
    assert {fault.series.label for fault in together} == {"invoke", "poll-1", "poll-3", "poll-4", "token"}
    assert not [fault for fault in together if fault.kind in GO_ALONE]


def test_making_it_simpler_stays_within_the_runs_too() -> None:
    unfinished = 0
    for runs in range(1, 60, 4):
        search = FaultSearch(QUICK_PATH, 0, HARMS, runs, 8)
        tried(search, lambda faults: "lost" if len(faults) == 3 else None)
        assert len(search.trials) <= runs
        unfinished += any(not found.simplest for found in search.found.values())
    assert unfinished


def test_faults_that_do_the_same_are_one() -> None:
    assert "revoked-token" in kinds_at("status") and "expired-token" not in kinds_at("status")


def test_the_search_goes_on_for_the_other_harm() -> None:
    search = FaultSearch(QUICK_PATH, 0, HARMS, 200, 8)
    lost, doubled = harmed_by("reset", "status"), harmed_by("lose-reply-504", "invoke", harm="doubled")
    batches = tried(search, lambda faults: doubled(faults) or lost(faults))
    assert {harm: found.combination[0].kind for harm, found in search.found.items()} == {
        "lost": "reset",
        "doubled": "lose-reply-504",
    }
    assert len(search.trials) < 200 and len([*flat(batches)]) == len(search.trials)


def test_harms_that_show_side_by_side_are_both_made_simpler_before_anything_else_is_tried() -> None:
    search = FaultSearch(QUICK_PATH, 0, HARMS, 200, 100)
    lost, doubled = harmed_by("reset", "status"), harmed_by("lose-reply-504", "invoke", harm="doubled")
    tried(search, lambda faults: doubled(faults) or lost(faults))
    assert search.found.keys() == {*HARMS} and not [each for each in search.trials if len(each) > 1]


def test_what_holds_a_combination_that_does_harm_is_tried_no_more() -> None:
    search = FaultSearch(QUICK_PATH, 0, HARMS, 200, 1)
    tried(search, harmed_by("503", "status"))
    (fault,) = search.found["lost"].combination
    place = [*search.trials].index((fault,))
    assert not [each for each in [*search.trials][place + 1 :] if any(mine.holds(fault) for mine in each)]


def test_what_does_harm_alone_is_tried_with_no_other() -> None:
    search = FaultSearch(QUICK_PATH, 0, HARMS, 200, 8)
    tried(search, harmed_by("429", "invoke"))
    pairs = [each for each in search.trials if len(each) > 1]
    assert pairs and not [each for each in pairs if any(harms(fault, "429", "invoke", 1) for fault in each)]


def test_what_is_lost_without_a_fault_needs_no_search() -> None:
    search = FaultSearch(QUICK_PATH, 0, HARMS, 200, 8)
    assert tried(search, lambda _: "lost") == [(NO_FAULT,)]
    assert (search.found["lost"].combination, search.found["lost"].simplest) == (NO_FAULT, True)


def test_a_careful_client_gets_all_runs_and_of_each_size_some() -> None:
    search = FaultSearch(GATE_PATH, 0, HARMS, 200, 8)
    batches = tried(search, careful)
    assert len(search.trials) == 200 and search.found == {}
    sizes = [len(each) for each in flat(batches)]
    assert sizes == sorted(sizes) and [sizes.count(size) for size in range(4)] == [1, 99, 66, 34]


@st.composite
def clients(draw: st.DrawFn) -> FakeClient:
    """Harmed by one fault, or by two together, of whatever kinds."""
    route = st.sampled_from(["invoke", "status"])
    causes = [
        (kind, at, draw(st.integers(1, BURST)))
        for at in draw(st.lists(route, min_size=1, max_size=2))
        for kind in (draw(st.sampled_from([*kinds_at(at)])),)
    ]
    harm = draw(st.sampled_from(HARMS))
    return lambda faults: harm if all(any(harms(each, *cause) for each in faults) for cause in causes) else None


@given(clients(), st.integers(0, 99), st.integers(1, 120), st.integers(1, 16))
@examples(8, thorough=500)
def test_what_holds_of_every_search(client: FakeClient, seed: int, runs: int, width: int) -> None:
    search = FaultSearch(GATE_PATH, seed, HARMS, runs, width)
    batches = tried(search, client)
    every = [*flat(batches)]
    assert len(every) == len(set(every)) == len(search.trials) <= runs
    assert all(0 < len(batch) <= width for batch in batches)
    assert not any(one.meets(two) for each in every for one in each for two in each if one is not two)
    for harm, found in search.found.items():
        assert client(found.combination) == harm
        assert not found.simplest or all(client(each) != harm for each in simpler(found.combination))
    again = FaultSearch(GATE_PATH, seed, HARMS, runs, width)
    assert tried(again, client) == batches and again.found.keys() == search.found.keys()


@each_row("document", [QUICK, TWO_TURNS])
def test_what_is_proposed_is_a_scenario_whose_faults_can_strike(document: ScenarioDocument) -> None:
    every = flat(tried(FaultSearch(path_of(document), 0, HARMS, 120, 8), careful))
    for combination in [*every][1::3]:
        text = yaml_text(
            {**without_faults(document), "faults": [{"name": fault.name, **fault.document()} for fault in combination]}
        )
        scenario, places = parse_with_locations(text, "quick.yaml")
        assert [fault.name for fault in scenario.faults] == [fault.name for fault in combination]
        assert not [each.what for each in lint(scenario, "quick.yaml", places) if "can't strike" in each.what]


def test_spans_that_begin_at_once_are_one_place() -> None:
    steps = [{"work": "none", "takes": "0s"}, *QUICK["steps"]]  # type: ignore[misc]
    path = path_of({**QUICK, "steps": steps})  # type: ignore[dict-item]
    assert len(path.spans) == 3
    assert [each.label for each in (TOKEN_CALLS, INVOKE_CALLS, *path.polls(within=False))] == [
        "token",
        "invoke",
        "poll-1",
        "poll-3",
    ]


def test_with_a_family_only_its_faults_strike() -> None:
    every = flat(tried(FaultSearch(GATE_PATH, 0, HARMS, 60, 8, families=("V",)), careful))
    kinds = {fault.kind for each in every for fault in each}
    assert kinds == {"lose-reply-reset", "lose-reply-hang", "lose-reply-504"}
