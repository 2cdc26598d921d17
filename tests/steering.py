"""What tests ask of a control plane, in a word each: the client's commands."""

from collections.abc import Mapping
from typing import Any, cast

from msgspec import UNSET

from lab.client.control import ControlAnswer, ControlClient
from lab.control import (
    ArmFault,
    ControlCommand,
    CountCalls,
    DecideDevice,
    DecideGate,
    DisarmFault,
    EndTokens,
    ListFaults,
    ListJobs,
    ListScenarios,
    LookClock,
    LookHealth,
    LookJob,
    ResetLab,
    RunTape,
    SetClock,
)
from lab.core.clock import Millis
from lab.core.exchange import Json

LOOKS: Mapping[str, ControlCommand[Any]] = {
    "health": LookHealth(), "jobs": ListJobs(), "clock": LookClock(), "faults": ListFaults(),
    "scenarios": ListScenarios(),
}  # fmt: skip
Answer = ControlAnswer[Any]


class Steering(ControlClient):
    async def look(self, what: str) -> Mapping[str, Any]:
        return (await self.ask(LOOKS[what])).document

    async def job(self, job: str, *, until: str | None = None, timeout: Millis = 30_000) -> Answer:
        more: dict[str, Json] = {} if until is None else {"until": until, "timeout": f"{timeout}ms"}
        return await self.ask(LookJob(job, **cast(Any, more)))

    async def calls(self, route: str | None = None, job: str | None = None) -> Answer:
        return await self.ask(CountCalls(route or UNSET, job or UNSET))

    async def decide(
        self, job: str, gate: str, verdict: str, *, name: str | None = None, comment: str | None = None
    ) -> Answer:
        return await self.ask(DecideGate(job, gate, verdict, name, comment=comment))

    async def scale(self, factor: str) -> Answer:
        return await self.ask(SetClock(factor=factor))

    async def advance(self, millis: Millis) -> Answer:
        return await self.ask(SetClock(advance=f"{millis}ms"))

    async def advance_until(self, job: str, status: str, *, timeout: bool = False) -> Answer:
        return await self.ask(SetClock(job=job, until=cast(Any, status), timeout=timeout))

    async def end_tokens(self, client: str, do: str) -> Answer:
        return await self.ask(EndTokens(do, client))

    async def arm(self, fault: dict[str, Json]) -> Answer:
        return await self.ask(ArmFault(fault))

    async def disarm(self, name: str) -> Answer:
        return await self.ask(DisarmFault(name))

    async def answer_device(self, user_code: str, answer: str) -> Answer:
        return await self.ask(DecideDevice(user_code, answer))

    async def tape(self, *name: str) -> Answer:
        return await self.ask(RunTape(*name))

    async def reset(self, *to: Millis) -> Answer:
        return await self.ask(ResetLab(*to))
