"""The law of a simulation: its jobs are those that a server with this seed takes, and its clients the lab's own app."""

from collections import Counter
from heapq import heappop, heappush
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from lab.app.effects import App, EffectResult, Outcome, Received, Run, Send, Silence, Woke
from lab.app.run import run
from lab.cli.setup import Setup, app_of, make_setup
from lab.core.clock import Millis
from lab.jobs.records import JobRecord, job_key
from lab.jobs.timeline import at, spans
from lab.mock.service import Service
from lab.plugins.simulate.command import simulation_of
from lab.plugins.simulate.passes import Job, Pass, QueueTally, Simulation, Workload
from lab.plugins.simulate.result import SimulationResult
from lab.plugins.simulate.schedule import PollSchedule
from lab.plugins.simulate.text import sections
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
    takes: 4s
    says: The same
  - work: fourth
    takes: 3s
    says: The same
  - complete: done
    output: ok
"""
"""No latency, a step of no time, texts that only look alike, and steps that say the same."""
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
WRITTEN = {"branches": BRANCHES, "edges": EDGES}
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
        self.polls: dict[str, list[Millis]] = {}
        self.busy = 0
        """How often one was told to come again."""
        self._app = app
        self._due: list[tuple[Millis, int, Run, EffectResult | Send | None]] = []

    def begin(self, starts: list[Millis]) -> None:
        """Let a client begin at each of these instants, and all come to their ends."""
        for number, start in enumerate(starts):
            heappush(self._due, (start, number, run(self._app, start), None))
        while self._due:
            self._step(*heappop(self._due))

    def _step(self, now: Millis, number: int, turn: Run, got: EffectResult | Send | None) -> None:
        if isinstance(got, Send):
            arrived = self.service.serve(got.request, now).deliver(now, got.until)
            self.busy += arrived.response.status == 429
            if got.route == "status":
                self.polls.setdefault(got.request.path.rpartition("/")[2], []).append(now)
            got = Silence(arrived.at, arrived.loss) if arrived.loss else Received(arrived.at, arrived.response)
            heappush(self._due, (arrived.at, number, turn, got))
            return
        try:
            effect = next(turn) if got is None else turn.send(got)
        except StopIteration as end:
            self.outcomes.append(end.value)
            return
        later = now if isinstance(effect, Send) else max(now, effect.until)
        heappush(self._due, (later, number, turn, effect if isinstance(effect, Send) else Woke(later)))


def simulated(simulation: Simulation) -> tuple[list[Job], QueueTally]:
    """Each job of the first seed, in the order of acceptance."""
    jobs: list[Job] = []
    queue = Pass(simulation, simulation.seed, jobs.append).play()
    return sorted(jobs, key=lambda job: job.ordinal), queue


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
        assert callers.polls[key] == job.client.calls[len(job.client.calls) - outcome.polls :]
        assert (by_id[key].status, by_id[key].elapsed) == (outcome.status, outcome.elapsed)


@pytest.mark.parametrize("name", [*SCENARIOS, *WRITTEN])
def test_twenty_simulated_jobs_are_twenty_runs_against_a_server(name: str, tmp_path: Path) -> None:
    setup = setup_of(name, tmp_path)
    jobs, _ = simulated(simulation_of(setup, Workload(jobs=20, gap=700_000)))
    callers = Callers(Service(setup.config), app_of(setup.config))
    callers.begin([job.client.start for job in jobs])
    assert len(callers.outcomes) == 20
    same(jobs, callers)


@pytest.mark.parametrize("name", ["item-comparison", "branches"])
def test_jobs_and_schedules_that_are_added_change_none_that_are_there(name: str, tmp_path: Path) -> None:
    setup = setup_of(name, tmp_path)
    given = PollSchedule(2_000, 30_000, 150)
    few, _ = simulated(simulation_of(setup, Workload(jobs=20)))
    many, _ = simulated(simulation_of(setup, Workload(jobs=30, schedules=(given,))))
    for one, other in zip(few, many, strict=False):
        assert (one.spans, one.answers, one.client.calls) == (other.spans, other.answers, other.client.calls)


def test_jobs_of_a_user_are_runs_of_that_user_against_a_server(tmp_path: Path) -> None:
    (tmp_path / "whose.yaml").write_text(WHOSE)
    (tmp_path / "settings.yaml").write_text(
        "accounts:\n  users:\n    - {name: maria, password: lab-password-maria, roles: [BUYER]}\n"
    )
    switches = SwitchSettings(file=str(tmp_path / "settings.yaml"))
    clock = ClockSettings(instant=True)
    setup = make_setup(MockSettings(targets=(str(tmp_path / "whose.yaml"),), clock=clock, switches=switches))
    maria, _ = setup.config.accounts
    jobs, _ = simulated(simulation_of(setup, Workload(jobs=20, gap=700_000), maria))
    callers = Callers(Service(setup.config), app_of(setup.config, account=maria))
    callers.begin([job.client.start for job in jobs])
    same(jobs, callers)
    assert {job.spans[-1].id for job in jobs} == {"dear"}
    assert {job.spans[-1].id for job in simulated(simulation_of(setup, Workload(jobs=3)))[0]} == {"cheap"}


def test_a_client_beyond_the_limit_comes_again_when_it_was_told_to() -> None:
    setup = setup_of("item-comparison")
    jobs, queue = simulated(simulation_of(setup, Workload(jobs=20, gap=700_000, limit=3)))
    callers = Callers(Service(replace(setup.config, most_jobs=3)), app_of(setup.config))
    callers.begin(sorted(job.client.start for job in jobs))
    same(jobs, callers)
    assert callers.busy == queue.refused > 20


@pytest.mark.parametrize("gap", [10_000_000, 35_000_000, 80_000_000])
def test_a_shared_client_takes_a_token_when_the_last_one_is_no_longer_fresh(gap: int) -> None:
    setup = setup_of("short-token")
    simulation = simulation_of(setup, Workload(jobs=60, gap=gap))
    jobs, _ = simulated(simulation)
    tokens, good = 0, -1
    for call in sorted(call for job in jobs for call in job.client.calls):
        if call >= good:
            tokens, good = tokens + 1, call + simulation.lifetime - simulation.lifetime // 10
    found = SimulationResult(simulation).play()
    assert tokens > 10 and [each.shared_tokens for each in found.loads] == [tokens]
    assert found.tokens == sum(job.client.tokens for job in jobs) >= 60


@pytest.mark.parametrize("wait", ["WAITING", "RUNNING"])
@pytest.mark.parametrize("name", ["item-comparison", "edges", "anomaly-flag"])
def test_an_answer_that_is_wasted_has_the_bytes_of_the_one_before(name: str, wait: str, tmp_path: Path) -> None:
    setup = setup_of(name, tmp_path, wait_status=wait)
    jobs, _ = simulated(simulation_of(setup, Workload(jobs=3)))
    service = Service(setup.config)
    Callers(service, app_of(setup.config)).begin([job.client.start for job in jobs])
    for job, key in zip(jobs, service.jobs(), strict=True):
        bodies = [service.status_of(key, poll) for poll in job.client.calls[1:]]
        assert job.client.wasted == sum(one == other for one, other in pairwise(bodies)) > 0


def test_a_loop_makes_more_visits_than_jobs() -> None:
    simulation = simulation_of(setup_of("contract-redraft"), Workload(jobs=6))
    found = SimulationResult(simulation).play()
    steps = found.steps
    jobs, _ = simulated(simulation)
    for name, step in steps.items():
        visited = [[span.id for span in job.spans].count(name) for job in jobs]
        assert (step.jobs, len(step.lasted)) == (sum(count > 0 for count in visited), sum(visited))
    assert any(len(step.lasted) > step.jobs for step in steps.values())
    lasted = sorted(job.spans[-1].since - job.spans[0].since for job in jobs)
    assert (found.duration.total, found.duration.quantile(50)) == (sum(lasted), lasted[2])


@pytest.mark.long
def test_shares_of_endings_agree_with_the_chances_that_are_written(tmp_path: Path) -> None:
    simulation = simulation_of(setup_of("branches", tmp_path), Workload())
    shares = {"broken": 0.2, "boss": 0.3, "done": 0.5}  # of those for which no condition fits
    for seed in range(1, 21):
        plans = (simulation.plan(seed, ordinal, 0) for ordinal in range(1, 401))
        cheap = (replace(each, data={"amount": 0, "payer": ""}) for each in plans)
        found = Counter([span.id for span in spans(each, ())][1] for each in cheap)
        assert found.keys() == shares.keys()
        chi_square = sum((found[name] - 400 * part) ** 2 / (400 * part) for name, part in shares.items())
        assert chi_square < 13.8, (seed, found)  # at two degrees of freedom one in a thousand is above


def test_a_job_that_has_ended_when_its_id_comes_takes_no_poll(tmp_path: Path) -> None:
    (tmp_path / "atonce.yaml").write_text(
        "lab: 1\nname: atonce\ntitle: At once\nagent: {code: NOW, version: 1}\nask: go\nseed: 1\n"
        "latency: {invoke: 70ms}\nsteps:\n  - complete: done\n    output: ok\n"
    )
    given = Workload(jobs=3, schedules=(PollSchedule(5_000, 5_000, 100),))
    result = SimulationResult(simulation_of(setup_of(str(tmp_path / "atonce.yaml")), given)).play()
    assert {(row.polls, row.delay.largest) for row in result.schedules} == {(0, 70)}
    assert [section.name for section in sections(result)] == ["ended", "server", "polls"]
