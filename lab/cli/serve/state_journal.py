"""`lab serve --journal FILE`: what the lab has accepted, on disk, and taken up by the next start."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.serve.beginning import begun_otherwise, differences, scenario_terms
from lab.cli.setup import Setup, make_clock
from lab.clocks import AnyClock, wall_nanos
from lab.core.clock import LAST_WALL, Millis, has_date, iso
from lab.core.errors import LabError, RecordingError, UsageError
from lab.core.journal.fact import Fact, LabEnded, LabMade
from lab.core.journal.shared import StoreRefused
from lab.core.version import __version__
from lab.files.growing_files import FileChanged, JournalFile
from lab.files.opening import descriptors
from lab.jobs.facts import JobAccepted, ScenarioLoaded
from lab.jobs.program import Program
from lab.mock.config import Config
from lab.mock.history import History, compiled_again
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
from lab.recording.tape.header import settings_of
from lab.server.shared.refused_writes import RefusedWrites
from lab.settings import ClockSettings, MockSettings

_USUAL_LINES = 65_536
"""Bytes that must have room before it counts as over that none had."""
_JOBS_SHOWN = 10
"""Of those that a repair cut off."""
_REFUSED = "Calls that write get 503 until"


@contextmanager
def collecting_nothing(made_of: Sized) -> Iterator[None]:
    """While much is made that stays: looking for garbage among it takes longer than making it, and finds none.

    Of nothing, nothing is made: a lab that is made while others are served must not keep what these leave behind.
    """
    if not made_of:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class StateJournal:
    """One journal file, from before the lab listens until it has ended.

    That of the lab without a name tells which labs there are beside it (`lab.made`, `lab.ended`); each of them has a file
    of its own, beside this one and named by its place.
    """

    def __init__(
        self, settings: MockSettings, path: str, console: Console, *, repair: bool = False, place: str = ""
    ) -> None:
        """RecordingError for one that is damaged; with `repair` what stands from there on is cut off, and told.

        `place` is that of the lab, empty for the one without a name.
        """
        self._settings, self._console, self._repair = settings, console, repair
        self._place, self._name = place, f"The journal of {place}" if place else "The journal"
        self._beside: dict[str, StateJournal] = {}
        """Those of the labs beside this one that are there, by their places."""
        self._file = JournalFile(Path(path))
        self._lost: str | None = None
        """Why nothing can be written any more: the file isn't ours alone, or not there."""
        self._writes = RefusedWrites()
        try:
            data = self._file.read()
            with collecting_nothing(data):
                read = read_journal(data, path)
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
        """Why calls that write are refused, here or in a lab beside this one; None: none are."""
        return next((each._why for each in (self, *self._beside.values()) if each._why), None)

    @property
    def _why(self) -> str | None:
        return self._lost or self._writes.why

    # Taking up

    def resume(self, setup: Setup) -> Setup:
        """The setup with which the lab goes on; UsageError with every difference if it is another lab's."""
        header = self._header
        if header is None:
            return setup
        settings = self._settings
        options = {"seed": settings.seed, "epoch": settings.epoch, "clock": settings.clock.option}
        said = {name: value for name, value in options.items() if value is not None}
        digests = {each.name: each.sha256 for each in header.scenarios}
        digests |= {fact.scenario: fact.sha256 for fact in self.facts if isinstance(fact, ScenarioLoaded)}
        served = {each.name: each.digest for each in setup.config.scenarios}
        found = differences(
            {**{name: getattr(header, name) for name in said}, **header.settings, **scenario_terms(digests)},
            # answers to older jobs depend on who decides and on the switches, and would change
            {**said, **settings_of(setup.config), **scenario_terms(served)},
        )
        if found:
            raise self.other(found)
        config, clock = self.taken_up(setup.config)
        return replace(setup, config=config, clock=clock)

    def taken_up(self, config: Config) -> tuple[Config, AnyClock]:
        """What the lab goes on with: as it began, with scenarios that may have been edited since; and its clock."""
        if (header := self._header) is None:
            return config, make_clock(self._settings.clock)
        served = {each.name: each for each in config.scenarios}
        scenarios = tuple(_as_begun(each, served.get(each.name)) for each in header.scenarios)
        epoch = header.epoch if self._history.epoch is None else self._history.epoch
        config = replace(config, scenarios=scenarios, seed=header.seed, epoch=epoch)
        if config.layers is not None:
            config = config.settled(config.layers)
        began = ClockSettings.read(header.clock)
        # not of a whole second: a start soon after the end would show clients what was before what they have seen
        start = instant_of(self._history, began.kind, wall_nanos() // 1_000_000 - header.epoch * 1000)
        if not has_date(epoch, start):
            raise RecordingError(
                f"{self._file.path}: its clock stands beyond {iso(LAST_WALL, 0)}, and no lab has later dates.",
                hint="Name another file to begin anew.",
            )
        return config, make_clock(replace(began, factor=self._history.factor or began.factor), start)

    def other(self, found: Mapping[str, str]) -> UsageError:
        """Why it isn't taken up: it is another lab's."""
        return begun_otherwise(str(self._file.path), found, "or name another file to begin anew.")

    # The labs beside the one whose journal it is

    def labs(self) -> "Iterator[tuple[LabMade, StateJournal]]":
        """Those that earlier processes had, in the order of their making, each with its journal."""
        for fact in self._history.labs.values():
            yield fact, self._file_of(fact.place)

    @property
    def makings(self) -> Mapping[str, int]:
        """How often there was a lab at each place."""
        return self._history.makings

    def begin(self, fact: LabMade, config: Config) -> "StateJournal":
        """The journal of one that is made now with this; StoreRefused if there can be none, and then nothing of it is there."""
        if len(self._beside) >= (most := descriptors() / 2):  # the other half is for connections
            raise StoreRefused(
                f"{fact.place} can't have a journal: {int(most)} have one, half of what this process may open (ulimit -n)."
            )
        try:
            journal = self._file_of(fact.place)
        except LabError as error:
            raise StoreRefused(f"{fact.place} can't have a journal: {error.what}") from None
        journal._empty()  # it may be left of a lab that was ended, or of one whose journal was deleted
        try:
            journal._begin(config)
            # last, for from here on it is one of the lab's
            self._append(facts_line((fact,)))
        except StoreRefused:
            self._drop(fact.place)
            raise
        return journal

    def end(self, place: str, at: Millis) -> None:
        """One is given up, with all below it: their files go. StoreRefused if that can't be told."""
        if place in self._beside:
            self._append(facts_line((LabEnded(at=at, place=place),)))
            for each in [each for each in self._beside if f"{each}/".startswith(f"{place}/")]:
                self._drop(each)

    def _file_of(self, place: str) -> "StateJournal":
        path = self._file.path
        beside = str(path.with_name(path.name + place.replace("/", ".")))
        self._beside[place] = StateJournal(self._settings, beside, self._console, repair=self._repair, place=place)
        return self._beside[place]

    def _begin(self, config: Config) -> None:
        scenarios = tuple(
            KeptScenario(name=each.name, sha256=each.digest, source=each.source, files=each.files)
            for each in config.scenarios
        )
        begun = JournalHeader(
            lab=__version__, seed=config.seed, epoch=config.epoch, clock=self._settings.clock.option,
            issuer=config.identity.issuer, settings=settings_of(config), scenarios=scenarios,
        )  # fmt: skip
        self._append(header_line(begun))
        self._header = begun

    def _empty(self) -> None:
        self._file.cut(0)
        self._header, self._history, self._check = None, History(), 0

    def _drop(self, place: str) -> None:
        journal = self._beside.pop(place)
        journal._file.remove()
        journal._file.close()

    # Writing

    def attach(self, service: Service, clock: AnyClock) -> None:
        """Let the service hold what the journal tells, and write whatever it accepts from now on."""
        config, header = service.config, self._header
        if header is None:
            self._begin(config)
            self._say(f"began {self._file.path}")
        elif header.issuer != config.identity.issuer:
            words = f"{header.issuer}, now {config.identity.issuer} (give --port or --base)"
            raise self.other({"issuer": words})
        else:
            with collecting_nothing(self.facts):
                service.rewind(tuple(self.facts), clock.now())
            jobs = f"{sum(1 for _ in service.jobs())} jobs"
            beside = f", and {len(self._history.labs)} labs beside it" if self._history.labs else ""
            self._say(f"took up {self._file.path} at {clock.now()} ms: {jobs}{beside}")
        service.file = self
        self._writes.on_begin, self._writes.on_end = self._refused, self._taken

    def _say(self, what: str) -> None:
        if not self._place:  # of the others there may be many
            self._console.err(what)

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
        """Find out whether the files are still there, as they were written; and where lines were refused, if they still are."""
        for each in (self, *self._beside.values()):
            each._look()

    def _look(self) -> None:
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
                self._lost = f"{self._name} takes no line: {fault.strerror}."
                self._console.err(f"lab: {self._lost} {_REFUSED} this lab ends.")
            except OSError as fault:
                self._writes.refuse(f"{self._name} takes no line: {fault.strerror or fault}.")
        raise StoreRefused(self._why or "")

    def _refused(self, why: str) -> None:
        self._console.err(f"lab: {why} {_REFUSED} it takes them.")

    def _taken(self, why: str) -> None:
        self._console.err(f"lab: {self._name[0].lower()}{self._name[1:]} takes writes again.")

    def close(self) -> int:
        """Let the files go; 4 if not all was written, or one isn't there any more, else 0."""
        self.look()
        trouble = self.trouble
        for each in (self, *self._beside.values()):
            each._file.close()
        return 0 if trouble is None else 4


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


def _as_begun(kept: KeptScenario, served: Program | None) -> Program:
    """The scenario as it was when the journal began: it may have been edited since."""
    if served is not None and kept.sha256 == served.digest:
        return served
    return compiled_again(kept.name, kept.sha256, kept.source, kept.files)
