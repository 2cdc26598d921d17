"""The labs behind one listener, and which of them a request is for.

A `ServedLab` is a mock with the clock that it lives by, what keeps, delivers and records its replies, and what opens its part
of the control plane. A listener has one without a name. Beside it stand *tenants*, `/t/NAME`, each with a clock of its
own; and in each of these, and in the nameless one, the scenarios that clients chose there, `/scenario/NAME`, each with
ledger, numbers, journal and report of its own, and the clock of the lab in which it was chosen. Where a path prefix says
so, a header may say it instead.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import chain

from msgspec import Struct
from msgspec.structs import replace

from lab.clocks import AnyClock
from lab.core.exchange import Headers, Request
from lab.core.journal.fact import Fact, LabMade
from lab.core.journal.shared import StoreLost
from lab.core.journal.shell import ConnectionOpened
from lab.core.refusal import Refusal, bad_request, not_found
from lab.core.routes import TENANT_NAME
from lab.core.seeds import Seed
from lab.dialects.router import ROUTER
from lab.jobs.program import Program
from lab.mock.config import MOUNT_PATH, TENANT_PATH
from lab.mock.fact_file import FactFile
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.program.words import nearest
from lab.server.connection import Connection
from lab.server.delivery import ReplySender
from lab.server.recorder import Recorder
from lab.server.request_reader import store_refusal
from lab.server.response_writer import ResponseWriter
from lab.server.shared.calls import LedgerCalls, LocalCalls

MOUNT_HEADER, TENANT_HEADER = "x-lab-scenario", "x-lab-tenant"
NAME_RULE = "The name of a tenant has 1 to 40 small letters, digits and hyphens, no hyphen first."
_LONGEST_SHOWN = 120
"""Characters of a name that are repeated where there is none such."""
_CHOOSING = frozenset((TENANT_HEADER, MOUNT_HEADER))
_WELL_KNOWN = "/.well-known/"


class LabChoice(Struct, frozen=True):
    """A scenario that can be chosen, and what a good client does in it."""

    name: str
    load: Callable[[], Program]
    messages: Callable[[], Scenario]
    """A scenario at hand that takes the same messages: itself, or that of which it is a drill."""
    good_client: tuple[str, ...] | None = None
    """How its run may end: any of these; None: as the scenario lets expect."""
    strikes: bool = False
    """Whether it is a drill whose fault has to strike, or the run says nothing."""
    jobs: int = 1
    """How many conversations a client is to begin."""


class OfferedChoices(Struct, frozen=True):
    """What one plugin offers to the clients of a lab."""

    choices: tuple[LabChoice, ...]
    targets: tuple[str, ...] = ()
    """Scenarios that are served if the call names none."""
    note: str = ""
    """What is said of it once the lab listens."""


class LabWish(Struct, frozen=True):
    """What a tenant is to be; what isn't said is as the nameless lab's."""

    name: str
    seed: Seed | None = None
    scenarios: tuple[str, ...] | None = None


class ServedLab:
    """One lab behind a listener."""

    def __init__(
        self, service: Service, clock: AnyClock, *, birth: LabMade | None = None, calls: LedgerCalls | None = None,
        usual: "ServedLab | None" = None, choice: LabChoice | None = None,
    ) -> None:  # fmt: skip
        """`calls` is how calls reach a ledger that other processes share; None: it is this one's alone.

        Of a scenario that was chosen `choice` says what it is made of, and `usual` is the lab where it was.
        """
        self.service, self.clock = service, clock
        self.sender = ReplySender(service, clock)
        self.choice, self.usual = choice, usual or self
        self.birth: LabMade | None = usual.birth if usual else birth
        """What the tenant is, or that in which it was chosen; None: it is none."""
        self.past: Sequence[Fact] = ()
        """What earlier processes have accepted."""
        self.calls: LedgerCalls = usual.calls if usual else calls or LocalCalls(clock, self.pass_on, self._files)
        """How all calls reach the ledger, but those for which nothing has to be waited for."""
        self.choices: dict[str, LabChoice] = {}
        """What may be chosen there."""
        self.chosen: dict[str, ServedLab] = {}
        """What was, in the order of its making."""

    @property
    def name(self) -> str | None:
        """The tenant's; None: it is none."""
        return None if self.birth is None else self.birth.place.removeprefix(TENANT_PATH)

    @property
    def token(self) -> str:
        """What opens the control plane's part of a tenant."""
        return "" if self.birth is None else self.birth.token

    @property
    def scenario(self) -> str | None:
        """The one by which it was chosen."""
        return None if self.choice is None else self.choice.name

    @property
    def place(self) -> str:
        """What the paths of its URLs begin with."""
        return self.service.config.prefix

    @property
    def recorder(self) -> Recorder | None:
        """What records it, if it can be."""
        return self.sender.recorder

    @recorder.setter
    def recorder(self, recorder: Recorder | None) -> None:
        self.sender.recorder = recorder

    def __iter__(self) -> "Iterator[ServedLab]":
        """All that live by its clock: itself, and what was chosen there."""
        return iter((self, *self.chosen.values()))

    def used(self) -> "Iterator[ServedLab]":
        """What was chosen there and called, be it before this process began."""
        return (each for each in self.chosen.values() if each.service.exchanges or any(each.service.jobs()))

    def note(self, fact: Fact) -> None:
        """Take a fact of the listener's, at the instant that it is here."""
        self.service.note(replace(fact, at=self.clock.now()))

    def pass_on(self, fact: Fact) -> None:
        """Tell all who live by its clock what became of that."""
        for each in self:
            each.service.note(fact)

    def redate(self) -> None:
        """Count the `Date` of replies from the service's epoch of now."""
        self.sender.writer = ResponseWriter(self.service.config.epoch)

    def _files(self) -> Iterator[FactFile]:
        return (each.service.file for each in self)


class LabRefused(Exception):
    """There can be no such lab, or not now."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Routed(Struct, frozen=True):
    """Which lab a request is for, and its path there; or why it is for none."""

    lab: ServedLab
    path: str
    refusal: Refusal | None = None
    absent: str | None = None
    """The tenant that is meant and isn't here: another process may have it, or the call may make it."""


class Labs:
    """The labs behind one listener: that without a name alone, unless a class that derives from this one makes more."""

    most = 0
    """How many tenants that calls have made there may be at once; 0: no call makes any."""
    offered = False
    """Whether there may be more than the nameless one."""

    def __init__(self, usual: ServedLab) -> None:
        self.usual = usual
        """That without a name."""
        self.named: dict[str, ServedLab] = {}
        """The tenants that are here, in the order of their making."""
        self.watchers: list[Callable[[ServedLab], object]] = []
        """Told of each lab that is made, before its first request."""
        self.leavers: list[Callable[[ServedLab], object]] = []
        """Told of each that is given up."""
        self._used: dict[int, dict[ServedLab, None]] = {}
        """By connection: where it was used beside the nameless lab, the latest last."""

    def __iter__(self) -> Iterator[ServedLab]:
        """Every one, what was chosen in each behind it."""
        return chain(self.usual, *self.named.values())

    # What a class that makes some says of them. Where other processes serve them too, StoreLost if that isn't known.

    def chosen(self, usual: ServedLab, choice: LabChoice) -> ServedLab:
        """A new lab of what is chosen in another one; StoreRefused if nothing can keep what is accepted there."""
        raise NotImplementedError

    def proves(self, wish: LabWish, request: Request) -> bool:
        """Whether a token request shows credentials that are good in the tenant that is wished for."""
        return False

    async def new_tenant(self, wish: LabWish, *, called: bool) -> ServedLab:
        """A new tenant, which a call or a command makes; UsageError if it can't be, LabRefused if there are too many."""
        raise NotImplementedError

    async def listed(self) -> Sequence[ServedLab]:
        """Every tenant, in the order of their making, whichever process made it."""
        await self.usual.calls.fresh()
        return tuple(self.named.values())

    def load(self, program: Program) -> None:
        """A scenario's file was edited, or is new: whoever serves it takes it up; StoreRefused if nothing can keep that."""
        self.usual.service.load(program, self.usual.clock.now())

    async def tokens(self) -> AsyncIterator[tuple[str, str]]:
        """The name and the control token of each tenant: those that are known here at first."""
        known = dict.fromkeys(self.named.values())
        for lab in known:
            yield lab.name or "", lab.token
        for lab in await self.listed():
            if lab not in known:
                yield lab.name or "", lab.token

    # Which one

    def route(self, path: str, headers: Headers) -> Routed:
        """Which lab a request is for, as far as it is here."""
        if not self.offered:
            return Routed(self.usual, path)
        choosing = tuple([each for each in headers if each[0] in _CHOOSING])
        if not choosing and TENANT_PATH not in path and MOUNT_PATH not in path:
            return Routed(self.usual, path)
        tenants, rest = named_in(path, choosing, TENANT_PATH, TENANT_HEADER)
        lab = self.usual
        try:
            if (name := _only("tenant", tenants)) is not None:
                if name not in self.named:
                    return Routed(lab, rest, self.unknown(name), name)
                lab = self.named[name]
            scenarios, rest = named_in(rest, choosing, MOUNT_PATH, MOUNT_HEADER)
            name = _only("scenario", scenarios)
            return Routed(lab if name is None else self.choose(lab, name), rest)
        except LabRefused as refused:
            return Routed(lab, rest, refused.refusal)

    async def admit(self, routed: Routed, request: Request, path: str) -> Routed:
        """The same for a tenant that isn't here: another process may have it, and a token request may make it.

        It has to show a client's credentials, and nothing else makes one, for any page can have a browser send a GET.
        `path` is the request's as it came.
        """
        wish = LabWish(routed.absent or "")
        try:
            if await self.find(wish.name) is None:
                may = (
                    self.most
                    and TENANT_NAME.fullmatch(wish.name)
                    and ROUTER.name(request.method, routed.path) == "token"
                )
                if not may or not self.proves(wish, request):
                    return replace(routed, absent=None)
                await self.make(wish, called=True)
        except (LabRefused, StoreLost) as problem:
            refusal = problem.refusal if isinstance(problem, LabRefused) else store_refusal(problem)
            return Routed(routed.lab, routed.path, refusal)
        return self.route(path, request.headers)

    def unknown(self, name: str) -> Refusal:
        """404: there is no such tenant. All stands in the message: OAuth's answers have no place for hints."""
        why = "POST /_lab/tenants, at the control plane, makes one."
        if self.most:
            why = f"A token request with a client's credentials makes it, or {why}"
        return not_found(f"There is no tenant {_shown(name)} here. {why if TENANT_NAME.fullmatch(name) else NAME_RULE}")

    def choose(self, lab: ServedLab, name: str) -> ServedLab:
        """The scenario of that name in a lab, made if it wasn't yet; LabRefused if it can't be chosen there."""
        if (known := lab.chosen.get(name)) is not None:
            return known
        if (choice := lab.choices.get(name)) is None:
            raise LabRefused(_no_choice(lab, name))
        try:
            chosen = self.chosen(lab, choice)
        except StoreLost as lost:
            raise LabRefused(store_refusal(lost)) from None
        lab.chosen[name] = chosen
        self.watch(chosen)
        return chosen

    # Making and ending

    async def make(self, wish: LabWish, *, called: bool = False) -> ServedLab:
        """The tenant of that name, made if it isn't there; LabRefused if it can't be."""
        if not self.offered:
            raise LabRefused(Refusal(409, "This lab has no tenants.", "lab serve of scenarios has some."))
        await self.usual.calls.fresh()
        return self.named.get(wish.name) or await self.new_tenant(wish, called=called)

    async def find(self, name: str) -> ServedLab | None:
        """The tenant of that name, whichever process made it; None: there is none."""
        if name not in self.named and self.offered and TENANT_NAME.fullmatch(name):
            await self.usual.calls.fresh()
        return self.named.get(name)

    def begin(self, lab: ServedLab) -> ServedLab:
        """Serve a tenant from now on."""
        self.named[lab.name or ""] = lab
        self.watch(lab)
        return lab

    def watch(self, lab: ServedLab) -> None:
        """Tell who wants to know of one that was made."""
        for watcher in self.watchers:
            watcher(lab)

    async def end(self, name: str) -> bool:
        """Give a tenant up with all that it holds, at all processes; False if there is none such."""
        if (lab := self.named.get(name)) is not None:
            self.let_go(lab)
        return lab is not None

    def let_go(self, lab: ServedLab) -> None:
        """A tenant was ended, here or by another process: nothing of it stays here."""
        del self.named[lab.name or ""]
        for ordinal, used in self._used.items():  # connections may outlive it by far
            self._used[ordinal] = {each: None for each in used if each.usual is not lab}
        self.give_up(lab)
        for leaver in self.leavers:
            leaver(lab)

    def give_up(self, lab: ServedLab) -> None:
        """Give up all that was chosen in a lab: the next request makes each anew."""
        gone, lab.chosen = lab.chosen, {}
        for chosen in gone.values():
            for leaver in self.leavers:
                leaver(chosen)

    # Connections, which belong to none: of each a journal tells those that were used there

    def arrive(self, lab: ServedLab, connection: Connection) -> None:
        """A request to that lab came over a connection."""
        connection.tenant = lab.usual
        if lab is self.usual:
            return
        used = self._used.setdefault(connection.ordinal, {})
        if lab not in used:
            lab.note(ConnectionOpened(at=0, c=connection.ordinal))
        used.pop(lab, None)  # so that it comes to be the last
        used[lab] = None

    def latest(self, ordinal: int) -> ServedLab:
        """The lab that a connection was last used for, the nameless one aside."""
        used = self._used.get(ordinal)
        return next(reversed(used)) if used else self.usual

    def leave(self, ordinal: int) -> None:
        """The connection has ended."""
        self._used.pop(ordinal, None)


def named_in(path: str, headers: Headers, prefix: str, header: str) -> tuple[set[str], str]:
    """The names behind `prefix` and in `header`, and the path without its own.

    A well-known document's stands at the end of its path (RFC 8414 §3.1).
    """
    names = {value.strip() for name, value in headers if name == header}
    before = ""
    if path.startswith(prefix):
        behind = path.removeprefix(prefix)
    elif path.startswith(_WELL_KNOWN) and prefix in path:
        before, _, behind = path.partition(prefix)
    else:
        return names, path
    name, slash, rest = behind.partition("/")
    return {*names, name}, f"{before}{slash}{rest}" if before else f"/{rest}"


def _only(what: str, names: set[str]) -> str | None:
    """The one that is named, if any is; LabRefused if several are."""
    if len(names) > 1:
        several = ", ".join(map(_shown, sorted(names)))
        text = f"Path and X-Lab-{what.title()} name several {what}s: {several}."
        raise LabRefused(bad_request(text, "Name one of them."))
    return next(iter(names), None)


def _no_choice(lab: ServedLab, name: str) -> Refusal:
    """404: no scenario is chosen by that name. In the message, for the OAuth server's answers have no place for hints."""
    if lab.calls.shared:
        return not_found("No scenario can be chosen in a lab that several processes serve.")
    near = nearest(name, lab.choices) if len(name) <= _LONGEST_SHOWN else ""
    wrong = f"There is no scenario {_shown(name)} to choose here{f': {near}' if near else '.'}"
    return not_found(f"{wrong} GET /_lab/scenarios, at the control plane, lists them.")


def _shown(name: str) -> str:
    return repr(name[:_LONGEST_SHOWN])
