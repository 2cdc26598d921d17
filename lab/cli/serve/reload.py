"""`lab serve` takes up a scenario's file when it is edited; one that is broken leaves the last good version in place."""

from collections.abc import Callable

from lab.cli.console import Console
from lab.clocks import AnyClock
from lab.core.errors import LabError, ScenarioError
from lab.core.journal.shared import StoreRefused
from lab.files.scenarios import Stamp, load_scenario, scenario_names, scenario_path, scenarios_folder, stamp_of
from lab.jobs.program import Program
from lab.mock.service import Service
from lab.settings import MockSettings


class ScenarioReloader:
    """Looks at the files of the scenarios that are served, and of new ones where the whole folder is."""

    def __init__(
        self,
        settings: MockSettings,
        service: Service,
        clock: AnyClock,
        console: Console,
        *edited: Callable[[Program], None],
        shared: bool = False,
    ) -> None:
        """`edited` is told of each that was taken up; none is where other processes serve what this one does (`shared`)."""
        self._settings = settings
        self._service = service
        self._clock = clock
        self._console = console
        self._edited = edited
        self._shared = shared
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
        return next((each for each in self._service.config.scenarios if each.name == name), None)

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
        if self._shared:
            self._console.err(f"{program.name} was edited: a shared lab goes on with what it was set up with")
        else:
            try:
                self._service.load(program, self._clock.now())
            except StoreRefused as refused:
                self._console.err(f"lab: {refused.what} The version before goes on: save {program.name} again later.")
                return
            for told_of in self._edited:
                told_of(program)
            self._console.err(f"loaded {program.name}; jobs that run keep what they began with")
