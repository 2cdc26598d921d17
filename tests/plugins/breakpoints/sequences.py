"""Random days of clients whose exchanges are held here and there, recorded: each has to replay.

    python -m tests.plugins.breakpoints.sequences [COUNT] [FIRST]

prints the days that don't, and a verdict; exit 1 if there is one. A day is made of its number alone.
"""

import asyncio
import sys
from random import Random

from lab.clocks import settle
from lab.core.exchange import Json
from lab.recording.format.lines import Res
from lab.recording.replay.replay import ReplayResult, replay
from tests.plugins.breakpoints.lab import HoldingLab, holding_lab
from tests.server.conftest import Answer, Peer, bearer, invoke, make_service, request, status

STREAM = "/api/fusion-ai/orchestrator/agent/v2/DOCUMENT_TEAM/invokeStream"
FAULTS: tuple[dict[str, Json], ...] = (
    {"answer": 503, "retry_after": "2s"}, {"strike": "reset"}, {"strike": "truncate"}, {"strike": "wrong-length"},
    {"lose_reply": True}, {"delay": "2s"}, {"status_word": "QUEUED"}, {"expire_token": True},
)  # fmt: skip
EDITS: tuple[dict[str, Json], ...] = (
    {}, {"status": 500}, {"status": 204, "body": ""}, {"body": {"status": "COMPLETE", "access_token": "hunter2-hunter2"}},
    {"body": "<html>é</html>", "headers": {"content-type": "text/html"}}, {"delay": "3s"}, {"body": ""},
    {"headers": {"retry-after": "5", "cache-control": None, "set-cookie": ["a=very-secret-1", "b=very-secret-2"]}},
    {"status": 429, "headers": {"retry-after": "1"}, "delay": "1s"}, {"body": '{"n": 1.50, "big": 12345678901234567890}'},
)  # fmt: skip


class Day:
    def __init__(self, number: int, lab: HoldingLab) -> None:
        self.chance, self.lab = Random(number), lab
        self.token = ""
        self.calls: list[tuple[Peer, asyncio.Task[Answer]]] = []

    @property
    def jobs(self) -> list[str]:
        return list(self.lab.service.jobs())

    async def play(self) -> None:
        self.token = await self.lab.stage.token()
        await self.stop()
        for _ in range(self.chance.randint(8, 24)):
            await self.chance.choices(
                (self.stop, self.call, self.go, self.pass_time, self.leave, self.fault, self.decide),
                (4, 8, 4, 2, 1, 1, 1),
            )[0]()
            await self.rest()
        if self.chance.random() < 0.7:
            await self.lab.let_go()
            await self.lab.ask("POST", "clock", {"advance": "10s"})
            await self.rest()

    async def rest(self) -> None:
        """Whatever moves by itself has."""
        before = None
        while before != (before := (len(self.lab.stage.observations), self.lab.stage.server.traffic.left)):
            for _ in range(3):
                await settle()

    async def stop(self) -> None:
        fits: dict[str, Json] = {"once": self.chance.random() < 0.5}
        fits["side"] = self.chance.choice(("request", "reply"))
        if self.chance.random() < 0.6:
            fits["route"] = self.chance.choice(("status", "invoke", "stream", "unknown"))
        if self.chance.random() < 0.3 and self.jobs:
            fits["job"] = self.chance.choice(self.jobs)
        if self.chance.random() < 0.3:
            fits["call"] = self.chance.randint(1, 3)
        if self.chance.random() < 0.3:
            fits["release_after"] = self.chance.choice(("0s", "1s", "4s"))
        await self.lab.ask("POST", "breakpoints", fits)

    async def call(self) -> None:
        match self.chance.randrange(5):
            case 0 | 1 if self.jobs:
                data = status(self.token, self.chance.choice(self.jobs))
            case 2:
                data = request(
                    "POST", STREAM, (bearer(self.token), ("content-type", "application/json")), b'{"message":"Go"}'
                )
            case 3:
                data = request("GET", "/nowhere")
            case _:
                data = invoke(self.token, {"message": "Share it", "conversational": True})
        self.calls.append(await self.lab.sent(data))
        await self.rest()

    async def go(self) -> None:
        if holds := list(self.lab.holding):
            do = self.chance.choice(("go", "go", "go", "go", "drop", "reset"))
            edit = self.chance.choice(EDITS) if do == "go" else {}
            # a status of a request is refused, and so is an edit of a reply that a fault leaves nothing of
            await self.lab.plane.ask("POST", f"holds/{self.chance.choice([*holds, 'all'])}", {"do": do, **edit})

    async def pass_time(self) -> None:
        await self.lab.ask("POST", "clock", {"advance": f"{self.chance.choice((1, 80, 1_000, 3_000, 20_000))}ms"})

    async def leave(self) -> None:
        if under_way := [peer for peer, call in self.calls if not call.done()]:
            self.chance.choice(under_way).writer.transport.abort()

    async def fault(self) -> None:
        route = self.chance.choice(("status", "invoke"))
        await self.lab.plane.ask("POST", "faults", {"route": route, **self.chance.choice(FAULTS)})

    async def decide(self) -> None:
        if self.jobs:
            path = f"jobs/{self.chance.choice(self.jobs)}/decisions"
            await self.lab.plane.ask("POST", path, {"gate": "consent", "verdict": "approved"})


async def recorded(number: int) -> HoldingLab:
    """The lab after the day of that number; what it holds then it cuts."""
    async with holding_lab(service=make_service()) as lab:
        day = Day(number, lab)
        await day.play()
        await lab.stage.server.stop(0)
        await asyncio.gather(*(call for _, call in day.calls), return_exceptions=True)
    return lab


async def replayed(number: int) -> tuple[ReplayResult, int]:
    """What a replay of that day finds, and how many exchanges were held; each has its reply on tape, whole or cut."""
    lab = await recorded(number)
    recording = lab.recording()
    assert len([*recording.of(Res)]) == lab.service.exchanges
    stops, gone = len([*recording.facts("exchange.held")]), len([*recording.facts("exchange.released")])
    assert stops == gone, (stops, gone)
    return replay(recording, lab.service.config.scenarios, name=str(number)), stops


def main(count: int = 200, first: int = 0) -> int:
    """Play and replay that many; 1 if one of them differs."""
    failed = holds = 0
    for number in range(first, first + count):
        result, stops = asyncio.run(replayed(number))
        failed, holds = failed + (not result.passed), holds + stops
        if not result.passed:
            sys.stdout.write(f"{result.text()}\n")
    sys.stdout.write(f"{failed} of {count} days don't replay; {holds} exchanges were held\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
