"""`lab simulate`: what a scenario means for many jobs, for who decides on them, and for who polls them."""

from collections.abc import Iterator
from typing import cast

from msgspec import to_builtins
from msgspec.structs import replace

from lab.app.run import run
from lab.cli.check.plan_caller import callers_text
from lab.cli.console import Console
from lab.cli.result import CommandResult, tell
from lab.cli.run.apps import app_of
from lab.cli.run_settings import AppSettings
from lab.cli.setup import Setup, known_user, make_setup
from lab.client.driver import run_instantly
from lab.core.errors import UsageError
from lab.core.exchange import Json
from lab.identity.clients import Account
from lab.mock.service import Service
from lab.options import changed
from lab.plugins.simulate.crowd import Simulation
from lab.plugins.simulate.figures import Figures
from lab.plugins.simulate.options import SimulateSettings, Workload
from lab.plugins.simulate.result import simulated
from lab.plugins.simulate.view import result_lines, simulation_page
from lab.program.scenario import Scenario
from lab.program.steps import Gate
from lab.settings import ClockSettings

_WHO_ASKS = "--settings FILE names users and their roles, and --as USER says who asks."


def execute(settings: SimulateSettings, console: Console) -> int:
    """Simulate, and print what it comes to."""
    setup = make_setup(changed(settings.mock, clock=ClockSettings(instant=True)))
    account = known_user(settings.caller, setup.config.accounts) if settings.caller is not None else None
    simulation = simulation_of(setup, settings.workload, account, AppSettings(deadline=settings.deadline))
    for note in _notes(setup.scenario, simulation):
        console.err(f"note: {note}")
    found = simulated(simulation)
    result = CommandResult(
        title="lab simulate",
        lines=tuple(result_lines(found)),
        documents=(cast("Json", to_builtins(found, enc_hook=Figures.spread)),),
        page=lambda: simulation_page(found),
    )
    return tell(result, settings.output, console)


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
    lifetime = outcome.token.until - outcome.token.since
    return Simulation(view.plan, app, config, config.switches_of(calm.scenario), lifetime, workload)


def _notes(scenario: Scenario, simulation: Simulation) -> Iterator[str]:
    """What isn't simulated, or can't be."""
    call, callers, people = simulation.first.invocation, scenario.callers, simulation.workload.people
    name, roles = (call.user.name, call.user.roles) if call.user is not None else (None, ())
    who = f"{name or 'a token without a user'}, by {call.client}"
    if callers is not None and not callers.include(call.client, name, roles):
        yield f"{scenario.name} doesn't answer {who}: it is for {callers_text(callers)}. {_WHO_ASKS}"
    elif not scenario.agent.admits(roles):
        admitted = ", ".join(scenario.agent.roles)
        yield f"{scenario.name} refuses {who}: it takes one of the roles {admitted}. {_WHO_ASKS}"
    elif simulation.first.program.name != scenario.name:
        yield f"{scenario.name} doesn't answer its own message: it doesn't fit match."
    if scenario.faults:
        yield f"the scenario's faults ({len(scenario.faults)}) are left out: lab rehearse is for those."
    if scenario.turns:
        yield "each job is the first message of a conversation; later turns are left out."
    gates = [step for step in scenario.steps if isinstance(step, Gate)]
    if people is not None and not gates:
        yield f"--reviewers has no effect: {scenario.name} has no gate."
    for step in gates:
        if people is not None and step.approvals > people:
            yield f"{step.id} needs {step.approvals} people: with {people} it times out."
