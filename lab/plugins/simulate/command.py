"""`lab simulate`: what a scenario means for many jobs, for who decides on them, and for who polls them."""

from collections import Counter

from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.run_settings import AppSettings
from lab.cli.setup import Setup, known_user, make_setup
from lab.core.errors import UsageError
from lab.files.artifacts import demand_place_for_page, write_text
from lab.files.scenarios import scenario_path, scenarios_folder
from lab.language.document import Gate, LogNormal
from lab.plugins.simulate.chunks import cores_for, refusal_note, simulation_of, totals_of
from lab.plugins.simulate.document import result_document
from lab.plugins.simulate.html import PAGE_MARK, simulation_page
from lab.plugins.simulate.text import result_lines
from lab.plugins.simulate.workload import DAY, ReviewTeam, Workload
from lab.settings import ClockSettings, Flags, MockSettings, refuse_idle


def execute(flags: Flags, console: Console) -> int:
    """Simulate, and print what it comes to."""
    if flags["html"]:
        scenario = scenario_path(flags["targets"][0], scenarios_folder(flags["scenarios"]))
        demand_place_for_page(flags["html"], PAGE_MARK, scenario, force=flags["force"])
    else:
        refuse_idle(flags, ("force",), "text: it belongs to --html")
    setup = make_setup(replace(flags.into(MockSettings), clock=ClockSettings(instant=True)))
    workload = _workload(flags, setup.config.most_jobs)
    account = known_user(flags["caller"], setup.config.accounts) if flags["caller"] is not None else None
    simulation = simulation_of(setup, workload, account, _app(flags))
    refusal = refusal_note(simulation, setup.scenario)
    notes = (*([refusal] if refusal else ()), *_left_out(setup, workload.reviewers), *_without_effect(flags, setup))
    for note in notes:
        console.err(f"note: {note}")
    result = totals_of(simulation, cores_for(workload)).result()
    if flags["delay"] is not None and not any(each.tally.polls for each in result.schedules):
        console.err("note: --delay has no effect: each job has ended before a client polls.")
    if flags["html"]:
        write_text(flags["html"], simulation_page(result))
    if flags["json"]:
        console.json(result_document(result))
    else:
        console.out("\n".join(result_lines(result)))
    return 0


def _app(flags: Flags) -> AppSettings:
    """Of the options of the lab's own app the one that counts here."""
    return AppSettings() if flags["deadline"] is None else AppSettings(deadline=flags["deadline"])


def _workload(flags: Flags, most: int) -> Workload:
    given = {
        "jobs": flags["jobs"],
        "seeds": flags["seeds"],
        "gap": flags["arrivals"],
        "reviewers": _team(flags),
        "schedules": tuple(dict.fromkeys(flags["poll"] or ())),
        "delay": flags["delay"],
        "limit": flags["limit"] or (most if most < flags["jobs"] else None),
    }
    return Workload(**{name: value for name, value in given.items() if value is not None})


def _team(flags: Flags) -> ReviewTeam | None:
    if flags["reviewers"] is None:
        for name in ("takes", "hours"):
            if flags[name] is not None:
                raise UsageError(f"--{name} is of people who answer gates.", hint="Say how many, as --reviewers 3.")
        return None
    begins, ends = flags["hours"] or (0, DAY)
    takes = flags["takes"] if flags["takes"] is not None else LogNormal.model_validate({"median": "2m", "p95": "20m"})
    return ReviewTeam(flags["reviewers"], takes, begins, ends)


def _left_out(setup: Setup, team: ReviewTeam | None) -> list[str]:
    """What of the scenario isn't simulated, or can't be."""
    scenario = setup.scenario
    notes = []
    if scenario.faults:
        notes.append(f"the scenario's faults ({len(scenario.faults)}) are left out: lab rehearse is for those.")
    if scenario.turns:
        notes.append("each job is the first message of a conversation; later turns are left out.")
    for step in scenario.steps:
        if team is not None and isinstance(step, Gate) and step.approvals > team.people:
            notes.append(f"{step.gate} needs {step.approvals} people: with {team.people} it times out.")
    return notes


def _without_effect(flags: Flags, setup: Setup) -> list[str]:
    """Options that change nothing."""
    gates = any(isinstance(step, Gate) for step in setup.scenario.steps)
    idle = () if gates else ("reviewers", "takes", "hours")
    notes = [f"--{name} has no effect: {setup.scenario.name} has no gate." for name in idle if flags[name] is not None]
    if flags["epoch"] is not None and flags["hours"] is None:
        notes.append("--epoch has no effect: it says what time it is for people with --hours.")
    given = Counter(flags["poll"] or ())
    notes += [f"--poll '{each.text}' is given {times} times." for each, times in given.items() if times > 1]
    return notes
