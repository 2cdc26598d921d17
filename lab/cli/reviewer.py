"""A person who answers gates line by line, where there is a terminal but no screen."""

from lab.app import Answer, Question
from lab.cli.console import Console
from lab.core.clock import Clock

KEYS = {"a": "APPROVE_ACTION", "r": "REJECT_ACTION", "c": "RFI_ACTION"}


class TerminalReviewer:
    """Asks once for each opening, and takes the next line that is an answer."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console = console
        self._clock = clock
        self._opening: tuple[str, str, int] | None = None

    async def __call__(self, question: Question) -> Answer:
        """The answer; cancelled when the wait is over."""
        node = question.node
        offered = dict(node.actions)
        keys = {key: action for key, action in KEYS.items() if action in offered}
        opening = (question.job, node.code, node.round)
        if opening != self._opening:
            self._opening = opening
            words = ", ".join(f"{key} {offered[action]}" for key, action in keys.items())
            self._console.err(f"? {words}; text after the letter goes along:")
        while True:
            key, _, text = (await self._console.line()).strip().partition(" ")
            if key in keys:
                return Answer(self._clock.now(), keys[key], text.strip() or None)
            self._console.err(f"? one of {', '.join(keys)}")
