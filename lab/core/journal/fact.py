"""The base of all facts and records, and the facts about the lab itself: its clock, and a ledger that was cleared.

A fact says what happened, at an instant of the lab's clock. There are three kinds. *Input* facts tell what was accepted
from outside; they are the journal, and folding them gives the state. *Derived* facts follow from plan, inputs and
instant: they are computed and shown, and change nothing. *Shell* facts tell of sockets, files and processes, and stand
in recordings alone.

A fold is told what there is (`get`) and names what there is afterwards: the keys that change, each with its new record,
or None where it goes.

    TokenGranted(client="demo", ...).fold(get)  ->  t<token>     the token's record
                                                    #token/demo  the counter of the client's tokens, one more

It must not ask for anything but the fact and what `get` gives, and it sees nothing of what it yields itself. So folding
the same facts in the same order gives the same state whenever, and by whomever, it is done. That is all there is to a
restart (`lab serve --journal`), to a way back in time (`Service.rewind`), to a tape that begins late (its opening folds
to what lives) and to a replay. Whatever is not in a fact is lost there: a number taken from anywhere but a counter, for
one, would be given twice.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, TypeAlias

import msgspec

from lab.core.clock import Epoch, Millis

Key: TypeAlias = bytes
"""Where a record lies: its first byte names its kind, so that no two kinds share a key."""


def key_of(kind: bytes, text: str) -> Key:
    """Where the record of that kind lies which an id, a token or a counter names."""
    return kind + text.encode("utf-8", "surrogatepass")


def named_by(key: Key) -> str:
    """What such a key was made of."""
    return key[1:].decode("utf-8", "surrogatepass")


class Record(msgspec.Struct, frozen=True, gc=False):
    """What folding facts gives. Without the collector's header, so that many small ones stay small: no cycles here."""

    @property
    def forgotten(self) -> Millis | None:
        """The instant from which every answer is as if it had never been, so that it may go; None: not by itself."""
        return None


Get: TypeAlias = Callable[[Key], Record | None]
"""Gives the record that lies under a key, or None."""
Changed: TypeAlias = Iterable[tuple[Key, Record | None]]
"""What a fold changes: keys, each with its new record; None: it is gone."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One entry: what happened at the instant `at`. A recording adds the exchange it belongs to."""

    type: ClassVar[str] = ""
    """Its name on disk."""
    kind: ClassVar[str] = "input"
    """`input`, `derived` or `shell`."""
    secrets: ClassVar[Mapping[str, str]] = {}
    """Members that are secrets, each with the kind of the alias that a recording has in its place."""
    at: Millis

    @property
    def untaped(self) -> frozenset[str]:
        """Members that no recording shows."""
        return frozenset()

    def fold(self, get: Get) -> Changed:
        """The records that this fact makes or changes; none, unless its class says otherwise."""
        return ()


class ClockAdvanced(Fact, frozen=True, kw_only=True):
    """A manual clock was set from `origin` to `at`."""

    type: ClassVar[str] = "clock.advanced"
    by: str
    origin: Millis = msgspec.field(name="from")


class ClockScaled(Fact, frozen=True, kw_only=True):
    """A scaled clock runs at another pace; factor is decimal text, `0` is paused."""

    type: ClassVar[str] = "clock.scaled"
    by: str
    factor: str


class RecordsDropped(Fact, frozen=True, kw_only=True):
    """These records are gone: nobody can ask for what they hold any more. For journals only, as `NumberUsed`."""

    type: ClassVar[str] = "records.dropped"
    keys: tuple[Key, ...]

    def fold(self, get: Get) -> Changed:
        """None in the place of each; of one that is gone already, too."""
        return ((key, None) for key in self.keys)


class LedgerCleared(Fact, frozen=True, kw_only=True):
    """Every record and number is gone: the ledger obeys this one itself."""

    type: ClassVar[str] = "ledger.cleared"
    by: str


class ClockRewound(Fact, frozen=True, kw_only=True):
    """The lab was set back to `at`: what happened later never did. For journals only; a tape ends there instead."""

    type: ClassVar[str] = "clock.rewound"


class ClockRestarted(Fact, frozen=True, kw_only=True):
    """Every record and number is gone, and a manual clock stands at 0: from now on that is another second of the wall.

    For journals only, as `ClockRewound`.
    """

    type: ClassVar[str] = "clock.restarted"
    epoch: Epoch


class LabMade(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """Beside the lab whose journal this is another one was made, which has a file of its own. For journals only.

    What was asked of it, and for a tenant what opens its part of the control plane.
    """

    type: ClassVar[str] = "lab.made"
    place: str
    """What the paths of its URLs begin with."""
    making: str = ""
    """Tells it from those that were there before it."""
    seed: int | None = None
    scenarios: tuple[str, ...] | None = None
    token: str = ""
    called: bool = False
    """Whether a call has made it, and no command."""


class LabEnded(Fact, frozen=True, kw_only=True):
    """It was given up, and all that was made below it. For journals only."""

    type: ClassVar[str] = "lab.ended"
    place: str
