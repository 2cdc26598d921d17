"""Clients that break one of the rules F each, and rehearsals in which they do."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.dialects.base import Decide
from lab.dialects.client import Question, Seen
from lab.program.words import Verdict
from tests.plugins.rehearsal.report.good import WIRE, Plain, Steps
from tests.plugins.rehearsal.report.rehearsal import Rehearsal
from tests.plugins.rehearsal.report.together import Came
from tests.plugins.rehearsal.report.zoo import approved

GATE = approved("5s", "10m")


@dataclass
class Approves(Plain):
    """Answers what its job asks, once, and polls on under the id that it is told; good."""

    answered: set[object] = field(default_factory=set)
    name: str = ""

    def poll(self, job: str) -> Steps[Came]:
        question = self.seen.question if self.seen is not None else None
        if question is not None and question.opening is not None and question.key not in self.answered:
            self.answered.add(question.key)
            yield from self.answer(question)
        return (yield from super().poll(self.name or job))

    def answer(self, question: Question) -> Steps[None]:
        assert self.seen is not None
        came = yield from self.call(
            WIRE.ask(
                Decide(
                    team=self.team,
                    job=question.job,
                    opening=question.opening or "",
                    verdict=Verdict.APPROVED,
                    conversation=self.seen.conversation,
                )
            )[1]
        )
        seen = self.job_in(came, "invoke")
        self.name = seen.job if seen is not None else self.name


@dataclass
class BeginsAnother(Approves):
    """Says yes in the conversation, and names no job; then it follows both."""

    other: Seen | None = None

    def follow(self, job: Seen) -> Steps[None]:
        yield from super().follow(job)
        if self.other is not None and self.other is not job:
            self.answers = []
            yield from self.follow(self.other)

    def answer(self, question: Question) -> Steps[None]:
        if self.other is None:
            assert self.seen is not None
            self.other = yield from self.invoke("yes", self.seen.conversation)


@dataclass
class AnswersTwice(Approves):
    """Sends each answer a second time."""

    def answer(self, question: Question) -> Steps[None]:
        yield from super().answer(question)
        yield from self.wait(2_000)
        yield from super().answer(question)


@dataclass
class PollsTheOldId(Approves):
    """Keeps the id with which its job began."""

    def answer(self, question: Question) -> Steps[None]:
        yield from super().answer(question)
        self.name = ""


ZOO: Mapping[str, Rehearsal] = {
    "F1": Rehearsal(GATE, BeginsAnother, Approves, switches={"answer_by_message": "off"}),
    "F2": Rehearsal(GATE, AnswersTwice, Approves),
    "F3": Rehearsal(GATE, PollsTheOldId, Approves, switches={"resume_job_id": "new"}),
}
