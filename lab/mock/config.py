"""What a mock is made with: scenarios, switches, seed, epoch, who is known, where it is reached."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Epoch, Millis
from lab.core.observe import Requested
from lab.core.seeds import SEEDS, Seed, draw
from lab.core.trace import own_trace, trace_in
from lab.dialects.fusion.pod_tokens import POD_CLIENT
from lab.faults.arming import KnownNames, steps_by_scenario
from lab.identity.clients import DEMO, JANE, Account, Client, aistudio_cli
from lab.identity.config import DEFAULT_LIFETIME, IdentityConfig
from lab.jobs.plan import Drawn
from lab.jobs.program import Program
from lab.program.scenario import Scenario
from lab.program.switches import IDENTITY, Layers, Switches

TENANT_PATH = "/t/"
"""What a path begins with that names a tenant, before any scenario."""
MOUNT_PATH = "/scenario/"
"""What one begins with, or goes on with, that names a scenario which was chosen."""
MOST_JOBS = 100_000
"""How many jobs may be alive, unless a setting says otherwise (limits.md §2)."""

DECOY_ORIGIN = "http://decoy.invalid"
"""An origin that nobody has (RFC 6761 §6.4): what is redirected there, and no listener was opened for, arrives nowhere."""


class Config(Struct, frozen=True):
    """What the mock is made with. In a replay `recorded` holds the draws by client, scenario and ordinal."""

    scenarios: tuple[Program, ...]
    switches: Switches
    seed: Seed
    epoch: Epoch
    clients: tuple[Client, ...] = (DEMO,)
    scripted: bool = True
    """Whether scripted reviewers answer; False when a person does."""
    recorded: Mapping[tuple[str, str, int], Drawn] | None = None
    accounts: tuple[Account, ...] = (JANE,)
    """The users; the first is the default one, where nobody logs in."""
    base: str = ""
    """The public origin under which the mock is reached, where one was given."""
    here: str = ""
    """The origin at which it listens; never recorded, for its port varies."""
    prefix: str = ""
    """What the paths of its URLs begin with, where a listener has several mocks."""
    making: str = ""
    """Tells it from what had its prefix before, and was given up: ids and tokens of that are no good here."""
    elsewhere: str = DECOY_ORIGIN
    """The origin to which redirects lead that leave this one; its port varies, so recordings have the usual name."""
    layers: Layers | None = None
    """What `switches` came of, where scenarios may say otherwise; None: `switches` are all that was said."""
    most_jobs: int = MOST_JOBS
    """How many jobs may be alive; beyond it, invoke answers 429."""
    token_scenario: str | None = None
    """Of several scenarios, the one whose lifetime and latency of tokens hold: a token request names no team. Empty: none
    of them, though only one may be at hand."""
    callbacks: tuple[str, ...] | None = ()
    """Hosts beside this machine that a receiver of callbacks may have; None: none can be registered."""
    former: tuple[tuple[Millis, Program], ...] = ()
    """Scenarios that were edited, oldest first: each goes on for the jobs that were accepted before its instant."""

    def edited(self, program: Program, now: Millis) -> "Config":
        """The same with a scenario that was edited, or is new, from the instant after `now` on."""
        before = [each for each in self.scenarios if each.name == program.name]
        scenarios = tuple(program if each.name == program.name else each for each in self.scenarios)
        changed = replace(
            self, scenarios=scenarios if before else (*scenarios, program),
            former=(*self.former, *((now + 1, each) for each in before)),
        )  # fmt: skip
        return changed._resettled()

    def following(self, scenario: str, seed: Seed) -> "Config":
        """The same with lifetime and latency of tokens, switches and seed of one of the scenarios."""
        return replace(self, token_scenario=scenario, seed=seed)._resettled()

    def alone(self, scenarios: tuple[Program, ...], seed: Seed, prefix: str) -> "Config":
        """What a mock is made with that serves these scenarios, as if it had been started with them alone."""
        followed = scenarios[0].name if len(scenarios) == 1 else None
        return replace(
            self, scenarios=scenarios, seed=seed, token_scenario=followed, prefix=prefix, former=()
        )._resettled()

    def _resettled(self) -> "Config":
        """The same with the switches that its layers give now."""
        return self.settled(self.layers) if self.layers is not None else self

    @property
    def scenario_of_tokens(self) -> Program | None:
        """The scenario that tokens follow: the only one, or the one named; else None."""
        if len(self.scenarios) == 1 and self.token_scenario != "":
            return self.scenarios[0]
        return next((each for each in self.scenarios if each.name == self.token_scenario), None)

    @property
    def origin(self) -> str:
        """What URLs in answers start with: never taken from a request."""
        return (self.base or self._here) + self.prefix

    @property
    def _here(self) -> str:
        return self.here or "http://127.0.0.1"

    def trace_of(self, requested: Requested) -> str:
        """The id of the trace that an exchange belongs to: its client's, else one of its own."""
        ordinal = requested.x if requested.ordinal is None else requested.ordinal
        return trace_in(requested.request.headers) or own_trace(self.seed, self.prefix, ordinal)

    @property
    def id_seed(self) -> Seed:
        """By which ids and tokens are drawn: of two tenants with one seed jobs go alike, and neither knows the other's."""
        if not self.prefix.startswith(TENANT_PATH):
            return self.seed
        tenant = self.prefix.removeprefix(TENANT_PATH).partition("/")[0]
        return draw(self.seed, f"tenant/{tenant}{self.making and f'/{self.making}'}", 0, SEEDS - 1)

    @property
    def own(self) -> str:
        """The origin that only this start of the lab has; empty if a public one was given."""
        return "" if self.base else self._here

    @property
    def identity(self) -> IdentityConfig:
        """What its OAuth server is made with."""
        followed = self.scenario_of_tokens
        lifetime = followed.scenario.token.lifetime // 1000 if followed else DEFAULT_LIFETIME
        return IdentityConfig(
            self.switches, self.id_seed, self.epoch, self.origin, self.clients, self.accounts, lifetime
        )

    @property
    def named(self) -> KnownNames:
        """What a fault that is armed may name."""
        steps = steps_by_scenario((*self.scenarios, *(program for _, program in self.former)))
        clients = [*(each.id for each in self.clients), aistudio_cli(self.switches.pod).id, POD_CLIENT]
        anybody = self.switches.clients == "any"
        return KnownNames(steps, [each.name for each in self.identity.users], None if anybody else clients)

    def settled(self, layers: Layers) -> "Config":
        """The same with these layers: `switches` are the server's, with those of a scenario that stands alone."""
        alone = self.scenario_of_tokens
        return replace(self, layers=layers, switches=layers.over(alone.scenario.settings if alone else None))

    def switches_of(self, scenario: Scenario) -> Switches:
        """The switches for jobs of a scenario; those of the identity domain are always the server's."""
        own = scenario.settings
        if self.layers is None and not own:
            return self.switches
        layers = self.layers or Layers(below=self.switches.said)
        shared = {name: getattr(self.switches, name) for name in IDENTITY}
        return replace(layers.over(own), **shared)
