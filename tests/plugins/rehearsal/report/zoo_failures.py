"""Clients that break one of the rules D each, or C1: what a client does when a call fails."""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Headers, Request
from lab.identity.client import AccessToken, read_token
from tests.plugins.rehearsal.report.good import Plain, Steps, Stopped
from tests.plugins.rehearsal.report.good_kinds import Backoff
from tests.plugins.rehearsal.report.rehearsal import Rehearsal
from tests.plugins.rehearsal.report.together import Came, Send
from tests.plugins.rehearsal.report.zoo import BUSY, HEAD, worked

REFUSED = worked("60s", "route: status, calls: 2-5, answer: 429")
FAILED = worked("60s", "route: status, calls: 2, answer: 500")
OUTAGE = worked("10m", "route: status, calls: 2-15, answer: 502, body: html")
RESET = worked("60s", "route: status, calls: 2, strike: reset")
PAGE = worked("60s", "route: status, calls: 2, answer: 200, body: html")
HUNG = worked("180s", "route: status, calls: 2, strike: hang")
STALLED = worked("180s", "route: status, calls: 2, strike: stall")
UNKNOWN = worked("60s", "route: status, calls: 1, answer: 404")
FORGOTTEN = worked("600s", "route: status, calls: 3-99, answer: 404")
MINUTE_OF_503 = (
    f"{HEAD}steps:\n  - {{work: begin, takes: 5s}}\n  - {{work: fail, takes: 60s}}\n  - {{work: end, takes: 20s}}\n"
    "  - {complete: done, output: Done.}\nfaults:\n  - {route: status, step: fail, calls: every 1, answer: 503}\n"
)


@dataclass
class FailsItsOwnWay(Plain):
    """After a failure it waits as `pauses` say, and then as long as the last of them."""

    pauses: tuple[Millis, ...] = ()
    most_failures: int = 99

    def pause(self, attempt: int, came: Came) -> Steps[None]:
        yield from self.wait(self.pauses[min(attempt, len(self.pauses)) - 1])

    def pace(self) -> Millis:
        return 0 if self.answers and self.answers[-1].response.status != 200 else super().pace()


@dataclass
class HotRetry(FailsItsOwnWay):
    """Two retries after 100 ms, then growing."""

    pauses: tuple[Millis, ...] = (100, 100, 2_000, 4_000)


@dataclass
class FlatRetry(FailsItsOwnWay):
    """A retry each 2 s."""

    pauses: tuple[Millis, ...] = (2_000,)


@dataclass
class AtOnce(FailsItsOwnWay):
    """A retry without a pause."""

    pauses: tuple[Millis, ...] = (0, 5_000)


@dataclass
class Stubborn(FailsItsOwnWay):
    """Retries for ever, after growing pauses."""

    pauses: tuple[Millis, ...] = (3_000, 6_000, 12_000, 24_000, 30_000)


@dataclass
class Storm(FailsItsOwnWay):
    """Pauses of 1.1 s, 1.2 s, 1.3 s."""

    pauses: tuple[Millis, ...] = tuple(range(1_100, 9_000, 100))


@dataclass
class Dies(Plain):
    """Stops at a poll that failed."""

    def final(self, came: Came) -> bool:
        return True


@dataclass
class GivesUpEarly(Plain):
    """Stops after three failures in a row."""

    most_failures: int = 2


@dataclass
class AsksForATokenOnce(Plain):
    """Stops at a token request that failed."""

    def fetched(self, request: Request) -> Steps[AccessToken]:
        came = yield from self.send(request)
        token = read_token(came.response, self.now) if came.whole else None
        if token is None:
            raise Stopped
        return token


@dataclass
class NoTimeOut(Plain):
    """Waits for an answer until the server cuts it."""

    answer_within: Millis = 10**9


@dataclass
class Hasty(Plain):
    """Waits 2 s for an answer."""

    answer_within: Millis = 2_000


@dataclass
class Following(Plain):
    """Goes where it is redirected: to another origin without its token."""

    def with_token(self, request: Request, token: AccessToken) -> Steps[Came]:
        came = yield from super().with_token(request, token)
        location = came.response.header("location") or ""
        if not location:
            return came
        if location.startswith("/"):
            return (yield from super().with_token(self.redirected(request), token))
        headers = (*self.shown(token), *self.headers(), *request.headers)
        return (yield Send(replace(request, headers=headers), c=99, elsewhere=True))

    def redirected(self, request: Request) -> Request:
        return request

    def shown(self, token: AccessToken) -> Headers:
        """What another origin is shown of its token."""
        return ()


@dataclass
class Leaky(Following):
    """Follows to another origin with the bearer."""

    def shown(self, token: AccessToken) -> Headers:
        return (("authorization", f"Bearer {token.token}"),)


@dataclass
class PostBecomesGet(Following):
    """Makes a GET of what was redirected, as browsers did at 302."""

    def redirected(self, request: Request) -> Request:
        return replace(request, method="GET", body=b"")


@dataclass
class UnknownForEver(Plain):
    """Polls five times more after a late 404."""

    def final(self, came: Came) -> bool:
        return [each.response.status for each in self.answers[-6:]] == [404] * 6


ZOO: Mapping[str, Rehearsal] = {
    "D1": Rehearsal(REFUSED, HotRetry),
    "D2": Rehearsal(FAILED, Dies),
    "D3": Rehearsal(RESET, Dies),
    "D4": Rehearsal(PAGE, Dies),
    "D5": Rehearsal(HUNG, NoTimeOut),
    "D6": Rehearsal(MINUTE_OF_503, Storm),
    "D7": Rehearsal(FORGOTTEN, UnknownForEver),
    "D8": Rehearsal(worked("60s", "route: status, calls: 2, redirect: other"), Leaky, Following),
    "D8 same": Rehearsal(worked("5s", "route: invoke, redirect: same"), PostBecomesGet, Following),
    "C1 stop": Rehearsal(BUSY, Dies),
    "D1 flat": Rehearsal(REFUSED, FlatRetry),
    "D1 stop": Rehearsal(REFUSED, Dies),
    "D1 garbage": Rehearsal(
        worked("60s", "route: status, calls: 2-5, answer: 503, retry_after: {text: '1.5'}"), HotRetry
    ),
    "D2 at once": Rehearsal(FAILED, AtOnce),
    "D2 for ever": Rehearsal(OUTAGE, Stubborn, good=Backoff),
    "D3 empty": Rehearsal(worked("60s", "route: status, calls: 2, strike: empty"), Dies),
    "D4 truncate": Rehearsal(worked("60s", "route: status, calls: 2, strike: truncate"), Dies),
    "D4 wrong-length": Rehearsal(worked("60s", "route: status, calls: 2, strike: wrong-length"), Dies),
    "D5 stall": Rehearsal(STALLED, NoTimeOut),
    "D5 hasty": Rehearsal(HUNG, Hasty),
    "D3 given up": Rehearsal(HUNG, Dies),
    "D3 stall": Rehearsal(STALLED, Dies),
    "D7 early": Rehearsal(UNKNOWN, Dies),
    "D2 early": Rehearsal(OUTAGE, GivesUpEarly, good=Backoff),
}
"""By the rule that is broken."""
