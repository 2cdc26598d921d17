"""The tools (agents.md), and the lab that they serve: one at a time, in this process, so that it can't outlive it.

The parameters of a method that is a tool are what it takes, its docstring says what it is for.
"""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from inspect import signature
from io import StringIO
from pathlib import Path
from shlex import join
from typing import Any, Literal, TypeAlias, TypeVar

import mcp_types as types
from msgspec import UNSET, Struct, defstruct
from msgspec.json import schema_components

from lab import control
from lab.cli.command_settings import DocsSettings
from lab.cli.commands import docs
from lab.cli.commands.serve import begin_served, read_served
from lab.cli.console import Console
from lab.cli.installation import started_by_python
from lab.cli.loop import Stop
from lab.client.control import ControlClient
from lab.clocks import SystemClock
from lab.core.clock import Clock, Millis
from lab.core.errors import LabError, UsageError
from lab.core.exchange import Json, text_of
from lab.core.observe import Observation, Requested
from lab.files.scenarios import REHEARSAL, SCENARIOS, load_scenario, scenario_names, scenarios_folder, shipped_folder
from lab.program.words import StatusWord
from lab.recording.format.lines import Recording
from lab.recording.format.reader import read
from lab.recording.show import transcript
from lab.server.control.reading import asked_of, struct_of
from lab.server.control.routes import CONTROL_ROUTES, any_json

FIRST_JOB, _PAUSE = 3_000, 100
"""Real milliseconds for which decide and advance wait for a job where there is none, and from look to look."""
MOST_LINES, _SHOWN, _WIDEST = 60, 40, 400
"""Lines of an answer, and of a transcript in it; characters of a line."""
_Names: TypeAlias = Sequence[str]
_Text: TypeAlias = str | None
_Number: TypeAlias = int | None
_Members: TypeAlias = dict[str, Json] | None
_Verdict = Literal["approved", "rejected", "changes-requested"]
_Answered = TypeVar("_Answered")
_ROUTES = {f"{row.method} {row.path}": row for row in CONTROL_ROUTES}
_HOLDS, _POLLS = "GET breakpoints", control.CountCalls("status")


class LabTools:
    """The tools. The lab that they serve ends when one says so, when nobody calls, or with the process."""

    def __init__(self, wall: Clock | None = None) -> None:
        """`wall` tells since when nobody called; by default the system's clock."""
        self._work = asyncio.Lock()
        """Held while a lab begins, or ends."""
        self._ends: AsyncExitStack | None = None
        self._client: ControlClient | None = None
        self._remarks = StringIO()
        self._wall = wall or SystemClock()
        self._used = self._wall.now()

    # The lab

    @property
    def client(self) -> ControlClient:
        """Of its control plane; UsageError if no lab is served."""
        if self._client is None:
            raise UsageError("No lab is served.", hint="The tool serve serves one; scenarios tells which there are.")
        return self._client

    async def end(self) -> bool:
        """End it, its tape whole; whether there was one."""
        async with self._work:
            return await self._end()

    async def _end(self) -> bool:
        ends, self._ends, self._client = self._ends, None, None
        if ends is not None:
            await ends.aclose()
        return ends is not None

    async def end_when_idle(self, idle: Millis) -> None:
        """End each lab once nobody has called for so many real milliseconds."""
        while True:
            await self._wall.sleep_until(self._used + idle)
            if self._wall.now() >= self._used + idle:
                await self.end()
                self.touch()

    def touch(self, observation: Observation | None = None) -> None:
        """Somebody has called a tool, or, if an observation says so, the lab."""
        if observation is None or isinstance(observation, Requested):
            self._used = self._wall.now()

    async def _begin(self, words: Sequence[str], *, instead: bool) -> bool:
        """Serve as `lab serve` with these words does, which its remarks tell of; `instead` of the lab that there is, if any:
        whether one has ended. LabError says why that can't be, and where the words are wrong nothing ends."""
        async with self._work, AsyncExitStack() as ends:
            if self._ends is not None and not instead:
                hint = "serve with end: true ends it; scenarios that stand beside are served then."
                raise UsageError(f"A lab is served already: its control plane is at {self.client.url}.", hint=hint)
            console, stop = Console(self._remarks, self._remarks), Stop()
            call, setup = read_served(words, console)
            gone = await self._end()
            mock = await begin_served(call, setup, console, ends, stop)
            mock.server.labs.watchers.append(lambda lab: lab.service.observers.append(self.touch))
            for lab in mock.server.labs:
                lab.service.observers.append(self.touch)
            self._client = ControlClient(mock.control_url, mock.control_token)
            ends.push_async_callback(self._client.close)
            # once it is to end, replies under way have half a second to leave; then they are cut
            ends.callback(lambda: asyncio.get_running_loop().call_later(0.5, stop.hurry.set))
            self._ends = ends.pop_all()
            return gone

    async def _ask(self, command: control.ControlCommand[_Answered]) -> _Answered:
        """What its control plane answers; UsageError with its words if it refuses."""
        return (await self.client.ask(command)).obeyed

    async def _ask_holder(self, route: str, members: dict[str, Json]) -> Any:
        """The same of a route that another plugin brings, whose declaration tells what it takes."""
        if (row := _ROUTES.get(route)) is None:
            raise UsageError("This lab holds no exchanges.", hint="Its plugin breakpoints isn't there.")
        return await self._ask(struct_of(members, asked_of(row)))

    def remarks(self) -> list[str]:
        """What the lab has remarked since the last call: hints about clients, scenarios that were edited."""
        lines = self._remarks.getvalue().splitlines()
        self._remarks.truncate(self._remarks.seek(0))
        return lines

    # Scenarios

    async def scenarios(self) -> list[str]:
        """Which scenarios there are to serve or run, a line each: its name, whom a client asks what, and what it shows.
        What happens in one, and when, check tells with plan."""
        shipped = shipped_folder(SCENARIOS)
        folders = (scenarios_folder(), shipped, shipped / REHEARSAL)
        lines = shortened(await asyncio.to_thread(list, _scenario_lines(folders)), "check, with a folder and plan")
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
        words = command_words(scenarios, clock=clock, reviewer=reviewer, seed=seed, record=record, port=0)
        done = self.end() if end and not scenarios else self._begin(words, instead=end)
        # a call that is given up leaves nothing half done
        gone = await asyncio.shield(asyncio.create_task(done))
        ended = ["The lab has ended." if gone else "No lab was served."] if end else []
        lines = shortened(self.remarks(), "GET /_lab/scenarios of the control plane tells of all")
        return [*ended, *(line.replace("Stop with Ctrl-C", "serve with end: true ends it") for line in lines)]

    async def run(self, scenario: str, seed: _Number = None, message: _Text = None, record: _Text = None) -> list[str]:
        """Play a scenario with the lab's own client, in no time: a transcript of the calls that a good client makes.
        It calls a lab of its own, and starts nothing of yours. record: the name of a recording."""
        return await lines_of_command("run", scenario, speed="instant", seed=seed, message=message, record=record)

    # What a hand does

    async def break_(
        self, fault: _Members = None, disarm: _Text = None, hold: _Members = None, release: _Members = None
    ) -> list[str]:
        """Arm a fault, as in a scenario (docs scenarios, 10): {"route": "status", "answer": 503, "retry_after": "2s"},
        {"route": "invoke", "lose_reply": true}, {"route": "status", "strike": "reset"}. It strikes the next call that
        fits. hold: a breakpoint, as {"route": "status", "once": true}. release: {"hold": "1", "do": "go"}; or drop,
        reset; status, headers, body, delay edit it (docs control-plane, 10). Answers with all faults, and what waits."""
        lines: list[str] = []
        if disarm is not None:
            lines.append(f"Disarmed {(await self._ask(control.DisarmFault(disarm))).name}.")
        if fault is not None:
            armed = await self._ask(control.ArmFault(fault))
            lines.append(f"Armed {armed.name}. {armed.why or ''}".rstrip())
        if hold is not None:
            lines.append(f"Holds by {(await self._ask_holder('POST breakpoints', hold)).name}.")
        if release is not None:
            lines.append(f"{(await self._ask_holder('POST holds/{hold}', release)).why}.")
        faults = (await self._ask(control.ListFaults())).faults
        rows = [f"  {each.name}: struck {each.struck} times, {text_of(each.fault)}" for each in faults]
        lines += ["Faults:" if rows else "There are no faults.", *shortened(rows, "GET /_lab/faults")]
        holds = (await self._ask_holder(_HOLDS, {})).holds if _HOLDS in _ROUTES else ()
        rows = [f"  {each.hold}: {each.side} of {each.route}, {text_of(each.reply or each.request)}" for each in holds]
        return [*lines, *(["Held:"] if rows else []), *shortened(rows, "GET /_lab/breakpoints")]

    async def decide(
        self, verdict: _Verdict, job: _Text = None, gate: _Text = None, by: _Text = None, comment: _Text = None
    ) -> list[str]:
        """Decide at the gate at which a job waits: by default the one job under way, of several the one that waits if
        clients poll no other, and its open gate. Unless the clock is manual, wait 30 s for it; advance waits longer. by:
        who decides; changes-requested needs a comment. Tells which jobs are under way, and how each is polled."""
        found = await self._job(job)
        if found.gate is None and (await self._ask(control.LookClock())).mode != "manual":
            found = await self._ask(control.LookJob(found.job, until="WAITING"))
        if found.gate is None:
            what = f"The job {found.job} waits at no gate: it is {found.status}, at {found.step}."
            raise UsageError(what, hint="advance with until: WAITING moves the clock to its gate.")
        at = gate or found.gate.gate
        why = (await self._ask(control.DecideGate(found.job, at, verdict, by=by, comment=comment))).why
        jobs = (await self._ask(control.ListJobs())).jobs
        live = [each for each in jobs if each.job == found.job or not each.status.final]
        said = [f"{at} of job {found.job}: {verdict}. {why}".rstrip(), f"It asked: {found.gate.asks}"]
        return [*said, *job_lines(live, await self._ask(_POLLS))]

    async def advance(
        self, by: _Text = None, until: StatusWord | None = None, job: _Text = None, wait: str = "30s"
    ) -> list[str]:
        """Move time: by moves a manual clock, as 10s. until: a status of the job (by default as of decide), to which a
        manual clock is moved; by another it is waited for, in real time. Without either: now, and the jobs."""
        if by is not None:
            await self._ask(control.SetClock(advance=by))
        if until is not None:
            found = (await self._job(job)).job
            manual = (await self._ask(control.LookClock())).mode == "manual"
            command: Any = control.SetClock(job=found, until=until) if manual else control.LookJob(found, until, wait)
            await self._ask(command)
        now, jobs = await self._ask(control.LookClock()), (await self._ask(control.ListJobs())).jobs
        return [f"It is {transcript.clock(now.now)} by a {now.mode} clock.", *job_lines(jobs, await self._ask(_POLLS))]

    async def _job(self, job: str | None) -> control.JobDocument:
        """That of the id, else the one under way; of several the one that waits, if it is also the one that is polled."""
        if job is not None:
            return await self._ask(control.LookJob(job))
        clock = SystemClock()
        limit = clock.now() + FIRST_JOB
        while True:
            jobs = (await self._ask(control.ListJobs())).jobs
            live = [each for each in jobs if not each.status.final]
            if live or clock.now() >= limit:
                break
            await clock.sleep_until(clock.now() + _PAUSE)  # a client may just have been started
        polls = await self._ask(_POLLS)
        meant = [each for each in live if each.gate] if len(live) > 1 else live
        if len(meant) == 1 and (len(live) == 1 or polls.last is None or polls.last["job"] == meant[0].job):
            return meant[0]
        what = f"{len(live)} jobs may be meant: name one." if live else "No job is at work or waits."
        raise UsageError(what, hint="\n  ".join(job_lines(live or jobs, polls)))

    # What a client did

    async def calls(self, job: _Text = None, line: _Number = None) -> list[str]:
        """What clients have called, counted: of each job, or that one, its calls by kind, what they were answered, which
        statuses they saw, and the pauses between polls. Then 40 lines of the transcript, calls with their answers and
        what became of jobs: the last ones, or from that line of the journal on, as report cites it."""
        counted = await self._ask(control.CountCalls(job=UNSET if job is None else job))
        said = [in_short("all", counted), *(in_short(f"job {each}", its) for each, its in counted.jobs.items())]
        said += [f"matched nothing, but nearly {text_of(near)}" for near in counted.near]
        recording = read(await self.client.journal(), "journal")
        return [*shortened(said, "GET /_lab/calls"), *await asyncio.to_thread(_page, recording, line)]

    async def report(self, files: _Names = ()) -> list[str]:
        """The verdict: what clients of the lab that is served did well and badly, by rules, with the lines that show it
        (calls tells them); or those in recordings, by name or path. Rules without an occasion are left out."""
        return await lines_of_command("report", *(files or (self.client.url,)), skip=("  -  ",))

    async def record(self, name: _Text = None) -> list[str]:
        """Begin a recording of the lab that is served, recordings/NAME.rec.jsonl; without a name end it."""
        file = (await self._ask(control.RunTape(UNSET if name is None else name))).file
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


# Commands of the lab


def command_words(names: Sequence[str], **options: object) -> list[str]:
    """What stands behind a command of the lab: those options that have a value, then names, whatever they begin with."""
    given = ((f"--{name}", value) for name, value in options.items() if value is not None and value is not False)
    return [*(name if value is True else f"{name}={value}" for name, value in given), "--", *names]


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


# In short


def shortened(lines: Iterable[str], more: str) -> list[str]:
    """The first lines, each cut where it is very long; of what is left out how much, and where it stands."""
    found = [line if len(line) <= _WIDEST else f"{line[:_WIDEST]}…" for line in lines]
    left = len(found) - MOST_LINES
    return [*found[:MOST_LINES], f"… {left} more lines: {more}"] if left > 0 else found


def _scenario_lines(folders: Iterable[Path]) -> Iterator[str]:
    for folder in {each.resolve(): each for each in folders}.values():
        yield f"{folder}:"
        for name in scenario_names(folder):
            try:
                one = load_scenario(name, folder).scenario
                yield f"  {name}: {one.agent.code} {text_of(one.message)}: {one.shows or one.title}"
            except LabError:
                yield f"  {name}: it can't be loaded; check tells why"


def job_lines(jobs: Sequence[control.JobDocument], polls: control.CallsCounted) -> list[str]:
    """The newest first, each with how often clients polled it, and whether that was the last poll of all."""
    lines, last = list[str](), (polls.last or {}).get("job")
    for each in reversed(jobs):
        gate = "" if each.gate is None else f", waits for {' or '.join(each.gate.offers)}: {each.gate.asks}"
        count = polls.jobs[each.job].count if each.job in polls.jobs else 0
        since, newest = transcript.clock(each.since), ", the newest among them" if each.job == last else ""
        lines.append(f"job {each.job}  {each.status} at {each.step} since {since}{gate}; polls: {count}{newest}")
    return shortened(lines, "GET /_lab/jobs") or ["There is no job: calls tells what your client called."]


def in_short(what: str, calls: control.CallsInShort) -> str:
    """How many of which kind, what they were answered, which statuses of jobs they saw, and the pauses between alike."""
    answers = Counter(str(each or "nothing") for each in calls.statuses)
    said = [
        label + ", ".join(word if count == 1 else f"{word} x{count}" for word, count in counts.items())
        for label, counts in (("", calls.kinds), ("answered ", answers), ("saw ", calls.shown))
        if counts
    ]
    if pauses := sorted(calls.gaps):
        said.append(f"pauses {pauses[0]} to {pauses[-1]} ms, median {pauses[len(pauses) // 2]}")
    return f"{what}: {'; '.join(said)}"


def _page(recording: Recording, line: int | None) -> list[str]:
    """So many lines of the transcript: the last, or from a line of the recording on; and where it goes on then."""
    lines = [*transcript.transcript_lines(recording, numbered=True)]
    numbers = [int(text[:8]) if text[:8].strip().isdecimal() else 0 for text in lines]  # 0: it belongs to one above
    last = max(0, len(lines) - _SHOWN)
    first = last if line is None else next((at for at, number in enumerate(numbers) if number >= line), last)
    more = next(filter(None, numbers[first + _SHOWN :]), None)
    return [*lines[first : first + _SHOWN], *([] if more is None else [f"(more: line {more})"])]


# What a server lists of them


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
