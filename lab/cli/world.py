"""What a command's mock is made of: outlines, switches, seed, epoch, clock."""

from dataclasses import dataclass

from pydantic import ValidationError

from lab.cli.entropy import fresh_seed
from lab.clocks import AnyClock, ManualClock, ScaledClock, SystemClock, wall_second
from lab.core.clock import INSTANT_EPOCH
from lab.core.errors import UsageError
from lab.core.oauth import api_scope
from lab.core.plan import Outline
from lab.core.run import App
from lab.core.scenario import Switches, nearest
from lab.core.seeds import Seed
from lab.core.service import Config
from lab.files import load_scenarios, scenarios_folder
from lab.settings import Peer, Reviewer, Settings


@dataclass(frozen=True, slots=True)
class World:
    """A mock that is ready to be served, and the clock it lives by."""

    config: Config
    clock: AnyClock


def world(asked: Settings, *, reviewer: Reviewer = "script") -> World:
    """Load what was asked for; ScenarioError carries every complaint. `reviewer` is who answers gates by default."""
    outlines = load(asked)
    return World(
        Config(
            outlines=outlines,
            switches=switches(asked),
            seed=seed_of(asked, outlines),
            epoch=epoch_of(asked),
            scripted=(asked.reviewer or reviewer) == "script",
        ),
        clock_of(asked),
    )


def load(asked: Settings) -> tuple[Outline, ...]:
    """The scenarios named, by name in the folder or by path; none named: all in the folder."""
    outlines = load_scenarios(scenarios_folder(asked.scenarios), asked.targets)
    return tuple({outline.name: outline for outline in outlines}.values())


def app_of(world: World) -> App:
    """The external app for the first scenario, with the mock's own client."""
    scenario, client = world.config.outlines[0].scenario, world.config.clients[0]
    return App(
        team=scenario.agent.code,
        message=scenario.message,
        client_id=client.id,
        client_secret=client.secret,
        scope=api_scope(world.config.switches.pod),
        parameters=scenario.parameters,
    )


def peer_app(asked: Settings, peer: Peer) -> App:
    """The external app for the scenario named, with the credentials for another server."""
    scenario = load(asked)[0].scenario
    return App(
        team=scenario.agent.code,
        message=scenario.message,
        client_id=peer.client_id,
        client_secret=peer.client_secret,
        scope=peer.scope,
        parameters=scenario.parameters,
    )


def seed_of(asked: Settings, outlines: tuple[Outline, ...]) -> Seed:
    """The seed given, else that of the only scenario, else a fresh one."""
    if asked.seed is not None:
        return asked.seed
    own = outlines[0].scenario.seed if len(outlines) == 1 else None
    return fresh_seed() if own is None else own


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
    """The switches off their defaults; UsageError names the one that can't be set so."""
    known = Switches.model_fields
    given: dict[str, object] = {}
    for name, value in asked.switches:
        if name not in known:
            raise UsageError(f"There is no switch {name}.", hint=nearest(name, known) or f"Known: {', '.join(known)}.")
        given[name] = int(value) if value.isdigit() else value
    try:
        return Switches.model_validate(given, strict=False)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise UsageError(
            f"--set {wrong['loc'][0]}: {wrong['msg']}.", hint="The switches are listed in README.md."
        ) from None
