"""`lab rehearse`: somebody's client, run against scenarios or drills, and judged (clients.md §9)."""

import asyncio
import string
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

from msgspec.structs import replace

from lab.cli.check.plan_caller import callers_text
from lab.cli.console import Console
from lab.cli.grammar.option_kinds import span
from lab.cli.loop import Stop, complete
from lab.cli.run_conditions import conditions_of
from lab.cli.signals import INTERRUPTED
from lab.clocks import wall_second
from lab.core.clock import iso
from lab.core.errors import UsageError
from lab.faults.yamltext import yaml_text
from lab.files.artifacts import keep_only, write_texts
from lab.files.scenarios import SCENARIO_ENDING, load_scenario, scenarios_folder
from lab.jobs.own_run import ends_in
from lab.plugins.rehearsal.commands.report import conclude, file_lines
from lab.plugins.rehearsal.drills.drill_advice import advice_in_drill, met_in_drill
from lab.plugins.rehearsal.drills.named import drills_of
from lab.plugins.rehearsal.report.coverage import SHOWN_BY_DRILLS, Coverage, Elements, joined, possible_in
from lab.plugins.rehearsal.report.judge import ClientReport, report_on
from lab.plugins.rehearsal.report.outcomes import Expectation, RunOutcome
from lab.plugins.rehearsal.runs.rehearsal import (
    MAPPED,
    FinishedRun,
    PlannedRun,
    Rehearsal,
    command_again,
    with_evidence,
)
from lab.plugins.rehearsal.runs.rehearse_search import refuse_other_forms, search
from lab.program.scenario import Scenario
from lab.settings import ClockSettings, Flags, MockSettings, ScenarioSettings, refuse_idle

USUAL_SCENARIOS = ("quick", "approval", "rejected", "failing", "two-turns", "busy", "bad-line", "odd-status")
"""The scenarios of a rehearsal that names none."""


def execute(flags: Flags, console: Console) -> int:
    """Run, compare, judge; 1 if a run came out otherwise than a good client's, or the report isn't good enough."""
    _refuse_idle_options(flags)
    settings = flags.into(MockSettings)
    if flags["virtual"] and flags["clock"] is not None:
        raise UsageError(f"--virtual and --clock {flags['clock']}: a clock is one of them.", hint="Leave --clock out.")
    if settings.clock.kind == "manual":
        raise UsageError("--clock manual: nobody would move it.", hint="It is real, or scaled:20; or take --virtual.")
    if flags["virtual"]:
        settings = replace(settings, clock=ClockSettings("manual"))
    command = tuple(flags["command_line"])
    if not command:
        raise UsageError("No command was named.", hint="Write it after --: lab rehearse quick -- python client.py")
    # of a search few runs are kept, so it moves those
    own = flags["out"] is None or flags["search"]
    folder = Path(mkdtemp(prefix="lab-rehearsal-") if own else flags["out"])
    try:
        return _rehearse(settings, command, folder, flags, console)
    except BaseException:
        if own and folder.exists():
            keep_only(folder, ())
        raise


def _refuse_idle_options(flags: Flags) -> None:
    """UsageError for options that would do nothing beside the others."""
    if flags["search"]:
        refuse_other_forms(flags)
        return
    refuse_idle(flags, ("runs",), "scenarios or --drills: it bounds a --search")
    if flags["drills"] is None:
        refuse_idle(flags, ("family", "only"), "scenarios: it chooses of --drills or of a --search")
    elif flags["targets"]:
        raise UsageError(f"{flags['targets'][0]} is one scenario too many.", hint="--drills takes one, after it.")


def _rehearse(settings: MockSettings, command: tuple[str, ...], folder: Path, flags: Flags, console: Console) -> int:
    rehearsal = Rehearsal(
        settings=settings,
        command=command,
        environment=flags.environment,
        names=_names(flags["env"] or ()),
        folder=folder,
        limit=None if flags["limit"] is None else span("--limit")(flags["limit"]),
        parallel=flags["parallel"],
        virtual=flags["virtual"],
    )
    if flags["search"]:
        return search(rehearsal, flags, console)
    planned, possible = _drills(flags, folder) if flags["drills"] else _scenarios(flags, settings)
    began = wall_second()
    done = complete(lambda stop: _work(rehearsal, planned, stop, console))
    return _conclude(done, possible, folder, flags, console, iso(began, 0))


async def _work(rehearsal: Rehearsal, planned: Sequence[PlannedRun], stop: Stop, console: Console) -> list[FinishedRun]:
    stopped, numbers = asyncio.Event(), count(1)
    stop.leave = stopped.set  # the runs end their clients themselves, and what is known is told

    def tell(done: FinishedRun) -> None:
        console.err(f"{next(numbers)}/{len(planned)} {done.planned.name}: {done.judged.outcome}")

    return await rehearsal.runs(planned, stopped, tell)


def _conclude(
    done: Sequence[FinishedRun], possible: Elements, folder: Path, flags: Flags, console: Console, began: str
) -> int:
    """The runs that came out otherwise, then the report on all of them; recordings of the others stay with `--out` only."""
    histories = {each.recording.name: each.judged.histories for each in done if each.recording is not None}
    coverage = Coverage(
        joined(*(each.judged.met for each in done)), possible, SHOWN_BY_DRILLS if flags["drills"] else {}
    )
    paths = {each.recording.name: each.recording for each in done if each.recording is not None}
    report = report_on(histories, coverage)
    runs = tuple(with_evidence(each, _again(each, flags), report) for each in done)
    report = replace(report, runs=runs, began=began)
    code = conclude(report, file_lines(paths), flags, console)
    if flags["out"] is None:
        _keep(folder, done, report, console)
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
        console.err(f"lab: Recordings of what failed are in {folder}; --out DIR keeps all.")


def _again(done: FinishedRun, flags: Flags) -> str:
    """The command that repeats one run."""
    if flags["drills"]:
        return command_again(flags, "--drills", flags["drills"], "--only", done.planned.name)
    return command_again(flags, done.planned.target)


def _drills(flags: Flags, folder: Path) -> tuple[list[PlannedRun], Elements]:
    """The drills of a scenario, each written as one, so that what it was can be looked at and served."""
    settings = flags.into(ScenarioSettings)
    program, happy, chosen = drills_of(settings, flags["drills"], flags["family"], flags["only"])
    texts = {f"{each.document['name']}{SCENARIO_ENDING}": yaml_text(each.document) for each in chosen}
    write_texts(str(folder), {**program.files, **texts}, force=True)
    planned = [
        PlannedRun(
            each.name,
            str(folder / f"{each.document['name']}{SCENARIO_ENDING}"),
            Expectation(each.ends, happy.turns, each.strikes),
            about=(*_for_users(program.scenario), met_in_drill(each)),
            advice=advice_in_drill(each),
        )
        for each in chosen
    ]
    struck = frozenset(each.name for each in chosen if each.strikes)
    return planned, {**possible_in([program.scenario]), "faults": struck}


def _scenarios(flags: Flags, settings: MockSettings) -> tuple[list[PlannedRun], Elements]:
    folder = scenarios_folder(settings.scenarios)
    planned, scenarios = [], list[Scenario]()
    for name in dict.fromkeys(flags["targets"] or USUAL_SCENARIOS):
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


def _names(given: Sequence[str]) -> dict[str, str]:
    """The client's own names for what it needs, from `NAME=TEMPLATE`."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, template = text.partition("=")
        try:
            unknown = [field for _, field, _, _ in string.Formatter().parse(template) if field not in (None, *MAPPED)]
        except ValueError as error:
            raise UsageError(f"--env {text}: {error}.", hint="Write braces that are meant as such twice.") from None
        if not equals or not name or unknown:
            raise UsageError(
                f"--env {text} names {'{' + unknown[0] + '}' if unknown else 'nothing'}.",
                hint=f"Write NAME='{{base_url}}/v1'; known are {', '.join(MAPPED)}.",
            )
        found[name] = template
    return found
