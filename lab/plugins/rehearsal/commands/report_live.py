"""`lab report URL`: what the clients of a running lab did, and how each ended where it chose a scenario (clients.md §10)."""

from collections.abc import Mapping

from msgspec import UNSET
from msgspec.structs import replace

from lab.cli.called_servers import control_address, reached
from lab.cli.loop import complete
from lab.cli.recordings import scenarios_of
from lab.client.control import root_of
from lab.control import ListScenarios, ServedScenario
from lab.core.errors import UsageError
from lab.jobs.own_run import GoodEnd
from lab.mock.config import MOUNT_PATH
from lab.plugins.rehearsal.options import ReportSettings
from lab.plugins.rehearsal.report.coverage import possible_in
from lab.plugins.rehearsal.report.judge import ClientReport, report_on_lab
from lab.plugins.rehearsal.report.runs import UNWATCHED, Expectation, JudgedRun, judged_run
from lab.recording.format.reader import read

USUAL_JOURNAL = "journal"
"""The name of what happened where nothing was chosen."""


def live_report(settings: ReportSettings) -> tuple[ClientReport, Mapping[str, bytes]]:
    """How the runs of those ended that chose a scenario, with the report on all that came; and the journals, by name.

    They are that of the usual mock, and that of each that was called.
    """
    if len(settings.targets) > 1:
        raise UsageError("A lab that runs is judged by itself.", hint="Name its control plane alone, or recordings.")
    url, where = control_address(settings.targets[0])
    if MOUNT_PATH in where:
        raise UsageError(
            "One scenario has no report of its own here.",
            hint="Name the control plane, or a tenant as URL/t/NAME: the report is on all.",
        )
    offered, journals = complete(lambda _: _fetch(url, settings))
    recordings = {name: read(each, name) for name, each in journals.items()}
    runs = [judged_run(name, each, offered.get(name, Expectation(())), UNWATCHED) for name, each in recordings.items()]
    faults = [name for name, expected in offered.items() if expected.strikes]
    possible = possible_in(scenarios_of(recordings[USUAL_JOURNAL].header, settings.scenarios).values())
    report = report_on_lab(runs, offered, possible, faults)
    chosen = tuple(_with_journal(run, report, url) for run in report.runs)
    return replace(report, runs=chosen, not_called=len(offered) - len(chosen)), journals


async def _fetch(url: str, settings: ReportSettings) -> tuple[dict[str, Expectation], dict[str, bytes]]:
    """What a good client does in each that can be chosen, called or not; and the journals."""
    async with reached(url, settings.control) as client:
        rows = (await client.ask(ListScenarios())).value.scenarios
        offered = {row.name: _expectation(row) for row in rows if row.good_client is not UNSET}
        journals = {USUAL_JOURNAL: await client.journal()}
        for row in rows:
            if row.name in offered and row.calls:
                journals[row.name] = await client.journal(row.name)
    return offered, journals


def _expectation(row: ServedScenario) -> Expectation:
    known = [GoodEnd(end) for end in row.good_client or () if end in list(GoodEnd)]
    return Expectation(tuple(known), len(row.asks) * (row.jobs or 1), row.strikes is True)


def _with_journal(run: JudgedRun, report: ClientReport, url: str) -> JudgedRun:
    if run.good is not False:
        return run
    return replace(run, broken=report.broken_in(run.name), commands=(f"{root_of(url)}{MOUNT_PATH}{run.name}/journal",))
