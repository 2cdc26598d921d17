"""The tools (agents.md): the parameters of a method are what a tool takes, its first words what it is for."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable, Iterable, Sequence
from inspect import signature
from io import StringIO
from shlex import join
from typing import Any, Literal, NamedTuple, TypeAlias

import mcp_types as types
from msgspec import UNSET, Struct, defstruct
from msgspec.json import schema_components

from lab import control
from lab.cli.command_settings import DocsSettings
from lab.cli.commands import docs
from lab.cli.console import Console
from lab.cli.installation import started_by_python
from lab.core.errors import LabError, UsageError
from lab.core.exchange import Json, text_of
from lab.files.scenarios import REHEARSAL, SCENARIOS, scenario_names, scenarios_folder, shipped_folder
from lab.plugin import ControlRoute, plugins, resolve_as
from lab.plugins.mcp_server.lab_served import LabServed
from lab.recording.format.reader import read
from lab.recording.show import transcript
from lab.server.control.reading import struct_of
from lab.server.control.routes import any_json

MOST_LINES, _SHOWN, _WIDEST = 60, 40, 400
"""Lines of an answer, and of a transcript in it; characters of a line."""
_Names: TypeAlias = Sequence[str]
_Text: TypeAlias = str | None
_Number: TypeAlias = int | None
_Status = Literal["RUNNING", "WAITING", "COMPLETE", "ERROR", "CANCELLED"]
_Verdict = Literal["approved", "rejected", "changes-requested"]


def _rows() -> dict[tuple[str, str], ControlRoute]:
    """The routes of all plugins' control plane."""
    return {(row.method, row.path): row for each in plugins() for row in each.routes}


def shortened(lines: Iterable[str], more: str) -> list[str]:
    """The first lines, each cut where it is very long; of what is left out how much, and where it stands."""
    found = [line if len(line) <= _WIDEST else f"{line[:_WIDEST]}…" for line in lines]
    left = len(found) - MOST_LINES
    return [*found[:MOST_LINES], f"… {left} more lines: {more}"] if left > 0 else found


def command_words(names: Sequence[str], **options: object) -> list[str]:
    """What stands behind a command of the lab, with those options that have a value."""
    for name in names:
        if name.startswith("-"):
            raise UsageError(f"{name} is no name: it begins with a dash.", hint=f"A file is called ./{name}.")
    given = ((f"--{name}", value) for name, value in options.items() if value is not None and value is not False)
    return [*names, *(name if value is True else f"{name}={value}" for name, value in given)]


async def lines_of_command(command: str, *names: str, skip: tuple[str, ...] = (), **options: object) -> list[str]:
    """What a command of the lab prints, but for lines that begin so, as a process; LabError if it has no result."""
    words = [command, *command_words(names, **options)]
    start = (*started_by_python("lab.__main__:main"), *words)
    process = await asyncio.create_subprocess_exec(*start, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    try:
        printed = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    out, err = (each.decode("utf-8", "replace").splitlines() for each in printed)
    if process.returncode and not out:
        raise LabError("\n".join(err).removeprefix("lab: "))
    ended = f"Exit code {process.returncode}: docs, page recordings, section 12, tells what it means."
    lines = shortened((line for line in (*out, *err) if not line.startswith(skip)), "that command prints them")
    return [f"$ lab {join(words)}", *lines, *([ended] if process.returncode else [])]


class LabTools(NamedTuple):
    """The tools, with the lab that they serve."""

    lab: LabServed

    async def scenarios(self) -> list[str]:
        """Which scenarios there are to serve or run; what happens in one, and when, check tells with plan."""
        folders = (scenarios_folder(), shipped_folder(SCENARIOS), shipped_folder(SCENARIOS) / REHEARSAL)
        lines = [f"{folder}: {', '.join(scenario_names(folder))}" for folder in dict.fromkeys(folders)]
        return [*lines, "How to write one: docs, page scenarios, and lab new NAME."]

    async def check(self, paths: _Names, plan: bool = False, strict: bool = False, seed: _Number = None) -> list[str]:
        """Complaints and warnings about scenarios, by name, path or folder (strict: a warning fails too); what must
        not be committed in recordings. With plan also what will happen when, and which polls faults strike."""
        return await lines_of_command("check", *paths, plan=plan, strict=strict, seed=seed)

    async def serve(
        self,
        scenarios: _Names = (),
        end: bool = False,
        clock: str = "real",
        reviewer: _Text = None,
        seed: _Number = None,
        record: _Text = None,
    ) -> list[str]:
        """Serve scenarios, by name or path, to your client on this machine: addresses, credentials, agents, messages.
        clock: real, scaled:20 (20 times as fast), or manual (advance moves it). reviewer: person has jobs wait at gates
        for decide, script, the default, decides. record: the name of a recording of it all. One lab at a time; end ends
        it, as does the end of stdin."""
        # a call that is given up leaves nothing half done
        gone = end and await asyncio.shield(asyncio.create_task(self.lab.end()))
        ended = ["The lab has ended." if gone else "No lab was served."] if end else []
        if not end or scenarios:
            words = command_words(scenarios, clock=clock, reviewer=reviewer, seed=seed, record=record, port=0)
            await asyncio.shield(asyncio.create_task(self.lab.begin(words)))
        lines = shortened(self.lab.remarks(), "GET /_lab/scenarios of the control plane tells of all")
        return [*ended, *(line.replace("Stop with Ctrl-C", "serve with end: true ends it") for line in lines)]

    async def run(self, scenario: str, seed: _Number = None, message: _Text = None, record: _Text = None) -> list[str]:
        """Play a scenario with the lab's own client, in no time: a transcript of the calls that a good client makes.
        It calls a lab of its own, and starts nothing of yours. record: the name of a recording."""
        return await lines_of_command("run", scenario, speed="instant", seed=seed, message=message, record=record)

    async def break_(
        self,
        fault: dict[str, Json] | None = None,
        disarm: _Text = None,
        hold: dict[str, Json] | None = None,
        release: dict[str, Json] | None = None,
    ) -> list[str]:
        """Arm a fault, as in a scenario (docs scenarios, 10): {"route": "status", "answer": 503, "retry_after": "2s"},
        {"route": "invoke", "lose_reply": true}, {"route": "status", "strike": "reset"}. It strikes the next call that
        fits. hold: a breakpoint, as {"route": "status", "once": true}. release: {"hold": "1", "do": "go"}; or drop,
        reset; status, headers, body, delay edit it (docs control-plane, 10). Answers with all faults, and what waits."""
        lines: list[str] = []
        if disarm is not None:
            lines.append(f"Disarmed {(await self.lab.ask(control.DisarmFault(disarm))).name}.")
        if fault is not None:
            armed = await self.lab.ask(control.ArmFault(fault))
            lines.append(f"Armed {armed.name}. {armed.why or ''}".rstrip())
        faults = (await self.lab.ask(control.ListFaults())).faults
        rows = [f"  {each.name}: struck {each.struck} times, {text_of(each.fault)}" for each in faults]
        lines += ["Faults:" if rows else "There are no faults.", *shortened(rows, "GET /_lab/faults")]
        if hold is not None:
            lines.append(f"Holds by {(await self._of_another('POST', 'breakpoints', hold)).name}.")
        if release is not None:
            await self._of_another("POST", "holds/{hold}", release)
        holds = (await self._of_another("GET", "holds", {})).holds if ("GET", "holds") in _rows() else ()
        rows = [f"  {each.hold}: {each.side} of {each.route}, {text_of(each.reply or each.request)}" for each in holds]
        return [*lines, *(["Held:"] if rows else []), *shortened(rows, "GET /_lab/holds")]

    async def _of_another(self, method: str, path: str, members: dict[str, Json]) -> Any:
        """What a route answers that another plugin brings."""
        if (row := _rows().get((method, path))) is None:
            raise UsageError("This lab holds no exchanges.", hint="Its plugin breakpoints isn't there.")
        return await self.lab.ask(struct_of(members, resolve_as(row.takes, type)))

    async def decide(
        self,
        verdict: _Verdict,
        job: _Text = None,
        gate: _Text = None,
        by: _Text = None,
        comment: _Text = None,
        wait: str = "30s",
    ) -> list[str]:
        """Decide at the gate at which a job waits: by default the one job, and its open gate. Unless the clock is
        manual, wait in real time until it is open. by: who decides; changes-requested needs a comment."""
        found = await self._job(job)
        if found.gate is None and (await self.lab.ask(control.LookClock())).mode != "manual":
            found = await self.lab.ask(control.LookJob(found.job, until="WAITING", timeout=wait))
        if found.gate is None:
            what = f"The job {found.job} waits at no gate: it is {found.status}, at {found.step}."
            raise UsageError(what, hint="advance with until: WAITING moves the clock to its gate.")
        at = gate or found.gate.gate
        why = (await self.lab.ask(control.DecideGate(found.job, at, verdict, by=by, comment=comment))).why
        jobs = [await self.lab.ask(control.LookJob(found.job))]
        question = [f"It asked: {found.gate.asks}"] if at == found.gate.gate else []
        return [f"{at}: {verdict}. {why}".rstrip(), *question, *_job_lines(jobs), *self.lab.remarks()]

    async def advance(
        self, by: _Text = None, until: _Status | None = None, job: _Text = None, wait: str = "30s"
    ) -> list[str]:
        """Move time: by moves a manual clock, as 10s. until: a status of the job (by default the one job), to which a
        manual clock is moved; by another it is waited for, in real time. Without either: now, and the jobs."""
        if by is not None:
            await self.lab.ask(control.SetClock(advance=by))
        if until is not None:
            found = (await self._job(job)).job
            manual = (await self.lab.ask(control.LookClock())).mode == "manual"
            command: Any = control.SetClock(job=found, until=until) if manual else control.LookJob(found, until, wait)
            await self.lab.ask(command)
        now = await self.lab.ask(control.LookClock())
        jobs = _job_lines((await self.lab.ask(control.ListJobs())).jobs)
        return [f"It is {transcript.clock(now.now)} by a {now.mode} clock.", *jobs, *self.lab.remarks()]

    async def calls(self, route: _Text = None, job: _Text = None, line: _Number = None) -> list[str]:
        """What clients have called, counted: on one route (token, invoke, status, ...), about one job, or all. Then 40
        lines of the transcript, calls with their answers and what became of jobs: the last ones, or from that line of
        the journal on, as report cites it."""
        route_, job_ = (UNSET if each is None else each for each in (route, job))
        counted, journal = await self.lab.ask(control.CountCalls(route_, job_)), await self.lab.client.journal()
        lines = await asyncio.to_thread(lambda: [*transcript.transcript_lines(read(journal, "journal"), numbered=True)])
        first = max(0, len(lines) - _SHOWN)
        numbers = [int(text[:8]) if text[:8].strip().isdecimal() else 0 for text in lines]
        if line is not None:  # some lines of the journal, as its first, tell of nothing that is shown
            first = next((place for place, number in enumerate(numbers) if number >= line), first)
        rest = next(filter(None, numbers[first + _SHOWN :]), None)
        statuses, gaps = (" ".join(map(str, each[-MOST_LINES:])) or "none" for each in (counted.statuses, counted.gaps))
        said = [f"{counted.count} calls; statuses: {statuses}; pauses in ms: {gaps}", *map(text_of, counted.near)]
        more = [] if rest is None else [f"(more: line {rest})"]
        return [*said, *lines[first : first + _SHOWN], *more, *self.lab.remarks()]

    async def report(self, files: _Names = ()) -> list[str]:
        """The verdict: what clients of the lab that is served did well and badly, by rules, with the lines that show it
        (calls tells them); or those in recordings, by name or path. Rules that nothing exercised are left out."""
        return await lines_of_command("report", *(files or (self.lab.client.url,)), skip=("  -  ",))

    async def record(self, name: _Text = None) -> list[str]:
        """Begin a recording of the lab that is served, recordings/NAME.rec.jsonl; without a name end it."""
        file = (await self.lab.ask(control.RunTape(UNSET if name is None else name))).file
        return [f"Recorded {file}: replay, report and lab show take it." if name is None else f"Recording {file}."]

    async def replay(self, files: _Names) -> list[str]:
        """Evaluate recordings, by name or path, again: whether scenarios and lab still do what was recorded."""
        return await lines_of_command("replay", *files)

    async def docs(self, page: _Text = None, section: _Text = None) -> list[str]:
        """The lab's pages; begin with page agents. Without a page: which there are. A word that is no page is looked
        for. section: a number, as 3.2; of a long page the sections are listed."""
        text = StringIO()
        docs.execute(DocsSettings(page=page, section=section), Console(text, StringIO()))
        lines = text.getvalue().rstrip("\n").splitlines()
        if section is None and len(lines) > 2 * MOST_LINES:
            return ["The page is long: name a section.", *docs.headings_of("\n".join(lines))]
        return lines if section is None else shortened(lines, f"lab docs {page} {section}")

    async def _job(self, job: str | None) -> control.JobDocument:
        """That of the id, else the one that waits, else the one that is at work."""
        if job is not None:
            return await self.lab.ask(control.LookJob(job))
        jobs = (await self.lab.ask(control.ListJobs())).jobs
        fitting = [each for each in jobs if each.gate] or [each for each in jobs if each.status == "RUNNING"]
        if len(fitting) == 1:
            return fitting[0]
        what = f"{len(fitting)} jobs may be meant: name one." if fitting else "No job is at work or waits."
        raise UsageError(what, hint="\n  ".join(_job_lines(fitting or jobs)))


def _job_lines(jobs: Sequence[control.JobDocument]) -> list[str]:
    """The newest first."""
    lines: list[str] = []
    for each in reversed(jobs):
        gate = "" if each.gate is None else f", waits for {' or '.join(each.gate.offers)}: {each.gate.asks}"
        lines.append(f"job {each.job}  {each.status} at {each.step} since {transcript.clock(each.since)}{gate}")
    return shortened(lines, "GET /_lab/jobs") or ["There is no job: calls tells what your client called."]


def _tool(name: str) -> tuple[types.Tool, type[Struct], Callable[..., Awaitable[list[str]]]]:
    """As it is listed, what it takes, and what does it; LabError says why that can't be done."""
    function = getattr(LabTools, name, None) or getattr(LabTools, f"{name}_")
    _, *members = signature(function).parameters.values()
    rows: Any = [(each.name, each.annotation, each.default)[: 2 + (each.default is not each.empty)] for each in members]
    takes = defstruct(f"{name.capitalize()}Call", rows, kw_only=True, forbid_unknown_fields=True)
    _, schemas = schema_components((takes,), schema_hook=any_json)
    does, notes = " ".join(function.__doc__.split()), types.ToolAnnotations(read_only_hint=name in _LOOKING)
    listed = types.Tool(name=name, description=does, input_schema=schemas[takes.__name__], annotations=notes)
    return listed, takes, function


_LOOKING = ("scenarios", "check", "calls", "report", "replay", "docs")  # these change nothing
TOOLS = {name: _tool(name) for name in (*_LOOKING, "serve", "run", "break", "decide", "advance", "record")}
"""By name: at most twelve, each whole."""
