"""What a command's mock is made of: scenarios, switches, seed, epoch, clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from pydantic import ValidationError

from lab.app import App
from lab.cli.entropy import fresh_seed
from lab.cli.settings_file import from_file
from lab.clocks import AnyClock, ManualClock, ScaledClock, SystemClock, wall_second
from lab.core.clock import INSTANT_EPOCH
from lab.core.errors import ScenarioError, UsageError
from lab.core.seeds import Seed
from lab.files import load_scenario, load_scenarios, scenario_names, scenarios_folder
from lab.identity.clients import Client, Grant
from lab.identity.scopes import api_scope
from lab.jobs.plan import CompiledScenario
from lab.language.document import Layers, Scenario, Switches, nearest
from lab.mock.views import Config
from lab.server.limits import ServerLimits
from lab.settings import Peer, Reviewer, Settings


@dataclass(frozen=True, slots=True)
class Setup:
    """A mock that is ready to be served, and the clock it lives by."""

    config: Config
    clock: AnyClock
    limits: ServerLimits = field(default_factory=ServerLimits)


def world(asked: Settings, *, reviewer: Reviewer = "script", more: tuple[CompiledScenario, ...] = ()) -> Setup:
    """Load what was asked for; ScenarioError carries every complaint.

    `reviewer` is who answers gates by default; `more` scenarios are served beside those asked for.
    """
    named, given = load(asked), from_file(asked)
    scenarios = tuple({compiled.name: compiled for compiled in (*named, *more)}.values())
    return Setup(
        Config(
            scenarios=scenarios,
            switches=Switches(),
            seed=seed_of(asked, named),
            epoch=epoch_of(asked),
            scripted=(asked.reviewer or reviewer) == "script",
            token_scenario=named[0].name if len(named) == 1 else None,
            base=asked.base or given.base,
            clients=given.clients,
            accounts=given.accounts,
            most_jobs=given.limits.jobs,
        ).settled(layers_of(asked, given.switches)),
        clock_of(asked),
        given.limits,
    )


def load(asked: Settings) -> tuple[CompiledScenario, ...]:
    """The scenarios named, by name in the folder or by path; none named: all in the folder."""
    scenarios = load_scenarios(scenarios_folder(asked.scenarios), asked.targets)
    return tuple({compiled.name: compiled for compiled in scenarios}.values())


def app_of(config: Config, scenario: Scenario | None = None) -> App:
    """The external app for a scenario of the mock (the first one), with the mock's own client."""
    client = own_client(config)
    peer = Peer("", "", client.id, client.secret, api_scope(config.switches.pod))
    return app_for_peer(scenario or config.scenarios[0].scenario, peer)


def own_client(config: Config) -> Client:
    """The client of our external app: the first one that may ask for tokens by itself."""
    able = (
        each for each in config.clients if not each.public and each.active and Grant.CLIENT_CREDENTIALS in each.grants
    )
    client = next(able, None)
    if client is None:
        raise UsageError("No client may ask for tokens by itself.", hint="Give one the grant client_credentials.")
    return client


def app_for_peer(scenario: Scenario, peer: Peer) -> App:
    """The external app for a scenario, with credentials for another server."""
    return App(
        team=scenario.agent.code,
        message=scenario.message,
        client_id=peer.client_id,
        client_secret=peer.client_secret,
        scope=peer.scope,
        parameters=scenario.parameters,
    )


def others(asked: Settings) -> tuple[tuple[CompiledScenario, ...], dict[str, ScenarioError]]:
    """The scenarios of the folder that load, for a picker, and by name why others don't."""
    folder = scenarios_folder(asked.scenarios)
    found: list[CompiledScenario] = []
    broken: dict[str, ScenarioError] = {}
    for name in scenario_names(folder):
        try:
            found.append(load_scenario(name, folder))
        except ScenarioError as error:
            broken[name] = error
    return tuple(found), broken


def seed_of(asked: Settings, scenarios: tuple[CompiledScenario, ...]) -> Seed:
    """The seed given, else that of the only scenario, else a fresh one."""
    if asked.seed is not None:
        return asked.seed
    own = scenarios[0].scenario.seed if len(scenarios) == 1 else None
    return fresh_seed() if own is None else own


def own_seed(asked: Settings, config: Config, scenario: Scenario) -> Seed:
    """The seed with which one scenario of several is played: the one given, its own, else that of the mock."""
    own = scenario.seed if asked.seed is None else asked.seed
    return config.seed if own is None else own


def epoch_of(asked: Settings) -> int:
    """The wall time of instant 0: fixed for a run in one process, else the second in which the lab started."""
    if asked.epoch is not None:
        return asked.epoch
    return INSTANT_EPOCH if asked.instant else wall_second()


def clock_of(asked: Settings) -> AnyClock:
    """The clock asked for."""
    if asked.instant or asked.clock == "manual":
        return ManualClock()
    return SystemClock() if asked.clock == "real" else ScaledClock(asked.factor)


def switches(asked: Settings) -> Switches:
    """The switches of the server, whatever a scenario says."""
    return layers_of(asked, from_file(asked).switches).over()


def layers_of(asked: Settings, file: Mapping[str, object]) -> Layers:
    """What the file, the environment and the flags say; UsageError names the one that can't be set so."""
    known = Switches.model_fields
    for name, _ in asked.switches:
        if name not in known:
            raise UsageError(f"There is no switch {name}.", hint=nearest(name, known) or f"Known: {', '.join(known)}.")
    below = {name: _read(f"LAB_{name.upper()}", name, text) for name, text in asked.environment if name in known}
    above = {name: _read(f"--set {name}", name, text) for name, text in asked.switches}
    return Layers({**file, **below}, above)


def _read(source: str, name: str, text: str) -> object:
    """What the text means for that switch."""
    numbers = [each for each in get_args(Switches.model_fields[name].annotation) if isinstance(each, int)]
    value: object = int(text) if numbers and text.isdecimal() else text
    try:
        Switches.model_validate({name: value}, strict=False)
    except ValidationError as error:
        told = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"{source}: {told}.", hint="lab schema lists the switches and their values.") from None
    return value
