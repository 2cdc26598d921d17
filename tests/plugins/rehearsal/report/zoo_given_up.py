"""Clients with a read time-out that is over before the answer comes: what they do then, and what is not held against them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from lab.core.clock import Millis
from tests.plugins.rehearsal.report.good import Keyed, Plain
from tests.plugins.rehearsal.report.rehearsal import Rehearsal
from tests.plugins.rehearsal.report.together import Came
from tests.plugins.rehearsal.report.zoo import worked
from tests.plugins.rehearsal.report.zoo_failures import AsksForATokenOnce


@dataclass
class Short(Plain):
    """Waits 5 s for an answer; what it gave up it sends again after a pause, but for a message."""

    running: Millis = 1_000
    answer_within: Millis = 5_000


@dataclass
class Blind(Short):
    """A message, too."""

    def repeatable(self, came: Came) -> bool:
        return not came.whole


@dataclass
class Stops(Short):
    """Sends no poll again."""

    def final(self, came: Came) -> bool:
        return True


@dataclass
class ShortKeyed(Keyed):
    """Sends all again, messages with their key."""

    running: Millis = 1_000
    answer_within: Millis = 5_000


@dataclass
class TokenOnce(AsksForATokenOnce):
    """Stops where a token didn't come in time."""

    answer_within: Millis = 5_000


LATE_TOKEN, LATE_INVOKE, LATE_POLL, HUNG_TOKEN, HUNG_INVOKE, HUNG_POLL, STALLED_POLL = (
    worked("2s", f"route: {route}, calls: 1, {what}")
    for what, route in (
        ("delay: 10s", "token"),
        ("delay: 10s", "invoke"),
        ("delay: 10s", "status"),
        ("strike: hang", "token"),
        ("strike: hang", "invoke"),
        ("strike: hang", "status"),
        ("strike: stall", "status"),
    )
)

ZOO: Mapping[str, Rehearsal] = {
    "B4 late": Rehearsal(LATE_INVOKE, Blind, good=Short),
    "B4 late reset": Rehearsal(LATE_INVOKE, partial(Blind, resets=True), good=Short),
    "B4 hung": Rehearsal(HUNG_INVOKE, Blind, good=Short),
    "D3 hung": Rehearsal(HUNG_POLL, Stops, good=Short),
    "D3 late": Rehearsal(LATE_POLL, Stops, good=Short),
}
"""By the rule that is broken."""

GIVEN_UP: Mapping[str, Rehearsal] = {
    **ZOO,
    "late token": Rehearsal(LATE_TOKEN, Short),
    "late token reset": Rehearsal(LATE_TOKEN, partial(Short, resets=True)),
    "late token once": Rehearsal(LATE_TOKEN, TokenOnce),
    "hung token": Rehearsal(HUNG_TOKEN, Short),
    "late invoke": Rehearsal(LATE_INVOKE, Short),
    "late invoke keyed": Rehearsal(LATE_INVOKE, ShortKeyed, switches={"idempotency_key": "on"}),
    "late invoke awaited": Rehearsal(LATE_INVOKE, partial(Short, answer_within=30_000)),
    "late poll": Rehearsal(LATE_POLL, Short),
    "late poll reset": Rehearsal(LATE_POLL, partial(Short, resets=True)),
    "hung poll": Rehearsal(HUNG_POLL, Short),
    "stalled poll": Rehearsal(STALLED_POLL, Short),
}
"""All that are tried over sockets, those that break nothing too."""
