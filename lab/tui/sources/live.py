"""LIVE: our own external app, played over a transport: what the person at the keys asks of it."""

import asyncio
from typing import TYPE_CHECKING

from lab.app import Answer, Question
from lab.app.observe import Asked, Noted, Requested
from lab.core.journal.fact import LedgerCleared
from lab.jobs.gates import Origin
from lab.tui.sources.intents import (
    AnswerGate,
    ArmFault,
    ChooseScenario,
    DisarmFault,
    Intent,
    ResetRun,
    SeekStage,
    SendTurn,
    SetSpeed,
    StartRun,
    StepForward,
    TogglePause,
    ToggleTape,
)
from lab.tui.sources.live_run import OpeningKey, Playing, opening_of
from lab.tui.sources.protocol import Playable
from lab.tui.sources.rewind import given, place_of

if TYPE_CHECKING:
    from lab.client.control import ControlClient

VERDICTS = {"APPROVE_ACTION": "approved", "REJECT_ACTION": "rejected", "RFI_ACTION": "changes-requested"}
"""The verdict that the control plane is told for an action of the wire."""

FASTEST = "20"
"""How fast a run goes forward to a stage: faster, and calls that take real time would run into time-outs of the lab's."""
NO_FAULTS = "The wire of this server is its own."


class Live(Playing):
    """Our run against a server, the mock or a pod. Starts idle."""

    async def perform(self, intent: Intent) -> str | None:
        """Do what was asked; the reason if it was refused."""
        match intent:
            case StartRun():
                return await self._start()
            case TogglePause():
                return await self._scale(self.factor if self.paused else "0")
            case StepForward():
                return await self._step()
            case SetSpeed(factor):
                self.factor = factor
                return None if self.paused else await self._scale(factor)
            case ResetRun():
                return await self._reset(self._act)
            case ChooseScenario(name):
                act = self._acts.get(name)
                return f"Scenario {name} can't be played." if act is None else await self._reset(act)
            case AnswerGate(action, content):
                return await self._decide(action, content)
            case SendTurn(message):
                return await self._say(message)
            case ArmFault(fault):
                control = (await self._linked()).control
                return NO_FAULTS if control is None else (await control.arm(fault)).refused
            case DisarmFault(name):
                control = (await self._linked()).control
                return NO_FAULTS if control is None else (await control.disarm(name)).refused
            case SeekStage(stage):
                return await self._go_to(stage)
            case ToggleTape():
                return await self._tape()
            case _:
                return "A run of our own has no recording to go through."

    async def _go_to(self, stage: str) -> str | None:
        """Back to where a stage showed, and stand there: another choice then leads elsewhere. Forward: run on to it."""
        link = await self._linked()
        if link.control is None:
            return "The clock of this server can't be set back."
        place = place_of(self._told[self._turn :], stage)
        if place is None:
            if self._run is not None and self._run.done():
                return f"This run has no {stage}."
            self._until = stage
            await self._start()
            return await self._scale(FASTEST)
        return await self._go_back(link.control, self._turn + place + 1)

    async def _go_back(self, control: "ControlClient", place: int) -> str | None:
        kept = self._told[:place]
        instant = kept[-1].at
        await self._scale("0")
        await self._stop(self._run, self._following)
        refused = (await control.reset(instant)).refused
        self._following = asyncio.create_task(self._follow(control, instant))
        if refused is not None:
            return refused
        self._told, self._decided, self._early, self._until = kept, None, None, ""
        self._question = kept[-1].question if isinstance(kept[-1], Asked) else None
        self._x = max((each.x for each in kept if isinstance(each, Requested)), default=0)
        self.outcome = self._before
        while not self._queue.empty():
            self._queue.get_nowait()
        for observation in (Noted(instant, LedgerCleared(at=instant, by=Origin.PERSON)), *kept):
            self._queue.put_nowait(observation)
        self._taken = given(self._taken, place)
        self._begin(self._message, self._before, tuple(answer for _, answer in self._taken))
        return None

    async def _tape(self) -> str:
        """What came of it, in one sentence: the screen says it."""
        control = (await self._linked()).control
        if control is None:
            return "Only the lab's own mock can be recorded."
        ending = self.recording
        name = self._act.choice.name or "demo"
        answer = await (control.end_tape() if ending else control.begin_tape(name, numbered=True))
        if answer.refused is not None:
            return answer.refused
        self.recording = not ending
        if ending and self.dead:
            self._buried, self.dead = self.dead, ""
            return f"The recording in {answer.file} ends early."
        return f"The recording is in {answer.file}." if ending else f"Recording to {answer.file}."

    async def _start(self) -> str | None:
        if self._run is None:
            self._begin(self.message)
        return None

    async def _say(self, message: str) -> str | None:
        """The next turn; before the run, its first message."""
        if self._run is None:
            self._said = message
        elif not self._run.done():
            return "A job is running; the next message can be sent once it has ended."
        else:
            self._question, self._decided, self._early = None, None, None
            self._turn = len(self._told)
            self._begin(message, self.outcome)
        return None

    async def _step(self) -> str | None:
        self._stepping = True
        if self._run is None:
            await self._start()
        return await self._scale(self.factor) if self.paused else None

    async def _reset(self, act: Playable) -> str | None:
        await self._stop(self._run)
        self._run, self._decided, self._question, self._stepping = None, None, None, False
        self._early = None
        self.outcome = None
        link = await self._linked()
        if link.control is not None:
            refused = (await link.control.reset()).refused
            if refused is not None:
                return refused
        if act.choice.name != self._act.choice.name:
            self._act, self._said = act if link.follow is None else link.follow(act.choice.name), None
        self._x, self._turn, self._until = 0, 0, ""
        self._told.clear()
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(Noted(self.clock.now(), LedgerCleared(at=self.clock.now(), by=Origin.PERSON)))
        return await self._scale(self.factor) if self.paused else None

    async def _decide(self, action: str, content: str | None) -> str | None:
        question = self._question
        if question is None:
            return "No gate is open."
        opening = opening_of(question)
        if self._decided == opening:
            return None
        if question.node.channel == "CHAT":
            self._decided = opening
            answer = Answer(self.clock.now(), action, content)
            if self._asked is None or self._asked.done():
                # a poll is under way: the answer waits for the next question
                self._early = answer
            else:
                self._asked.set_result(answer)
            return None
        return await self._decide_outside(question, opening, action, content)

    async def _decide_outside(
        self, question: Question, opening: OpeningKey, action: str, content: str | None
    ) -> str | None:
        link = await self._linked()
        if link.control is None:
            return "This approval is given outside the API."
        self._decided = opening
        gate = question.node.code.lower().replace("_", "-")
        verdict = VERDICTS.get(action, "approved")
        refused = (await link.control.decide(question.job, gate, verdict, comment=content)).refused
        if refused is not None:
            self._decided = None
        return refused
