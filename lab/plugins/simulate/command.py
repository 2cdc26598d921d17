"""`lab simulate`: what a scenario means for many jobs, for who decides on them, and for who polls them."""

from collections import Counter
from collections.abc import Iterator

from msgspec.structs import replace

from lab.app.run import run
from lab.cli.check.plan_caller import callers_text
from lab.cli.console import Console
from lab.cli.run_settings import AppSettings
from lab.cli.setup import Setup, app_of, known_user, make_setup
from lab.client.instant import run_instantly
from lab.core.errors import UsageError
from lab.files.artifacts import demand_place_for_page, write_text
from lab.files.scenarios import scenario_path, scenarios_folder
from lab.identity.clients import Account
from lab.mock.service import Service
from lab.plugins.simulate.options import MOST_SIMULATED
from lab.plugins.simulate.page import PAGE_MARK, simulation_page
from lab.plugins.simulate.passes import DAY, ReviewTeam, Simulation, Workload
from lab.plugins.simulate.result import SimulationResult, result_document
from lab.plugins.simulate.text import result_lines
from lab.program.draws import LogNormal
from lab.program.scenario import Scenario
from lab.program.steps import Gate
from lab.settings import ClockSettings, Flags, MockSettings, refuse_idle

_WHO_ASKS = "--settings FILE names users and their roles, and --as USER says who asks."


def execute(flags: Flags, console: Console) -> int:
    """Simulate, and print what it comes to."""
    if flags["html"]:
        scenario = scenario_path(flags["targets"][0], scenarios_folder(flags["scenarios"]))
        demand_place_for_page(flags["html"], PAGE_MARK, scenario, force=flags["force"])
    else:
        refuse_idle(flags, ("force",), "text: it belongs to --html")
    if flags["jobs"] * flags["seeds"] > MOST_SIMULATED:
        raise UsageError(
            f"--jobs {flags['jobs']} for each of --seeds {flags['seeds']} are {flags['jobs'] * flags['seeds']} jobs.",
            hint=f"At most {MOST_SIMULATED} are simulated in all: give fewer of either.",
        )
    setup = make_setup(replace(flags.into(MockSettings), clock=ClockSettings(instant=True)))
    account = known_user(flags["caller"], setup.config.accounts) if flags["caller"] is not None else None
    app = AppSettings() if flags["deadline"] is None else AppSettings(deadline=flags["deadline"])
    simulation = simulation_of(setup, _workload(flags, setup.config.most_jobs), account, app)
    for note in _notes(flags, setup.scenario, simulation):
        console.err(f"note: {note}")
    result = SimulationResult(simulation).play()
    if flags["delay"] is not None and not any(each.polls for each in result.schedules):
        console.err("note: --delay has no effect: each job has ended before a client polls.")
    if flags["html"]:
        write_text(flags["html"], simulation_page(result))
    if flags["json"]:
        console.json(result_document(result))
    else:
        console.out("\n".join(result_lines(result)))
    return 0


def _workload(flags: Flags, most: int) -> Workload:
    team = None
    if flags["reviewers"] is not None:
        takes = flags["takes"]
        if takes is None:
            takes = LogNormal(120_000, 1_200_000)
        team = ReviewTeam(flags["reviewers"], takes, *(flags["hours"] or (0, DAY)))
    for name in ("takes", "hours"):
        if team is None and flags[name] is not None:
            raise UsageError(f"--{name} is of people who answer gates.", hint="Say how many, as --reviewers 3.")
    given = {
        "jobs": flags["jobs"],
        "seeds": flags["seeds"],
        "gap": flags["arrivals"],
        "reviewers": team,
        "schedules": tuple(dict.fromkeys(flags["poll"] or ())),
        "delay": flags["delay"],
        "limit": flags["limit"] or (most if most < flags["jobs"] else None),
    }
    return Workload(**{name: value for name, value in given.items() if value is not None})


def simulation_of(
    setup: Setup, workload: Workload, account: Account | None = None, settings: AppSettings | None = None
) -> Simulation:
    """What a server does with the scenario's first message, learnt from one; UsageError if it takes no job.

    A user asks if one is given, else somebody for whom the scenario is.
    """
    own = setup.config.scenarios[0]
    calm = replace(own, scenario=replace(own.scenario, faults=()))
    config = replace(setup.config, scenarios=(calm,))
    service, app = Service(config), app_of(config, settings=settings or AppSettings(), account=account)
    outcome = run_instantly(service, run(app, 0))
    view = service.look(outcome.job, 0) if outcome.job is not None else None
    if view is None or outcome.token is None:
        hint = _WHO_ASKS if calm.scenario.agent.roles else "lab check says what is wrong."
        raise UsageError(f"The mock takes no job of {calm.name}: {outcome.why}", hint=hint)
    return Simulation(
        compiled=view.plan.compiled,
        invocation=view.plan.invocation,
        app=app,
        switches=config.switches_of(calm.scenario),
        epoch=config.epoch,
        seed=config.seed,
        lifetime=outcome.token.until - outcome.token.since,
        token_scenario=config.scenario_of_tokens,
        workload=workload,
    )


def _notes(flags: Flags, scenario: Scenario, simulation: Simulation) -> Iterator[str]:
    """What isn't simulated, or can't be, and which options change nothing."""
    if (refusal := _refusal(simulation, scenario)) is not None:
        yield refusal
    if scenario.faults:
        yield f"the scenario's faults ({len(scenario.faults)}) are left out: lab rehearse is for those."
    if scenario.turns:
        yield "each job is the first message of a conversation; later turns are left out."
    gates, team = [step for step in scenario.steps if isinstance(step, Gate)], simulation.workload.reviewers
    for step in gates:
        if team is not None and step.approvals > team.people:
            yield f"{step.id} needs {step.approvals} people: with {team.people} it times out."
    for name in () if gates else ("reviewers", "takes", "hours"):
        if flags[name] is not None:
            yield f"--{name} has no effect: {scenario.name} has no gate."
    if flags["epoch"] is not None and flags["hours"] is None:
        yield "--epoch has no effect: it says what time it is for people with --hours."
    for schedule, times in Counter(flags["poll"] or ()).items():
        if times > 1:
            yield f"--poll '{schedule.text}' is given {times} times."


def _refusal(simulation: Simulation, scenario: Scenario) -> str | None:
    """Why the jobs are none of the scenario's, but such as refuse; None: they are its own."""
    call, callers, roles = simulation.invocation, scenario.callers, scenario.agent.roles
    name, own = (call.user.name, call.user.roles) if call.user is not None else (None, ())
    who = f"{name or 'a token without a user'}, by {call.client}"
    if callers is not None and not callers.include(call.client, name, own):
        return f"{scenario.name} doesn't answer {who}: it is for {callers_text(callers)}. {_WHO_ASKS}"
    if not scenario.agent.admits(own):
        return f"{scenario.name} refuses {who}: it takes one of the roles {', '.join(roles)}. {_WHO_ASKS}"
    if simulation.compiled.name != scenario.name:
        return f"{scenario.name} doesn't answer its own message: it doesn't fit match."
    return None
