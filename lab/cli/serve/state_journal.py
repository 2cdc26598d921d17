"""`lab serve --journal FILE`: what the lab has accepted, on disk, and taken up by the next start."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.setup import Setup, make_clock
from lab.clocks import AnyClock, wall_nanos
from lab.core.clock import LAST_WALL, Epoch, has_date, iso
from lab.core.errors import RecordingError, UsageError
from lab.core.exchange import Json, text_of
from lab.core.journal.fact import Fact
from lab.core.journal.shared import StoreRefused
from lab.core.version import __version__
from lab.files.journal_file import JournalFile
from lab.files.opening import FileChanged
from lab.jobs.facts import ScenarioLoaded
from lab.jobs.program import Program
from lab.mock.foreign_facts import foreign_facts
from lab.mock.history import compiled_again
from lab.mock.service import Service
from lab.recording.format.journal_lines import (
    JournalHeader,
    KeptScenario,
    facts_line,
    header_line,
    instant_of,
    line_with,
    read_journal,
)
from lab.recording.tape.header import REVIEWER, settings_of
from lab.server.shared.refused_writes import RefusedWrites
from lab.settings import ClockSettings, MockSettings

_USUAL_LINES = 65_536
"""Bytes that must have room before it counts as over that none had."""
_REFUSED = "Calls that write get 503 until"


class StateJournal:
    """One journal file, from before the lab listens until it has ended."""

    def __init__(self, settings: MockSettings, path: str, console: Console) -> None:
        self._settings = settings
        self._console = console
        self._file = JournalFile(Path(path))
        self._lost: str | None = None
        """Why nothing can be written any more: the file isn't ours alone, or not there."""
        self._writes = RefusedWrites()
        try:
            self._header, self._history, whole = read_journal(data := self._file.read(), path)
            if whole != len(data):
                self._file.cut(whole)
                console.err(f"cut {len(data) - whole} bytes of a torn line off {path}: its call was never answered")
        except BaseException:
            self._file.close()
            raise

    @property
    def facts(self) -> Sequence[Fact]:
        """What earlier processes of this lab have accepted."""
        return self._history.facts

    @property
    def trouble(self) -> str | None:
        """Why calls that write are refused; None: none are."""
        return self._lost or self._writes.why

    # Taking up

    def resume(self, setup: Setup) -> Setup:
        """The setup with which the lab goes on; UsageError with every difference if it is another lab's."""
        header = self._header
        if header is None:
            return setup
        found = [
            *self._other_options(header), *_other_settings(header.settings, settings_of(setup.config)),
            *self._other_scenarios(header, setup.config.scenarios),
        ]  # fmt: skip
        if found:
            raise self._other(found)
        served = {each.name: each for each in setup.config.scenarios}
        scenarios = tuple(_as_begun(each, served[each.name]) for each in header.scenarios)
        epoch = header.epoch if self._history.epoch is None else self._history.epoch
        config = replace(setup.config, scenarios=scenarios, seed=header.seed, epoch=epoch)
        if config.layers is not None:
            config = config.settled(config.layers)
        return replace(setup, config=config, clock=self._clock(header, epoch))

    def _clock(self, header: JournalHeader, epoch: Epoch) -> AnyClock:
        began = ClockSettings.read(header.clock)
        # not of a whole second: a start soon after the end would show clients what was before what they have seen
        start = instant_of(self._history, began.kind, wall_nanos() // 1_000_000 - header.epoch * 1000)
        if not has_date(epoch, start):
            raise RecordingError(
                f"{self._file.path}: its clock stands beyond {iso(LAST_WALL, 0)}, and no lab has later dates.",
                hint="Name another file to begin anew.",
            )
        return make_clock(replace(began, factor=self._history.factor or began.factor), start)

    def _other_options(self, header: JournalHeader) -> list[str]:
        settings = self._settings
        began = {"seed": header.seed, "epoch": header.epoch, "clock": header.clock}
        options = {"seed": settings.seed, "epoch": settings.epoch, "clock": settings.clock.option}
        return [f"{name} {began[name]}, now {now}" for name, now in options.items() if now not in (None, began[name])]

    def _other_scenarios(self, header: JournalHeader, served: tuple[Program, ...]) -> list[str]:
        digests = {each.name: each.sha256 for each in header.scenarios}
        digests |= {fact.scenario: fact.sha256 for fact in self.facts if isinstance(fact, ScenarioLoaded)}
        now = {each.name: each.digest for each in served}
        found: list[str] = []
        for name in sorted(digests.keys() | now.keys()):
            if name not in now:
                found.append(f"scenario {name} isn't served now")
            elif name not in digests:
                found.append(f"scenario {name} wasn't served")
            elif digests[name] != now[name]:
                found.append(f"scenario {name} {digests[name][:12]}…, now {now[name][:12]}…")
        return found

    def _other(self, found: list[str]) -> UsageError:
        return UsageError(
            f"{self._file.path} was begun otherwise: {'; '.join(found)}.",
            hint="Serve as it was begun, or name another file to begin anew.",
        )

    # Writing

    def attach(self, service: Service, clock: AnyClock) -> None:
        """Let the service hold what the journal tells, and write whatever it accepts from now on."""
        config, header = service.config, self._header
        if header is None:
            scenarios = tuple(
                KeptScenario(name=each.name, sha256=each.digest, source=each.source, files=each.files)
                for each in config.scenarios
            )
            begun = JournalHeader(
                lab=__version__, seed=config.seed, epoch=config.epoch, clock=self._settings.clock.option,
                issuer=config.identity.issuer, settings=settings_of(config), scenarios=scenarios,
            )  # fmt: skip
            self._try(partial(self._file.write, header_line(begun)))
            self._console.err(f"began {self._file.path}")
        elif header.issuer != config.identity.issuer:
            raise self._other([f"issuer {header.issuer}, now {config.identity.issuer} (give --port or --base)"])
        else:
            service.rewind(tuple(self.facts), clock.now())
            for fact, what in foreign_facts(service, self.facts):
                raise UsageError(
                    f"{self._file.path}:{line_with(self._file.read(), fact)}: {what}.",
                    hint="It was changed after it was written: name another file to begin anew.",
                )
            self._console.err(f"took up {self._file.path} at {clock.now()} ms: {sum(1 for _ in service.jobs())} jobs")
        service.file = self
        self._writes.on_begin, self._writes.on_end = self._refused, self._taken

    def write(self, facts: Sequence[Fact]) -> None:
        """Append the line of one call; StoreRefused if it can't be done, and then nothing of it is there."""
        self._try(partial(self._file.write, facts_line(facts)))
        self._writes.take()

    def reserve(self) -> None:
        """StoreRefused unless a line could be appended now."""
        self._try(partial(self._file.reserve, _USUAL_LINES))

    def look(self) -> None:
        """Find out whether the file is still there, as it was written; and where lines were refused, if they still are."""
        with suppress(StoreRefused):
            self._try(self._file.check)
            if self._writes.due:
                self.reserve()
                self._writes.take()

    def _try(self, act: Callable[[], None]) -> None:
        if self._lost is None:
            try:
                act()
                return
            except FileChanged as fault:
                self._lost = f"The journal takes no line: {fault.strerror}."
                self._console.err(f"lab: {self._lost} {_REFUSED} this lab ends.")
            except OSError as fault:
                self._writes.refuse(f"The journal takes no line: {fault.strerror or fault}.")
        raise StoreRefused(self.trouble or "")

    def _refused(self, why: str) -> None:
        self._console.err(f"lab: {why} {_REFUSED} it takes them.")

    def _taken(self, why: str) -> None:
        self._console.err("lab: the journal takes writes again.")

    def close(self) -> int:
        """Let the file go; 4 if not all was written, or it isn't there any more, else 0."""
        self.look()
        self._file.close()
        return 0 if self.trouble is None else 4


def _other_settings(began: Mapping[str, Json], now: Mapping[str, Json]) -> list[str]:
    """What answers to older jobs depend on, and would change: who decides, and the switches."""

    def word(settings: Mapping[str, Json], name: str) -> str:
        usual = "script" if name == REVIEWER else "as it is by default"
        return text_of(settings[name]).strip('"') if name in settings else usual

    names = sorted(began.keys() | now.keys())
    return [f"{name} {word(began, name)}, now {word(now, name)}" for name in names if began.get(name) != now.get(name)]


def _as_begun(kept: KeptScenario, served: Program) -> Program:
    """The scenario as it was when the journal began: it may have been edited since."""
    if kept.sha256 == served.digest:
        return served
    return compiled_again(kept.name, kept.sha256, kept.source, kept.files)
