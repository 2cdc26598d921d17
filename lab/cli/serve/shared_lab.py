"""A lab that several processes serve: what they agree on, how this one joins, and its tenants.

The first process writes the lab's setup into the store. Each later one is told something by its command line, its
settings file and its scenarios: where that differs from the setup it ends, and names all that does. What it wasn't told
it takes from the setup, the seed and the second at which the lab began among it.
"""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from lab.cli.console import Console
from lab.cli.entropy import process_name
from lab.cli.serve.beginning import LabTerms, begun_otherwise, differences, scenario_terms
from lab.cli.serve.served_labs import ServedLabs, birth_of
from lab.cli.serve.settings import LedgerSettings
from lab.cli.setup import Setup, make_clock
from lab.clocks import SystemClock, real_millis, wall_second
from lab.core.clock import Epoch, Millis
from lab.core.errors import HostError, UsageError
from lab.core.exchange import Json
from lab.core.journal.fact import LabEnded
from lab.core.journal.shared import LabState, LogPlace, SharedStore, Snapshot, StoreRefused, StoreUnreadable, Synced
from lab.core.seeds import Seed
from lab.core.version import __version__
from lab.identity.clients import DEMO, JANE, Account, Client
from lab.mock.batches import BatchedService
from lab.mock.service import Service
from lab.options import changed
from lab.program.switches import Layers
from lab.server.labs import LabRefused, LabWish, ServedLab
from lab.server.limits import ServerLimits
from lab.server.shared.batch_loop import BatchLoop, LabCalls
from lab.server.shared.folded_log import read_log
from lab.server.shared.lab_time import LabTime
from lab.settings import ClockSettings

_LOG = logging.getLogger("lab")
OPENS_WITHIN: Millis = 5_000
"""So long it may take until a store answers at the start."""
_PAUSE: Millis = 100
SETUP_VERSION = 1
"""Of the setup record and all else that the store keeps."""


class SharedSetup(Struct, frozen=True, kw_only=True, tag_field="format", tag="lab.shared"):
    """What all processes of one lab have in common."""

    version: int = SETUP_VERSION
    lab: str
    """The version of the lab that serves it."""
    seed: Seed
    epoch: Epoch
    began: Millis
    """What the store's clock said at instant 0, in milliseconds since 1970."""
    clock: str
    """As `--clock` takes it."""
    reviewer: str
    base: str
    below: dict[str, Json]
    above: dict[str, Json]
    """The switches that were said: those over which scenarios win, and those that win over scenarios."""
    limits: ServerLimits
    clients: tuple[Client, ...]
    accounts: tuple[Account, ...]
    scenarios: dict[str, str]
    """The digest of each, by name."""


def proposed_setup(setup: Setup, wall: Millis) -> SharedSetup:
    """The setup of a lab that this process would begin, when the store's clock says `wall`."""
    config, layers = setup.config, setup.config.layers or Layers()
    epoch, began = instant_zero(setup, wall)
    return SharedSetup(
        lab=__version__,
        seed=config.seed,
        epoch=epoch,
        began=began,
        clock=setup.settings.clock.option,
        reviewer="script" if config.scripted else "person",
        base=config.base,
        below=dict(layers.below),
        above=dict(layers.above),
        limits=setup.limits,
        clients=config.clients,
        accounts=config.accounts,
        scenarios={each.name: each.digest for each in config.scenarios},
    )


def instant_zero(setup: Setup, wall: Millis) -> tuple[Epoch, Millis]:
    """The epoch of what begins when the store's clock says `wall`, and what that clock says at its instant 0."""
    given = setup.settings.epoch
    return (wall // 1000, wall // 1000 * 1000) if given is None else (given, wall)


def setup_differences(agreed: SharedSetup, setup: Setup, *, clock_said: bool) -> dict[str, str]:
    """Where this process was told otherwise than the lab's setup says."""
    own, settings, usual = proposed_setup(setup, agreed.began), setup.settings, ServerLimits()
    said = {
        "version": True,
        "lab": True,
        "seed": settings.seed is not None,
        "epoch": settings.epoch is not None,
        "clock": clock_said,
        "reviewer": settings.reviewer is not None,
        "base": bool(own.base),
        "clients": own.clients != (DEMO,),
        "accounts": own.accounts != (JANE,),
    }
    limits = [name for name, value in asdict(own.limits).items() if value != getattr(usual, name)]

    def terms(each: SharedSetup) -> LabTerms:
        over = Layers(each.below, each.above).over()
        return {
            **{name: getattr(each, name) for name, is_said in said.items() if is_said},
            **{name: getattr(over, name) for name in sorted(own.below.keys() | own.above.keys())},
            **{f"limits.{name}": getattr(each.limits, name) for name in limits},
            **scenario_terms(each.scenarios),
        }

    return differences(terms(agreed), terms(own))


def adopted(setup: Setup, agreed: SharedSetup) -> Setup:
    """This process's setup with all that the lab's says."""
    clock = ClockSettings.read(agreed.clock)
    served = {each.name: each for each in setup.config.scenarios}
    config = replace(
        setup.config,
        seed=agreed.seed,
        epoch=agreed.epoch,
        scripted=agreed.reviewer == "script",
        base=agreed.base,
        clients=agreed.clients,
        accounts=agreed.accounts,
        most_jobs=agreed.limits.jobs,
        scenarios=tuple(served[name] for name in agreed.scenarios),
    ).settled(Layers(agreed.below, agreed.above))
    if config.switches.profile == "rfc" and not config.base:
        raise UsageError(
            "The issuer of the profile rfc is the lab's origin, and each process has another.",
            hint="Give all of them the same --base URL.",
        )
    # whether it was given, or is the second at which the lab began: a tenant begins later
    epoch = None if agreed.began == 1000 * agreed.epoch else agreed.epoch
    return replace(
        setup,
        settings=changed(setup.settings, clock=clock, epoch=epoch),
        config=config,
        clock=make_clock(clock),
        limits=agreed.limits,
        make_service=BatchedService,
    )


class SharedLab(Struct, frozen=True):
    """A lab that this process has its place in, and doesn't serve yet."""

    setup: Setup
    store: SharedStore
    agreed: SharedSetup
    shown: str
    """Where the store is, without a password, and what its keys begin with."""
    notes: tuple[str, ...]
    """What whoever starts the lab should know of the store."""

    @property
    def document(self) -> str:
        """What its processes agreed on, as JSON."""
        return _ENCODER.encode(self.agreed).decode()

    def calls_on(self, service: Service) -> LabCalls:
        """What runs calls on the service once it is started."""
        assert isinstance(service, BatchedService)
        return LabCalls(BatchLoop(self.store, process_name()), service, LabTime(self.setup.clock, self.agreed.began))


@asynccontextmanager
async def shared_lab(ledger: LedgerSettings, setup: Setup, *, agreed: str | None = None) -> AsyncIterator[SharedLab]:
    """The lab that the store keeps, begun by this process if there was none; HostError and UsageError say why there is none.

    `agreed` is the document of a lab that was served already. Its store is waited for, however long it is away, and a
    store that has lost all comes to hold the same setup again, by which others may go on to serve.
    """
    since, said, lab = real_millis(), False, None
    while lab is None:
        try:
            lab = await _joined(ledger, setup, agreed)
        except HostError as away:
            waited = real_millis() - since
            if waited >= OPENS_WITHIN and agreed is None:
                raise
            if waited >= OPENS_WITHIN and not said:
                said = True
                _LOG.error("lab: %s. Process %d takes calls once it is back.", away.what.rstrip("."), os.getpid())
            await SystemClock().hold(_PAUSE)
    try:
        yield lab
    finally:
        await lab.store.close()


async def _joined(ledger: LedgerSettings, setup: Setup, document: str | None) -> SharedLab:
    from lab.stores.address import store_address  # no other start waits for them
    from lab.stores.redis_log import open_store

    assert ledger.url is not None
    address = store_address(ledger.url)
    async with AsyncExitStack() as opened:
        store = await open_store(address, ledger.prefix)
        opened.push_async_callback(store.close)
        shown = f"{address} (prefix {ledger.prefix})"
        try:
            if document:
                await store.setup(document.encode())
            common = await agree(store, setup, shown, clock_said=ledger.clock_said)
        except StoreRefused as refused:
            if refused.hint:  # what its user may not do: waiting doesn't help
                raise UsageError(refused.what, hint=refused.hint) from None
            raise
        lab = SharedLab(adopted(setup, common), store, common, shown, store.link.notes)
        opened.pop_all()
        return lab


async def agree(store: SharedStore, setup: Setup, shown: str, *, clock_said: bool) -> SharedSetup:
    """What the lab's setup says; UsageError if this process was told otherwise.

    A lab that nobody serves, that has no tenants and holds nothing since it was reset, is set up anew by the next process.
    """
    synced = await store.sync(LogPlace())
    own = proposed_setup(setup, synced.wall if isinstance(synced, Synced) else 1000 * wall_second())
    agreed = _decoded(await store.setup(_ENCODER.encode(own)), shown)
    found = setup_differences(agreed, setup, clock_said=clock_said)
    if not found:
        return agreed
    if not await store.processes() and _holds_nothing((await read_log(store))[0]):
        # what this process was told, and what else the one before says; instants go on
        kept = {name: getattr(agreed, name) for name in ("seed", "epoch", "clock") if name not in found}
        renewed = replace(own, began=agreed.began, **kept)
        return _decoded(await store.setup(_ENCODER.encode(renewed), replace=True), shown)
    hint = "take another --ledger-prefix, or reset it and end its tenants and processes first."
    raise begun_otherwise(f"The lab at {shown}", found, hint)


def _holds_nothing(snapshot: Snapshot) -> bool:
    return len(snapshot.labs) == 1 and not snapshot.labs[""].records


_ENCODER = msgspec.json.Encoder()


def _decoded(document: bytes, shown: str) -> SharedSetup:
    try:
        return msgspec.json.decode(document, type=SharedSetup)
    except msgspec.DecodeError as fault:
        hint = "Something else is kept there, and left as it is: take another --ledger-prefix."
        raise StoreUnreadable(f"The lab at {shown} can't be read by this one: {fault}.", hint=hint) from None


class SharedTenants(ServedLabs):
    """The tenants of a shared lab: each is made and ended by a commit of the lab's log, at all processes."""

    def __init__(self, setup: Setup, console: Console, usual: ServedLab, *, most: int = 0, **_: object) -> None:
        super().__init__(setup, console, usual, most=most)
        assert isinstance(usual.calls, LabCalls)
        self._loop = usual.calls.loop
        self._loop.make_tenant, self._loop.end_tenant = self._serve, self._leave

    async def new_tenant(self, wish: LabWish, *, called: bool) -> ServedLab:
        """The same at whatever process it is wished for: the first wish counts."""
        wanted = birth_of(wish, called=called)
        config = self.config(wanted, 0)
        birth = replace(wanted, seed=config.seed, scenarios=tuple(each.name for each in config.scenarios))

        def make(now: Millis) -> None:
            if wish.name not in self.named:
                self.check_room(called=called)
                self.usual.service.note(replace(birth, at=now, making=self._loop.making))

        await self._loop.run(self._loop.usual, make, last=True)
        if (tenant := self.named.get(wish.name)) is None:
            raise LabRefused(self.unknown(wish.name))  # it was ended at once
        return tenant

    async def end(self, name: str) -> bool:
        """No process has it from now on."""

        def end(now: Millis) -> bool:
            if (tenant := self.named.get(name)) is not None:
                self.usual.service.note(LabEnded(at=now, place=tenant.place))
            return tenant is not None

        return await self._loop.run(self._loop.usual, end, last=True)

    def _serve(self, state: LabState) -> LabCalls:
        birth = state.birth
        assert birth is not None
        epoch, began = instant_zero(self._setup, state.wall)
        clock = make_clock(self._setup.settings.clock)
        service = self._service(self.config(birth, epoch), clock)
        assert isinstance(service, BatchedService)
        calls = LabCalls(self._loop, service, LabTime(clock, began), state)
        self.begin(self.tenant(birth, service, clock, calls))
        return calls

    def _leave(self, calls: LabCalls) -> None:
        self.let_go(next(each for each in self.named.values() if each.calls is calls))
