"""`lab rehearse`: somebody's client, run against scenarios or drills, and judged (clients.md §9)."""

import asyncio
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.loop import Stop, complete
from lab.cli.result import tell
from lab.cli.run_conditions import conditions_of
from lab.cli.setup import callers_text
from lab.cli.signals import INTERRUPTED
from lab.clocks import wall_second
from lab.core.clock import iso
from lab.core.errors import UsageError
from lab.files.artifacts import keep_only, write_texts
from lab.files.recordings import read_recording
from lab.files.scenarios import load_scenario, scenarios_folder
from lab.jobs.own_run import ends_in
from lab.plugins.rehearsal.commands.report import lines_in, report_result
from lab.plugins.rehearsal.drills.drills import drills_of, variant_files
from lab.plugins.rehearsal.options import RehearseSettings
from lab.plugins.rehearsal.report.coverage import SHOWN_BY_DRILLS, Coverage, Elements, joined, possible_in
from lab.plugins.rehearsal.report.judge import ClientReport, report_on
from lab.plugins.rehearsal.report.runs import Expectation, RunOutcome
from lab.plugins.rehearsal.runs.rehearsal import FinishedRun, PlannedRun, Rehearsal, command_again
from lab.plugins.rehearsal.runs.search import search
from lab.program.scenario import Scenario
from lab.settings import MockSettings

USUAL_SCENARIOS = ("quick", "approval", "rejected", "failing", "two-turns", "busy", "bad-line", "odd-status")
"""The scenarios of a rehearsal that names none."""


def execute(settings: RehearseSettings, console: Console) -> int:
    """Run, compare, judge; 1 if a run came out otherwise than a good client's, or the report isn't good enough."""
    if settings.mock.clock.kind == "manual":
        raise UsageError("--clock manual: nobody would move it.", hint="It is real, or scaled:20; or take --virtual.")
    if not settings.command:
        raise UsageError("No command was named.", hint="Write it after --: lab rehearse quick -- python client.py")
    # of a search few runs are kept, so it moves those
    own = settings.into is None or settings.search
    folder = Path(mkdtemp(prefix="lab-rehearsal-") if own else str(settings.into))
    rehearsal = Rehearsal(settings, folder)
    try:
        return search(rehearsal, console) if settings.search else _rehearse(rehearsal, console)
    except BaseException:
        if own and folder.exists():
            keep_only(folder, ())
        raise


def _rehearse(rehearsal: Rehearsal, console: Console) -> int:
    """The runs that came out otherwise, then the report on all of them; recordings of the others stay with `--into` only."""
    settings = rehearsal.settings
    planned, possible = _scenarios(settings.mock) if settings.drills is None else _drills(rehearsal, settings.drills)
    began, numbers = wall_second(), count(1)

    def heard(done: FinishedRun) -> None:
        console.err(f"{next(numbers)}/{len(planned)} {done.planned.name}: {done.judged.outcome}")

    async def work(stop: Stop) -> list[FinishedRun]:
        stopped = asyncio.Event()
        stop.leave = stopped.set  # the runs end their clients themselves, and what is known is told
        return await rehearsal.runs(planned, stopped, heard)

    def again(run: PlannedRun) -> str:
        if settings.drills is not None:
            return command_again(settings, "--drills", settings.drills, "--only", run.name)
        return command_again(settings, run.target)

    done = complete(work)
    met = joined(*(each.judged.met for each in done))
    recorded = {each.recording.name: (each.judged.histories, each.recording) for each in done if each.recording}
    report = report_on(
        {name: histories for name, (histories, _) in recorded.items()},
        Coverage(met, possible, SHOWN_BY_DRILLS if settings.drills else {}),
    )
    runs = tuple(each.with_evidence(again(each.planned), report) for each in done)
    report = replace(report, runs=runs, began=iso(began, 0))
    lines = lines_in(lambda name: read_recording(recorded[name][1]))
    code = tell(report_result("lab rehearse", report, lines, settings.judging), settings.judging.output, console)
    if settings.into is None:
        _keep(rehearsal.folder, done, report, console)
    return INTERRUPTED if any(run.outcome is RunOutcome.INTERRUPTED for run in runs) else code


def _keep(folder: Path, done: Sequence[FinishedRun], report: ClientReport, console: Console) -> None:
    """Recordings of runs that ended otherwise, and those in which a rule that counts was broken."""
    kept = [
        run
        for run in done
        if run.judged.good is False or (run.recording is not None and report.broken_in(run.recording.name))
    ]
    keep_only(folder, [name for run in kept for name in (run.planned.name, Path(run.planned.target).name)])
    if kept:
        console.err(f"lab: Recordings of what failed are in {folder}; --into DIR keeps all.")


def _drills(rehearsal: Rehearsal, target: str) -> tuple[list[PlannedRun], Elements]:
    """The drills of a scenario, each written as one, so that what it was can be looked at and served."""
    settings, planned = rehearsal.settings, list[PlannedRun]()
    program, happy, chosen = drills_of(
        settings.mock, target, settings.family, settings.only, called_back="--notify" in settings.given
    )
    for each in chosen:
        file, texts = variant_files(each.document, program)
        write_texts(str(rehearsal.folder), texts, force=True)
        expected = Expectation(each.ends, happy.turns, each.strikes)
        about = (*_for_users(program.scenario), each.met)
        planned.append(PlannedRun(each.name, str(rehearsal.folder / file), expected, about=about, advice=each.advice))
    struck = frozenset(each.name for each in chosen if each.strikes)
    return planned, {**possible_in([program.scenario]), "faults": struck}


def _scenarios(settings: MockSettings) -> tuple[list[PlannedRun], Elements]:
    folder = scenarios_folder(settings.scenarios)
    planned, scenarios = [], list[Scenario]()
    for name in dict.fromkeys(settings.targets or USUAL_SCENARIOS):
        scenario = load_scenario(name, folder).scenario
        if scenario.name in (each.name for each in scenarios):
            raise UsageError(f"{name} is the second scenario that is called {scenario.name}.", hint="Name one of them.")
        conditions = conditions_of(name, folder)
        expected = Expectation(ends_in(scenario), conditions.jobs * len(scenario.user_messages))
        about = (*_for_users(scenario), *((scenario.shows,) if scenario.shows else ()))
        planned.append(PlannedRun(scenario.name, name, expected, conditions, about))
        scenarios.append(scenario)
    return planned, possible_in(scenarios)


def _for_users(scenario: Scenario) -> tuple[str, ...]:
    """How to ask for it, where a client's own token is no use."""
    if scenario.callers is None or not scenario.callers.need_a_user:
        return ()
    return (
        f"it is for {callers_text(scenario.callers)}: ask as LAB_USER with LAB_PASSWORD (grant password, or a login)",
    )
