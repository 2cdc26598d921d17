"""Laws of whole scenarios: what lints clean ends; jobs side by side are as if alone; draws are as they are stated."""

import json
from collections.abc import Callable
from itertools import pairwise
from math import erf, exp, log, sqrt
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lab.app.effects import App
from lab.app.run import run
from lab.client.driver import run_instantly
from lab.core.journal.numbers import NumberUsed
from lab.core.seeds import draw
from lab.identity.clients import DEMO, Client
from lab.identity.scopes import api_scope
from lab.jobs.facts import JobRecord, derived, job_key
from lab.jobs.lint import lint
from lab.jobs.program import program_of
from lab.jobs.texts import status_texts
from lab.jobs.timeline import at
from lab.language.parse import parse_with_locations
from lab.language.shape import parsed
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.draws import Between, Exponential, LogNormal, Observed, draw_latency
from lab.program.scenario import Scenario
from lab.program.switches import Layers, Switches
from lab.program.words import LONGEST
from tests.conftest import THOROUGH, examples, few_of
from tests.documents import VERDICTS, Document, documents
from tests.wire_peer import EPOCH, invoke, read, status, token

# What lints clean ends


def clean(document: Document) -> Scenario:
    """The document as a file would give it, if nothing warns of it; each file that hypothesis draws does load."""
    scenario, locations = parse_with_locations(json.dumps(document), "drawn.yaml", stem="drawn")
    assume(not lint(scenario, "drawn.yaml", locations))
    return scenario


DECISIONS = st.lists(
    st.tuples(st.integers(0, 90_000), st.sampled_from(VERDICTS), st.sampled_from([None, "ann", "eve"])), max_size=12
)


@examples(8, thorough=300)
@given(documents(), DECISIONS, st.booleans())
def test_what_lints_clean_runs_to_an_ending_whoever_decides(document, decisions, scripted):
    scenario = clean(document)
    switches = Layers().over(scenario.settings)
    mock = Service(Config((program_of(scenario),), switches, 7, EPOCH, scripted=scripted))
    bearer, now = token(mock), 0
    talk = None
    for message in scenario.user_messages:
        body = {"message": message.message, "conversational": True, "conversationId": talk}
        reply = read(mock.serve(invoke(bearer, body, "DRAWN"), now).response)
        job, talk = str(reply["jobId"]), reply["conversationId"]
        for after, verdict, name in sorted(decisions, key=lambda each: each[0]):
            if (look := mock.look(job, now + after)) is not None:
                mock.decide(job, look.span.id, verdict, now + after, name=name, comment="So be it.")
        record = mock.ledger.get(job_key(job))
        assert isinstance(record, JobRecord)
        now = max([now + 90_000, *(fact.at for fact in mock.derived(job, LONGEST).facts)])
        # by its own journal, for a job may be forgotten by now
        planned = mock._mock.index.plan_of(mock.ledger, job, record)
        ended = status_texts(planned, at(planned, record.decisions, now), EPOCH, switches)
        assert ended.status in ("COMPLETE", "ERROR")
        assert ended.error != "The answer could not be written."
        assert derived(planned, record.decisions, now).until is None


@examples(8, thorough=300)
@given(documents(faults=True), st.integers(0, 2**32))
def test_what_lints_clean_runs_to_an_ending_whatever_goes_wrong_on_the_wire(document, seed):
    """Our own app comes to an outcome, and every job to its ending: a fault changes what the wire does, never the job."""
    scenario = clean(document)
    switches = Layers().over(scenario.settings)
    mock = Service(Config((program_of(scenario),), switches, seed, EPOCH))
    app = App(
        scenario.agent.code, scenario.message, DEMO.id, DEMO.secret, api_scope(switches.pod),
        parameters=scenario.parameters,
    )  # fmt: skip
    outcome = run_instantly(mock, run(app, 0))
    assert outcome.complete or outcome.status == "ERROR" or outcome.why
    for job in mock.jobs():
        last = mock.derived(job, LONGEST)
        assert last is not None and last.until is None
        record = mock.ledger.get(job_key(job))
        assert isinstance(record, JobRecord)
        now = max([0, *(fact.at for fact in last.facts)])
        plan = mock._mock.index.plan_of(mock.ledger, job, record)
        assert status_texts(plan, at(plan, record.decisions, now), EPOCH, switches).status in (
            "COMPLETE",
            "ERROR",
        )


@pytest.mark.long
def test_most_documents_that_are_drawn_lint_clean():
    unwarned = []

    @settings(max_examples=40, database=None)
    @given(documents())
    def count(document):
        scenario, locations = parse_with_locations(json.dumps(document), "drawn.yaml", stem="drawn")
        unwarned.append(not lint(scenario, "drawn.yaml", locations))

    count()
    assert sum(unwarned) > len(unwarned) / 5, unwarned


# Side by side, as if alone

FIVE: tuple[Document, ...] = (
    {"name": "a", "steps": [{"work": "w", "takes": {"between": ["1s", "9s"]}}, {"complete": "c", "output": "{{ data.x }}"}],
     "data": {"x": {"between": [1, 10**9]}}},
    {"name": "b", "data": {"who": {"fake": "name"}}, "steps": [
        {"wait": "w", "takes": {"median": "2s", "p95": "5s"}, "again": {"to": "w", "rounds": 2}},
        {"complete": "c", "output": "{{ data.who }}"}]},
    {"name": "c", "steps": [
        {"work": "w", "takes": {"observed": ["1s", "3s", "8s"]}},
        {"gate": "g", "asks": "{{ data.y }}?", "patience": "20s", "verdicts": {"changes-requested": "w"},
         "reviewer": {"script": [{"after": "1s", "verdict": "changes-requested", "comment": "Again."}]}},
        {"complete": "c", "output": "{{ decisions['g'].verdict }}"}], "data": {"y": {"one_of": list(range(50))}}},
    {"name": "d", "steps": [{"work": "w", "takes": {"between": ["0ms", "2s"]}}, {"error": "e", "text": "{{ now }}"}]},
    {"name": "e", "steps": [
        {"gate": "g", "asks": "?", "channel": "EMAIL", "approvals": 2, "patience": "9s",
         "reviewer": {"after": "3s", "verdict": "approved", "by": "ann"}},
        {"complete": "c", "output": {"json": ["{{ job.id }}", "{{ data.z }}"]}}],
     "data": {"z": {"list": {"between": [0, 1], "decimals": 4}, "count": 3}}},
)  # fmt: skip
CLIENTS = tuple(Client(f"client-{number}", f"lab-secret-{number}") for number in range(4))
LOOKS = (0, 2_500, 7_000, 60_000)


COMPILED = tuple(
    program_of(parsed(Scenario, {"lab": 1, "title": "T", "agent": {"code": each["name"].upper()}, "ask": "x", **each}))
    for each in FIVE
)  # fmt: skip


def five() -> Service:
    return Service(Config(COMPILED, Switches(), 42, EPOCH, CLIENTS))


def begun(mock: Service, bearer: str, team: str, now: int) -> str:
    return str(read(mock.serve(invoke(bearer, {"message": "x"}, team), now).response)["jobId"])


def trace(mock: Service, bearer: str, team: str, job: str, at: int) -> list[object]:
    """What a client sees at four instants, and what the journal derives."""
    bodies: list[object] = [mock.serve(status(bearer, job, team), at + look).response.body for look in LOOKS]
    return [*bodies, mock.derived(job, at + LOOKS[-1])]


def test_hundreds_of_jobs_side_by_side_are_each_as_if_alone():
    crowd, chance = five(), Random(11)
    tokens = {client.id: token(crowd, client=client) for client in CLIENTS}
    jobs: list[tuple[Client, str, int, int, str]] = []
    counts: dict[tuple[str, str], int] = {}
    for number in range(500 if THOROUGH else 100):
        client, team = chance.choice(CLIENTS), chance.choice("ABCDE")
        counts[client.id, team] = ordinal = counts.get((client.id, team), 0) + 1
        job = begun(crowd, tokens[client.id], team, number * 7)
        jobs.append((client, team, ordinal, number * 7, job))
    chance.shuffle(jobs)
    looks = sorted((at + look, place, look) for place, (*_, at, _) in enumerate(jobs) for look in LOOKS)
    for now, place, _ in looks:  # every client looks at every job, in the order of time
        client, team, _, _, job = jobs[place]
        crowd.serve(status(tokens[client.id], job, team), now)
    for client, team, ordinal, accepted, job in jobs:
        alone = five()
        bearer = token(alone, client=client)
        alone.note(NumberUsed(at=0, counter=f"job/{client.id}/{team.lower()}", value=ordinal - 1))
        assert begun(alone, bearer, team, accepted) == job
        assert trace(alone, bearer, team, job, accepted) == trace(crowd, tokens[client.id], team, job, accepted)


# Draws are as they are stated


def distance(values: list[int], share: Callable[[float], float]) -> float:
    """Kolmogorov and Smirnov's: how far the values' distribution is from the stated one, at most."""
    ordered = sorted(values)
    count = len(ordered)
    return max(
        max(abs(share(value) - place / count), abs(share(value) - (place + 1) / count))
        for place, value in enumerate(ordered)
    )


COUNT = 2_000
NEAR = 1.63 / sqrt(COUNT)
"""Draws of the stated distribution are nearer in 99 of 100 tries; these are always the same."""


def normal(z: float) -> float:
    return (1 + erf(z / sqrt(2))) / 2


@pytest.mark.parametrize(
    ("spec", "share"),
    [
        (Between(between=(0, 60_000)), lambda value: (value + 0.5) / 60_001),
        (Between(between=(2_000, 4_000)), lambda value: (value - 2_000 + 0.5) / 2_001),
        (LogNormal(median=2_000, p95=5_000), lambda value: normal(log(value / 2_000) / (log(2.5) / 1.6448536))),
        (LogNormal(median=180, p95=9_000), lambda value: normal(log(max(value, 0.1) / 180) / (log(50) / 1.6448536))),
        (Exponential(mean=120_000), lambda value: 1 - exp(-value / 120_000)),
    ],
    ids=["even", "narrow", "skewed", "wide", "exponential"],
)
@pytest.mark.parametrize("seed", few_of([0, 7, 2**63 - 1], ("7",)))
def test_latencies_are_distributed_as_stated(spec, share, seed):
    values = [draw_latency(seed, f"talk/{ordinal}/think/takes", spec) for ordinal in range(COUNT)]
    assert distance(values, share) < NEAR
    # the same values are not those of a neighbour
    assert distance(values, lambda value: share(value * 1.5)) > NEAR


def test_measured_values_come_up_alike():
    spec = Observed(observed=(1_000, 2_000, 2_000, 5_000))
    values = [draw_latency(3, f"talk/{ordinal}/think/takes", spec) for ordinal in range(COUNT)]
    shares = [values.count(each) / COUNT for each in (1_000, 2_000, 5_000)]
    assert all(abs(share - stated) < 0.04 for share, stated in zip(shares, (0.25, 0.5, 0.25), strict=True))


def test_visits_ordinals_and_steps_are_drawn_apart():
    streams = (f"talk/{ordinal}/{step}/takes{turn}" for ordinal in range(200) for step in "ab" for turn in ("", "#1"))
    values = [draw(5, stream, 0, 10**6) for stream in streams]
    assert distance(values, lambda value: (value + 0.5) / (10**6 + 1)) < 1.63 / sqrt(len(values))
    rises = sum(first < second for first, second in pairwise(values)) / len(values)
    assert abs(rises - 0.5) < 0.05
