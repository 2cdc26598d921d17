"""Which of a tenant's mocks a request is for: the usual one, or one of its own that a path prefix or a header names.

Each has ledger, numbers, journal and report to itself; the clock is everybody's. One is made when it is first asked.
"""

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from lab.clocks import AnyClock
from lab.core.exchange import Headers
from lab.core.journal.fact import Fact
from lab.core.refusal import Refusal, bad_request, not_found
from lab.jobs.program import Program
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.program.words import nearest
from lab.server.delivery import ReplySender
from lab.server.recorder import Recorder
from lab.server.response_writer import ResponseWriter
from lab.server.shared.calls import LedgerCalls, LocalCalls

MOUNT_PATH = "/scenario/"
"""What a path begins with that names a scenario."""
MOUNT_HEADER = "x-lab-scenario"
LONGEST_NAME = 120
"""Characters of a name that are repeated where there is none such."""
_WELL_KNOWN = "/.well-known/"
_UNSHARED = "No scenario can be chosen in a lab that several processes serve."


class Mount:
    """One mock behind the listener, and what delivers its replies."""

    def __init__(
        self, service: Service, clock: AnyClock, choice: "MountChoice | None" = None, recorder: Recorder | None = None
    ) -> None:
        """`choice` is what it was made of; None: it is the usual one."""
        self.service = service
        self.clock = clock
        self.choice = choice
        self.sender = ReplySender(service, clock, recorder)
        self.tenant: Tenant
        """Whose it is."""

    @property
    def recorder(self) -> Recorder | None:
        """What records it, if it can be."""
        return self.sender.recorder

    @recorder.setter
    def recorder(self, recorder: Recorder | None) -> None:
        self.sender.recorder = recorder

    @property
    def name(self) -> str | None:
        """By which it is chosen; None: by nothing."""
        return None if self.choice is None else self.choice.name

    def note(self, fact: Fact) -> None:
        """Take a fact of the listener's, at the instant that it is here."""
        self.service.note(replace(fact, at=self.clock.now()))


class MountChoice(Struct, frozen=True):
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


class Routed(Struct, frozen=True):
    """Which mock a request is for, and its path there; or why it is for none."""

    mount: Mount
    path: str
    refusal: Refusal | None = None


class Tenant:
    """The mocks that live by one clock: what a lab is, of which several may be behind one listener."""

    def __init__(self, main: Mount, calls: LedgerCalls | None = None, name: str | None = None, token: str = "") -> None:
        """`calls` is how calls reach a ledger that other processes share; None: it is this one's alone.

        Of one with a name, `token` opens what the control plane has of it.
        """
        self.main = main
        self.name = name
        self.token = token
        self.clock = main.clock
        self.calls = calls or LocalCalls(main.clock, self.note, lambda: self.main.service)
        """How all calls reach the ledger, but those for which nothing has to be waited for."""
        main.tenant = self
        self.users = 0
        """Calls and commands for it that are under way."""
        self.choices: Mapping[str, MountChoice] = {}
        self.closed = _UNSHARED if self.calls.shared else ""
        """Why none can be chosen where clients may expect that they can."""
        self.watchers: list[Callable[[Mount], object]] = []
        """Backlog of each that is made, before its first request."""
        self.leavers: list[Callable[[Mount], object]] = []
        """Backlog of each that is given up."""
        self._mounts: dict[str, Mount] = {}
        self._make: Callable[[MountChoice], Mount] | None = None

    def offer(self, choices: Mapping[str, MountChoice], make: Callable[[MountChoice], Mount]) -> None:
        """Let these be chosen from now on; `make` mounts one."""
        self.choices, self._make = choices, make

    def route(self, path: str, headers: Headers) -> Routed:
        """Which mock the request is for."""
        if not (self.choices or self.closed) or not (headers or MOUNT_PATH in path):
            return Routed(self.main, path)
        wanted, rest = named_in(path, headers, MOUNT_PATH, MOUNT_HEADER)
        if not wanted:
            return Routed(self.main, path)
        if len(wanted) > 1:
            problem = bad_request(
                f"Path and X-Lab-Scenario name several scenarios: {', '.join(sorted(wanted))}.", "Name one of them."
            )
            return Routed(self.main, rest, problem)
        (name,) = wanted
        mount = self.get(name)
        return Routed(self.main, rest, self.unknown(name)) if mount is None else Routed(mount, rest)

    def unknown(self, name: str) -> Refusal:
        """404: nothing is chosen by that name."""
        if self.closed:
            return not_found(self.closed)
        near = nearest(name, self.choices) if len(name) <= LONGEST_NAME else ""
        wrong = f"There is no scenario {name[:LONGEST_NAME]!r} to choose here{f': {near}' if near else '.'}"
        # in the message, for the OAuth server's answers have no place for hints
        return not_found(f"{wrong} GET /_lab/scenarios, at the control plane, lists them.")

    def get(self, name: str) -> Mount | None:
        """The one of that name, made if it wasn't yet; None: there is none such."""
        if (mount := self._mounts.get(name)) is not None:
            return mount
        choice = self.choices.get(name)
        if choice is None or self._make is None:
            return None
        mount = self._mounts[name] = self._make(choice)
        mount.tenant = self
        for watcher in self.watchers:
            watcher(mount)
        return mount

    def existing(self, name: str) -> Mount | None:
        """The one of that name, if it was chosen already."""
        return self._mounts.get(name)

    def __iter__(self) -> Iterator[Mount]:
        """The usual one, and those that were chosen."""
        return iter((self.main, *self._mounts.values()))

    def used(self) -> Iterator[Mount]:
        """Those beside the usual one that were called, in the order of their making."""
        return (mount for mount in self._mounts.values() if mount.service.exchanges)

    def note(self, fact: Fact) -> None:
        """A fact of the clock, which all live by."""
        for mount in self:
            mount.service.note(fact)

    def redate(self) -> None:
        """Count the `Date` of replies from the service's epoch of now."""
        self.main.sender.writer = ResponseWriter(self.main.service.config.epoch)

    def clear(self) -> None:
        """Give up all but the usual one: the next request makes each anew."""
        left, self._mounts = self._mounts, {}
        for mount in left.values():
            for leaver in self.leavers:
                leaver(mount)


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
