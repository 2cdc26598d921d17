"""The runs of `lab rehearse --search`: combinations of faults become files, and what a client made of them trials."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator

from msgspec import Struct

from lab.cli.run_conditions import conditions_of
from lab.faults.yamltext import yaml_text
from lab.files.artifacts import write_texts
from lab.files.scenarios import SCENARIO_ENDING, scenarios_folder
from lab.jobs.own_run import GoodEnd
from lab.plugins.rehearsal.drills.drills import without_faults
from lab.plugins.rehearsal.drills.named import chosen_families, written_scenario
from lab.plugins.rehearsal.drills.placed import WIRE_FAMILIES, Combination
from lab.plugins.rehearsal.drills.places import happy_path
from lab.plugins.rehearsal.drills.search import NO_FAULT, Counterexample, FaultSearch, Trial
from lab.plugins.rehearsal.options import RehearseSettings
from lab.plugins.rehearsal.report.harm import Harm, HarmKind, harm_of
from lab.plugins.rehearsal.report.runs import Expectation, ProcessEnd
from lab.plugins.rehearsal.runs.rehearsal import FinishedRun, PlannedRun, Rehearsal

_LONGEST_BASE = 60
"""Characters of a scenario's name that the names of its runs begin with."""


class HarmfulRun(Struct, frozen=True):
    """A run that did a harm."""

    name: str
    """Of its scenario and its recording, without their endings."""
    harm: Harm
    output: str
    """The end of what the client printed."""


class SearchFinding(Struct, frozen=True):
    """The simplest combination known that does a harm, and the run that showed it."""

    found: Counterexample
    run: HarmfulRun


class ScenarioSearch:
    """The search over one scenario: combinations of faults become files and runs, and runs become trials."""

    def __init__(self, settings: RehearseSettings, target: str, rehearsal: Rehearsal) -> None:
        mock = settings.mock
        program, document, self.seed = written_scenario(mock, target)
        happy = happy_path(program, self.seed)
        self._document, self._rehearsal = without_faults(document), rehearsal
        self._conditions = conditions_of(target, scenarios_folder(mock.scenarios))
        self._messages = [each.message for each in program.scenario.user_messages] * self._conditions.jobs
        self._words: dict[str, str] = {}
        """The faults of each run, by its name."""
        self._harms: dict[str, Harm] = {}
        self._harmful: dict[Combination, HarmfulRun] = {}
        families = chosen_families(settings.family, WIRE_FAMILIES)
        self.search = FaultSearch(happy, self.seed, tuple(HarmKind), 0, rehearsal.parallel, families)
        self.name = program.name
        self.files = program.files
        """What outputs name, by their paths."""
        self.unfit: FinishedRun | None = None
        """The run without a fault, where it came to no end: there is nothing to search then."""

    async def work(self, runs: int, stopped: asyncio.Event, tell: Callable[[str], object]) -> None:
        """Make at most so many runs, until the search is over or `stopped`; `tell` hears of each in a line."""

        def heard(done: FinishedRun) -> None:
            harm = harm_of(done.judged.histories, ProcessEnd(done.code), self._messages)
            if harm is not None:
                self._harms[done.planned.name] = harm
            came = done.judged.outcome if harm is None else harm.kind
            tell(f"{done.planned.name}: {came}: {self._words[done.planned.name]}")

        self.search.runs = runs
        walk = self.search.walk()
        batch = next(walk)
        while True:
            done = await self._rehearsal.runs([self._planned(each) for each in batch], stopped, heard)
            trials = [self._trial(*each) for each in zip(batch, done, strict=True)]
            if stopped.is_set():
                return
            if batch == (NO_FAULT,) and not self._harmful and not _came_to_an_end(done[0]):
                self.unfit = done[0]
                return
            try:
                batch = walk.send(trials)
            except StopIteration:
                return

    def findings(self) -> Iterator[SearchFinding]:
        """The worse first; of a search that was ended in between what it had come to."""
        for kind in HarmKind:
            found = self.search.found.get(kind)
            if found is None:  # shown by a run of the batch in which the search was ended
                last = next((each for each, run in self._harmful.items() if run.harm.kind is kind), None)
                found = Counterexample(kind, last) if last is not None else None
            if found is not None:
                yield SearchFinding(found, self._harmful[found.combination])

    def sizes(self) -> Counter[int]:
        """How many runs there were with so many faults."""
        return Counter(len(each) for each in self.search.trials)

    def _planned(self, combination: Combination) -> PlannedRun:
        name = f"{self.name[:_LONGEST_BASE]}-search-{len(self._words)}"
        self._words[name] = ", ".join(each.words for each in combination) or "no fault"
        shows = f"Found by search with seed {self.seed}: {self._words[name]}"
        document = {**self._document, "name": name, "shows": shows}
        if combination:
            document["faults"] = [each.document() for each in combination]
        file = f"{name}{SCENARIO_ENDING}"
        write_texts(str(self._rehearsal.folder), {**self.files, file: yaml_text(document)}, force=True)
        expected = Expectation((GoodEnd.RESULT,), len(self._messages))
        return PlannedRun(name, str(self._rehearsal.folder / file), expected, self._conditions)

    def _trial(self, combination: Combination, done: FinishedRun) -> Trial:
        harm = self._harms.get(done.planned.name)
        if harm is not None:
            self._harmful[combination] = HarmfulRun(done.planned.name, harm, done.output)
        calls = [call for history in done.judged.histories for call in history.calls]
        return Trial(
            harm=None if harm is None else harm.kind,
            struck=frozenset(call.struck for call in calls if call.struck is not None),
            calls=Counter(str(call.kind) for call in calls),
        )


def _came_to_an_end(done: FinishedRun) -> bool:
    return done.code is not None and any(job.end for history in done.judged.histories for job in history.jobs)
