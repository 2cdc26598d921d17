"""The law of a simulation: its jobs are those that a server with this seed takes, and its clients the lab's own app."""

from collections import Counter
from heapq import heappop, heappush
from pathlib import Path

import pytest
from msgspec.structs import replace

from lab.app.effects import App, EffectResult, Outcome, Received, Run, Send, Silence, Woke
from lab.app.run import run
from lab.cli.run.apps import app_of
from lab.cli.setup import Setup, make_setup
from lab.core.clock import Millis
from lab.jobs.facts import JobRecord, job_key
from lab.jobs.timeline import at, spans
from lab.mock.service import Service
from lab.plugins.simulate.command import simulation_of
from lab.plugins.simulate.crowd import Job, play_jobs
from lab.plugins.simulate.options import Workload
from lab.plugins.simulate.result import simulated
from lab.plugins.simulate.schedule import PollSchedule
from lab.plugins.simulate.view import sections
from lab.settings import ClockSettings, MockSettings, SwitchSettings

SCENARIOS = ("item-comparison", "anomaly-flag", "supplier-onboarding", "contract-redraft", "nobody-home")
BRANCHES = """\
lab: 1
name: branches
title: Ways that chance and data settle
agent: {code: WAYS, version: 1}
ask: go
seed: 3
latency: {token: {between: [0ms, 3s]}, status: {mean: 200ms}}
data:
  amount: {between: [0, 100]}
  payer: {fake: name}
steps:
  - work: read
    takes: {mean: 3s}
    next:
      - {when: "{{ data.amount > 50 and 'e' in data.payer }}", to: dear}
      - {chance: 20%, to: broken}
      - {chance: 30%, to: boss}
      - {to: done}
  - gate: boss
    asks: May I?
    patience: 10s
    reviewer: {after: 20s, verdict: approved, late: true}
    verdicts: {timed-out: [{chance: 50%, to: broken}, {to: done}]}
  - work: dear
    takes: {median: 2s, p95: 20s}
  - complete: done
    output: "{{ data.payer }} pays {{ data.amount }}."
  - error: broken
    text: No.
"""
"""Conditions on generated data, chances, tokens that overtake each other, patience that ends."""
EDGES = """\
lab: 1
name: edges
title: Polls at the very instants at which the job moves on
agent: {code: EDGE, version: 1}
ask: go
seed: 3
steps:
  - wait: none
    takes: 0ms
  - work: early
    takes: 1s
    says: Early
  - work: first
    takes: 1400ms
    says: "Since {{ now }}"
  - work: second
    takes: 1700ms
    says: "Since {{ now }}"
  - work: third
    takes: 4943ms
    says: The same
  - work: fourth
    takes: 3s
    says: The same
  - complete: done
    output: ok
"""
"""No latency, a step of no time, texts that only look alike, and steps that say the same; a poll comes when it ends."""
TARDY = EDGES.replace("name: edges", "name: tardy").replace("seed: 3", "seed: 3\nlatency: {token: 30s, status: 30s}")
"""Answers that come when the app is about to give them up."""
WHOSE = """\
lab: 1
name: whose
title: What depends on who asks
agent: {code: WHOSE, version: 1}
ask: go
seed: 3
latency: {token: {between: [0ms, 3s]}}
steps:
  - work: read
    takes: {between: [2s, 9s]}
    next: [{when: "{{ user is not none and 'BUYER' in user.roles }}", to: dear}, {to: cheap}]
  - complete: dear
    output: Much.
  - complete: cheap
    output: Little.
"""
WRITTEN = {"branches": BRANCHES, "edges": EDGES, "tardy": TARDY}
FAR: Millis = 10**12


def setup_of(name: str, folder: Path | None = None, **switches: str) -> Setup:
    if folder is not None and name in WRITTEN:
        (folder / f"{name}.yaml").write_text(WRITTEN[name])
        name = str(folder / f"{name}.yaml")
    said = SwitchSettings(flags=tuple(switches.items()))
    return make_setup(MockSettings(targets=(name,), clock=ClockSettings(instant=True), switches=said))


class Callers:
    """Clients that call one server in one process, each in its turn."""

    def __init__(self, service: Service, app: App) -> None:
        self.service = service
        self.outcomes: list[Outcome] = []
        self.calls: dict[str, list[Millis]] = {}
        """When the client of each job called, for its tokens too."""
        self._app = app
        self._due: list[tuple[Millis, int, Run, EffectResult | Send | None]] = []

    def begin(self, starts: list[Millis]) -> None:
        """Let a client begin at each of these instants, and all come to their ends."""
        self._called: list[list[Millis]] = [[] for _ in starts]
        for number, start in enumerate(starts):
            heappush(self._due, (start, number, run(self._app, start), None))
        while self._due:
            self._step(*heappop(self._due))

    def _step(self, now: Millis, number: int, turn: Run, got: EffectResult | Send | None) -> None:
        if isinstance(got, Send):
            arrived = self.service.serve(got.request, now).deliver(now, got.until)
            self._called[number].append(now)
            got = Silence(arrived.at, arrived.loss) if arrived.loss else Received(arrived.at, arrived.response)
            heappush(self._due, (arrived.at, number, turn, got))
            return
        try:
            effect = next(turn) if got is None else turn.send(got)
        except StopIteration as end:
            self.outcomes.append(end.value)
            self.calls[end.value.job] = self._called[number]
            return
        later = now if isinstance(effect, Send) else max(now, effect.until)
        heappush(self._due, (later, number, turn, effect if isinstance(effect, Send) else Woke(later)))


def same(jobs: list[Job], callers: Callers) -> None:
    """Every job has the ordinal, instants, ending and polls that the server and its clients had."""
    service, by_id = callers.service, {outcome.job: outcome for outcome in callers.outcomes}
    for ordinal, (job, key) in enumerate(zip(jobs, service.jobs(), strict=True), 1):
        record, view = service.ledger.get(job_key(key)), service.look(key, FAR)
        assert isinstance(record, JobRecord) and view is not None
        assert (record.ordinal, record.at) == (ordinal, job.spans[0].since)
        assert (job.id, job.ordinal) == (key, ordinal)
        end, mine, outcome = at(view.plan, (), FAR), job.spans[-1], job.client.outcome
        assert outcome is not None
        assert (end.id, end.status, end.since) == (mine.id, mine.status, mine.since)
        assert callers.calls[key] == job.client.calls
        assert (by_id[key].status, by_id[key].elapsed, by_id[key].polls) == (
            outcome.status,
            outcome.elapsed,
            outcome.polls,
        )


@pytest.mark.parametrize("name", [*SCENARIOS, *WRITTEN])
def test_twenty_simulated_jobs_are_twenty_runs_against_a_server(name: str, tmp_path: Path) -> None:
    setup = setup_of(name, tmp_path)
    jobs, _ = play_jobs(simulation_of(setup, Workload(jobs=20, every=700)))
    callers = Callers(Service(setup.config), app_of(setup.config))
    callers.begin(sorted(job.client.calls[0] for job in jobs))
    assert len(callers.outcomes) == 20
    same(jobs, callers)


@pytest.mark.parametrize("name", ["item-comparison", "branches"])
def test_jobs_and_schedules_that_are_added_change_none_that_are_there(name: str, tmp_path: Path) -> None:
    setup = setup_of(name, tmp_path)
    given = PollSchedule(2_000, 30_000, 150)
    few, _ = play_jobs(simulation_of(setup, Workload(jobs=20)))
    many, _ = play_jobs(simulation_of(setup, Workload(jobs=30, schedules=(given,))))
    for one, other in zip(few, many, strict=False):
        assert (one.spans, one.changes, one.client.calls) == (other.spans, other.changes, other.client.calls)


def test_jobs_of_a_user_are_runs_of_that_user_against_a_server(tmp_path: Path) -> None:
    (tmp_path / "whose.yaml").write_text(WHOSE)
    (tmp_path / "settings.yaml").write_text(
        "accounts:\n  users:\n    - {name: maria, password: lab-password-maria, roles: [BUYER]}\n"
    )
    switches = SwitchSettings(file=str(tmp_path / "settings.yaml"))
    clock = ClockSettings(instant=True)
    setup = make_setup(MockSettings(targets=(str(tmp_path / "whose.yaml"),), clock=clock, switches=switches))
    maria, _ = setup.config.accounts
    jobs, _ = play_jobs(simulation_of(setup, Workload(jobs=20, every=700), maria))
    callers = Callers(Service(setup.config), app_of(setup.config, account=maria))
    callers.begin(sorted(job.client.calls[0] for job in jobs))
    same(jobs, callers)
    assert {job.spans[-1].id for job in jobs} == {"dear"}
    assert {job.spans[-1].id for job in play_jobs(simulation_of(setup, Workload(jobs=3)))[0]} == {"cheap"}


def test_each_job_takes_a_new_token_once_the_last_one_is_no_longer_fresh() -> None:
    setup = setup_of("short-token")
    jobs, _ = play_jobs(simulation_of(setup, Workload(jobs=20, every=700)))
    callers = Callers(Service(setup.config), app_of(setup.config))
    callers.begin(sorted(job.client.calls[0] for job in jobs))
    same(jobs, callers)
    # a token, the job, its polls, and more tokens
    assert all(len(job.client.calls) > 2 + job.client.outcome.polls for job in jobs if job.client.outcome is not None)


def test_a_loop_makes_more_visits_than_jobs() -> None:
    simulation = simulation_of(setup_of("contract-redraft"), Workload(jobs=6))
    found, (jobs, _) = simulated(simulation), play_jobs(simulation)
    for step in found.steps:
        visited = [[span.id for span in job.spans].count(step.step) for job in jobs]
        assert (step.jobs, step.lasted.total) == (sum(count > 0 for count in visited), sum(visited))
    assert any(step.lasted.total > step.jobs for step in found.steps)
    lasted = sorted(job.end.since - job.at for job in jobs)
    spread = found.duration.spread()
    assert (spread.count, spread.mean, spread.p50) == (6, (2 * sum(lasted) + 6) // 12, lasted[2])


def test_requests_are_counted_in_each_second_from_the_first_to_the_last() -> None:
    simulation = simulation_of(setup_of("item-comparison"), Workload(jobs=30, every=9_000))
    jobs, _ = play_jobs(simulation)
    calls = sorted(at // 1_000 for job in jobs for at in job.client.calls)
    seconds = [calls.count(second) for second in range(calls[0], calls[-1] + 1)]
    assert 0 in seconds and max(seconds) > 1
    assert simulated(simulation).requests.counts == Counter(seconds)


@pytest.mark.long
def test_shares_of_endings_agree_with_the_chances_that_are_written(tmp_path: Path) -> None:
    simulation = simulation_of(setup_of("branches", tmp_path), Workload())
    shares = {"broken": 0.2, "boss": 0.3, "done": 0.5}  # of those for which no condition fits
    for seed in range(1, 21):
        seeded = replace(simulation, config=replace(simulation.config, seed=seed))
        plans = [seeded.plan(ordinal, 0) for ordinal in range(1, 401)]
        for plan in plans:
            plan.__dict__["data"] = {"amount": 0, "payer": ""}  # for which no condition fits
        found = Counter([span.id for span in spans(each, ())][1] for each in plans)
        assert found.keys() == shares.keys()
        chi_square = sum((found[name] - 400 * part) ** 2 / (400 * part) for name, part in shares.items())
        assert chi_square < 13.8, (seed, found)  # at two degrees of freedom one in a thousand is above


def test_a_job_that_has_ended_when_its_id_comes_takes_no_poll(tmp_path: Path) -> None:
    (tmp_path / "atonce.yaml").write_text(
        "lab: 1\nname: atonce\ntitle: At once\nagent: {code: NOW, version: 1}\nask: go\nseed: 1\n"
        "latency: {invoke: 70ms}\nsteps:\n  - complete: done\n    output: ok\n"
    )
    given = Workload(jobs=3, schedules=(PollSchedule(5_000, 5_000),))
    result = simulated(simulation_of(setup_of(str(tmp_path / "atonce.yaml")), given))
    assert {(row.polls, row.late.max) for row in result.schedules} == {(0, 70)}
    assert [section.title for section in sections(result)] == ["How jobs end", "The server", "Polls"]
