"""Runs of somebody's client, each against a lab of its own: listener, clock, ledger, recording (clients.md §9)."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from json import dumps
from pathlib import Path
from shlex import join

from msgspec import Struct
from msgspec.structs import replace

from lab.cli.check.plan_caller import callers_text
from lab.cli.console import Console
from lab.cli.loop import Stop
from lab.cli.run_conditions import Conditions
from lab.cli.serve.serving import Serving
from lab.cli.setup import Setup, credentials_for, make_setup
from lab.clocks import real_millis
from lab.core.clock import Millis
from lab.core.errors import UsageError
from lab.files.recordings import open_recording
from lab.jobs.own_run import GoodEnd
from lab.options import changed
from lab.plugins.rehearsal.drills.places import plan_length
from lab.plugins.rehearsal.options import MAPPED, RehearseSettings
from lab.plugins.rehearsal.report.judge import ClientReport
from lab.plugins.rehearsal.report.runs import Expectation, JudgedRun, ProcessEnd, RunOutcome, judged_run
from lab.plugins.rehearsal.runs.child import Child
from lab.plugins.rehearsal.runs.virtual_run import virtual_run, virtual_variables
from lab.program.scenario import Scenario
from lab.program.words import duration_text
from lab.recording.format.reader import read
from lab.settings import MockSettings

SPARE: Millis = 600_000
"""Real milliseconds that a client has beyond the length of its jobs, unless a limit is given."""
TOO_LONG: Millis = 3_600_000
"""A run whose jobs take longer than this is none for a client that waits in real time."""
SLOW_BODY: Millis = 150_000
"""How long a usual answer is withheld by the fault of that name: 1,500 bytes."""


class PlannedRun(Struct, frozen=True):
    """One run: the scenario it is against, and what a good client would do."""

    name: str
    target: str
    """The scenario, by name or path."""
    expected: Expectation
    conditions: Conditions = Conditions()
    about: tuple[str, ...] = ()
    """For people: what the client meets."""
    advice: str = ""
    """What it should do then."""


class FinishedRun(Struct, frozen=True):
    """What came of it."""

    planned: PlannedRun
    judged: JudgedRun
    recording: Path | None
    output: str
    """The end of what the client printed."""
    code: int | None


class Rehearsal(Struct, frozen=True):
    """How all runs are made."""

    settings: MockSettings
    command: tuple[str, ...]
    environment: Mapping[str, str]
    """In which the lab itself runs; the client gets it too, and the variables that name its lab."""
    names: Mapping[str, str]
    """Further variables, as templates of `MAPPED`."""
    folder: Path
    """Where recordings are written."""
    limit: Millis | None
    parallel: int
    virtual: bool = False
    """Whether the client lives by its lab's clock."""

    async def runs(
        self, planned: Sequence[PlannedRun], stopped: asyncio.Event, tell: Callable[[FinishedRun], object]
    ) -> list[FinishedRun]:
        """All of them, so many at a time, in their order; `tell` hears of each when it is over."""
        free = asyncio.Semaphore(self.parallel)

        async def one(each: PlannedRun) -> FinishedRun:
            async with free:
                since = real_millis()
                done = await self._run(each, stopped) if not stopped.is_set() else _never(each)
                done = replace(done, judged=replace(done.judged, took=real_millis() - since))
                tell(done)
                return done

        tasks = [asyncio.ensure_future(one(each)) for each in planned]
        try:
            return await asyncio.gather(*tasks)
        except BaseException:  # a command that can't be started won't be for any other run
            stopped.set()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def _run(self, planned: PlannedRun, stopped: asyncio.Event) -> FinishedRun:
        path = self.folder / f"{planned.name}.rec.jsonl"
        setup = self._setup(planned, path)
        length = self._real_length(setup)
        if self.limit is None and length > TOO_LONG and not self.virtual:
            why = f"{_takes(length)}: name a --limit, or take --clock scaled:N; in Python --virtual"
            return _never(planned, RunOutcome.TOO_LONG, why)
        stop, whole = Stop(), self.limit or length + SPARE
        limit = whole
        async with AsyncExitStack() as stack:
            mock = await stack.enter_async_context(Serving(setup, _Silent(), stop, outside=True))
            document = mock.document() | {"jobs": str(planned.conditions.jobs)}
            variables = self._variables(document, setup.scenario)
            if self.virtual:
                watch = await stack.enter_async_context(virtual_run(self.command, setup.clock, mock, limit, stopped))
                variables |= virtual_variables(document, self.environment)
                limit, ended = SPARE, watch.ended
            else:
                watch, ended = None, stopped
            child = await Child.start(self.command, {**self.environment, **variables}, "LAB_BASE_URL")
            code = await child.end(limit, ended)
            failed = mock.server.traffic.failed_handshakes
            stop.reason = None if code is None else f"exit {code}"
            if watch is not None:
                watch.check(child.err.text)
        recording = read(open_recording(path), path.name)
        end = ProcessEnd(code, child.err.text)
        judged = judged_run(planned.name, recording, planned.expected, end)
        if code is None and stopped.is_set():
            judged = replace(judged, outcome=RunOutcome.INTERRUPTED)
        elif judged.outcome is RunOutcome.HANG:
            judged = _at_limit(judged, whole, length)
        elif judged.outcome is RunOutcome.NOT_STRUCK:
            judged = replace(judged, details=planned.about[:1])
        elif failed and not any(each.calls for each in judged.histories):
            why = f"TLS handshakes that failed: {failed}. The client must trust the authority in LAB_CA_FILE"
            judged = replace(judged, details=(why,))
        return FinishedRun(planned, judged, path, child.out.text + child.err.text, code)

    def _setup(self, planned: PlannedRun, recording: Path) -> Setup:
        """The lab of a run."""
        setup = make_setup(changed(self.settings, targets=(planned.target,), record=str(recording), force=True))
        callers = setup.scenario.callers
        if callers is not None and credentials_for(setup.config, callers) is None:
            raise UsageError(
                f"The scenario is for {callers_text(callers)}: nobody here can ask for it.",
                hint="Name a --settings FILE in which they have accounts (lab docs scenarios, §11).",
            )
        if planned.conditions.idle is None:
            return setup
        return replace(setup, limits=replace(setup.limits, idle=planned.conditions.idle))

    def _real_length(self, setup: Setup) -> Millis:
        """How long its jobs take on the wall's clock, answers that come slowly included."""
        length = sum(plan_length(each, setup.config.seed) for each in setup.config.scenarios)
        faults = [fault for each in setup.config.scenarios for fault in each.scenario.faults]
        length += SLOW_BODY * any(fault.strike == "slow-body" for fault in faults)
        factor = float(self.settings.clock.factor) if self.settings.clock.kind == "scaled" else 1
        return round(length / factor)

    def _variables(self, document: Mapping[str, str], scenario: Scenario) -> dict[str, str]:
        asks = [each.message for each in scenario.user_messages]
        base = document.get("https_url") or document["base_url"]
        known = {
            **document,
            "base_url": base,
            "token_url": base + document["token_url"].removeprefix(document["base_url"]),
            "agent_code": scenario.agent.code,
            "ask": asks[0],
            "parameters": dumps(dict(scenario.parameters)),
        }
        values = {name: known.get(name, "") for name in MAPPED}
        found = {f"LAB_{name.upper()}": value for name, value in values.items() if value}
        found |= {f"LAB_ASK_{number}": text for number, text in enumerate(asks[1:], 2)}
        return found | {name: template.format_map(values) for name, template in self.names.items()}


def _never(planned: PlannedRun, outcome: RunOutcome = RunOutcome.INTERRUPTED, *why: str) -> FinishedRun:
    return FinishedRun(planned, JudgedRun(planned.name, planned.expected, outcome, details=why), None, "", None)


def _takes(length: Millis) -> str:
    return f"its jobs take {_in_seconds(length)}"


def _in_seconds(length: Millis) -> str:
    return duration_text(-(-length // 1_000) * 1_000)


def _at_limit(judged: JudgedRun, limit: Millis, length: Millis) -> JudgedRun:
    """A run that was ended at its limit: of a client that waits for what can't have come yet nothing can be said."""
    why = f"ended at its limit of {_in_seconds(limit)}; {_takes(length)}"
    if length < limit or GoodEnd.RESULT not in judged.expected.ends:
        return replace(judged, details=(why,))
    return replace(judged, outcome=RunOutcome.TOO_LONG, details=(f"{why}: name a longer --limit",))


class _Silent(Console):
    """What a run's lab would say of itself is not for the rehearsal's reader."""

    def err(self, text: str = "") -> None:
        """Nothing."""


def with_evidence(done: FinishedRun, again: str, report: ClientReport) -> JudgedRun:
    """A run that came out otherwise, with what was met, what repeats it, its recording, what the client printed last."""
    judged, planned = done.judged, done.planned
    if judged.good is not False:
        return judged
    sent, turns = sum(len(each.jobs) for each in judged.histories), planned.expected.turns
    variables = "LAB_JOBS" if planned.conditions.jobs > 1 else "LAB_ASK, LAB_ASK_2, …"
    recording = done.recording
    return replace(
        judged,
        about=planned.about,
        advice=planned.advice,
        notes=(f"jobs begun: {sent}; asked for: {turns} ({variables})",) if sent not in (0, turns) else (),
        broken=report.broken_in(recording.name) if recording is not None else (),
        commands=(again, *((f"lab show {recording} --line-numbers",) if recording is not None else ())),
        printed=tuple(end_of_output(done.output)),
    )


def end_of_output(text: str) -> Iterator[str]:
    """The last lines that a client printed."""
    yield from (f"| {line}" for line in text.rstrip().splitlines()[-5:])


_SAME_RUN = (
    "--scenarios", "--seed", "--virtual", "--clock", "--profile", "--set", "--settings", "--tls", "--env", "--limit",
)  # fmt: skip
"""Options under which a run goes."""


def command_again(settings: RehearseSettings, *chosen: str) -> str:
    """The command that repeats a run: what was chosen, and the options under which it went."""
    options = list[str]()
    for name in _SAME_RUN:
        given = settings.given.get(name, ())
        values = [given] if isinstance(given, str) else given
        options += (part for each in values for part in ((name, each) if each else (name,)))
    return join(("lab", "rehearse", *chosen, *options, "--", *settings.command))
