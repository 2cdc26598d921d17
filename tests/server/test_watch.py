"""WATCH over a real control plane: what it finds, decides and steps, its token, and a lab that starts again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lab.cli.called_servers import WRONG_TOKEN, reached
from lab.cli.command_settings import WatchSettings
from lab.cli.commands.watch import source_of
from lab.clocks import ManualClock
from lab.core.errors import ProtocolError, UsageError
from lab.core.observe import Observation
from lab.files.runtime import publish_token
from lab.server.control.plane import ControlPlane
from lab.server.mock_server import MockServer
from lab.settings import ControlAccess
from lab.tui.sources.watch import Watch
from lab.tui.state.gate import GateAnswer
from lab.tui.state.journal import JournalState, SourceUpdate, follow
from tests.conftest import each_row
from tests.server.conftest import Stage, make_service, status

TOKEN = "a-token-that-nobody-guesses"


class Watching:
    """A Watch, folded as the screen folds it."""

    def __init__(self, url: str, settings: WatchSettings) -> None:
        self.again = asyncio.Event()
        self.source = Watch("here", lambda: reached(url, settings.control), rest=self._rest)
        self.jobs = JournalState()
        self.remark: list[str] = []
        self.observations: list[Observation | SourceUpdate] = []
        self.task = asyncio.create_task(self._look())

    async def _rest(self) -> None:
        self.again.clear()
        await self.again.wait()

    async def _look(self) -> None:
        async for observations in self.source.observations():
            self.jobs = follow(self.jobs, observations)
            if isinstance(observations, SourceUpdate) and observations.remark:
                self.remark.append(observations.remark)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                await asyncio.wait({self.task}, timeout=0.005)
                assert not self.task.done()

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def asked_with(runtime: Path, token: str | None = None) -> WatchSettings:
    return WatchSettings(target="http://127.0.0.1:1", control=ControlAccess(token=token, runtime=str(runtime)))


@asynccontextmanager
async def plane_of(server: MockServer, token: str = TOKEN, port: int = 0) -> AsyncIterator[str]:
    control = ControlPlane(server, token)
    origin = await control.start("127.0.0.1", port)
    try:
        yield origin
    finally:
        await control.stop()


async def test_a_stranger_s_job_is_seen_stepped_and_decided(stage: Stage, tmp_path: Path) -> None:
    async with plane_of(stage.server) as origin:
        publish_token(origin, TOKEN, runtime=str(tmp_path))
        watching = Watching(origin, asked_with(tmp_path))
        token = await stage.token()
        job = await stage.job(token)
        await watching.until(lambda: watching.jobs.run().job is not None and watching.jobs.in_flight == {})
        assert (
            watching.source.can == {"step", "decide", "name", "fault", "control"}
            and watching.source.describe().seed == 42
        )
        assert watching.jobs.run().token is not None and TOKEN not in repr(watching.jobs)
        assert token not in repr(watching.jobs)
        assert await watching.source.step() is None
        await watching.until(lambda: watching.source.clock.now() == stage.clock.now() > 0)
        peer = await stage.peer()
        await peer.ask(status(token, job))
        await watching.until(lambda: watching.jobs.run().gate is not None)
        gate = watching.jobs.run().gate
        assert gate is not None and watching.jobs.run().opening is not None
        settings = GateAnswer("approved", None, job, gate.code.lower().replace("_", "-"), gate.key)
        assert await watching.source.answer(settings) is None
        assert await watching.source.answer(settings) is None, "the same key twice"
        await watching.until(lambda: watching.jobs.run().decisions == 1)
        refused = await watching.source.answer(GateAnswer("rejected", None, job, "nowhere", "other"))
        assert refused is not None and "no such gate" in refused
        assert await watching.source.arm({"route": "status", "answer": 503}) is None
        answer = await peer.ask(status(token, job))
        assert answer.status == 503
        await watching.until(lambda: watching.jobs.run().timeline[-1].code == 503)
        await watching.end()


async def test_a_lab_that_starts_again_is_watched_on_with_its_new_token(tmp_path: Path) -> None:
    async def lab(token: str, port: int) -> AsyncIterator[str]:
        server = MockServer(make_service(), ManualClock())
        await server.start()
        async with plane_of(server, token, port) as origin:
            publish_token(origin, token, runtime=str(tmp_path))
            yield origin
        await server.stop()

    first = lab("first-token", 0)
    origin = await anext(first)
    watching = Watching(origin, asked_with(tmp_path))
    await watching.until(lambda: watching.source.can != frozenset())
    await anext(first, None)
    # a lab that ended before its journal was followed is one that can't be reached
    await watching.until(lambda: watching.source.trouble != "")
    watching.again.set()
    await watching.until(lambda: not watching.again.is_set())
    second = lab("second-token", int(origin.rpartition(":")[2]))
    await anext(second)
    watching.again.set()
    await watching.until(lambda: watching.source.trouble == "")
    assert watching.remark == ["It is back."]
    await watching.end()
    await anext(second, None)


async def test_a_wrong_or_missing_token_says_what_to_do(stage: Stage, tmp_path: Path) -> None:
    async with plane_of(stage.server) as origin:
        watching = Watching(origin, asked_with(tmp_path))
        with pytest.raises(ProtocolError) as missing:
            await watching.task
        assert missing.value.hint == WRONG_TOKEN
        watching = Watching(origin, asked_with(tmp_path, "wrong"))
        with pytest.raises(ProtocolError, match="401") as wrong:
            await watching.task
        assert wrong.value.hint == WRONG_TOKEN


async def test_a_server_that_is_no_control_plane_is_told(stage: Stage, tmp_path: Path) -> None:
    watching = Watching(f"http://127.0.0.1:{stage.port}", asked_with(tmp_path, "any"))
    with pytest.raises(ProtocolError) as found:
        await watching.task
    assert "no control plane" in found.value.what and "control url" in found.value.hint


@each_row(
    "target",
    [
        "", "ftp://127.0.0.1:1", "http://", "http://127.0.0.1:99999", "http://h/_lab/x", "::", "foo", "foo:", "foo:bar",
        "item-comparison", "a b:8081", "http://a b", "http://h:1?x", "http://h:1/scenario/", "h:1/t/", "h:1/t/Ann", "h:1/scenario/w/t/ann", "recordings/a.rec.jsonl",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(target: str) -> None:
    with pytest.raises(UsageError, match="no address of a control plane"):
        source_of(WatchSettings(target=target))


@each_row(
    "target",
    [
        "127.0.0.1:8081",
        "localhost:8081",
        "lab.example:8081",
        "http://lab",
        "h:1/scenario/w-503",
        "h:1/t/ann",
        "h:1/t/ann/scenario/w",
    ],
)
def test_an_address_may_come_without_its_scheme(target: str) -> None:
    assert source_of(WatchSettings(target=target)).where == target.removeprefix("http://")
