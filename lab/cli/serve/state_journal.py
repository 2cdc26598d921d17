"""`lab serve --journal FILE`: what the lab has accepted, on disk, and taken up by the next start."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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
from lab.jobs.facts import JobAccepted, ScenarioLoaded
from lab.jobs.program import Program
from lab.mock.history import compiled_again
from lab.mock.service import Service
from lab.recording.format.journal_lines import (
    Damage,
    JournalHeader,
    KeptScenario,
    facts_line,
    header_line,
    instant_of,
    read_journal,
    sealed,
)
from lab.recording.tape.header import REVIEWER, settings_of
from lab.server.shared.refused_writes import RefusedWrites
from lab.settings import ClockSettings, MockSettings

_USUAL_LINES = 65_536
"""Bytes that must have room before it counts as over that none had."""
_JOBS_SHOWN = 10
"""Of those that a repair cut off."""
_REFUSED = "Calls that write get 503 until"


@contextmanager
def collecting_nothing() -> Iterator[None]:
    """While much is made that stays: looking for garbage among it takes longer than making it, and finds none."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class StateJournal:
    """One journal file, from before the lab listens until it has ended."""

    def __init__(self, settings: MockSettings, path: str, console: Console, *, repair: bool = False) -> None:
        """RecordingError for one that is damaged; with `repair` what stands from there on is cut off, and told."""
        self._settings = settings
        self._console = console
        self._file = JournalFile(Path(path))
        self._lost: str | None = None
        """Why nothing can be written any more: the file isn't ours alone, or not there."""
        self._writes = RefusedWrites()
        try:
            with collecting_nothing():
                read = read_journal(data := self._file.read(), path)
            self._header, self._history, self._check = read.header, read.history, read.check
            if read.damage is not None:
                if not repair:
                    raise _damaged(read.damage, path)
                console.err(_cut_off(read.damage, path))
            elif read.whole != len(data):
                console.err(
                    f"cut {len(data) - read.whole} bytes of a torn line off {path}: its call was never answered"
                )
            if read.whole != len(data):
                self._file.cut(read.whole)
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
            self._append(header_line(begun))
            self._console.err(f"began {self._file.path}")
        elif header.issuer != config.identity.issuer:
            raise self._other([f"issuer {header.issuer}, now {config.identity.issuer} (give --port or --base)"])
        else:
            with collecting_nothing():
                service.rewind(tuple(self.facts), clock.now())
            self._console.err(f"took up {self._file.path} at {clock.now()} ms: {sum(1 for _ in service.jobs())} jobs")
        service.file = self
        self._writes.on_begin, self._writes.on_end = self._refused, self._taken

    def write(self, facts: Sequence[Fact]) -> None:
        """Append the line of one call; StoreRefused if it can't be done, and then nothing of it is there."""
        self._append(facts_line(facts))
        self._writes.take()

    def _append(self, line: bytes) -> None:
        data, check = sealed(line, self._check)
        self._try(partial(self._file.write, data))
        self._check = check  # of one that was refused the next line knows nothing

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


def _damaged(damage: Damage, path: str) -> RecordingError:
    return RecordingError(
        f"{path}:{damage.line}: the checksum doesn't fit: from here on lines were changed, moved, doubled or lost.",
        hint=f"--journal-repair cuts there: {_lines(damage)} would go. Copy the file first.",
    )


def _cut_off(damage: Damage, path: str) -> str:
    """What is gone, as far as it could be read: whoever holds an id of it will hear that there is none, or somebody else's."""
    jobs = [fact.job for fact in damage.facts if isinstance(fact, JobAccepted)]
    named = f" {' '.join(jobs[:_JOBS_SHOWN])}{' …' if len(jobs) > _JOBS_SHOWN else ''}" if jobs else ""
    return (
        f"cut {path} at line {damage.line}, where its checksum doesn't fit: {_lines(damage)} are gone,"
        f" {len(damage.facts)} facts that could be read among them, and {len(jobs)} jobs{named}; their ids are given anew"
    )


def _lines(damage: Damage) -> str:
    return f"{damage.lines} line{'s' * (damage.lines != 1)}, {damage.size} bytes,"


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
