"""What `lab serve` lets a client choose, each scenario in a mock of its own, and the tapes of those that were chosen."""

from collections import Counter
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.run_conditions import conditions_of
from lab.cli.serve.hints import client_hints, foreign_token_hint
from lab.cli.setup import Setup, own_seed
from lab.cli.tapes.tape_recorder import TapeRecorder
from lab.core.errors import LabError
from lab.core.exchange import Request
from lab.files.recordings import recording_path
from lab.files.scenarios import scenarios_folder
from lab.jobs.program import Program
from lab.mock.service import Service
from lab.server.mounts import MOUNT_PATH, Mount, MountChoice, Tenant


class ChosenMocks:
    """Makes a mock when a scenario is first chosen: every scenario that is served, and `choices`, can be."""

    def __init__(
        self, setup: Setup, service: Service, console: Console, choices: Iterable[MountChoice], *, taped: bool = True
    ) -> None:
        """`taped`: whether they can be recorded."""
        self._setup = setup
        self._service = service
        self._console = console
        self._taped = taped
        self._choices: dict[str, MountChoice] = {}
        self._recorders: list[TapeRecorder] = []
        self._begun = Counter[str]()
        """How often each was made: a reset gives it up."""
        self._tenant: Tenant | None = None
        self._unrecorded: str | None = None
        for program in service.config.scenarios:
            self._add(program.name)
        self._choices |= {each.name: each for each in choices if each.name not in self._choices}

    def offer(self, tenant: Tenant) -> None:
        """Let clients of this tenant choose."""
        self._tenant = tenant
        tenant.offer(self._choices, self._mount)
        tenant.main.service.unauthorized.append(self._token_hint(None))
        tenant.leavers.append(self._left)

    def edited(self, program: Program) -> None:
        """A scenario's file was edited, or is new: it was loaded into the usual mock."""
        self._add(program.name)
        mount = self._tenant.existing(program.name) if self._tenant is not None else None
        if mount is not None:
            mount.service.load(program, self._setup.clock.now())

    def _left(self, mount: Mount) -> None:
        if isinstance(mount.recorder, TapeRecorder):
            mount.recorder.close("closed")

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

    def _add(self, name: str) -> None:
        folder = scenarios_folder(self._setup.settings.scenarios)
        self._choices[name] = MountChoice(
            name,
            lambda: self._compiled(name),
            lambda: self._compiled(name).scenario,
            jobs=conditions_of(name, folder).jobs,
        )

    def _compiled(self, name: str) -> Program:
        """As its file is now."""
        return next(each for each in self._service.config.scenarios if each.name == name)

    def _mount(self, choice: MountChoice) -> Mount:
        usual, program, clock = self._service.config, choice.load(), self._setup.clock
        seed = own_seed(self._setup.settings, usual, program.scenario)
        service = Service(usual.alone((program,), seed, f"{usual.prefix}{MOUNT_PATH}{choice.name}"))
        service.observers += client_hints(self._console, clock.mode, service)
        service.unauthorized.append(self._token_hint(choice.name))
        recorder = self._recorder(service, choice.name) if self._taped else None
        self._recorders += [recorder] if recorder is not None else []
        return Mount(service, clock, choice, recorder)

    def _token_hint(self, name: str | None) -> Callable[[Request], None]:
        """Says of whom a token is that is shown where it isn't known."""

        def granted_at(token: str) -> str | None:
            known = (each for each in self._tenant or () if each.name != name and each.service.knows_token(token))
            return next((_place(each.name) for each in known), None)

        return foreign_token_hint(self._console, _place(name), granted_at)

    def _recorder(self, service: Service, name: str) -> TapeRecorder:
        """What records it: `--record day` records this one as `day-NAME`, or the next free name after a reset."""
        setup, settings = self._setup, self._setup.settings
        if settings.record is not None:
            path = recording_path(settings.record)
            slug = path.name.partition(".rec.")[0]
            self._begun[name] += 1
            number = f"-{self._begun[name]}" if self._begun[name] > 1 else ""
            try:
                named = replace(settings, record=str(path.with_name(f"{slug}-{name}{number}.rec.jsonl")))
                return TapeRecorder(replace(setup, settings=named), service, self._console, outside=True)
            except LabError as error:
                self._unrecorded = f"{name} is not recorded: {error.what}"
                self._console.err(f"lab: {self._unrecorded}")
        silent = replace(setup, settings=replace(settings, record=None))
        return TapeRecorder(silent, service, self._console, outside=True)


def _place(name: str | None) -> str:
    return "the plain base URL" if name is None else f"{MOUNT_PATH}{name}"
