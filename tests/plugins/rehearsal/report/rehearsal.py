"""A rehearsal: a day of the mock made for one rule, the client that breaks it there, and a good one that doesn't."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from lab.core.clock import Millis
from lab.identity.clients import DEMO, Client
from lab.recording.format.lines import Recording
from tests.plugins.rehearsal.report.good import Plain
from tests.plugins.rehearsal.report.together import Story, Together

Kind: TypeAlias = Callable[[Together], Plain]


@dataclass(frozen=True)
class Rehearsal:
    """What the mock plays and how it is set; who breaks the rule in it, and who keeps it."""

    scenario: str
    breaks: Kind
    good: Kind = Plain
    crowd: int = 1
    """How many such clients there are at once. They are one program: they share its token."""
    apart: int = 700
    """Milliseconds from the start of one of them to that of the next."""
    idle: Millis | None = None
    """How long the server keeps a connection without a request."""
    pace: int | None = None
    """How many times as fast as the client's the lab's clock runs, where it is another."""
    rest: Millis = 0
    """How long is watched what comes after the end."""
    seed: int = 1
    client: Client = DEMO
    switches: Mapping[str, object] = field(default_factory=dict)
    meanwhile: Callable[[Together], Story] | None = None
    """What goes on beside the clients."""

    def day(self, kind: Kind | None = None) -> Recording:
        """The day as the client that breaks the rule spends it, or another."""
        lab = Together(
            self.scenario, client=self.client, seed=self.seed, idle=self.idle, pace=self.pace, **self.switches
        )
        clients = [(kind or self.breaks)(lab) for _ in range(self.crowd)]
        for number, client in enumerate(clients):
            client.c, client.start, client.tokens = 1 + number, self.apart * number, clients[0].tokens
        beside = (self.meanwhile(lab),) if self.meanwhile is not None else ()
        return lab.play(*(client.story() for client in clients), *beside, rest=self.rest)
