"""`lab report URL`: what the clients of a running lab did, and how each ended where it chose a scenario (clients.md §10)."""

from collections.abc import Callable, Mapping

from msgspec import UNSET, Struct
from msgspec.structs import replace

from lab.cli.commands.watch import control_address, reached
from lab.cli.loop import complete
from lab.cli.recordings import scenarios_of
from lab.client.control import root_of
from lab.control import ListScenarios, ServedScenario
from lab.core.errors import UsageError
from lab.jobs.own_run import GoodEnd
from lab.mock.config import MOUNT_PATH
from lab.plugins.rehearsal.options import ReportSettings
from lab.plugins.rehearsal.report.coverage import SHOWN_BY_DRILLS, Coverage, joined, possible_in
from lab.plugins.rehearsal.report.judge import ClientReport, report_on
from lab.plugins.rehearsal.report.outcomes import UNWATCHED, Expectation
from lab.plugins.rehearsal.report.runs import JudgedRun, judged_run
from lab.recording.format.reader import read

USUAL_JOURNAL = "journal"
"""The name of what happened where nothing was chosen."""


class LiveJournals(Struct, frozen=True):
    """What a lab tells: its journals, and what a good client does where it chose."""

    url: str
    lines: Mapping[str, bytes]
    """Of the usual mock, and of each that was called, by name."""
    expected: Mapping[str, Expectation]
    """Of all that can be chosen, called or not."""

    def line(self, name: str, number: int) -> str:
        """A line of one of them, from 1."""
        return self.lines[name].split(b"\n")[number - 1].decode("utf-8", "replace")


class LiveReport(Struct, frozen=True):
    """What is judged of a lab that runs."""

    report: ClientReport
    line_of: Callable[[str, int], str]
    """A line of a journal, by its name and number."""


def live_report(settings: ReportSettings) -> LiveReport:
    """How the runs of those ended that chose a scenario, and the report on all that came."""
    if len(settings.targets) > 1:
        raise UsageError("A lab that runs is judged by itself.", hint="Name its control plane alone, or recordings.")
    found = complete(lambda _: _fetch(settings))
    recordings = {name: read(lines, name) for name, lines in found.lines.items()}
    runs = [judged_run(name, each, found.expected.get(name, _ANYTHING), UNWATCHED) for name, each in recordings.items()]
    chosen = [run for run in runs if run.name in found.expected]
    faults = frozenset(name for name, expected in found.expected.items() if expected.strikes)
    possible = possible_in(scenarios_of(recordings[USUAL_JOURNAL].header, settings.scenarios).values())
    coverage = Coverage(
        joined(*(run.met for run in runs)),
        {**possible, "faults": faults} if faults else possible,
        SHOWN_BY_DRILLS if faults else {},
    )
    report = report_on({run.name: run.histories for run in runs}, coverage)
    judged = tuple(_with_journal(run, report, found.url) for run in chosen)
    return LiveReport(replace(report, runs=judged, not_called=len(found.expected) - len(chosen)), found.line)


_ANYTHING = Expectation(())
"""Where nothing was chosen, nothing is expected."""


async def _fetch(settings: ReportSettings) -> LiveJournals:
    url, where = control_address(settings.targets[0])
    if MOUNT_PATH in where:
        raise UsageError(
            "One scenario has no report of its own here.",
            hint="Name the control plane, or a tenant as URL/t/NAME: the report is on all.",
        )
    async with reached(url, settings.control) as client:
        listed = (await client.ask(ListScenarios())).value.scenarios
        offered = [each for each in listed if each.good_client is not UNSET]
        lines = {USUAL_JOURNAL: await client.journal()}
        for row in offered:
            if row.calls:
                lines[row.name] = await client.journal(row.name)
    return LiveJournals(url, lines, {row.name: _expectation(row) for row in offered})


def _expectation(row: ServedScenario) -> Expectation:
    known = [GoodEnd(end) for end in row.good_client or () if end in list(GoodEnd)]
    return Expectation(tuple(known), len(row.asks) * (row.jobs or 1), row.strikes is True)


def _with_journal(run: JudgedRun, report: ClientReport, url: str) -> JudgedRun:
    if run.good is not False:
        return run
    return replace(run, broken=report.broken_in(run.name), commands=(f"{root_of(url)}{MOUNT_PATH}{run.name}/journal",))
