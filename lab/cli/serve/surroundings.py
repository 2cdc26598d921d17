"""What changes around a lab that runs: looked at twice a second, for nobody tells of it."""

import asyncio
import os
import select
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Thread

from lab.cli.console import Console
from lab.clocks import SystemClock, first_of
from lab.core.errors import LabError, ScenarioError, UsageError
from lab.core.journal.shared import StoreRefused
from lab.files.scenarios import Stamp, load_scenario, scenario_names, scenario_path, scenarios_folder, stamp_of
from lab.jobs.program import Program
from lab.server.bugs import Bugs
from lab.server.labs import Labs
from lab.settings import MockSettings

LOOK_EVERY = 500
"""Real milliseconds between two looks."""
_READ_WITHIN = 0.05
"""Seconds in which the end of stdin, once it is there, is read."""


async def look_around(looks: Iterable[Callable[[], None]], bugs: Bugs) -> None:
    """Take each look again and again, until cancelled; one that ends in a bug of ours isn't taken any more."""
    wall, looks = SystemClock(), list(looks)
    while True:
        await wall.sleep_until(wall.now() + LOOK_EVERY)
        for look in tuple(looks):
            try:
                look()
            except Exception as fault:  # noqa: BLE001 - the lab goes on
                bugs.found(fault)
                looks.remove(look)


class ScenarioReloader:
    """`lab serve` takes up a scenario's file when it is edited; one that is broken leaves the last good version in place.

    Looks at the files of the scenarios that are served, and of new ones where the whole folder is.
    """

    def __init__(self, settings: MockSettings, labs: Labs, console: Console) -> None:
        """What has changed is taken up by whichever of these labs serves it, unless other processes serve them too."""
        self._settings, self._labs, self._console = settings, labs, console
        self._folder = scenarios_folder(settings.scenarios)
        self._seen = {name: self._stamp(name) for name in self._names()}

    def look(self) -> None:
        """Take up what has changed since the last look."""
        for name in self._names():
            stamp = self._stamp(name)
            if stamp is not None and stamp != self._seen.get(name):
                self._take(name)
                # read after the file: what was written meanwhile is a change still to be seen
                self._seen[name] = stamp

    def _names(self) -> tuple[str, ...]:
        return self._settings.targets or scenario_names(self._folder)

    def _stamp(self, name: str) -> Stamp | None:
        try:
            path = scenario_path(name, self._folder)
        except LabError:  # it is being replaced, or was removed: what is served stays
            return None
        served = self._served(path.stem)
        return stamp_of(path, served.files if served else ())

    def _served(self, name: str) -> Program | None:
        served = self._labs.usual.service.config.scenarios
        return next((each for each in served if each.name == name), None)

    def _take(self, name: str) -> None:
        try:
            program = load_scenario(name, self._folder)
        except ScenarioError as error:
            for complaint in error.complaints:
                self._console.err(str(complaint))
            self._console.err(f"lab: {name} can't be loaded as it is; the version before goes on.")
            return
        except LabError as error:
            self._console.err(f"lab: {error.what} The version before goes on.")
            return
        except Exception as error:  # noqa: BLE001 - a bug that an edit brings out mustn't end what is served
            self._console.err(f"lab: {name} can't be loaded: {error!r}. The version before goes on.")
            return
        served = self._served(program.name)
        if served is not None and served.digest == program.digest:
            return
        if self._labs.usual.calls.shared:
            self._console.err(f"{program.name} was edited: a shared lab goes on with what it was set up with")
            return
        try:
            self._labs.load(program)
        except StoreRefused as refused:
            self._console.err(f"lab: {refused.what} The version before goes on: save {program.name} again later.")
            return
        self._console.err(f"loaded {program.name}; jobs that run keep what they began with")


class Parent:
    """Whoever started this process, and holds the other end of stdin: gone once that ends, by whatever signal.

    Where a process that it forked holds that end too, what tells is that it isn't our parent any more.
    """

    def __init__(self) -> None:
        self._pid = os.getppid()
        self._notify: Callable[[], object] = lambda: None
        self.closed = False
        """Whether stdin is at its end."""
        # a thread, for a loop can't watch every kind of stdin, and on Windows none
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        self.closed = True
        with suppress(RuntimeError):  # the loop has ended first
            self._notify()

    def check(self) -> None:
        """UsageError if nobody holds stdin."""
        try:
            while not self.closed and select.select([0], [], [], 0)[0]:  # its end, or what was written to it
                self._reader.join(_READ_WITHIN)
        except OSError:  # there is no stdin, or the system tells of sockets alone, as Windows does
            self._reader.join(_READ_WITHIN)
        if self.closed:
            raise UsageError(
                "--with-parent: stdin is closed, so nobody holds its other end.",
                hint="Start the lab with a pipe as stdin, and keep the other end open.",
            )

    async def gone(self) -> None:
        """Return once it is gone."""
        ended, loop, wall = asyncio.Event(), asyncio.get_running_loop(), SystemClock()
        self._notify = lambda: loop.call_soon_threadsafe(ended.set)
        while not self.closed and os.getppid() == self._pid:
            await first_of(ended.wait(), wall.sleep_until(wall.now() + LOOK_EVERY))


def parent_of(*, wanted: bool) -> Parent | None:
    """Whoever started this process, if that is to be watched; UsageError if it is gone already."""
    parent = Parent() if wanted else None
    if parent is not None:
        parent.check()
    return parent


async def parent_gone(parent: Parent | None) -> None:
    """Return once it is gone; never without one."""
    await (parent.gone() if parent is not None else asyncio.Event().wait())
