"""Random sequences of right and wrong calls, over A2A too: each recording has to replay.

python -m tests.plugins.a2a.sequences [COUNT] [FIRST]
"""

import sys
from typing import ClassVar

from lab.core.exchange import Json
from lab.dialects.router import ROUTER
from tests.recording import sequences
from tests.recording.sequences import WORDS, main


class Sequence(sequences.Sequence):
    """A peer that errs in most of what it sends, and speaks both wires."""

    calls: ClassVar[tuple[str, ...]] = (*sequences.Sequence.calls[:-2], "a2a", "lost")

    def a2a(self) -> None:
        """The third API."""
        text: dict[str, Json] = {"kind": "text", "text": self.one("Taxi 42", *WORDS)}
        message: dict[str, Json] = {"messageId": "m", "parts": [text], "role": "user"}
        if self.chance.random() < 0.3:
            message["taskId"] = self.some("id")
        method = self.one("message/send", "message/stream", "tasks/get", "tasks/cancel", "x")
        params: dict[str, Json] = {"id": self.some("id"), "message": message}
        if self.chance.random() < 0.2:
            params["configuration"] = {"pushNotificationConfig": {"url": "https://a:b@c.example/", "token": "t" * 9}}
        path = ROUTER.path("a2a", code="EXPENSES")
        self.said(path, {"jsonrpc": "2.0", "id": self.one("1", *WORDS), "method": method, "params": params})


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:]), kind=Sequence))
