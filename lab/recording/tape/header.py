"""The header of a mock's recording, and the mock that a header asks for (recordings.md §2.1)."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Protocol

import msgspec
from msgspec.structs import asdict, replace

from lab.core.clock import Epoch, epoch_of, epoch_text
from lab.core.errors import RecordingError
from lab.core.exchange import Json
from lab.identity.clients import DEMO, GRANTS, JANE, Account, Client, Grant
from lab.jobs.plan import Drawn
from lab.jobs.program import Program
from lab.language.shape import member, spelt
from lab.mock.config import MOST_JOBS, Config
from lab.program.switches import Layers, Switches
from lab.recording.format.lines import CAPTURE, ClockSpec, Header, Recording, ScenarioRef
from lab.recording.redaction.stand_ins import HERE, stand_in

REVIEWER = "reviewer"
CALLBACKS = "callbacks"
TOKENS = "token_scenario"
FORCED = "forced"
ACCOUNTS = "accounts"
JOBS = "limits.jobs"
BASE = "base"
PREFIX = "prefix"
MAKING = "making"
TOKEN_HOST = "tokens"
BODIES = "bodies"
OF_CAPTURES = (TOKEN_HOST, BODIES)
"""Settings of a capture: the alias of the origin that grants tokens, and whether bodies are kept as `shape` alone."""


class PacedClock(Protocol):
    """A clock whose kind and pace a header names."""

    @property
    def mode(self) -> str:
        """real, scaled or manual."""

    @property
    def factor(self) -> str:
        """How many times as fast as the wall, as decimal text."""


def epoch_in(recording: Recording) -> Epoch:
    """The wall time of instant 0; RecordingError if the header names none."""
    epoch = recording.header.clock.epoch
    try:
        return epoch_of(epoch)
    except ValueError:
        raise RecordingError(f"{recording.name}:1: the epoch {epoch!r} is no instant") from None


def recording_header(
    config: Config,
    *,
    lab: str,
    clock: PacedClock | None = None,
    generators: Mapping[str, str] | None = None,
    t: int = 0,
) -> Header:
    """Line 0 of a tape of this mock, which lives by `clock` (None: a manual one)."""
    mode = clock.mode if clock is not None else "manual"
    factor = clock.factor if clock is not None and mode == "scaled" else None
    return Header(
        t=t, lab=lab, scenarios=scenario_refs(config),
        seed=config.seed, profile=config.switches.profile, settings=settings_of(config), clock=ClockSpec(mode=mode, factor=factor, epoch=epoch_text(config.epoch)),
        generators=generators or {},
    )  # fmt: skip


def playback_header(header: Header, file: str, sha256: str) -> Header:
    """The header of a playback's recording: what was played back stands where a mock's says what was served.

    `file` is the name of the one that is played back, `sha256` what its footer says.
    """
    return replace(
        header, source="playback", origin={"file": file, "sha256": sha256}, scenarios=None, seed=None, generators=None
    )


def scenario_refs(config: Config) -> tuple[ScenarioRef, ...]:
    """What is served, by name and digest."""
    return tuple(ScenarioRef(each.name, each.digest, each.scenario.limits.concurrent) for each in config.scenarios)


def refs_of_now(recorded: Header, config: Config) -> tuple[ScenarioRef, ...]:
    """Those of a recorded header as they are served now; one that isn't at hand as it was."""
    now = {each.name: each for each in scenario_refs(config)}
    return tuple(now.get(each.name, each) for each in recorded.scenarios or ())


def needed_scenarios(recording: Recording) -> frozenset[str]:
    """Those without which it can't be replayed: of its jobs, of its tokens, and whose faults counted its calls.

    Of several that were served the others are only looked at by messages that they don't fit.
    """
    served = {each.name for each in recording.header.scenarios or ()}
    if len(served) == 1:  # tokens follow the only one
        return frozenset(served)
    jobs = (line.text("scenario") for line in recording.facts("job.accepted"))
    counters = ((line.text("counter") or "").partition("/")[0] for line in recording.facts("call.counted"))
    return frozenset(served.intersection(chain(jobs, counters, [str(recording.header.settings.get(TOKENS))])))


def settings_of(config: Config) -> dict[str, Json]:
    """What rebuilds the mock, its scenarios given: switches, the public base, `reviewer` when it is a person."""
    changed = _layered(config, config.layers) if config.layers else _changed(config.switches)
    beside: dict[str, Json] = {
        ACCOUNTS: accounts_member(config),
        JOBS: config.most_jobs if config.most_jobs != MOST_JOBS else None,
        BASE: config.base,
        PREFIX: config.prefix,
        MAKING: config.making,
        TOKENS: config.token_scenario if len(config.scenarios) > 1 else None,
        REVIEWER: None if config.scripted else "person",
        CALLBACKS: False if config.callbacks is None else list(config.callbacks) or None,
    }
    return changed | {name: value for name, value in beside.items() if value not in (None, "")}


def _changed(switches: Switches) -> dict[str, Json]:
    """Every switch off its profile's default."""
    return spelt(Switches, {name: value for name, value in switches.said.items() if name != "profile"})


def _layered(config: Config, layers: Layers) -> dict[str, Json]:
    """The same of what the server is set to, scenarios left out, and what a scenario of its own mind needs beside it.

    `forced` names the switches that win over scenarios. A scenario that brings a profile along leaves in force what was
    said, though it be the default.
    """
    base = layers.over()
    given = spelt(Switches, asdict(base))
    own = [each.scenario.settings for each in config.scenarios]
    set_by_scenarios = {name for settings in own for name in settings}
    forced = sorted(set_by_scenarios & layers.above.keys())
    said = layers.below.keys() | layers.above.keys()
    chosen = (said if "profile" in set_by_scenarios else set(forced)) - {"profile"}
    changed = _changed(base) | {name: given[name] for name in chosen}
    if base.profile != config.switches.profile:
        changed["profile"] = base.profile
    return {**changed, FORCED: list(forced)} if forced else changed


def config_of(recording: Recording, scenarios: Sequence[Program], clients: tuple[Client, ...] = (DEMO,)) -> Config:
    """The mock that a recording was made with; RecordingError if this lab can't make it."""
    header = recording.header
    settings = dict(header.settings)
    reviewer, base = settings.pop(REVIEWER, "script"), str(settings.pop(BASE, ""))
    prefix, making = str(settings.pop(PREFIX, "")), str(settings.pop(MAKING, ""))
    for name in OF_CAPTURES:
        settings.pop(name, None)
    hosts = settings.pop(CALLBACKS, None)
    tokens, known, jobs = settings.pop(TOKENS, None), settings.pop(ACCOUNTS, None), settings.pop(JOBS, MOST_JOBS)
    try:
        layers = _layers_of({"profile": header.profile, **settings})
        clients, accounts = accounts_of(known) if known is not None else (clients, (JANE,))
        epoch = epoch_in(recording)
    except msgspec.ValidationError as error:
        raise RecordingError(f"{recording.name}:1: the accounts are none: {error}") from None
    except ValueError as error:
        raise RecordingError(f"{recording.name}:1: {error}") from None
    config = Config(
        tuple(scenarios), Switches(), header.seed or 0, epoch, clients, scripted=reviewer != "person",
        recorded=drawn_in(recording), base=base, here=HERE, prefix=prefix, making=making, accounts=accounts,
        most_jobs=jobs if isinstance(jobs, int) else MOST_JOBS,
        callbacks=None if hosts is False else tuple(map(str, hosts if isinstance(hosts, list) else ())),
        token_scenario=tokens if isinstance(tokens, str) else "" if len(header.scenarios or ()) > 1 else None,
    )  # fmt: skip
    return config.settled(layers)


def owners_in(recording: Recording) -> dict[str, str]:
    """Whose each secret is that a mock was configured with: the client's or user's name, by its stand-in."""
    if recording.header.source == CAPTURE:
        return {}
    config = config_of(recording, ())
    clients = {stand_in("client", number): each.id for number, each in enumerate(config.clients, 1)}
    return clients | {stand_in("user", number): each.name for number, each in enumerate(config.accounts, 1)}


def _layers_of(settings: dict[str, Json]) -> Layers:
    forced = settings.pop(FORCED, None)
    names = forced if isinstance(forced, list) else []
    read: dict[str, Json] = {}
    for name, value in settings.items():
        try:
            read[name] = member(Switches, name, value)
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"the setting {name}: {'there is none' if isinstance(error, KeyError) else error}"
            ) from None
    return Layers(
        {name: value for name, value in read.items() if name not in names},
        {name: value for name, value in read.items() if name in names},
    )


def drawn_in(recording: Recording) -> dict[tuple[str, str, int], Drawn]:
    """What chance settled in a recording, by client, scenario and ordinal."""
    found: dict[tuple[str, str, int], Drawn] = {}
    for entry in recording.facts("job.accepted"):
        drawn, ordinal = entry.get("drawn"), entry.get("ordinal")
        owner, scenario = entry.text("client"), entry.text("scenario")
        if isinstance(drawn, dict) and isinstance(ordinal, int) and owner and scenario:
            found.setdefault((owner, scenario, ordinal), drawn)
    return found


# Clients and users: all that a replay needs of them, and no secret. It gives each one of its own.

_SECRET = "lab-made-anew-a:b+c%d-"
"""Two readings of credentials differ in it; it has no `/`, for in a path it may stand as one segment."""


class _Client(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    public: bool = False
    active: bool = True
    redirects: tuple[str, ...] = ()
    grants: tuple[Grant, ...] | None = None
    key_id: str | None = None
    user: str = ""
    roles: tuple[str, ...] = ()

    def client(self) -> Client:
        # assertions are made anew by the lab's own key, so that is the one which is registered
        key = (DEMO.key_id, DEMO.certificate) if self.key_id is not None else ("", "")
        secret = "" if self.public else _SECRET + self.id
        grants = GRANTS if self.grants is None else frozenset(self.grants)
        return Client(self.id, secret, self.redirects, grants, self.active, *key, user=self.user, roles=self.roles)


class _User(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    display: str = ""
    roles: tuple[str, ...] = ()


class _Accounts(msgspec.Struct, frozen=True):
    clients: tuple[_Client, ...]
    users: tuple[_User, ...]


def accounts_member(config: Config) -> Json:
    """Who is known beside the usual ones, or None if nobody is."""
    if config.clients == (DEMO,) and config.accounts == (JANE,):
        return None
    clients = tuple(
        _Client(
            id=each.id, public=each.public, active=each.active, redirects=each.redirects,
            grants=None if each.grants == GRANTS else tuple(sorted(each.grants)),
            key_id=each.key_id if each.certificate else None, user=each.user, roles=each.roles,
        )
        for each in config.clients
    )  # fmt: skip
    users = tuple(_User(name=each.name, display=each.display, roles=each.roles) for each in config.accounts)
    member: Json = msgspec.to_builtins(_Accounts(clients, users))
    return member


def accounts_of(member: Json) -> tuple[tuple[Client, ...], tuple[Account, ...]]:
    """The clients and users that a header names; msgspec.ValidationError if it doesn't name them so."""
    named = msgspec.convert(member, _Accounts)
    users = (Account(each.name, _SECRET + each.name, each.display, each.roles) for each in named.users)
    return tuple(each.client() for each in named.clients), tuple(users)


def with_secrets(config: Config, clients: tuple[Client, ...], accounts: tuple[Account, ...]) -> Config:
    """The mock of a recording for peers outside: who is known by name among these has its own secret, and keys."""
    by_id, by_name = {each.id: each for each in clients}, {each.name: each for each in accounts}
    return replace(
        config,
        clients=tuple(by_id.get(each.id, each) for each in config.clients),
        accounts=tuple(by_name.get(each.name, each) for each in config.accounts),
    )
