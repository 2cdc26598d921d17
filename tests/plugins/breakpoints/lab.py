"""A lab on loopback that is recorded in memory, its control plane, and exchanges that somebody holds there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from lab.clocks import AnyClock, ManualClock, settle
from lab.core.exchange import Json
from lab.mock.service import Service
from lab.recording.format.lines import Recording
from lab.recording.format.reader import read
from lab.recording.replay.replay import ReplayResult, replay
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests.server.conftest import Answer, Peer, Stage, lines_in, make_service, serving, status
from tests.server.test_control import Plane, steering


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):  # what never comes is a failure, not a hang
        while not condition():
            await settle()


@dataclass
class HoldingLab:
    stage: Stage
    plane: Plane
    tape: Tape
    lines: list[bytes]

    @property
    def service(self) -> Service:
        return self.stage.service

    async def ask(self, method: str, path: str, document: Json = None) -> Any:
        """What the control plane answers, which is no refusal."""
        got = await self.plane.ask(method, path, document)
        assert got.status == 200, got.body
        return got.json

    async def stop(self, **fits: Json) -> None:
        """Set a breakpoint."""
        await self.ask("POST", "breakpoints", fits)

    async def holds(self, count: int = 1) -> list[dict[str, Any]]:
        """What is held, once it is so much."""
        await until(lambda: len(self.holding) >= count)
        found = (await self.ask("GET", "breakpoints"))["holds"]
        assert len(found) == count
        return list(found)

    @property
    def holding(self) -> dict[int, Any]:
        return self.stage.server.labs.usual.sender.holds.under_way

    async def let_go(self, hold: object = "all", **how: Json) -> None:
        await self.ask("POST", f"holds/{hold}", {"do": "go", **how})

    async def sent(self, data: bytes) -> "tuple[Peer, asyncio.Task[Answer]]":
        """A call under way, and its peer."""
        peer = await self.stage.peer()
        return peer, asyncio.create_task(peer.ask(data))

    async def poll(self) -> "tuple[Peer, asyncio.Task[Answer]]":
        """A poll of a new job under way."""
        token = await self.stage.token()
        return await self.sent(status(token, await self.stage.job(token)))

    async def journal(self) -> list[dict[str, Json]]:
        return lines_in((await self.plane.ask("GET", "journal")).body)

    def tape_says(self, type_: str) -> bool:
        self.tape.flush()
        return any(f'"{type_}"'.encode() in line for line in self.lines)

    def recording(self) -> Recording:
        self.tape.close(self.stage.clock.now())
        return read(b"".join(self.lines), "day")

    def replayed(self) -> ReplayResult:
        found = replay(self.recording(), self.service.config.scenarios, name="day")
        assert found.passed, found.text()
        return found


@asynccontextmanager
async def holding_lab(clock: AnyClock | None = None, service: Service | None = None) -> AsyncIterator[HoldingLab]:
    clock, service = clock or ManualClock(), service or make_service()
    lines: list[bytes] = []
    tape = Tape(service, lines.append, recording_header(service.config, lab="0.1.0"))
    service.observers.append(tape)
    async with serving(service, clock) as stage, steering(stage) as plane:
        yield HoldingLab(stage, plane, tape, lines)
