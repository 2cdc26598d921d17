"""The plugin's routes of the control plane: what the rules find so far, how a client's run has ended (control-plane.md §3)."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, convert

from lab.control import ControlCommand
from lab.core.exchange import Json
from lab.jobs.own_run import GoodEnd, ends_in
from lab.plugins.rehearsal.report.coverage import Coverage, joined, possible_in
from lab.plugins.rehearsal.report.formats import report_document
from lab.plugins.rehearsal.report.judge import report_on
from lab.plugins.rehearsal.report.outcomes import UNWATCHED, Expectation, ProcessEnd
from lab.plugins.rehearsal.report.runs import JudgedRun, judged_run
from lab.server.control.observed import ObservedLab, RouteContext
from lab.server.control.overview import recording_of
from lab.server.control.reading import CommandRefused

_Part = tuple[ObservedLab, list[bytes]]


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
    # elsewhere, for a long journal takes a second, and the mock must not be late
    return await asyncio.to_thread(_report, parts, command.over, faults)


async def judge_outcome(context: RouteContext, command: JudgeOutcome) -> OutcomeDocument:
    """How a client's run ended that came to its end with that exit code; where it was chosen nobody need know it."""
    journal = context.observed
    if command.code is None and journal.choice is None:
        raise CommandRefused(400, "code is missing.", "As GET /_lab/outcome?code=0&turns=1&strikes=0")
    return await asyncio.to_thread(_outcome, journal, await journal.lines(), command)


def _expectation(journal: ObservedLab, turns: int | None = None, strikes: int | None = None) -> Expectation:
    """What a good client does there, as far as the call doesn't say it."""
    choice = journal.choice
    if choice is None:
        return Expectation((), 1 if turns is None else turns, bool(strikes))
    ends = ends_in(journal.scenarios[0]) if choice.good_client is None else tuple(map(GoodEnd, choice.good_client))
    messages = len(journal.scenarios[0].user_messages) * choice.jobs
    return Expectation(ends, messages if turns is None else turns, choice.strikes if strikes is None else strikes > 0)


def _judged(part: _Part, over: bool) -> JudgedRun:
    journal, lines = part
    expected = _expectation(journal, len(journal.scenarios[0].user_messages) if journal.choice is None else None)
    return judged_run(journal.name, recording_of(lines), expected, UNWATCHED, over=over)


def _report(parts: Sequence[_Part], over: bool, faults: Sequence[str]) -> dict[str, Json]:
    judged = [_judged(part, over) for part in parts]
    possible = {**possible_in(parts[0][0].scenarios), **({"faults": frozenset(faults)} if faults else {})}
    coverage = Coverage(joined(*(run.met for run in judged)), possible)
    runs = [run for (journal, _), run in zip(parts, judged, strict=True) if journal.choice is not None]
    return report_document(report_on({run.name: run.histories for run in judged}, coverage, runs))


def _outcome(journal: ObservedLab, lines: list[bytes], command: JudgeOutcome) -> OutcomeDocument:
    end = UNWATCHED if command.code is None else ProcessEnd(command.code)
    expected = _expectation(journal, command.turns, command.strikes)
    run = judged_run(journal.name, recording_of(lines), expected, end)
    return OutcomeDocument(outcome=run.outcome) if journal.choice is None else convert(run.document(), OutcomeDocument)
