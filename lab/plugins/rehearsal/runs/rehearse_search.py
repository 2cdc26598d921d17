"""`lab rehearse --search`: the fewest faults with which somebody's client doubles or loses a job (clients.md §11)."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import chain, count
from pathlib import Path

from lab.cli.console import Console
from lab.cli.junit import CaseEnd, JunitCase
from lab.cli.loop import Stop, complete
from lab.cli.result import CommandResult, tell
from lab.cli.runner import Note, in_markdown
from lab.cli.signals import INTERRUPTED
from lab.core.errors import UsageError
from lab.core.exchange import Json
from lab.files.artifacts import keep_only, move_all
from lab.files.recordings import RECORDING_ENDING
from lab.files.scenarios import SCENARIO_ENDING
from lab.plugins.rehearsal.options import RehearseSettings
from lab.plugins.rehearsal.report.harm import HarmKind
from lab.plugins.rehearsal.report.judge import MOST_LINES
from lab.plugins.rehearsal.runs.rehearsal import Rehearsal, command_again, end_of_output
from lab.plugins.rehearsal.runs.scenario_search import ScenarioSearch, SearchFinding

USUAL_SEARCHED = ("quick",)
"""The scenarios of a search that names none."""


def search(rehearsal: Rehearsal, settings: RehearseSettings, console: Console) -> int:
    """Search over each scenario in turn; 1 if a harm was found, or the client came to no end even without a fault."""
    searches = _searches(rehearsal, settings)
    interrupted = complete(lambda stop: _work(searches, settings.runs, stop, console))
    report = _Report(searches, _keep(searches, rehearsal.folder, settings), settings)
    harmful = any(each.unfit or [*each.findings()] for each in searches)
    result = CommandResult(
        title="lab rehearse --search",
        code=INTERRUPTED if interrupted else int(harmful),
        lines=(*report.lines(), *(("interrupted",) if interrupted else ())),
        documents=(report.document(interrupted),),
        suites=(("lab rehearse --search", [*chain(*map(report.testcases, searches))]),),
        notes=tuple(map(Note, report.sentences())),
        summary=tuple(report.summary()),
    )
    return tell(result, settings.judging.output, console)


def _searches(rehearsal: Rehearsal, settings: RehearseSettings) -> list[ScenarioSearch]:
    """One a scenario; UsageError where two would write files of the same names, or some would have no run."""
    searches = [
        ScenarioSearch(settings, target, rehearsal) for target in dict.fromkeys(settings.mock.targets or USUAL_SEARCHED)
    ]
    for number, each in enumerate(searches):
        if each.name in (other.name for other in searches[:number]):
            raise UsageError(f"Two scenarios are called {each.name}.", hint="Name one of them.")
    if settings.runs < len(searches):
        raise UsageError(f"--runs {settings.runs} is less than one for each scenario.", hint="Each needs some.")
    return searches


async def _work(searches: Sequence[ScenarioSearch], runs: int, stop: Stop, console: Console) -> bool:
    """Search one after the other; whether a signal ended it."""
    stopped, numbers, left = asyncio.Event(), count(1), runs
    stop.leave = stopped.set  # the runs end their clients themselves, and what is known is told
    for number, each in enumerate(searches):
        await each.work(
            left // (len(searches) - number), stopped, lambda line: console.err(f"{next(numbers)}/{runs} {line}")
        )
        left -= len(each.search.trials)
        if stopped.is_set():
            break
    return stopped.is_set()


def _keep(searches: Sequence[ScenarioSearch], folder: Path, settings: RehearseSettings) -> Path:
    """Keep the files of what was found, and say where they are then."""
    kept = {finding.run.name for each in searches for finding in each.findings()}
    kept |= {each.unfit.planned.name for each in searches if each.unfit is not None}
    named = {Path(name).parts[0] for each in searches for name in each.files}
    keep_only(folder, kept | (named if kept else set()))
    if settings.into is None or not folder.exists():
        return folder
    move_all(folder, Path(settings.into))
    return Path(settings.into)


def _sentence(search: ScenarioSearch, finding: SearchFinding) -> str:
    return f"{search.name}: {finding.run.harm.kind}: {finding.run.harm.sentence}"


class _Report:
    """What was found, as people and programs read it."""

    def __init__(self, searches: Sequence[ScenarioSearch], folder: Path, settings: RehearseSettings) -> None:
        self._searches, self._folder, self._settings = searches, folder, settings

    def lines(self) -> Iterator[str]:
        """What was found, with what repeats it; then what was done."""
        for each in self._searches:
            for finding in each.findings():
                yield f"FAIL  {_sentence(each, finding)}"
                yield from (f"          {line}" for line in self._details(finding))
                yield from (f"          {line}" for line in end_of_output(finding.run.output))
            if each.unfit is not None:
                yield f"FAIL  {each.name}: {each.unfit.judged.outcome} without any fault, so there is nothing to search"
                yield from (f"          {line}" for line in each.unfit.judged.details)
                if each.unfit.recording is not None:
                    yield f"          lab show {self._recording(each.unfit.planned.name)} --line-numbers"
                yield from (f"          {line}" for line in end_of_output(each.unfit.output))
        yield from (self._summary(each) for each in self._searches if each.unfit is None)

    def sentences(self) -> Iterator[str]:
        """What is wrong, a sentence each."""
        for each in self._searches:
            yield from (_sentence(each, finding) for finding in each.findings())
            if each.unfit is not None:
                yield f"{each.name}: {each.unfit.judged.outcome} without any fault"

    def summary(self) -> Iterator[str]:
        """Lines of Markdown, for the summary of a GitHub run."""
        lines = [*self.sentences(), *(self._summary(each) for each in self._searches if each.unfit is None)]
        yield from ("## lab rehearse --search", "", *(f"- {in_markdown(line)}" for line in lines))

    def _details(self, finding: SearchFinding) -> Iterator[str]:
        """The faults, what the recording says, and the commands that repeat and show it."""
        combination, evidence = finding.found.combination, finding.run.harm.evidence
        yield from (fault.words for fault in combination)
        if not combination:
            yield "without any fault"
        elif not finding.found.simplest:
            yield "(the runs ended before everything simpler was tried)"
        yield from (f"line {line}: {shows}" for line, shows in evidence[:MOST_LINES])
        if len(evidence) > MOST_LINES:
            yield f"(and {len(evidence) - MOST_LINES} more)"
        yield command_again(self._settings, self._scenario(finding.run.name))
        yield f"lab show {self._recording(finding.run.name)} --line-numbers"

    def _summary(self, each: ScenarioSearch) -> str:
        sizes, kinds = each.sizes(), [finding.found.harm for finding in each.findings()]
        faults = ", ".join(f"{count} with {size}" for size, count in sorted(sizes.items()) if size)
        ends = ", ".join(f"{'one' if kind in kinds else 'none'} {kind}" for kind in HarmKind)
        runs = "1 run" if sizes.total() == 1 else f"{sizes.total()} runs"
        return f"{each.name}: {runs} with seed {each.seed}{f' (faults: {faults})' if faults else ''}: {ends}"

    def document(self, interrupted: bool) -> Json:
        """For programs."""
        return {"interrupted": interrupted, "searches": [self._search(each) for each in self._searches]}

    def _search(self, each: ScenarioSearch) -> Json:
        runs: Json = {str(size): count for size, count in sorted(each.sizes().items())}
        unfit: Json = str(each.unfit.judged.outcome) if each.unfit is not None else None
        findings: list[Json] = [self._finding(finding) for finding in each.findings()]
        return {"scenario": each.name, "seed": each.seed, "runs": runs, "unfit": unfit, "findings": findings}

    def _finding(self, finding: SearchFinding) -> Json:
        scenario = self._scenario(finding.run.name)
        return {
            "harm": str(finding.run.harm.kind),
            "sentence": finding.run.harm.sentence,
            "faults": [fault.document() for fault in finding.found.combination],
            "simplest": finding.found.simplest,
            "evidence": [{"line": line, "shows": shows} for line, shows in finding.run.harm.evidence],
            "scenario": scenario,
            "recording": self._recording(finding.run.name),
            "again": command_again(self._settings, scenario),
        }

    def testcases(self, each: ScenarioSearch) -> Iterator[JunitCase]:
        """One for each harm."""
        by_kind = {finding.run.harm.kind: finding for finding in each.findings()}
        for kind in HarmKind:
            end, message, text = None, "", ""
            if (finding := by_kind.get(kind)) is not None:
                end, message, text = CaseEnd.FAILURE, finding.run.harm.sentence, "\n".join(self._details(finding))
            elif each.unfit is not None:
                end, message = CaseEnd.FAILURE, f"{each.unfit.judged.outcome} without any fault"
            yield JunitCase("lab.search", f"{each.name}: no job is {kind}", end, message, text)

    def _scenario(self, run: str) -> str:
        return str(self._folder / f"{run}{SCENARIO_ENDING}")

    def _recording(self, run: str) -> str:
        return str(self._folder / f"{run}{RECORDING_ENDING}")
