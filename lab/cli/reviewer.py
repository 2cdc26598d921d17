"""A person who answers gates line by line, where there is a terminal but no screen."""

from lab.app.effects import Answer
from lab.cli.console import Console
from lab.core.clock import Clock
from lab.dialects.client import Question
from lab.language.document import Verdict

KEYS = {"a": Verdict.APPROVED, "r": Verdict.REJECTED, "c": Verdict.CHANGES}


class TerminalReviewer:
    """Asks once for each opening, and takes the next line that is an answer."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console = console
        self._clock = clock
        self._question: Question | None = None

    async def __call__(self, question: Question) -> Answer:
        """The answer; cancelled when the wait is over."""
        labels = dict(question.verdicts)
        keys = {key: verdict for key, verdict in KEYS.items() if verdict in labels}
        if self._question is None or question.key != self._question.key:
            self._question = question
            words = ", ".join(f"{key} {labels[verdict]}" for key, verdict in keys.items())
            self._console.err(f"? {words}; text after the letter goes along:")
        while True:
            key, _, text = (await self._console.line()).strip().partition(" ")
            if key in keys:
                return Answer(self._clock.now(), keys[key], text.strip() or None)
            self._console.err(f"? one of {', '.join(keys)}")
