"""Runs of somebody's client, each against a lab of its own: listener, clock, ledger, recording (clients.md §9)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from json import dumps
from pathlib import Path
from shlex import join

from msgspec import Struct
from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.loop import Stop
from lab.cli.run_conditions import Conditions
from lab.cli.serve.serving import Serving
from lab.cli.setup import Setup, callers_text, credentials_for, make_setup, with_plugins
from lab.clocks import real_millis
from lab.core.clock import Millis
from lab.core.errors import UsageError
from lab.files.recordings import open_recording
from lab.jobs.own_run import LONGEST_DEADLINE, GoodEnd, own_plans
from lab.jobs.timeline import spans
from lab.options import changed
from lab.plugins.rehearsal.options import MAPPED, RehearseSettings
from lab.plugins.rehearsal.report.judge import ClientReport
from lab.plugins.rehearsal.report.runs import Expectation, JudgedRun, ProcessEnd, RunOutcome, judged_run
from lab.plugins.rehearsal.runs.child import Child
from lab.plugins.rehearsal.runs.virtual_run import VirtualRun, virtual_variables
from lab.program.scenario import Scenario
from lab.program.words import Status, duration_text
from lab.recording.format.reader import read
from lab.settings import ClockSettings

SPARE: Millis = 600_000
"""Real milliseconds that a client has beyond the length of its jobs, unless a limit is given."""
TOO_LONG: Millis = 3_600_000
"""A run whose jobs take longer than this is none for a client that waits in real time."""
SLOW_BODY: Millis = 150_000
"""How long a usual answer is withheld by the fault of that name: 1,500 bytes."""
LAST_LINES = 5
"""Of what a client printed."""
_SAME_RUN = (
    "--scenarios", "--seed", "--virtual", "--notify", "--clock", "--profile", "--set", "--settings", "--tls", "--env", "--limit",
)  # fmt: skip
"""Options under which a run goes."""


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
    recording: Path | None = None
    output: str = ""
    """The end of what the client printed."""
    code: int | None = None

    @property
    def printed(self) -> tuple[str, ...]:
        """The last lines that the client printed."""
        return tuple(f"| {line}" for line in self.output.rstrip().splitlines()[-LAST_LINES:])

    def with_evidence(self, again: str, report: ClientReport) -> JudgedRun:
        """If it came out otherwise, with what was met, what repeats it, its recording, what the client printed last."""
        judged, planned, recording = self.judged, self.planned, self.recording
        if judged.good is not False:
            return judged
        sent, turns = sum(len(each.jobs) for each in judged.histories), planned.expected.turns
        variables = "LAB_JOBS" if planned.conditions.jobs > 1 else "LAB_ASK, LAB_ASK_2, …"
        begun = (f"jobs begun: {sent}; asked for: {turns} ({variables})",)
        called = any(each.calls for each in judged.histories)
        return replace(
            judged,
            about=planned.about,
            advice=planned.advice,
            notes=_NEVER_CALLED if not called else begun if sent not in (0, turns) else (),
            broken=report.broken_in(recording.name) if recording is not None else (),
            commands=(again, *((f"lab show {recording} --line-numbers",) if recording is not None else ())),
            printed=self.printed,
        )


_NEVER_CALLED = (
    "it never called the lab of its run, which is another one each time: have it read LAB_BASE_URL, LAB_TOKEN_URL,",
    "LAB_CLIENT_ID, LAB_CLIENT_SECRET, LAB_SCOPE, LAB_AGENT_CODE and LAB_ASK, or name its own: --env MY_URL='{base_url}'",
)


class Rehearsal:
    """How all runs are made: as they were asked for, with recordings in a folder."""

    def __init__(self, settings: RehearseSettings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self._mock = changed(settings.mock, clock=ClockSettings("manual")) if settings.virtual else settings.mock

    async def runs(
        self, planned: Sequence[PlannedRun], stopped: asyncio.Event, tell: Callable[[FinishedRun], object]
    ) -> list[FinishedRun]:
        """All of them, so many at a time, in their order; `tell` hears of each when it is over."""
        free = asyncio.Semaphore(self.settings.parallel)

        async def one(each: PlannedRun) -> FinishedRun:
            async with free:
                since = real_millis()
                done = await self._run(each, stopped) if not stopped.is_set() else _never(each, RunOutcome.INTERRUPTED)
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
        takes = f"its jobs take {_in_seconds(length)}"
        if self.settings.limit is None and length > TOO_LONG and not self.settings.virtual:
            why = f"{takes}: name a --limit, or take --clock scaled:N; in Python --virtual"
            return _never(planned, RunOutcome.TOO_LONG, why)
        if GoodEnd.RESULT not in planned.expected.ends:
            # who polls on through days of work has no deadline (C10): in virtual time years of it would be polled
            length = self._real_length(setup, LONGEST_DEADLINE)
        stop, limit = Stop(), self.settings.limit or length + SPARE
        async with Serving(setup, _Silent(), stop, outside=True) as mock:
            variables = self._variables({**mock.document(), "jobs": str(planned.conditions.jobs)}, setup.scenario)
            variables |= {f"LAB_{name.upper()}": value for name, value in mock.beside.items()}
            watch = VirtualRun(self.settings.command[0], setup.clock) if self.settings.virtual else None
            if watch is not None:
                mock.service.observers.append(watch)
                variables |= virtual_variables(mock.document(), self.settings.environment)
            child = await Child.start(self.settings.command, {**self.settings.environment, **variables}, "LAB_BASE_URL")
            if watch is None:
                code = await child.end(limit, stopped.wait())
            else:  # whose limit is the lab's time
                code = await child.end(SPARE, stopped.wait(), watch.outside.wait(), watch.clock.sleep_until(limit))
            failed = mock.server.traffic.failed_handshakes
            stop.reason = None if code is None else f"exit {code}"
            if watch is not None:
                watch.check(child.err.text)
        recording = read(open_recording(path), path.name)
        judged = judged_run(planned.name, recording, planned.expected, ProcessEnd(code, child.err.text))
        if code is None and stopped.is_set():
            judged = replace(judged, outcome=RunOutcome.INTERRUPTED)
        elif judged.outcome is RunOutcome.HANG:
            why = f"ended at its limit of {_in_seconds(limit)}; {takes}"
            # of a client that waits for what can't have come yet nothing can be said
            if limit <= length and GoodEnd.RESULT in planned.expected.ends:
                judged, why = replace(judged, outcome=RunOutcome.TOO_LONG), f"{why}: name a longer --limit"
            judged = replace(judged, details=(why,))
        elif judged.outcome is RunOutcome.NOT_STRUCK:
            judged = replace(judged, details=planned.about[:1])
        elif failed and not any(each.calls for each in judged.histories):
            why = f"TLS handshakes that failed: {failed}. The client must trust the authority in LAB_CA_FILE"
            judged = replace(judged, details=(why,))
        return FinishedRun(planned, judged, path, child.out.text + child.err.text, code)

    def _setup(self, planned: PlannedRun, recording: Path) -> Setup:
        """The lab of a run."""
        setup = make_setup(changed(self._mock, targets=(planned.target,), record=str(recording), force=True))
        setup = with_plugins(setup, "rehearse", self.settings.additions)
        callers = setup.scenario.callers
        if callers is not None and credentials_for(setup.config, callers) is None:
            raise UsageError(
                f"The scenario is for {callers_text(callers)}: nobody here can ask for it.",
                hint="Name a --settings FILE in which they have accounts (lab docs scenarios, §11).",
            )
        if planned.conditions.idle is None:
            return setup
        return replace(setup, limits=replace(setup.limits, idle=planned.conditions.idle))

    def _real_length(self, setup: Setup, longest_work: Millis | None = None) -> Millis:
        """How long its jobs take on the wall's clock, people and answers that come slowly included."""
        config, length = setup.config, 0
        for plan in (plan for each in config.scenarios for plan in own_plans(each, config.seed)):
            for span, after in pairwise(spans(plan, ())):
                took = after.since - span.since
                bound = longest_work if span.status is Status.RUNNING else None
                length += took if bound is None else min(took, bound)
        faults = (fault for each in config.scenarios for fault in each.scenario.faults)
        length += SLOW_BODY * any(fault.strike == "slow-body" for fault in faults)
        return round(length / float(self._mock.clock.factor) if self._mock.clock.kind == "scaled" else length)

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
        return found | {name: template.format_map(values) for name, template in self.settings.names}


def _never(planned: PlannedRun, outcome: RunOutcome, *why: str) -> FinishedRun:
    return FinishedRun(planned, JudgedRun(planned.name, planned.expected, outcome, details=why))


def _in_seconds(length: Millis) -> str:
    return duration_text(-(-length // 1_000) * 1_000)


class _Silent(Console):
    """What a run's lab would say of itself is not for the rehearsal's reader."""

    def err(self, text: str = "") -> None:
        """Nothing."""


def command_again(settings: RehearseSettings, *chosen: str) -> str:
    """The command that repeats a run: what was chosen, and the options under which it went."""
    options = list[str]()
    for name in _SAME_RUN:
        given = settings.given.get(name, ())
        values = [given] if isinstance(given, str) else given
        options += (part for each in values for part in ((name, each) if each else (name,)))
    return join(("lab", "rehearse", *chosen, *options, "--", *settings.command))
