"""Random days of a lab whose answers a model foretells; and that each of these mistakes is found, planted by hand."""

from collections.abc import Callable, Iterable
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.journal.ledger import Ledger
from lab.core.refusal import Refusal
from lab.identity import records
from lab.identity.facts import TokenRevoked
from lab.identity.records import TokenRecord
from lab.jobs import timeline
from lab.jobs.facts import GateDecided
from lab.jobs.gates import Decision, Opening
from lab.jobs.plan import Plan
from lab.jobs.span import Span
from lab.mock import latencies
from lab.mock.batches import Batch, BatchCall, BatchedService
from lab.mock.decisions import decide
from lab.mock.service import Service
from lab.server.delivery import ReplySender
from tests.conftest import THOROUGH, each_row
from tests.machine.days import LabDays, SharedLabDays, play

MOST = 150
"""Days until a mistake has to be found."""


def later_deadline(self: Opening) -> Millis:
    return self.opened + self.gate.patience + 1


def closed_interval(plan: Plan, decisions: tuple[Decision, ...], now: Millis) -> Span:
    before = timeline.at(plan, decisions, now - 1)
    late = before.until == now and before.opening is not None and before.opening.deadline == now
    return before if late else timeline.at(plan, decisions, now)


def longer_token(ledger: Ledger, record: TokenRecord, now: Millis) -> bool:
    return records.live(ledger, record, now - 1)


def lasting_token(ledger: Ledger, record: TokenRecord, now: Millis) -> bool:
    return now < record.until


def lost_decision(self: GateDecided, get: Any) -> tuple[()]:
    return ()


def lost_fact(self: Service, facts: Any, journal: Callable[[Service, Any], None] = Service._journal) -> None:
    journal(self, [fact for fact in facts if not isinstance(fact, TokenRevoked)])


def earlier_decision(*arguments: Any, **named: Any) -> GateDecided | Refusal:
    done = decide(*arguments, **named)
    return replace(done, at=done.at - 1) if isinstance(done, GateDecided) else done


def shorter_latency(*arguments: Any) -> Millis:
    return max(0, latencies.planned_latency(*arguments) - 1)


def stale_attempt(
    self: Any, calls: Iterable[BatchCall], now: Millis, *, attempt: Callable[..., Batch] = BatchedService.attempt
) -> Batch:
    tried = list(calls)
    if getattr(self, "tried", ([], None))[0] != tried:
        self.tried = tried, attempt(self, tried, now)
    batch: Batch = self.tried[1]
    return batch


LOST_UPDATE = "calls that were beaten are not tried again"
MISTAKES: dict[str, Any] = {
    "the gate's deadline is a millisecond late": patch.object(Opening, "deadline", property(later_deadline)),
    "a gate takes a decision at its deadline": patch("lab.mock.job_index.at", closed_interval),
    "a token is good at the instant at which it ends": patch("lab.identity.bearer.live", longer_token),
    "a token that was revoked is good": patch("lab.identity.bearer.live", lasting_token),
    "a decision isn't folded": patch.object(GateDecided, "fold", lost_decision),
    "a fact isn't journaled": patch.object(Service, "_journal", lost_fact),
    "a decision is older than it is": patch("lab.mock.service.decide", earlier_decision),
    "an answer leaves too soon": patch("lab.mock.mock.planned_latency", shorter_latency),
    "an answer that was cut isn't told": patch.object(ReplySender, "_tell_cut", lambda *_: None),
    LOST_UPDATE: patch.object(BatchedService, "attempt", stale_attempt),
}
QUICK = ("a gate takes a decision at its deadline", "a fact isn't journaled", LOST_UPDATE)


@each_row("machine", [LabDays, SharedLabDays])
def test_the_server_answers_as_the_model_says(machine: type[LabDays]) -> None:
    play(0, machine, days=200 if THOROUGH else 4)


@pytest.mark.parametrize(
    "mistake", [*QUICK, *(pytest.param(each, marks=pytest.mark.long) for each in MISTAKES if each not in QUICK)]
)
def test_a_planted_mistake_is_found(mistake: str) -> None:
    machine = SharedLabDays if mistake == LOST_UPDATE else LabDays
    # in a group, where the same day told something else when it was played again
    with MISTAKES[mistake], pytest.raises((AssertionError, ExceptionGroup)):
        play(12, machine, days=MOST, shrink=False)
