"""What a command's mock is made of: scenarios, switches, seed, epoch, clock."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, cast

from msgspec import Struct, field
from msgspec.structs import replace

from lab.cli.entropy import fresh_seed
from lab.cli.parser import given_to
from lab.clocks import AnyClock, ManualClock, ScaledClock, SystemClock, wall_second
from lab.core.clock import INSTANT_EPOCH, Epoch, Millis
from lab.core.errors import ScenarioError, UsageError
from lab.core.exchange import Json
from lab.core.seeds import Seed
from lab.files.scenarios import load_scenario, load_scenarios, read_scenario, scenario_names, scenarios_folder
from lab.identity.clients import DEMO, JANE, Account, Client, Grant
from lab.jobs.program import Program
from lab.mock.config import Config
from lab.options import Options
from lab.plugin import plugins, resolve
from lab.program.callers import Callers
from lab.program.scenario import Scenario
from lab.program.switches import Layers, Switches
from lab.program.words import nearest
from lab.server.limits import LIMIT_KINDS, ServerLimits, limits_of
from lab.settings import ClockSettings, MockSettings, ReviewerKind, SwitchSettings

if TYPE_CHECKING:
    from lab.cli.beside import Beside, OpenBeside
    from lab.mock.service import Service
    from lab.recording.format.lines import Header


class SettingsFile(Struct, frozen=True):
    """What the settings file says; without one, what is usual."""

    switches: Mapping[str, Json] = field(default_factory=dict)
    base: str = ""
    limits: ServerLimits = field(default_factory=ServerLimits)
    clients: tuple[Client, ...] = (DEMO,)
    accounts: tuple[Account, ...] = (JANE,)


def read_settings_file(path: str | None) -> SettingsFile:
    """What `--settings FILE` gives, if it was named; ScenarioError carries every complaint at its place."""
    if path is None:
        return SettingsFile()
    # most starts have no such file, and don't wait for what reads one
    from lab.identity.account_settings import clients_of, users_of
    from lab.language.parse.settings_file import parse_settings

    document = parse_settings(read_scenario(Path(path)), path, LIMIT_KINDS)
    server, complain = document.server, document.complaints.add
    clients, accounts = clients_of(server.accounts, complain), users_of(server.accounts, complain)
    document.complaints.check()
    return SettingsFile(server.switches, (server.base or "").rstrip("/"), limits_of(document.limits), clients, accounts)


def _service(config: Config) -> "Service":
    from lab.mock.service import Service  # after the first paint: the mock, whole

    return Service(config)


class Setup(Struct, frozen=True):
    """A mock that is ready to be served, and the clock it lives by."""

    settings: MockSettings
    config: Config
    clock: AnyClock
    limits: ServerLimits
    make_service: "Callable[[Config], Service]" = _service
    """Makes what is served, once it is known where."""
    label: "Callable[[Header], Header]" = lambda header: header
    """Puts into the header of a tape what was served, where that is no mock."""
    leads_away: bool = False
    """Whether answers lead to another origin though no scenario does."""
    beside: "tuple[OpenBeside, ...]" = ()
    """What plugins do as long as it is served."""

    @property
    def scenario(self) -> Scenario:
        """The scenario that was named first: the one that a run plays."""
        return self.config.scenarios[0].scenario

    def second(self) -> Epoch:
        """The wall time of an instant 0 that is now."""
        return wall_second() if self.settings.epoch is None else self.settings.epoch


def make_setup(settings: MockSettings, *, reviewer: ReviewerKind = "script") -> Setup:
    """Load what was asked for; ScenarioError carries every complaint. `reviewer` is who answers gates by default."""
    named, file = load_named(settings), read_settings_file(settings.switches.file)
    epoch = settings.epoch
    if epoch is None:  # fixed for a run in one process, which so is the same each time
        epoch = INSTANT_EPOCH if settings.clock.instant else wall_second()
    config = Config(
        scenarios=named,
        switches=Switches(),
        seed=_seed(settings, named),
        epoch=epoch,
        scripted=(settings.reviewer or reviewer) == "script",
        token_scenario=named[0].name if len(named) == 1 else None,
        base=settings.base or file.base,
        clients=file.clients,
        accounts=file.accounts,
        most_jobs=file.limits.jobs,
    )
    config = config.settled(layers_of(settings.switches, file.switches))
    return Setup(settings, config, make_clock(settings.clock), file.limits)


def with_plugins(setup: Setup, command: str, additions: Sequence[Options]) -> Setup:
    """A setup as the plugins have it of which something was asked, with what they do beside; where none would call
    receivers, none can be registered."""
    for each, given in given_to(command, additions):
        if each.config:
            configured = cast("Callable[[Options, Config], Config]", resolve(each.config))(given, setup.config)
            setup = replace(setup, config=configured)
        if each.beside:
            setup = replace(setup, beside=(*setup.beside, partial(cast("Beside", resolve(each.beside)), given)))
    if any(each.acts for plugin in plugins() for each in plugin.follows):
        return setup
    return replace(setup, config=replace(setup.config, callbacks=None))


def with_others(setup: Setup, more: Iterable[Program]) -> Setup:
    """With more scenarios, which are served beside those that were asked for."""
    named = setup.config.scenarios
    names = {program.name for program in named}
    scenarios = (*named, *(program for program in more if program.name not in names))
    return replace(setup, config=replace(setup.config, scenarios=scenarios))


def load_named(settings: MockSettings) -> tuple[Program, ...]:
    """The scenarios named, by name in the folder or by path; none named: all in the folder."""
    found = load_scenarios(scenarios_folder(settings.scenarios), settings.targets)
    return tuple({program.name: program for program in found}.values())


def load_folder(folder: str | None) -> tuple[tuple[Program, ...], dict[str, ScenarioError]]:
    """The scenarios of the folder that load, for a picker, and by name why others don't."""
    path = scenarios_folder(folder)
    found: list[Program] = []
    broken: dict[str, ScenarioError] = {}
    for name in scenario_names(path):
        try:
            found.append(load_scenario(name, path))
        except ScenarioError as error:
            broken[name] = error
    return tuple(found), broken


def known_user(name: str, accounts: Iterable[Account]) -> Account:
    """The account of that name; UsageError says which are near."""
    known = {each.name: each for each in accounts}
    if name not in known:
        hint = nearest(name, known) or f"Users there: {', '.join(sorted(known))}."
        raise UsageError(f"There is no user {name}.", hint=f"{hint[:1].upper()}{hint[1:]}")
    return known[name]


def credentials_for(
    config: Config, callers: Callers | None, account: Account | None = None
) -> tuple[Client, Account | None] | None:
    """The first client, with the first user where only users are meant, for whom a scenario is; None: nobody here can ask.

    Without a user the client asks by itself, if need be as the user whom it stands for. With an account: the first
    client for which the scenario is if that user asks, else the first that takes users.
    """
    if callers is None and account is None:
        return own_client(config), None
    by_user = account is not None or (callers is not None and callers.need_a_user)
    users = (account,) if account is not None else (*config.accounts, None) if by_user else (None,)
    clients, identity = [each for each in config.clients if not each.public], config.identity
    for client, user in product(clients, users):
        grant = Grant.CLIENT_CREDENTIALS if user is None else Grant.PASSWORD
        bearer = identity.bearer(client.id, None if user is None else user.name)
        name, roles = (None, ()) if bearer is None else (bearer.name, bearer.roles)
        if client.may_use(grant) and (callers is None or callers.include(client.id, name, roles)):
            return client, user
    if account is None:
        return None
    for client in clients:
        if client.may_use(Grant.PASSWORD):
            return client, account
    raise UsageError("No client may ask for a user's token by a password.", hint="Give one the grant password.")


def callers_text(callers: Callers) -> str:
    """Whom a scenario answers, for people."""
    lists = {"users": callers.users, "roles": callers.roles, "clients": callers.clients}
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in lists.items() if names)


def own_client(config: Config) -> Client:
    """The client of our external app: the first one that may ask for tokens by itself."""
    for client in config.clients:
        if not client.public and client.active and Grant.CLIENT_CREDENTIALS in client.grants:
            return client
    raise UsageError("No client may ask for tokens by itself.", hint="Give one the grant client_credentials.")


def _seed(settings: MockSettings, named: tuple[Program, ...]) -> Seed:
    """The seed given, else that of the only scenario, else a fresh one."""
    if settings.seed is not None:
        return settings.seed
    own = named[0].scenario.seed if len(named) == 1 else None
    return fresh_seed() if own is None else own


def own_seed(settings: MockSettings, config: Config, scenario: Scenario) -> Seed:
    """The seed with which one scenario of several is played: the one given, its own, else that of the mock."""
    own = scenario.seed if settings.seed is None else settings.seed
    return config.seed if own is None else own


def make_clock(settings: ClockSettings, start: Millis = 0) -> AnyClock:
    """The clock asked for, which goes on from `start`."""
    if settings.instant or settings.kind == "manual":
        return ManualClock(start)
    return SystemClock(start) if settings.kind == "real" else ScaledClock(settings.factor, start)


def server_switches(settings: SwitchSettings) -> Switches:
    """The switches of the server, whatever a scenario says."""
    return layers_of(settings, read_settings_file(settings.file).switches).over()


def layers_of(settings: SwitchSettings, file: Mapping[str, Json]) -> Layers:
    """What the file, the environment and the flags say; UsageError names the one that can't be set so."""
    known = Switches.__struct_fields__
    for name, _ in settings.flags:
        if name not in known:
            raise UsageError(f"There is no switch {name}.", hint=nearest(name, known) or f"Known: {', '.join(known)}.")
    below = {name: _value(f"LAB_{name.upper()}", name, text) for name, text in settings.environment if name in known}
    above = {name: _value(f"--set {name}", name, text) for name, text in settings.flags}
    return Layers({**file, **below}, above)


def _value(source: str, name: str, text: str) -> Json:
    """What the text means for that switch."""
    from lab.language.shape import member  # most starts set no switch

    try:
        return member(Switches, name, text)
    except ValueError as error:
        try:
            return member(Switches, name, int(text))
        except ValueError:
            raise UsageError(f"{source}: {error}.", hint="lab schema lists the switches and their values.") from None
