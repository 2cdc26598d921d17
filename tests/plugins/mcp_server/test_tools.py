"""The tools of `lab mcp`, called in the process that serves them: what each answers, and what is refused in which words.

The SDK is loaded where it is used: each worker collects this module, and that takes as long as a tenth of all others.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from aiohttp import ClientError, ClientSession

from lab.cli.commands.docs import page_names, page_text
from lab.clocks import ManualClock
from lab.clocks.waits import breathe
from lab.plugin import plugins
from lab.recording.format.lines import FileState
from lab.recording.format.reader import read
from tests.conftest import ROOT, each_row

if TYPE_CHECKING:
    from mcp import Client

    from lab.plugins.mcp_server.tools import LabTools

NAMES = {
    "scenarios", "check", "serve", "run", "break", "decide", "advance", "calls", "report", "record", "replay", "docs",
}  # fmt: skip
APPROVAL = {"scenarios": ["approval"], "reviewer": "person", "clock": "manual", "seed": 1}


class Agent:
    """One that calls the tools, and reads."""

    def __init__(self, client: "Client", lab: "LabTools", wall: ManualClock) -> None:
        self.client, self.lab, self.wall = client, lab, wall

    async def __call__(self, tool: str, **arguments: Any) -> str:
        """The answer."""
        failed, text = await self.outcome(tool, arguments)
        assert not failed, text
        return text

    async def refused(self, tool: str, **arguments: Any) -> str:
        """The error that is the answer."""
        failed, text = await self.outcome(tool, arguments)
        assert failed, text
        return text

    async def outcome(self, tool: str, arguments: dict[str, Any]) -> tuple[bool, str]:
        """Whether the answer is an error, and its text."""
        found = await self.client.call_tool(tool, arguments)
        (text,) = found.content
        assert text.type == "text"
        return found.is_error, text.text


@pytest.fixture
async def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Agent]:
    """In a folder of its own. What it has had served ends with it."""
    from mcp import Client

    from lab.plugins.mcp_server.server import tool_server
    from lab.plugins.mcp_server.tools import LabTools

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lab.plugins.mcp_server.tools.FIRST_JOB", 0)
    wall, over = ManualClock(), asyncio.Event()
    lab = LabTools(wall)
    ready: asyncio.Future[Agent] = asyncio.get_running_loop().create_future()

    async def live() -> None:  # the client's scopes are one task's, and the two ends of a fixture are not
        async with Client(tool_server(lab), mode="legacy") as client:
            ready.set_result(Agent(client, lab, wall))
            await over.wait()

    life = asyncio.create_task(live())
    yield await ready
    over.set()
    await life
    await lab.end()


class Caller:
    """A client of the API that is served, by hand."""

    def __init__(self, served: str) -> None:
        said = {line[2:16].strip(): line[17:] for line in served.splitlines() if line.startswith("  ")}
        self.base, self._token_url = said["base url"], said["token url"]
        self._login = {"client_id": said["client id"], "client_secret": said["client secret"]}
        self._scope = said["scope"]

    async def invoke(self) -> str:
        """A job's id."""
        return str((await self._call("POST", "invokeAsync", json={"message": "Please go on"}))["jobId"])

    async def poll(self, job: str) -> str:
        """Its status."""
        return str((await self._call("GET", f"status/{job}"))["status"])

    async def _call(self, method: str, place: str, **more: Any) -> dict[str, Any]:
        async with ClientSession() as session:
            form = {"grant_type": "client_credentials", "scope": self._scope, **self._login}
            async with session.post(self._token_url, data=form) as answer:
                bearer = {"authorization": f"Bearer {(await answer.json())['access_token']}"}
            url = f"{self.base}/api/fusion-ai/orchestrator/agent/v2/APPROVAL/{place}"
            async with session.request(method, url, headers=bearer, **more) as answer:
                return dict(await answer.json())


# Each, and what it takes


def test_there_are_twelve_each_with_what_it_is_for_and_what_it_takes() -> None:
    from lab.plugins.mcp_server.tools import TOOLS

    assert set(TOOLS) == NAMES
    for name, (listed, _, _) in TOOLS.items():
        schema = listed.input_schema
        assert (listed.name, schema["type"], schema["additionalProperties"]) == (name, "object", False)
        assert 60 < len(listed.description or "") < 460


async def test_an_exchange_is_held_edited_and_let_go(agent: Agent) -> None:
    if "breakpoints" not in {each.name for each in plugins()}:
        assert "holds no exchanges" in await agent.refused("break", hold={"route": "invoke"})
        return
    served = await agent("serve", **APPROVAL)
    caller = Caller(served)
    assert "There is no member" in await agent.refused("break", hold={"ruote": "invoke"})
    answer = await agent("break", hold={"route": "invoke", "side": "reply", "once": True, "name": "look"})
    assert answer.splitlines() == ["Holds by look.", "There are no faults."]
    invoked = asyncio.ensure_future(caller.invoke())
    while "Held:" not in (answer := await agent("break")):
        await breathe()
    assert answer.splitlines()[2].startswith("  1: reply of invoke, ") and not invoked.done()
    assert await agent("break", release={"hold": "1", "do": "go"}) == "1 let go.\nThere are no faults."
    assert (await agent("advance")).splitlines()[1].startswith(f"job {await invoked}  RUNNING")


async def test_a_job_is_broken_decided_looked_at_and_recorded(agent: Agent) -> None:
    served = await agent("serve", **APPROVAL, record="day")
    assert served.startswith("Serving approval, seed 1. serve with end: true ends it.\n") and '"Please go on"' in served
    assert (await agent("break", fault={"route": "status", "answer": 503})).splitlines() == [
        "Armed status-503.", "Faults:", '  status-503: struck 0 times, {"name":"status-503","route":"status","answer":503}',
    ]  # fmt: skip
    assert await agent("advance") == (
        "It is +00:00.000 by a manual clock.\nThere is no job: calls tells what your client called."
    )
    job = await Caller(served).invoke()
    assert (await agent("advance", by="1s")).splitlines() == [
        "It is +00:01.000 by a manual clock.", f"job {job}  RUNNING at read since +00:00.000; polls: 0",
    ]  # fmt: skip
    waits = f"job {job}  WAITING at consent since +00:05.000, waits for approved or rejected: May it go on?; polls: 0"
    assert await agent("advance", until="WAITING") == f"It is +00:05.000 by a manual clock.\n{waits}"
    assert await agent("decide", verdict="approved", by="Ann") == (
        f"consent of job {job}: approved.\nIt asked: May it go on?\n"
        f"job {job}  RUNNING at pay since +00:05.000; polls: 0"
    )
    assert f"job {job}  COMPLETE at done" in await agent("advance", until="COMPLETE", job=job)
    every, counted, *lines = (await agent("calls")).splitlines()
    assert (every, counted) == ("all: token, invoke; answered 200, 202; saw RUNNING",
                                f"job {job}: invoke; answered 202; saw RUNNING") and len(lines) == 39  # fmt: skip
    assert any("control plane: approved by Ann" in line for line in lines)
    _, _, *lines = (await agent("calls", line=4)).splitlines()
    assert lines[0].split()[0] == "4"
    # the journal's first line is its header, which no transcript shows
    begun = (await agent("calls", line=1)).splitlines()
    assert begun[2].split()[0] == "2" and not any("(more" in line for line in begun)
    assert (await agent("break", disarm="status-503")).splitlines() == ["Disarmed status-503.", "There are no faults."]
    assert await agent("serve", end=True) == "The lab has ended.\nrecorded recordings/day.rec.jsonl"
    assert read(read_recording("day"), "day").state is FileState.CLOSED
    assert (await agent("replay", files=["day"])).startswith("$ lab replay -- day\n1 passed, 0 failed\nwarning: ")


async def test_a_recording_begins_and_ends_in_between(agent: Agent) -> None:
    await agent("serve", **APPROVAL)
    assert await agent("record", name="some") == "Recording recordings/some.rec.jsonl."
    assert (await agent("record")).startswith("Recorded recordings/some.rec.jsonl: ")
    assert await agent.refused("record", name="a/b") == (
        "lab: 'a/b' can't name a recording here. Use a-z, 0-9, dot, dash and underscore."
    )


async def test_a_decision_waits_for_the_gate_where_time_goes_by_itself(agent: Agent) -> None:
    served = await agent("serve", **APPROVAL | {"clock": "scaled:50"})
    job = await Caller(served).invoke()
    assert (await agent("decide", verdict="rejected")).startswith(
        f"consent of job {job}: rejected.\nIt asked: May it go on?\njob {job}  COMPLETE at declined"
    )
    assert f"job {job}  COMPLETE at declined" in await agent("advance", until="COMPLETE", job=job, wait="5s")
    assert await agent.refused("decide", verdict="approved") == (
        f"lab: No job is at work or waits.\n  job {job}  COMPLETE at declined since "
        + (await agent("advance")).rpartition("since ")[2]
    )


async def test_a_decision_waits_for_the_first_job(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.plugins.mcp_server.tools.FIRST_JOB", 60_000)
    monkeypatch.setattr("lab.plugins.mcp_server.tools._PAUSE", 1)
    caller = Caller(await agent("serve", **APPROVAL | {"clock": "scaled:50"}))
    deciding = asyncio.create_task(agent("decide", verdict="rejected"))
    await breathe()
    job = await caller.invoke()
    assert (await deciding).startswith(f"consent of job {job}: rejected.\n")


async def test_the_labs_own_client_plays_in_no_time(agent: Agent) -> None:
    command, *lines = (await agent("run", scenario="quick", seed=3, record="own")).splitlines()
    assert command == "$ lab run --speed=instant --seed=3 --record=own -- quick"
    assert any(" COMPLETE " in line for line in lines) and read(read_recording("own"), "own").header.seed == 3
    assert "'--message=Go, then'" in await agent("run", scenario="quick", message="Go, then")


@pytest.fixture
def broken(tmp_path: Path) -> None:
    """A scenario that can't be loaded."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios/mine.yaml").write_text("lab: 1\nname: mine\n")


@pytest.mark.usefixtures("broken")
async def test_scenarios_are_listed_and_checked(agent: Agent) -> None:
    from lab.plugins.mcp_server.tools import MOST_LINES

    here, mine, *shipped, how = (await agent("scenarios")).splitlines()
    assert (here, mine) == ("scenarios:", "  mine: it can't be loaded; check tells why") and "docs" in how
    assert len(shipped) < MOST_LINES and max(map(len, shipped)) < 200
    assert (
        '  approval: APPROVAL "Please go on": WAITING for 70 s, then 20 s of work: neither a failure nor a time-out'
    ) in shipped
    found = (await agent("check", paths=["mine"])).splitlines()
    assert found[0] == "$ lab check -- mine" and found[1].startswith("scenarios/mine.yaml:1:1: ")
    assert found[-1] == "Exit code 2: docs, page recordings, section 12, tells what it means."
    plan = await agent("check", paths=["approval"], plan=True, seed=9)
    assert plan.startswith("$ lab check --plan --seed=9 -- approval\n") and "WAITING   consent" in plan


async def test_a_folder_is_listed_once_by_whichever_path(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    lines = (await agent("scenarios")).splitlines()
    assert lines[0] == f"{ROOT}/scenarios:" and sum(line.startswith("  item-comparison: ") for line in lines) == 1


async def test_pages_are_shown_and_of_long_ones_the_sections(agent: Agent) -> None:
    from lab.plugins.mcp_server.tools import MOST_LINES

    assert [line.split()[0] for line in (await agent("docs")).splitlines()] == [*page_names()]
    assert await agent("docs", page="agents") == page_text("agents").rstrip("\n")
    long, *headings = (await agent("docs", page="contract")).splitlines()
    assert long == "The page is long: name a section." and "2.1 The invocation API" in headings
    assert (await agent("docs", page="contract", section="2.1")).startswith("### 2.1 The invocation API\n")
    whole = (await agent("docs", page="contract", section="§2")).splitlines()
    assert whole[0] == "## 2. Routes" and "### 2.1 The invocation API" in whole and len(whole) == MOST_LINES + 1
    assert whole[-1].endswith(" more lines: lab docs contract §2")
    assert "has no section 99.\n  1. Marks" in await agent.refused("docs", page="contract", section="99")
    assert "The word stands in: " in await agent.refused("docs", page="templates")


# What is refused


@each_row("tool, arguments, said", [
    ("decide", {}, "lab: verdict is missing."),
    ("decide", {"verdict": "yes"}, "lab: verdict takes one of approved, rejected, changes-requested."),
    ("decide", {"verdit": "approved"}, 'lab: There is no member "verdit" here.\n  did you mean verdict?'),
    ("check", {"paths": "mine"}, "lab: paths takes a list."),
    ("check", {"paths": ["--help"]}, "lab: There is no scenario '--help'.\n  "),
    ("serve", {"scenarios": ["--help"]}, "lab: There is no scenario '--help'.\n  "),
    ("serve", {"clock": "sundial"}, "lab: --clock sundial: no kind of clock.\n  Write real, scaled:20 or manual."),
    ("run", {"scenario": "quik"}, "lab: There is no scenario 'quik'.\n  Did you mean quick? "),
    ("calls", {}, "lab: No lab is served.\n  The tool serve serves one; scenarios tells which there are."),
    ("report", {}, "lab: No lab is served."),
])  # fmt: skip
async def test_what_does_not_fit_is_refused_in_a_sentence(
    tool: str, arguments: dict[str, Any], said: str, agent: Agent
) -> None:
    assert (await agent.refused(tool, **arguments)).startswith(said)


async def test_there_is_no_other_tool_nor_resource(agent: Agent) -> None:
    from mcp.shared.exceptions import MCPError

    from lab.plugins.mcp_server.server import PAGE

    with pytest.raises(MCPError, match=r"There is no tool decied\. did you mean decide\?"):
        await agent("decied")
    with pytest.raises(MCPError, match="There is no resource lab://docs/none"):
        await agent.client.read_resource("lab://docs/none")
    (page,) = (await agent.client.list_resources()).resources
    (text,) = (await agent.client.read_resource(PAGE)).contents
    assert (str(page.uri), page.mime_type) == (PAGE, "text/markdown")
    assert getattr(text, "text", None) == page_text("agents")


async def test_what_the_control_plane_refuses_is_told_in_its_words(agent: Agent) -> None:
    await agent("serve", **APPROVAL)
    assert await agent.refused("serve", scenarios=["quick"]) == (
        f"lab: A lab is served already: its control plane is at {agent.lab.client.url}.\n"
        "  serve with end: true ends it; scenarios that stand beside are served then."
    )
    assert 'no member "rute"' in await agent.refused("break", fault={"rute": "status"})
    assert "There is no such job" in await agent.refused("advance", until="WAITING", job="none")
    assert await agent.refused("decide", verdict="approved") == (
        "lab: No job is at work or waits.\n  There is no job: calls tells what your client called."
    )
    assert "There is no scenario 'nope'" in await agent.refused("serve", end=True, scenarios=["nope"])
    assert "--clock" in await agent.refused("serve", end=True, scenarios=["approval"], clock="bogus")
    served = await agent("serve", end=True, **APPROVAL)
    assert served.startswith("The lab has ended.\nServing approval")
    job = await Caller(served).invoke()
    assert await agent.refused("decide", verdict="approved") == (
        f"lab: The job {job} waits at no gate: it is RUNNING, at read.\n"
        "  advance with until: WAITING moves the clock to its gate."
    )
    second = await Caller(served).invoke()
    assert await agent.refused("decide", verdict="approved") == (
        f"lab: 2 jobs may be meant: name one.\n  job {second}  RUNNING at read since +00:00.000; polls: 0\n"
        f"  job {job}  RUNNING at read since +00:00.000; polls: 0"
    )


async def test_of_several_jobs_the_one_is_decided_that_waits_unless_clients_poll_another(agent: Agent) -> None:
    caller = Caller(await agent("serve", **APPROVAL))
    first = await caller.invoke()
    await agent("advance", by="1s")
    second = await caller.invoke()
    assert [await caller.poll(each) for each in (first, second, second)] == ["RUNNING"] * 3
    await agent("advance", until="WAITING", job=first)
    works = f"job {second}  RUNNING at read since +00:01.000; polls: 2"
    asks = f"job {first}  WAITING at consent since +00:05.000, waits for approved or rejected: May it go on?"
    assert await agent.refused("decide", verdict="approved") == (
        f"lab: 2 jobs may be meant: name one.\n  {works}, the newest among them\n  {asks}; polls: 1"
    )
    assert await caller.poll(first) == "WAITING"
    assert (await agent("decide", verdict="approved")).splitlines() == [
        f"consent of job {first}: approved.", "It asked: May it go on?", works,
        f"job {first}  RUNNING at pay since +00:05.000; polls: 2, the newest among them",
    ]  # fmt: skip
    await agent("advance", until="WAITING", job=second)
    assert "2 jobs may be meant" in await agent.refused("advance", until="COMPLETE")
    assert (await agent("decide", verdict="rejected", job=second)).startswith(f"consent of job {second}: rejected.")
    counts = (await agent("calls")).splitlines()[:3]
    assert counts[0].startswith("all: token x6, invoke x2, poll x4; answered 200 x10, 202 x2; saw RUNNING x5, WAITING;")
    assert counts[1].startswith(f"job {first}: invoke, poll x2; answered 202, 200 x2; saw RUNNING x2, WAITING; pauses ")
    assert (await agent("calls", job=second)).splitlines()[1].startswith(f"job {second}: invoke, poll x2;")
    await agent("advance", until="COMPLETE", job=first)
    third = await caller.invoke()
    await agent("advance", until="WAITING")
    decided = (await agent("decide", verdict="approved")).splitlines()
    assert [line.split()[:2] for line in decided[2:]] == [["job", third]], "of what is over nothing is told"


async def test_a_text_from_outside_commands_no_terminal(agent: Agent) -> None:
    assert (await agent.refused("docs", page="a\x1b[31mb")).startswith("lab: There is no page a\\x1b[31mb.\n")


def test_what_is_long_is_cut_and_its_rest_is_told() -> None:
    from lab.plugins.mcp_server.tools import MOST_LINES, shortened

    assert shortened(["a"] * MOST_LINES, "there") == ["a"] * MOST_LINES
    assert shortened(["a"] * (MOST_LINES + 2), "there") == [*["a"] * MOST_LINES, "… 2 more lines: there"]
    assert shortened(["x" * 401], "there") == ["x" * 400 + "…"]


def test_options_without_a_value_are_left_out() -> None:
    from lab.plugins.mcp_server.tools import command_words

    assert command_words(["a"], plan=True, strict=False, seed=0, record=None) == ["--plan", "--seed=0", "--", "a"]


# What becomes of a call that is given up, and of a lab that nobody calls


async def test_the_command_of_a_call_that_is_given_up_ends(tmp_path: Path) -> None:
    from lab.plugins.mcp_server.tools import lines_of_command

    before = children()
    call = asyncio.create_task(lines_of_command("serve", "approval", port=0))
    async with asyncio.timeout(5):
        while not (started := children() - before):
            await breathe()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    async with asyncio.timeout(5):
        while started & children():
            await breathe()


def read_recording(name: str) -> bytes:
    return Path(f"recordings/{name}.rec.jsonl").read_bytes()


def children() -> set[int]:
    """The processes that this one has started."""
    return set(map(int, Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()))


async def test_an_end_that_is_given_up_comes_to_its_end(agent: Agent) -> None:

    caller = Caller(await agent("serve", **APPROVAL, record="day"))
    await agent("break", fault={"route": "invoke", "strike": "hang"})
    control, hung = agent.lab.client.url, asyncio.create_task(caller.invoke())
    while "invoke-hang: struck 1" not in await agent("break"):
        await breathe()
    with anyio.move_on_after(0.1) as limit:
        await agent.lab.serve(end=True)
    assert limit.cancelled_caught
    async with asyncio.timeout(5):
        while listens(caller.base) or listens(control):
            await breathe()
    with pytest.raises(ClientError):
        await hung
    assert "Serving approval, seed 1." in await agent("serve", **APPROVAL)
    assert read(read_recording("day"), "day").state is FileState.CLOSED


def listens(origin: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(origin.rpartition(":")[2])), 1).close()
    except OSError:
        return False
    return True


async def test_a_lab_ends_once_nobody_calls(agent: Agent) -> None:
    caller = Caller(await agent("serve", **APPROVAL))
    idle = asyncio.create_task(agent.lab.end_when_idle(300))
    for used in (caller.invoke, partial(agent, "docs"), caller.invoke):
        await agent.wall.advance_to(agent.wall.now() + 299)
        await used()
        assert agent.lab.client, "calls and tools keep it"
    since = agent.wall.now()
    async with asyncio.timeout(5):
        while agent.lab._client is not None:
            assert not listens(caller.base) or agent.wall.now() <= since + 300, "who only connects calls nothing"
            await agent.wall.advance_to(agent.wall.now() + 10)
    assert agent.wall.now() >= since + 300
    await agent("serve", **APPROVAL)
    await agent.wall.advance_to(agent.wall.now() + 299)
    assert agent.lab.client, "the next one has as long"
    idle.cancel()
