"""The answers that a person gives to the questions of a run: a key may come before its question, or between two."""

import asyncio
from typing import TYPE_CHECKING

from lab.app.effects import Answer
from lab.core.clock import Millis
from lab.core.journal.fact import Fact
from lab.dialects.client import Question
from lab.jobs.facts import GateDecided, GateOpened
from lab.program.words import Verdict
from lab.tui.state.gate import GateAnswer

if TYPE_CHECKING:
    from lab.client.control import ControlClient

PHONE = "phone"
TOO_LATE = "Somebody was faster."


class GateAnswers:
    """The question that is open, and the answer to it."""

    def __init__(self) -> None:
        self.question: Question | None = None
        self._awaited: asyncio.Future[Answer] | None = None
        self._early: Answer | None = None
        """Given while a poll was under way: the next question takes it."""
        self.decided: Question | None = None
        """The opening that has its decision, or is being decided: a second key changes nothing."""
        self._missing = 0
        self.own: dict[str, str] = {}
        """Who decided here, `you` or `phone`, by the opening as the screen names it; a chat's own answers are `you` anyway."""

    def clear(self, question: Question | None = None) -> None:
        """Forget all but this question."""
        self.question, self._early, self.decided = question, None, None

    def is_decided(self, question: Question) -> bool:
        """Whether the opening has its decision."""
        return self.decided is not None and self.decided.key == question.key

    def give(self, question: Question, answer: Answer) -> None:
        """Answer the question; a poll may be under way, then the answer waits for it to be asked again."""
        self.decided = question
        if self._awaited is None or self._awaited.done():
            self._early = answer
        else:
            self._awaited.set_result(answer)

    async def decide(self, given: GateAnswer, now: Millis, control: "ControlClient | None") -> str | None:
        """Decide what is asked; why not, if it was refused.

        In the chat our app answers; elsewhere, and where a name goes along, which no wire has, the control plane does.
        """
        question = self.question
        if question is None:
            return "No gate is open."
        if self.is_decided(question):
            return TOO_LATE if given.by_phone else None
        if question.channel == "CHAT" and given.name is None:
            self.own.pop(given.opening, None)
            if given.by_phone:
                self.own[given.opening] = PHONE
            self.give(question, Answer(now, Verdict(given.verdict), given.content))
            return None
        if control is None:
            return "This approval is given outside the API."
        self.decided, gate = question, question.gate or given.gate
        answer = await control.decide(question.job, gate, given.verdict, name=given.name, comment=given.content)
        if answer.refused is not None:
            self.decided = None
        else:
            self.own[given.opening] = PHONE if given.by_phone else "you"
        return answer.refused

    def count(self, fact: Fact) -> None:
        """A quorum takes more than one decision at an opening: after each vote the next may be given."""
        match fact:
            case GateOpened():
                self._missing = fact.approvals
            case GateDecided():
                self._missing -= 1
                if self._missing > 0:
                    self.decided = None

    async def answer(self, question: Question) -> Answer:
        """The next answer to this question; cancelled by the driver when the wait is over."""
        early, self._early = self._early, None
        same = self.question is not None and self.question.key == question.key
        self.question = question
        if early is not None and same:
            return early
        awaited: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._awaited = awaited
        try:
            return await awaited
        except asyncio.CancelledError:
            # the wait ended in the very turn of the loop in which the key came: the next question takes it
            if awaited.done() and not awaited.cancelled():
                self._early = awaited.result()
            raise
        finally:
            self._awaited = None
