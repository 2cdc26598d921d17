"""WATCH: the journal of a lab that somebody else's client is calling. It outlives the lab it watches."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from lab.clocks import ScaledClock, SystemClock
from lab.control import ArmFault, ControlCommand, DecideGate, DisarmFault, Health, ListJobs, SetClock
from lab.core.clock import Millis
from lab.core.errors import HostError, LabError
from lab.core.exchange import Json
from lab.core.journal.fact import ClockAdvanced, ClockScaled, LedgerCleared
from lab.core.observe import Noted, Observation, Replied, Requested
from lab.program.scenario import Scenario
from lab.tui.sources.player import Goal, PlayedSource, Player, SettableClock
from lab.tui.sources.protocol import with_job
from lab.tui.state.gate import GateAnswer
from lab.tui.state.journal import JournalState, SourceUpdate
from lab.tui.state.reading import TOKEN_PATH
from lab.tui.state.screen import Ability, SourceState
from lab.tui.state.source import ControlReply, Refused

if TYPE_CHECKING:  # loaded once there is something to reach
    from lab.client.control import ControlClient
    from lab.recording.format.lines import Header

PAUSE: Millis = 1_000
"""Real milliseconds from one attempt to reach the lab to the next: the lab's clock is what is missing."""
NOT_YET = "The lab has not answered yet."
GOES_ON = "The lab's clock stands; the client's own waits go on."
PACES: dict[str, frozenset[Ability]] = {"scaled": frozenset(("pause", "step", "speed")), "manual": frozenset(("step",))}
"""What each kind of clock lets somebody else do to it."""


OpenControl = Callable[[], AbstractAsyncContextManager["ControlClient"]]
ServedScenarios = Callable[["Header"], Mapping[str, Scenario]]
"""Of the scenarios that a journal's header names those of which the very file is at hand."""


class Watch(PlayedSource):
    """Follows the lab at `where`; `reach` opens its control plane, each time anew."""

    follows = True
    refusal = "That is for the client that calls, not for who watches."

    def __init__(
        self,
        where: str,
        reach: OpenControl,
        scenarios: ServedScenarios = lambda header: {},
        *,
        clock: SettableClock | None = None,
        rest: Callable[[], Awaitable[None]] = lambda: SystemClock().sleep_until(PAUSE),
    ) -> None:
        self.where = where
        self.trouble = ""
        self._clock: SettableClock = clock or ScaledClock("0")
        """Runs on from what was told last."""
        self.clock = self._clock
        self.player = Player(self._clock, lambda update: None)
        self.player.factor = "1"
        self._pace = "0"
        """What the lab's clock runs at."""
        self._own_pace = ""
        """The first that was seen of the lab; nothing as long as it stands."""
        self.can: frozenset[Ability] = frozenset()
        self._reach, self._rest, self._scenarios = reach, rest, scenarios
        self._plane: ControlClient | None = None
        self._header: Header | None = None
        self._served: Mapping[str, Scenario] = {}
        """What that header's lab served is still known when it has gone."""
        self._lab: Health | None = None
        self._joined: Millis = 0
        self._patience: Millis | None = None
        """At which end of a person's patience it was asked whether to go there."""
        self._decided: set[str] = set()
        """At which openings of this journal: after a reset another one may have openings of the same names."""

    def describe(self, journal: JournalState | None = None, chosen: int | None = None) -> SourceState:
        """The lab as it was when it was reached last, and the job that shows."""
        lab = self._lab
        base = lab.base_url if lab is not None else ""
        source = SourceState(
            "WATCH",
            self.where,
            seed=lab.seed if lab is not None else None,
            can=self.can,
            base=base,
            token_url=base + TOKEN_PATH if base else "",
            trouble=self.trouble,
            own_pace=self._own_pace or "1",
            own_decisions=dict.fromkeys(self._decided, "you"),
        )
        return with_job(source, journal, chosen, self.scenario_named)

    def scenario_named(self, name: str) -> Scenario | None:
        """The scenario that a job says it runs."""
        header = self._plane.header if self._plane is not None else None
        if header is not None and header is not self._header:
            self._header, self._served = header, self._scenarios(header)
        return self._served.get(name)

    # What happens

    async def observations(self) -> AsyncIterator[Observation | SourceUpdate]:
        """The journal, begun anew whenever the lab is reached again."""
        while True:
            try:
                async with self._reach() as plane:
                    yield self._join(plane, await plane.lab())
                    async for observation in plane.follow():
                        yield observation
                        if (news := self._heed(observation)) is not None:
                            yield news
                        await self._set_pace()  # a step may be at its end
                self.trouble = f"The lab at {self.where} has ended; waiting for it to start again."
            except LabError as error:
                if self._lab is None and not isinstance(error, HostError):
                    raise
                self.trouble = self._lost(error)
            self._plane, self.can = None, frozenset()
            self._clock.scale("0")
            yield SourceUpdate()
            await self._rest()

    def _lost(self, error: LabError) -> str:
        """Why nothing comes; that the lab has ended stands until it is back."""
        if not isinstance(error, HostError):
            return f"{error.what[:1].upper()}{error.what[1:]}; trying again."
        return self.trouble or f"The lab at {self.where} can't be reached; trying again."

    def _join(self, plane: "ControlClient", lab: "Health") -> SourceUpdate:
        before, self._lab, self._plane = self._lab, lab, plane
        # where the epoch is fixed, that time went back tells that the journal is another one
        anew = before is not None and (before.clock.epoch != lab.clock.epoch or lab.clock.now < self._clock.now())
        self.trouble = ""
        self.can = PACES.get(lab.clock.mode, frozenset()) | {"decide", "name", "fault", "control"}
        self._joined = lab.clock.now
        self._decided.clear()
        if anew:
            self._own_pace = ""
        self._runs(lab.clock.factor, lab.clock.now)
        said = "The lab was started again: its journal begins anew." if anew else "It is back."
        return SourceUpdate(JournalState(lab.clock.epoch), said if before is not None else "", another_journal=anew)

    def _runs(self, factor: str, at: Millis) -> None:
        """The lab's clock runs at a pace from an instant on."""
        self._pace = factor
        self._clock.set(at)
        self._clock.scale(factor)
        if not self._is_manual:
            self.player.adopt()
            self._own_pace = self._own_pace or ("" if factor == "0" else factor)

    def _heed(self, observation: Observation) -> SourceUpdate | None:
        """What the journal says of the clock; a step ends with what is seen to happen."""
        if observation.at < self._joined:
            return None
        match observation:
            case Noted(fact=LedgerCleared()):
                self._decided.clear()
            case Noted(fact=ClockScaled(factor=factor)):
                self._runs(factor, observation.fact.at)
                return SourceUpdate()
            case Noted(fact=ClockAdvanced(at=at)):
                self._runs("0", at)
                return SourceUpdate()
            case _ if observation.at > self.clock.now():
                self._clock.set(observation.at)
        self.player.saw(step=isinstance(observation, Requested | Replied))
        return None

    # What is asked of it; no clock stands for an act, for the client is somebody else's

    @property
    def _reached(self) -> "ControlClient":
        """The lab's control plane; HostError as long as nothing comes of it."""
        if self._plane is None:
            raise HostError(self.trouble or NOT_YET)
        return self._plane

    @property
    def _is_manual(self) -> bool:
        return self._lab is not None and self._lab.clock.mode == "manual"

    @property
    def factor(self) -> str:  # type: ignore[override]
        """The pace of the lab's clock; `manual`: it has none."""
        return "manual" if self._is_manual else self.player.factor

    async def _set_pace(self) -> Refused:
        """Have the lab's clock run as the player has ours."""
        before, self._pace = self._pace, self._clock.factor
        if before == self._pace:
            return None
        if refused := (await self._reached.ask(SetClock(factor=self._pace))).refused:
            self._runs(before, self.clock.now())
        return refused

    async def pause(self) -> Refused:
        assert self._reached
        await super().pause()
        return await self._set_pace() or (GOES_ON if self.paused else None)

    async def scale(self, factor: str) -> Refused:
        """Now, or when the clock runs again."""
        await super().scale(factor)
        return await self._set_pace()

    async def step(self) -> Refused:
        """To what is seen to happen; of a manual clock to what is due."""
        plane = self._reached
        if not self._is_manual:
            self.player.run_to(Goal("step"))
            return await self._set_pace()
        listed, now = (await plane.ask(ListJobs())).value, self.clock.now()
        moves = [(job.until, job.gate) for job in listed.jobs if job.until is not None and job.until > listed.now]
        if not moves:
            return "Nothing moves on by itself; the next move is the client's, or a person's."
        # a person's patience is half an hour, and nothing brings it back
        due = min((at for at, gate in moves if gate is None or at < gate.until), default=None)
        if due is None:
            due = min(at for at, _ in moves)
            if due != self._patience:
                self._patience = due
                return "A person decides next (a, c, x); n once more has that one's patience end."
        return (await plane.ask(SetClock(advance=f"{max(0, due - now)}ms"))).refused

    async def answer(self, answer: GateAnswer) -> Refused:
        """Over the control plane, whatever the channel."""
        decision = DecideGate(answer.job, answer.gate, answer.verdict, answer.name, comment=answer.content)
        refused = (await self._reached.ask(decision)).refused
        if refused is None:
            self._decided.add(answer.opening)
        # the same key twice is one decision; the journal holds it as soon as it is admitted
        return None if answer.opening in self._decided else refused

    async def arm(self, fault: Mapping[str, Json]) -> Refused:
        return (await self._reached.ask(ArmFault(dict(fault)))).refused

    async def disarm(self, name: str) -> Refused:
        return (await self._reached.ask(DisarmFault(name))).refused

    async def ask(self, command: ControlCommand[ControlReply]) -> ControlReply:
        return (await self._reached.ask(command)).obeyed
