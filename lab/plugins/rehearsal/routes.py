"""The plugin's routes of the control plane: what the rules find so far, how a client's run has ended (control-plane.md §3)."""

import asyncio
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, convert
from msgspec.structs import replace

from lab.control import ControlCommand
from lab.core.exchange import Json
from lab.jobs.own_run import GoodEnd, ends_in
from lab.plugins.rehearsal.report.coverage import possible_in
from lab.plugins.rehearsal.report.formats import report_document
from lab.plugins.rehearsal.report.judge import report_on_lab
from lab.plugins.rehearsal.report.runs import UNWATCHED, Expectation, ProcessEnd, judged_run
from lab.server.control.observed import ObservedLab, RouteContext
from lab.server.control.overview import recording_of
from lab.server.control.reading import CommandRefused


class ReadReport(ControlCommand[dict[str, Json]], frozen=True):
    """What of the report is asked."""

    over: bool = False
    """Whether the clients are known to have ended."""


class OutcomeDocument(Struct, frozen=True, kw_only=True):
    """How it ended, and of a scenario that was chosen whether that is good."""

    scenario: str | UnsetType = UNSET
    outcome: str
    good_client: list[str] | UnsetType = UNSET
    good: bool | None | UnsetType = UNSET
    details: list[str] | UnsetType = UNSET


class JudgeOutcome(ControlCommand[OutcomeDocument], frozen=True):
    """What is known of a client's run."""

    code: Annotated[int, Meta(ge=-999_999, le=999_999)] | None = None
    """Its exit code, negative for a signal."""
    turns: Annotated[int, Meta(ge=0, le=999_999)] | None = None
    """How many messages were to be sent; None: as many as the scenario has that it chose, else one."""
    strikes: Annotated[int, Meta(ge=0, le=999_999)] | None = None
    """Whether a fault had to strike; None: as the drill says that it chose."""


async def read_report(context: RouteContext, command: ReadReport) -> dict[str, Json]:
    """The report as `lab report --json` prints it."""
    parts = [(each, await each.lines()) for each in (context.observed, *context.others())]
    faults = [each.name for each in context.lab.choices.values() if each.strikes]

    def report() -> dict[str, Json]:
        chosen = [each.name for each, _ in parts if each.choice is not None]
        runs = [
            judged_run(each.name, recording_of(lines), _expectation(each), UNWATCHED, over=command.over)
            for each, lines in parts
        ]
        return report_document(report_on_lab(runs, chosen, possible_in(context.observed.scenarios), faults))

    # elsewhere, for a long journal takes a second, and the mock must not be late
    return await asyncio.to_thread(report)


async def judge_outcome(context: RouteContext, command: JudgeOutcome) -> OutcomeDocument:
    """How a client's run ended that came to its end with that exit code; where it was chosen nobody need know it."""
    journal = context.observed
    if command.code is None and journal.choice is None:
        raise CommandRefused(400, "code is missing.", "As GET /_lab/outcome?code=0&turns=1&strikes=0")
    lines, expected = await journal.lines(), _expectation(journal)
    if command.turns is not None:
        expected = replace(expected, turns=command.turns)
    if command.strikes is not None:
        expected = replace(expected, strikes=command.strikes > 0)
    end = UNWATCHED if command.code is None else ProcessEnd(command.code)
    run = await asyncio.to_thread(lambda: judged_run(journal.name, recording_of(lines), expected, end))
    return OutcomeDocument(outcome=run.outcome) if journal.choice is None else convert(run.document(), OutcomeDocument)


def _expectation(journal: ObservedLab) -> Expectation:
    """What a good client does there, as far as nobody says it."""
    choice = journal.choice
    if choice is None:
        return Expectation(())
    scenario = journal.scenarios[0]
    ends = ends_in(scenario) if choice.good_client is None else tuple(map(GoodEnd, choice.good_client))
    return Expectation(ends, len(scenario.user_messages) * choice.jobs, choice.strikes)
