"""A person who answers gates line by line; once nobody types any more, the scenario's reviewer."""

from asyncio import get_running_loop

from msgspec.structs import replace

from lab.app.effects import Answer
from lab.cli.console import Console
from lab.core.clock import Clock
from lab.dialects.client import Question
from lab.jobs.gates import Decision, votes
from lab.mock.service import Service
from lab.program.words import Verdict

KEYS = {"a": Verdict.APPROVED, "r": Verdict.REJECTED, "c": Verdict.CHANGES}
"""What a person types for each verdict."""
LINES = {"a": "a [COMMENT]", "r": "r [COMMENT]", "c": "c TEXT"}
"""What a line may be."""


class TerminalReviewer:
    """Asks once for each opening, and takes the next line that is an answer; time goes on meanwhile."""

    def __init__(self, console: Console, clock: Clock, service: Service | None = None) -> None:
        """`service` is the mock's, if it is ours: there gates are decided whose channel isn't CHAT."""
        self._console = console
        self._clock = clock
        self._service = service
        self._question: Question | None = None
        self._over = False
        """Whether the input has ended."""

    async def __call__(self, question: Question) -> Answer:
        """The answer over the wire; cancelled when the wait is over."""
        labels = dict(question.verdicts)
        keys = {key: verdict for key, verdict in KEYS.items() if verdict in labels}
        lines = ", ".join(f"{LINES[key]}: {labels[verdict]}" for key, verdict in keys.items())
        if self._question is None or question.key != self._question.key:
            self._question = question
            self._console.err(f"? {lines}")
        while not self._over:
            line = await self._console.line()
            key, _, text = line.strip().partition(" ")
            verdict, comment = keys.get(key), text.strip() or None
            if not line:
                self._over = True
            elif verdict is None or (verdict is Verdict.CHANGES and comment is None):
                self._console.err(f"? one of {lines}")
            elif self._service is None or question.channel in (None, "CHAT"):
                return Answer(self._clock.now(), verdict, comment)
            else:
                self._decide(self._service, question.job, verdict, comment)
        return await self._left(question)

    async def _left(self, question: Question) -> Answer:
        """Decide as the scenario's reviewer does, who never answers over the wire."""
        service, decided = self._service, True
        while service is not None and decided and (vote := self._due(service, question.job)) is not None:
            await self._clock.sleep_until(vote.at)
            decided = self._decide(service, question.job, vote.verdict, vote.comment, vote.name)
        nobody: Answer = await get_running_loop().create_future()
        return nobody

    def _due(self, service: Service, job: str) -> Decision | None:
        """The next vote of the scenario's reviewer at the gate that is open; None if there is none."""
        now = self._clock.now()
        view = service.look(job, now)
        if view is None or view.span.opening is None:
            return None
        cast = votes(replace(view.span.opening, scripted=True), view.decisions)
        number = len(view.span.votes_at(now))
        return cast[number] if number < len(cast) and cast[number].verdict is not Verdict.TIMED_OUT else None

    def _decide(
        self, service: Service, job: str, verdict: Verdict | None, comment: str | None, name: str | None = None
    ) -> bool:
        """Decide outside of the wire; whether it was admitted: if it is refused, say why."""
        now = self._clock.now()
        view = service.look(job, now)
        if view is None or verdict is None:
            return False
        done = service.decide(job, view.span.id, verdict, now, name=name, comment=comment)
        if done.status >= 400:
            self._console.err(f"? {done.why}")
        return done.status < 400
