"""The labs of one `lab serve`: tenants with a clock of their own, and each scenario that a client chose in a mock of its own."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.entropy import control_token
from lab.cli.run_conditions import conditions_of
from lab.cli.serve.hints import client_hints, foreign_token_hint
from lab.cli.setup import Setup, make_clock
from lab.cli.tapes.tape_recorder import TapeRecorder
from lab.clocks import AnyClock
from lab.core.clock import Epoch
from lab.core.errors import LabError, UsageError
from lab.core.exchange import Request
from lab.core.journal.fact import LabMade
from lab.core.journal.shared import StoreRefused
from lab.core.refusal import Refusal
from lab.files.scenarios import scenarios_folder
from lab.identity.endpoints.authentication import shows_secret
from lab.jobs.program import Program
from lab.mock.config import MOUNT_PATH, TENANT_PATH, Config
from lab.mock.service import Service
from lab.options import changed
from lab.program.words import nearest
from lab.server.labs import LabChoice, LabRefused, Labs, LabWish, ServedLab
from lab.server.shared.calls import LedgerCalls

if TYPE_CHECKING:  # a lab without a journal starts without what one needs
    from lab.cli.serve.state_journal import StateJournal

MOST_TENANTS = 1_000
"""However they are made."""
_FULL_FOR = (("retry-after", "10"),)
"""None leaves by itself, so a client that comes back every second would only be in the way."""


class ServedLabs(Labs):
    """Those of a lab that this process has to itself. With a journal each has one, and is there again at the next start."""

    offered = True

    def __init__(
        self,
        setup: Setup,
        console: Console,
        usual: ServedLab,
        *,
        most: int = 0,
        choices: Sequence[LabChoice] = (),
        journal: "StateJournal | None" = None,
    ) -> None:
        """Calls may make at most so many tenants; `choices` is what clients may choose beside what is served."""
        super().__init__(usual)
        self.most = most
        self._setup, self._console, self._more, self._journal = setup, console, choices, journal
        self._makings = Counter[str]() if journal is None else Counter(journal.makings)
        """How often a lab was made at each place."""
        self._recorders: list[TapeRecorder] = []
        self._taped = Counter[str]()
        """How often what was chosen by that name: a reset gives it up."""
        self._unrecorded: str | None = None
        self.leavers.append(self._gone)
        self._furnish(usual)
        for fact, kept in () if journal is None else journal.labs():
            self._take_up(fact, kept)

    # Tenants

    def proves(self, wish: LabWish, request: Request) -> bool:
        """Whether a client authenticates by a secret, as it would have to there."""
        return shows_secret(self.config(birth_of(wish, called=True), self._setup.second()).identity, request)

    def check_room(self, *, called: bool) -> None:
        """LabRefused (503) if there are as many tenants as may be, in all or made by calls."""
        count, by_calls = (
            len(self.named),
            sum(each.birth is not None and each.birth.called for each in self.named.values()),
        )
        if count >= MOST_TENANTS:
            why = f"There are {count} tenants, as many as a lab has at most"
        elif called and by_calls >= self.most:
            why = f"Calls have made {by_calls} tenants, as many as lab serve --tenants N lets them"
        else:
            return
        text = f"{why}: DELETE /_lab/tenants/NAME, at the control plane, ends one."
        hint = "Call a tenant that is there, or come again once one was ended."
        raise LabRefused(Refusal(503, text, hint, _FULL_FOR, error="temporarily_unavailable"))

    def config(self, birth: LabMade, epoch: Epoch) -> Config:
        """What the mock of a tenant is made with; UsageError names a scenario that the lab doesn't serve."""
        usual = self.usual.service.config
        served = {each.name: each for each in usual.scenarios}
        for name in birth.scenarios or ():
            if name not in served:
                raise UsageError(
                    f"The lab serves no scenario {name[:80]!r}.", hint=nearest(name, served) or "GET /_lab/scenarios."
                )
        scenarios = tuple(served[name] for name in birth.scenarios or served)
        seed = usual.seed if birth.seed is None else birth.seed
        return replace(usual.alone(scenarios, seed, birth.place), epoch=epoch, making=birth.making)

    async def new_tenant(self, wish: LabWish, *, called: bool) -> ServedLab:
        """With the scenarios as the lab serves them now, and a clock that begins now."""
        self.check_room(called=called)
        birth = birth_of(wish, called=called)
        number = self._makings[birth.place] + 1
        birth = replace(birth, at=self.usual.clock.now(), making=str(number) if number > 1 else "")
        config = self.config(birth, self._setup.second())
        journal = None if self._journal is None else self._journal.begin(birth, config)
        self._makings[birth.place] = number
        clock = make_clock(self._setup.settings.clock)
        return self.begin(self.tenant(birth, self._service(config, clock, journal), clock))

    def tenant(self, birth: LabMade, service: Service, clock: AnyClock, calls: LedgerCalls | None = None) -> ServedLab:
        """That which was made so, whenever and by whichever process that was."""
        lab = ServedLab(service, clock, birth=birth, calls=calls)
        self._furnish(lab)
        return lab

    async def end(self, name: str) -> bool:
        """Its journal is gone from now on."""
        if self._journal is not None and (lab := self.named.get(name)) is not None:
            self._journal.end(lab.place, self.usual.clock.now())
        return await super().end(name)

    def _gone(self, lab: ServedLab) -> None:
        if isinstance(lab.recorder, TapeRecorder):
            lab.recorder.close("closed")
        if self._journal is not None:
            self._journal.end(lab.place, self.usual.clock.now())

    # Scenarios that are chosen: each that is served, and what is offered beside

    def chosen(self, usual: ServedLab, choice: LabChoice) -> ServedLab:
        """With that scenario alone; `--record day` records it as `day-NAME`, if the lab is the nameless one."""
        config = self._config_alone(usual, choice)
        fact = LabMade(at=self.usual.clock.now(), place=config.prefix)
        return self._choice(usual, choice, config, None if self._journal is None else self._journal.begin(fact, config))

    def _config_alone(self, usual: ServedLab, choice: LabChoice) -> Config:
        config, program = usual.service.config, choice.load()
        of_tenant = None if usual.birth is None else usual.birth.seed
        given = (of_tenant, self._setup.settings.seed, program.scenario.seed, config.seed)
        seed = next(each for each in given if each is not None)
        return config.alone((program,), seed, f"{config.prefix}{MOUNT_PATH}{choice.name}")

    def _choice(self, usual: ServedLab, choice: LabChoice, config: Config, journal: "StateJournal | None") -> ServedLab:
        service = self._service(config, usual.clock, journal)
        lab = ServedLab(service, usual.clock, usual=usual, choice=choice)
        lab.recorder = self._recorder(service, choice.name) if usual is self.usual else None
        service.unauthorized.append(self._token_hint(lab))
        return lab

    def _furnish(self, lab: ServedLab) -> None:
        """Let clients choose in a lab, unless several processes serve it."""
        if lab.calls.shared:
            return
        for program in lab.service.config.scenarios:
            self._offer(lab, program.name)
        for each in self._more:
            lab.choices.setdefault(each.name, each)
        lab.service.unauthorized.append(self._token_hint(lab))

    def _offer(self, lab: ServedLab, name: str) -> None:
        def program() -> Program:
            """As its file is now."""
            return next(each for each in lab.service.config.scenarios if each.name == name)

        jobs = conditions_of(name, scenarios_folder(self._setup.settings.scenarios)).jobs
        lab.choices[name] = LabChoice(name, program, lambda: program().scenario, jobs=jobs)

    def _token_hint(self, lab: ServedLab) -> Callable[[Request], None]:
        """Says of whom a token is that is shown where it isn't known."""

        def place_of(each: ServedLab) -> str:
            return "the plain base URL" if each.scenario is None else f"{MOUNT_PATH}{each.scenario}"

        def granted_at(token: str) -> str | None:
            known = (each for each in lab.usual if each is not lab and each.service.knows_token(token))
            return next(map(place_of, known), None)

        return foreign_token_hint(self._console, place_of(lab), granted_at)

    # All of them

    def load(self, program: Program) -> None:
        """The nameless lab first: if that can't, nobody does."""
        super().load(program)
        for usual in (self.usual, *self.named.values()):
            only = None if usual.birth is None else usual.birth.scenarios
            if only is not None and program.name not in only:
                continue
            self._offer(usual, program.name)
            for lab in usual:
                if lab is not self.usual and lab.scenario in (None, program.name):
                    self._load(lab, program)

    def _load(self, lab: ServedLab, program: Program) -> None:
        try:
            lab.service.load(program, lab.clock.now())
        except StoreRefused as refused:
            self._console.err(f"lab: {lab.place} goes on with {program.name} as it was: {refused.what}")

    def _take_up(self, fact: LabMade, journal: "StateJournal") -> None:
        """Have a lab again that an earlier process had; UsageError if it can't be what it was."""
        tenant, _, scenario = fact.place.removeprefix(TENANT_PATH).partition(MOUNT_PATH)
        if not scenario:
            config, clock = journal.taken_up(self.config(fact, self._setup.second()))
            lab = self.named[tenant] = self.tenant(fact, self._service(config, clock, journal), clock)
        else:
            usual = self.named[tenant] if tenant else self.usual
            if (choice := usual.choices.get(scenario)) is None:
                raise journal.other({fact.place: "can't be chosen now"})
            config, _ = journal.taken_up(self._config_alone(usual, choice))
            lab = usual.chosen[scenario] = self._choice(usual, choice, config, journal)
        lab.past = journal.facts
        served = {each.name: each for each in self.usual.service.config.scenarios}
        for program in lab.service.config.scenarios:  # one that couldn't be taken up there, or has come since
            if (now := served.get(program.name, program)).digest != program.digest:
                self._load(lab, now)

    def _service(self, config: Config, clock: AnyClock, journal: "StateJournal | None" = None) -> Service:
        service = self._setup.make_service(config)
        service.observers += client_hints(self._console, clock.mode, service)
        if journal is not None:
            journal.attach(service, clock)
        return service

    # Tapes of what was chosen

    @property
    def trouble(self) -> str | None:
        """What killed a tape, or kept one from beginning."""
        return next((each.trouble for each in self._recorders if each.trouble), self._unrecorded)

    def look(self) -> None:
        """Find out whether the files of the tapes are still there."""
        for recorder in self._recorders:
            recorder.look()

    def close(self, reason: str) -> int:
        """End the tapes; 4 if one died, or never began."""
        ended = [recorder.close(reason) for recorder in self._recorders]
        return 4 if self._unrecorded else max(ended, default=0)

    def _recorder(self, service: Service, name: str) -> TapeRecorder:
        settings = self._setup.settings

        def recorder(tape: str | None) -> TapeRecorder:
            setup = replace(self._setup, settings=changed(settings, record=tape))
            return TapeRecorder(setup, service, self._console, outside=True)

        tape = None
        if settings.record is not None:
            from lab.files.recordings import recording_path  # most labs record nothing

            path = recording_path(settings.record)
            self._taped[name] += 1
            number = f"-{self._taped[name]}" if self._taped[name] > 1 else ""
            tape = str(path.with_name(f"{path.name.partition('.rec.')[0]}-{name}{number}.rec.jsonl"))
        try:
            self._recorders.append(recorder(tape))
        except LabError as error:
            self._unrecorded = f"{name} is not recorded: {error.what}"
            self._console.err(f"lab: {self._unrecorded}")
            self._recorders.append(recorder(None))
        return self._recorders[-1]


def birth_of(wish: LabWish, *, called: bool) -> LabMade:
    """What is told of a tenant that is made by this wish, once it is known when."""
    place, token = f"{TENANT_PATH}{wish.name}", control_token()
    return LabMade(at=0, place=place, seed=wish.seed, scenarios=wish.scenarios, token=token, called=called)
