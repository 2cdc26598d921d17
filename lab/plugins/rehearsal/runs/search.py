"""`lab rehearse --search`: the fewest faults with which somebody's client doubles or loses a job (clients.md §11)."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count
from pathlib import Path

from msgspec import Struct

from lab.cli.console import Console
from lab.cli.junit import CaseEnd, JunitCase
from lab.cli.loop import Stop, complete
from lab.cli.result import CommandResult, tell
from lab.cli.run_conditions import conditions_of
from lab.cli.runner import Note, in_markdown
from lab.cli.signals import INTERRUPTED
from lab.core.errors import UsageError
from lab.core.exchange import Json
from lab.files.artifacts import keep_only, move_all, write_texts
from lab.files.recordings import RECORDING_ENDING
from lab.files.scenarios import SCENARIO_ENDING, scenarios_folder
from lab.jobs.own_run import GoodEnd
from lab.plugins.rehearsal.drills.drills import chosen_families, variant_files, without_faults, written_scenario
from lab.plugins.rehearsal.drills.places import happy_path
from lab.plugins.rehearsal.drills.search import NO_FAULT, WIRE_FAMILIES, Combination, Counterexample, FaultSearch, Trial
from lab.plugins.rehearsal.options import RehearseSettings
from lab.plugins.rehearsal.report.harm import Harm, HarmKind, harm_of
from lab.plugins.rehearsal.report.judge import MOST_LINES
from lab.plugins.rehearsal.report.runs import Expectation, ProcessEnd
from lab.plugins.rehearsal.runs.rehearsal import FinishedRun, PlannedRun, Rehearsal, command_again

USUAL_SEARCHED = ("quick",)
"""The scenarios of a search that names none."""
_LONGEST_BASE = 60
"""Characters of a scenario's name that the names of its runs begin with."""


def search(rehearsal: Rehearsal, console: Console) -> int:
    """Search over each scenario in turn; 1 if a harm was found, or the client came to no end even without a fault."""
    settings = rehearsal.settings
    searches = _searches(rehearsal)
    interrupted = complete(lambda stop: _work(searches, settings.runs, stop, console))
    folder = _keep(searches, rehearsal.folder, settings)
    accounts = [SearchAccount(each, folder) for each in searches]
    sentences = [*chain(*(each.sentences for each in accounts))]
    summaries = [each.summary for each in accounts if each.of.unfit is None]
    lines = [*chain(*(each.lines() for each in accounts)), *summaries, *(("interrupted",) if interrupted else ())]
    result = CommandResult(
        title="lab rehearse --search",
        code=INTERRUPTED if interrupted else int(bool(sentences)),
        lines=tuple(lines),
        documents=({"interrupted": interrupted, "searches": [each.document() for each in accounts]},),
        suites=(("lab rehearse --search", [*chain(*(each.testcases() for each in accounts))]),),
        notes=tuple(map(Note, sentences)),
        summary=("## lab rehearse --search", "", *(f"- {in_markdown(line)}" for line in (*sentences, *summaries))),
    )
    return tell(result, settings.judging.output, console)


def _searches(rehearsal: Rehearsal) -> list["ScenarioSearch"]:
    """One a scenario; UsageError where two would write files of the same names, or some would have no run."""
    settings = rehearsal.settings
    searches = [ScenarioSearch(target, rehearsal) for target in dict.fromkeys(settings.mock.targets or USUAL_SEARCHED)]
    for name, number in Counter(each.name for each in searches).items():
        if number > 1:
            raise UsageError(f"Two scenarios are called {name}.", hint="Name one of them.")
    if settings.runs < len(searches):
        raise UsageError(f"--runs {settings.runs} is less than one for each scenario.", hint="Each needs some.")
    return searches


async def _work(searches: Sequence["ScenarioSearch"], runs: int, stop: Stop, console: Console) -> bool:
    """Search one after the other; whether a signal ended it."""
    stopped, numbers, left = asyncio.Event(), count(1), runs
    stop.leave = stopped.set  # the runs end their clients themselves, and what is known is told
    for number, each in enumerate(searches):
        share = left // (len(searches) - number)
        await each.work(share, stopped, lambda line: console.err(f"{next(numbers)}/{runs} {line}"))
        left -= len(each.search.trials)
        if stopped.is_set():
            break
    return stopped.is_set()


def _keep(searches: Sequence["ScenarioSearch"], folder: Path, settings: RehearseSettings) -> Path:
    """Keep the files of what was found, and say where they are then."""
    kept = {finding.run.planned.name for each in searches for finding in each.findings()}
    kept |= {each.unfit.planned.name for each in searches if each.unfit is not None}
    named = {Path(name).parts[0] for each in searches for name in each.files}
    keep_only(folder, kept | (named if kept else set()))
    if settings.into is None or not folder.exists():
        return folder
    move_all(folder, Path(settings.into))
    return Path(settings.into)


class SearchFinding(Struct, frozen=True):
    """The simplest combination known that does a harm, and the run that showed it."""

    found: Counterexample
    run: FinishedRun
    harm: Harm


class ScenarioSearch:
    """The search over one scenario: combinations of faults become files and runs, and what a client made of them trials."""

    def __init__(self, target: str, rehearsal: Rehearsal) -> None:
        mock, self.rehearsal = rehearsal.settings.mock, rehearsal
        program, document, self.seed = written_scenario(mock, target)
        happy = happy_path(program, self.seed)
        self._program, self._document = program, without_faults(document)
        self._conditions = conditions_of(target, scenarios_folder(mock.scenarios))
        self._messages = [each.message for each in program.scenario.user_messages] * self._conditions.jobs
        self._words: dict[str, str] = {}
        """The faults of each run, by its name."""
        self._harms: dict[str, Harm] = {}
        self._harmful: dict[Combination, tuple[FinishedRun, Harm]] = {}
        families = chosen_families(rehearsal.settings.family, WIRE_FAMILIES)
        self.search = FaultSearch(happy, self.seed, tuple(HarmKind), 0, rehearsal.settings.parallel, families)
        self.name, self.files = program.name, program.files
        self.unfit: FinishedRun | None = None
        """The run without a fault, where it came to no end: there is nothing to search then."""

    async def work(self, runs: int, stopped: asyncio.Event, tell: Callable[[str], object]) -> None:
        """Make at most so many runs, until the search is over or `stopped`; `tell` hears of each in a line."""

        def heard(done: FinishedRun) -> None:
            name, harm = done.planned.name, harm_of(done.judged.histories, ProcessEnd(done.code), self._messages)
            if harm is not None:
                self._harms[name] = harm
            tell(f"{name}: {done.judged.outcome if harm is None else harm.kind}: {self._words[name]}")

        self.search.runs = runs
        walk = self.search.walk()
        batch = next(walk)
        while True:
            done = await self.rehearsal.runs([self._planned(each) for each in batch], stopped, heard)
            trials = [self._trial(*each) for each in zip(batch, done, strict=True)]
            if stopped.is_set():
                return
            ended = any(job.end for history in done[0].judged.histories for job in history.jobs)
            if batch == (NO_FAULT,) and not self._harmful and (done[0].code is None or not ended):
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
                last = next((each for each, (_, harm) in self._harmful.items() if harm.kind is kind), None)
                found = Counterexample(kind, last) if last is not None else None
            if found is not None:
                yield SearchFinding(found, *self._harmful[found.combination])

    def _planned(self, combination: Combination) -> PlannedRun:
        name = f"{self.name[:_LONGEST_BASE]}-search-{len(self._words)}"
        self._words[name] = ", ".join(each.words for each in combination) or "no fault"
        shows = f"Found by search with seed {self.seed}: {self._words[name]}"
        document = {**self._document, "name": name, "shows": shows}
        if combination:
            document["faults"] = [{"name": each.name, **each.document()} for each in combination]
        file, texts = variant_files(document, self._program)
        write_texts(str(self.rehearsal.folder), texts, force=True)
        expected = Expectation((GoodEnd.RESULT,), len(self._messages))
        return PlannedRun(name, str(self.rehearsal.folder / file), expected, self._conditions)

    def _trial(self, combination: Combination, done: FinishedRun) -> Trial:
        harm = self._harms.get(done.planned.name)
        if harm is not None:
            self._harmful[combination] = done, harm
        calls = [call for history in done.judged.histories for call in history.calls]
        return Trial(
            harm=None if harm is None else harm.kind,
            struck=frozenset(call.struck for call in calls if call.struck is not None),
            calls=Counter(str(call.kind) for call in calls),
        )


class SearchAccount:
    """What a search came to, as people and programs read it."""

    def __init__(self, of: ScenarioSearch, folder: Path) -> None:
        self.of, self._folder = of, folder
        self._findings = [*of.findings()]
        self._sizes = Counter(len(each) for each in of.search.trials)
        """How many runs there were with so many faults."""

    @property
    def sentences(self) -> Iterator[str]:
        """What is wrong, a sentence each."""
        yield from (f"{self.of.name}: {each.harm.kind}: {each.harm.sentence}" for each in self._findings)
        if self.of.unfit is not None:
            yield f"{self.of.name}: {self.of.unfit.judged.outcome} without any fault"

    @property
    def summary(self) -> str:
        """What was done."""
        kinds = [each.harm.kind for each in self._findings]
        faults = ", ".join(f"{number} with {size}" for size, number in sorted(self._sizes.items()) if size)
        ends = ", ".join(f"{'one' if kind in kinds else 'none'} {kind}" for kind in HarmKind)
        total = self._sizes.total()
        runs = f"{total} run{'s' if total != 1 else ''} with seed {self.of.seed}"
        return f"{self.of.name}: {runs}{f' (faults: {faults})' if faults else ''}: {ends}"

    def lines(self) -> Iterator[str]:
        """What was found, with what repeats it and what the client printed last."""
        parts = [(*self._details(each), *each.run.printed) for each in self._findings]
        unfit = self.of.unfit
        if unfit is not None:
            shown = (self._shown(unfit),) if unfit.recording is not None else ()
            parts.append((*unfit.judged.details, *shown, *unfit.printed))
        for sentence, lines in zip(self.sentences, parts, strict=True):
            why = "" if unfit is None else ", so there is nothing to search"
            yield f"FAIL  {sentence}{why}"
            yield from (f"          {line}" for line in lines)

    def document(self) -> Json:
        """For programs."""
        unfit = self.of.unfit
        return {
            "scenario": self.of.name,
            "seed": self.of.seed,
            "runs": {str(size): number for size, number in sorted(self._sizes.items())},
            "unfit": str(unfit.judged.outcome) if unfit is not None else None,
            "findings": [
                {
                    "harm": str(each.harm.kind),
                    "sentence": each.harm.sentence,
                    "faults": [{"name": fault.name, **fault.document()} for fault in each.found.combination],
                    "simplest": each.found.simplest,
                    "evidence": [{"line": line, "shows": shows} for line, shows in each.harm.evidence],
                    "scenario": self._file(each.run, SCENARIO_ENDING),
                    "recording": self._file(each.run, RECORDING_ENDING),
                    "again": self._again(each),
                }
                for each in self._findings
            ],
        }

    def testcases(self) -> Iterator[JunitCase]:
        """One for each harm."""
        by_kind = {each.harm.kind: each for each in self._findings}
        for kind in HarmKind:
            end, message, text = None, "", ""
            if (finding := by_kind.get(kind)) is not None:
                end, message, text = CaseEnd.FAILURE, finding.harm.sentence, "\n".join(self._details(finding))
            elif self.of.unfit is not None:
                end, message = CaseEnd.FAILURE, f"{self.of.unfit.judged.outcome} without any fault"
            yield JunitCase("lab.search", f"{self.of.name}: no job is {kind}", end, message, text)

    def _details(self, finding: SearchFinding) -> tuple[str, ...]:
        """The faults, what the recording says, and the commands that repeat and show it."""
        combination, evidence = finding.found.combination, finding.harm.evidence
        lines = [fault.words for fault in combination] or ["without any fault"]
        if combination and not finding.found.simplest:
            lines.append("(the runs ended before everything simpler was tried)")
        lines += (f"line {line}: {shows}" for line, shows in evidence[:MOST_LINES])
        if len(evidence) > MOST_LINES:
            lines.append(f"(and {len(evidence) - MOST_LINES} more)")
        return (*lines, self._again(finding), self._shown(finding.run))

    def _again(self, finding: SearchFinding) -> str:
        return command_again(self.of.rehearsal.settings, self._file(finding.run, SCENARIO_ENDING))

    def _shown(self, run: FinishedRun) -> str:
        return f"lab show {self._file(run, RECORDING_ENDING)} --line-numbers"

    def _file(self, run: FinishedRun, ending: str) -> str:
        return str(self._folder / f"{run.planned.name}{ending}")
