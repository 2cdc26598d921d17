"""Good clients beside the plain one: with a pause that grows, and with twenty jobs at once."""

from dataclasses import dataclass

from lab.core.clock import Millis
from lab.core.exchange import Request
from lab.dialects.client import Seen
from lab.identity.client import AccessToken
from lab.program.words import Status
from tests.plugins.rehearsal.report.good import MINUTE, Plain, Steps, Stopped
from tests.plugins.rehearsal.report.together import Came


@dataclass
class Backoff(Plain):
    """`good-backoff`: 1 s growing to 30 s, 10 s and more in WAITING, a read time-out and a deadline of its own."""

    running: Millis = 1_000
    waiting: Millis = 10_000
    longest: Millis = 30_000
    answer_within: Millis = 20_000
    deadline: Millis = 120 * MINUTE
    grown: Millis = 0
    since: Status | None = None
    """The status for which the pause has grown."""

    def pace(self) -> Millis:
        assert self.seen is not None
        first = self.waiting if self.seen.status is Status.WAITING else self.running
        self.grown = first if self.seen.status is not self.since else min(self.longest, self.grown * 3 // 2)
        self.since = self.seen.status
        return self.grown + self.lot(self.grown)


@dataclass
class Crowd(Plain):
    """`good-crowd`: many jobs, started one by one, over ten pooled connections."""

    connections: int = 10

    def turn(self, message: str, conversation: str | None) -> Steps[str | None]:
        # each asks something else: who says the same again can't be told from who repeats it
        return (yield from super().turn(f"{message} {self.c}", conversation))

    def invoke(self, message: str, conversation: str | None) -> Steps[Seen]:
        while self.tokens.invoking:
            yield from self.wait(50)
        self.tokens.invoking = True
        try:
            return (yield from super().invoke(message, conversation))
        finally:
            self.tokens.invoking = False

    def valid_token(self) -> Steps[AccessToken]:
        """A token, and a connection on which it can be sent at once."""
        while True:
            token = yield from super().valid_token()
            if len(self.tokens.busy) < self.connections:
                return token
            # those that wait for one don't come back together
            yield from self.wait(50 + self.lot(5_000))

    def send(self, request: Request) -> Steps[Came]:
        while len(self.tokens.busy) >= self.connections:
            yield from self.wait(50 + self.lot(5_000))
        self.c = min(set(range(1, self.connections + 1)) - self.tokens.busy)
        self.tokens.busy.add(self.c)
        came = yield from super().send(request)
        self.tokens.busy.discard(self.c)
        return came

    def new_token(self) -> Steps[AccessToken]:
        if self.tokens.none:
            raise Stopped
        try:
            return (yield from super().new_token())
        except Stopped:
            self.tokens.none = True
            raise
