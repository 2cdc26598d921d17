"""Observations: what an observer (screen, tape, log, journal of the control plane) is notified of.

Every source speaks in the same shapes: the mock's service, the external app's driver, a recording that is read, a
journal that is followed. What only the external app can tell, its question and its outcome, is `lab.app.effects`.

They are values, of which no cycle is made, and many are kept: the collector needn't look at them (`gc=False`).
"""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Json, Request, Response
from lab.core.journal.fact import Fact

DECOY = "decoy"
"""What a recording calls the listener of another origin than the mocked API's."""


class Requested(Struct, frozen=True, gc=False):
    """A request is complete (server) or about to be sent (external app)."""

    at: Millis
    x: int
    """Ordinal of the exchange, from 1."""
    route: str
    """The name of its route, or `unknown`."""
    request: Request
    c: int = 1
    """Ordinal of the connection, from 1."""
    flags: tuple[str, ...] = ()
    """What contract.md calls noted (recordings.md §2.2)."""
    took: Millis = 0
    """Milliseconds from the first byte to the last (`in` on disk)."""
    listener: str | None = None
    """None: the mocked API's; DECOY: that of the other origin, to which it may redirect."""
    ordinal: int | None = None
    """That of its exchange where it was served, if `x` is of a journal which numbers them anew."""
    judged: tuple[Json, ...] = ()
    """What was decided by the bytes of secrets in it, in order (recordings.md §2.2)."""
    came: int = 0
    """When it was whole, in real microseconds from an arbitrary start; 0: when it was told."""


class Replied(Struct, frozen=True, gc=False):
    """The last byte of a reply left (server) or came (external app)."""

    at: Millis
    x: int
    response: Response
    latency: Millis | None = None
    """The planned latency; None from an external app, which can't know it."""
    first: Millis | None = None
    """When the first byte left, in milliseconds after the request; None: after `latency`."""
    by: str | None = None
    """`shell` where the server answered without asking the mock; None: the mock did."""
    cut: str | None = None
    """How the reply ended before it was whole; None: it didn't."""
    sent: int | None = None
    """Bytes of the body that left, where it was cut."""


class Lost(Struct, frozen=True, gc=False):
    """The external app got no reply: `why` names it by what was observed (reset, timeout, refused, unreadable, too-large)."""

    at: Millis
    x: int
    why: str


class Touched(Struct, frozen=True, gc=False):
    """A request or a decision is about to change, or has looked at, a job: its due facts may be written now."""

    at: Millis
    job: str
    whole: tuple[Fact, ...] | None = None
    """All that follows of the job, which is known no longer from now on; None: it still is."""


class Noted(Struct, frozen=True, gc=False):
    """A fact. From the service input facts, from the tape and the control plane's journal derived ones too."""

    at: Millis
    fact: Fact
    x: int | None = None
    """The exchange that brought it; None: no exchange did."""


class Waiting(Struct, frozen=True, gc=False):
    """The external app waits until `until`: `why` is poll, retry-after, or retry."""

    at: Millis
    until: Millis
    why: str


Observation: TypeAlias = Requested | Replied | Lost | Touched | Noted | Waiting
Observer: TypeAlias = Callable[[Observation], None]
