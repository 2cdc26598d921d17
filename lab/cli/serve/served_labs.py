"""The labs of one `lab serve`: tenants with a clock of their own, and each scenario that a client chose in a mock of its own."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.entropy import control_token
from lab.cli.run_conditions import conditions_of
from lab.cli.serve.hints import client_hints, foreign_token_hint
from lab.cli.serve.serve_extras import ServeExtras
from lab.cli.setup import Setup, make_clock
from lab.cli.tapes.tape_recorder import TapeRecorder
from lab.clocks import AnyClock
from lab.core.clock import Epoch
from lab.core.errors import LabError, UsageError
from lab.core.exchange import Request
from lab.core.journal.fact import LabMade
from lab.core.journal.shared import StoreRefused
from lab.files.scenarios import scenarios_folder
from lab.identity.endpoints.authentication import shows_secret
from lab.jobs.program import Program
from lab.mock.config import MOUNT_PATH, TENANT_PATH, Config
from lab.mock.service import Service
from lab.options import changed
from lab.program.words import nearest
from lab.server.labs import MOST_TENANTS, LabChoice, Labs, LabWish, ServedLab, too_many

if TYPE_CHECKING:  # a lab without a journal starts without what one needs
    from lab.cli.serve.state_journal import StateJournal


class LabParts(Labs):
    """What tenants are made of: the lab's setup, and what was asked for each."""

    offered = True

    def __init__(self, setup: Setup, console: Console, extras: ServeExtras, usual: ServedLab) -> None:
        super().__init__(usual)
        self.most = extras.tenants
        self._setup, self._console, self._extras = setup, console, extras
        self._called = set[ServedLab]()
        """Tenants that calls have made."""
        self.leavers.append(self._called.discard)

    def check_room(self, *, called: bool) -> None:
        """LabRefused if there are as many tenants already as may be."""
        if len(self.named) >= MOST_TENANTS or (called and len(self._called) >= self.most):
            raise too_many(MOST_TENANTS if len(self.named) >= MOST_TENANTS else len(self._called), called=called)

    def config(self, wish: LabWish, epoch: Epoch, making: str = "") -> Config:
        """What the mock of a tenant is made with; UsageError names a scenario that the lab doesn't serve."""
        usual = self.usual.service.config
        served = {each.name: each for each in usual.scenarios}
        for name in wish.scenarios or ():
            if name not in served:
                raise UsageError(
                    f"The lab serves no scenario {name[:80]!r}.", hint=nearest(name, served) or "GET /_lab/scenarios."
                )
        scenarios = tuple(served[name] for name in wish.scenarios or served)
        seed = usual.seed if wish.seed is None else wish.seed
        return replace(usual.alone(scenarios, seed, f"{TENANT_PATH}{wish.name}"), epoch=epoch, making=making)

    def proves(self, wish: LabWish, request: Request) -> bool:
        """Whether a client authenticates by a secret, as it would have to there."""
        return shows_secret(self.config(wish, self._setup.second()).identity, request)


class ServedLabs(LabParts):
    """Those of a lab that this process has to itself. With a journal each has one, and is there again at the next start."""

    def __init__(self, setup: Setup, console: Console, extras: ServeExtras, usual: ServedLab) -> None:
        super().__init__(setup, console, extras, usual)
        self._journal = extras.journal
        self._wishes = {usual: LabWish("", setup.settings.seed)}
        """What was asked of each in which scenarios can be chosen."""
        self._makings = Counter[str]() if extras.journal is None else Counter(extras.journal.makings)
        """How often a lab was made at each place."""
        self._recorders: list[TapeRecorder] = []
        self._taped = Counter[str]()
        """How often what was chosen by that name: a reset gives it up."""
        self._unrecorded: str | None = None
        self.leavers.append(self._gone)
        self._furnish(usual)
        if extras.journal is not None:
            for fact in extras.journal.labs:
                self._take_up(fact, extras.journal.take_up(fact))

    # Scenarios that are chosen: each that is served, and what is offered beside

    def chosen(self, usual: ServedLab, choice: LabChoice) -> ServedLab:
        """With that scenario alone; `--record day` records it as `day-NAME`, if the lab is the nameless one."""
        config = self._config_alone(usual, choice)
        fact = LabMade(at=self.usual.clock.now(), place=config.prefix)
        return self._choice(usual, choice, config, None if self._journal is None else self._journal.begin(fact, config))

    def _config_alone(self, usual: ServedLab, choice: LabChoice) -> Config:
        config, program = usual.service.config, choice.load()
        wanted = self._wishes[usual].seed
        own = program.scenario.seed if wanted is None else wanted
        prefix = f"{config.prefix}{MOUNT_PATH}{choice.name}"
        return config.alone((program,), config.seed if own is None else own, prefix)

    def _choice(self, usual: ServedLab, choice: LabChoice, config: Config, journal: "StateJournal | None") -> ServedLab:
        service = self._service(config, usual.clock, journal)
        lab = ServedLab(service, usual.clock, usual=usual, choice=choice)
        lab.past = () if journal is None else journal.facts
        lab.recorder = self._recorder(service, choice.name) if usual is self.usual else None
        service.unauthorized.append(self._token_hint(lab))
        return lab

    def _furnish(self, lab: ServedLab) -> None:
        """Let clients choose in a lab."""
        lab.choices = {}
        for program in lab.service.config.scenarios:
            self._offer(lab, program.name)
        lab.choices |= {each.name: each for each in self._extras.choices if each.name not in lab.choices}
        lab.service.unauthorized.append(self._token_hint(lab))

    def _offer(self, lab: ServedLab, name: str) -> None:
        def program() -> Program:
            """As its file is now."""
            return next(each for each in lab.service.config.scenarios if each.name == name)

        jobs = conditions_of(name, scenarios_folder(self._setup.settings.scenarios)).jobs
        lab.choices[name] = LabChoice(name, program, lambda: program().scenario, jobs=jobs)

    def _token_hint(self, lab: ServedLab) -> Callable[[Request], None]:
        """Says of whom a token is that is shown where it isn't known."""

        def granted_at(token: str) -> str | None:
            known = (each for each in lab.usual if each is not lab and each.service.knows_token(token))
            return next((_choice_of(each) for each in known), None)

        return foreign_token_hint(self._console, _choice_of(lab), granted_at)

    # Tenants

    async def new_tenant(self, wish: LabWish, *, called: bool) -> ServedLab:
        """With the scenarios as the lab serves them now, and a clock that begins now."""
        self.check_room(called=called)
        place = f"{TENANT_PATH}{wish.name}"
        number = self._makings[place] + 1
        fact = LabMade(
            at=self.usual.clock.now(), place=place, making=str(number) if number > 1 else "", seed=wish.seed,
            scenarios=wish.scenarios, token=control_token(), called=called,
        )  # fmt: skip
        config = self.config(wish, self._setup.second(), fact.making)
        journal = None if self._journal is None else self._journal.begin(fact, config)
        self._makings[place] = number
        return self.begin(self._tenant(fact, wish, config, make_clock(self._setup.settings.clock), journal))

    def _tenant(
        self, fact: LabMade, wish: LabWish, config: Config, clock: AnyClock, journal: "StateJournal | None"
    ) -> ServedLab:
        lab = ServedLab(self._service(config, clock, journal), clock, name=wish.name)
        lab.token, lab.past = fact.token, () if journal is None else journal.facts
        self._wishes[lab] = replace(wish, seed=self._setup.settings.seed if wish.seed is None else wish.seed)
        self._furnish(lab)
        if fact.called:
            self._called.add(lab)
        return lab

    async def end(self, name: str) -> bool:
        """Its journal is gone from now on."""
        if self._journal is not None and (lab := self.named.get(name)) is not None:
            self._journal.end(lab.place, self.usual.clock.now())
        return await super().end(name)

    # All of them

    def edited(self, program: Program) -> None:
        """A scenario's file was edited, or is new, and taken up where no name is: all others that serve it follow."""
        for usual in (self.usual, *self.named.values()):
            only = self._wishes[usual].scenarios
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
            wish = LabWish(tenant, fact.seed, fact.scenarios)
            config = journal.taken_up(self.config(wish, self._setup.second(), fact.making))
            lab = self.named[tenant] = self._tenant(fact, wish, config, journal.clock_of(config), journal)
        else:
            usual = self.named[tenant] if tenant else self.usual
            if (choice := usual.choices.get(scenario)) is None:
                raise journal.other({fact.place: "can't be chosen now"})
            config = journal.taken_up(self._config_alone(usual, choice))
            lab = usual.chosen[scenario] = self._choice(usual, choice, config, journal)
        served = {each.name: each for each in self.usual.service.config.scenarios}
        for program in lab.service.config.scenarios:  # one that couldn't be taken up there, or has come since
            if (now := served.get(program.name, program)).digest != program.digest:
                self._load(lab, now)

    def _service(self, config: Config, clock: AnyClock, journal: "StateJournal | None") -> Service:
        service = self._setup.make_service(config)
        service.observers += client_hints(self._console, clock.mode, service)
        if journal is not None:
            journal.attach(service, clock)
        return service

    def _gone(self, lab: ServedLab) -> None:
        if isinstance(lab.recorder, TapeRecorder):
            lab.recorder.close("closed")
        if self._journal is not None:
            self._journal.end(lab.place, self.usual.clock.now())
        self._wishes.pop(lab, None)

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
        setup, settings = self._setup, self._setup.settings
        recorder = TapeRecorder(
            replace(setup, settings=changed(settings, record=None)), service, self._console, outside=True
        )
        if settings.record is not None:
            from lab.files.recordings import recording_path  # most labs record nothing

            path = recording_path(settings.record)
            self._taped[name] += 1
            number = f"-{self._taped[name]}" if self._taped[name] > 1 else ""
            tape = path.with_name(f"{path.name.partition('.rec.')[0]}-{name}{number}.rec.jsonl")
            try:
                named = replace(setup, settings=changed(settings, record=str(tape)))
                recorder = TapeRecorder(named, service, self._console, outside=True)
            except LabError as error:
                self._unrecorded = f"{name} is not recorded: {error.what}"
                self._console.err(f"lab: {self._unrecorded}")
        self._recorders.append(recorder)
        return recorder


def _choice_of(lab: ServedLab) -> str:
    return "the plain base URL" if lab.scenario is None else f"{MOUNT_PATH}{lab.scenario}"
