"""Clients that break one of the rules E each: what a client does with its connections."""

from collections.abc import Mapping
from dataclasses import dataclass

from lab.core.exchange import Request
from tests.plugins.rehearsal.report.good import MINUTE, Plain, Steps, Stopped
from tests.plugins.rehearsal.report.good_kinds import Crowd
from tests.plugins.rehearsal.report.rehearsal import Rehearsal
from tests.plugins.rehearsal.report.together import Came, Hangup, SendBroken, Story
from tests.plugins.rehearsal.report.zoo import QUICK, SLOW, worked

CLOSED = worked("60s", "route: status, calls: 2, strike: close")
LIMITED = f"{SLOW}limits: {{concurrent: 10}}\n"


@dataclass
class NoKeepAlive(Plain):
    """A new connection for each call."""

    def send(self, request: Request) -> Steps[Came]:
        came = yield from super().send(request)
        yield Hangup(self.c)
        return came


@dataclass
class WantsClose(Plain):
    """The same by a header."""

    def headers(self) -> tuple[tuple[str, str], ...]:
        return (*super().headers(), ("connection", "close"))


@dataclass
class DiesOnClose(Plain):
    """Stops when the connection has been closed."""

    def poll(self, job: str) -> Steps[Came]:
        if not self.lab.is_open(self.c):
            raise Stopped
        return (yield from super().poll(job))


@dataclass
class Lingerer(Plain):
    """Leaves its connection open."""

    def story(self) -> Story:
        yield from super().story()
        yield from self.wait(6 * MINUTE)


@dataclass
class NoHost(Plain):
    """One request without Host, then as it should be."""

    def story(self) -> Story:
        yield SendBroken(self.c)
        yield from super().story()


@dataclass
class Broken(Plain):
    """The same on a connection of its own, in the midst of a run."""

    def poll(self, job: str) -> Steps[Came]:
        yield SendBroken(self.c + 1)
        return (yield from super().poll(job))


ZOO: Mapping[str, Rehearsal] = {
    "E1": Rehearsal(SLOW, NoKeepAlive),
    "E2": Rehearsal(SLOW, DiesOnClose, idle=3_000),
    "E3": Rehearsal(QUICK, Lingerer, rest=6 * MINUTE),
    "E4": Rehearsal(QUICK, NoHost),
    "E5": Rehearsal(LIMITED, Plain, good=Crowd, crowd=20, apart=0),
    "E2 with an answer": Rehearsal(CLOSED, DiesOnClose),
    "E4 in a run": Rehearsal(QUICK, Broken),
    "E1 by a header": Rehearsal(SLOW, WantsClose),
    "E2 late": Rehearsal(worked("180s", "route: status, calls: 15, strike: close"), DiesOnClose),
}
"""By the rule that is broken."""
