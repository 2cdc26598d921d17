"""A job and its receivers without a socket: who answers a try is a function, and time passes from one to the next."""

from collections.abc import Callable, Mapping
from typing import Any

from lab.core.clock import Millis
from lab.core.journal.fact import Fact
from lab.core.journal.ledger import MemoryLedger
from lab.dialects.base import WriteContext
from lab.jobs.callbacks import CallbackAnswered, CallbackRegistered, CallbackSent
from lab.jobs.facts import Derived, along, derived
from lab.jobs.gates import Decision
from lab.jobs.plan import Plan
from lab.jobs.program import program_of
from lab.language.shape import parsed
from lab.plugins.callbacks.schedule import tries_of
from lab.program.scenario import Scenario
from lab.program.switches import Switches
from tests.lab_strategies import planned

EPOCH = 1_767_225_600
SECRET = "whsec_" + "bGFi" * 8
"""24 bytes."""
STEPS: list[dict[str, object]] = [
    {"work": "read", "takes": "2s"},
    {"gate": "boss", "asks": "Pay?", "patience": "1m", "reviewer": {"after": "3s", "verdict": "approved"}},
    {"work": "pay", "takes": "1s"},
    {"complete": "done", "output": "Paid."},
]  # fmt: skip
"""WAITING at 2 s, RUNNING at 5 s, COMPLETE at 6 s after the acceptance."""


def document(callbacks: Mapping[str, Any] | None = None, steps: list[dict[str, object]] = STEPS) -> dict[str, Any]:
    return {
        "lab": 1, "name": "told", "title": "Told", "agent": {"code": "TOLD"}, "ask": "go", "steps": steps,
        "callbacks": {"tries": ["0s", "5s", "1m"], **(callbacks or {})},
    }  # fmt: skip


def plan_of(callbacks: Mapping[str, Any] | None = None, steps: list[dict[str, object]] = STEPS) -> Plan:
    return planned(program_of(parsed(Scenario, document(callbacks, steps))), at=0)


Answer = int | str | tuple[int, Millis]
"""A status, why there is none, or a status and for how long to stay away."""


class World:
    """One job, looked at whenever something may happen."""

    def __init__(self, plan: Plan, decisions: tuple[Decision, ...] = (), receivers: tuple[str, ...] = ("one",)) -> None:
        self.plan, self.decisions = plan, decisions
        self.ledger = MemoryLedger()
        self.ledger.commit(CallbackRegistered(at=0, receiver=each, url="http://x", secret=SECRET) for each in receivers)
        self.looks: list[tuple[Fact, ...]] = []
        """What followed up to each instant at which somebody looked."""

    def look(self, now: Millis, *, early: bool = False) -> Derived:
        """`early`: before whoever decides at that very instant."""
        known = tuple(each for each in self.decisions if each.at < now + (not early))
        own = derived(self.plan, known, now)
        found = along(own, tries_of(self.ledger.get, self.plan, own.facts, WriteContext(EPOCH, Switches(), now, "")))
        self.looks.append(found.facts)
        return found

    def run(self, answer: Callable[[CallbackSent], Answer], until: Millis, takes: Millis = 7) -> list[CallbackSent]:
        """The tries up to an instant, each answered so long after it; a lost one never is."""
        done: set[tuple[str, int]] = set()
        owed: list[tuple[Millis, CallbackSent]] = []
        now: Millis = 0
        while now <= until:
            self.look(now, early=True)
            found = self.look(now)
            for each in found.facts:
                if isinstance(each, CallbackSent) and (each.callback, each.number) not in done:
                    done.add((each.callback, each.number))
                    if each.fault != "lost":
                        owed.append((each.at + takes, each))
            for at, each in [one for one in owed if one[0] <= now]:
                owed.remove((at, each))
                self.ledger.commit((_answered(each, now, answer(each)),))
            more = self.look(now).until
            acts = (decision.at for decision in self.decisions if decision.at > now)
            coming = [*(at for at, _ in owed), *(() if more is None else (more,)), *acts]
            if not coming:
                break
            now = max(min(coming), now + 1)
        return [each for each in self.look(until).facts if isinstance(each, CallbackSent)]


def _answered(sent: CallbackSent, now: Millis, answer: Answer) -> CallbackAnswered:
    status, away = answer if isinstance(answer, tuple) else (answer, None)
    return CallbackAnswered(
        at=now, job=sent.job, receiver=sent.receiver, callback=sent.callback, number=sent.number,
        status=status if isinstance(status, int) else None, why=status if isinstance(status, str) else None,
        retry_after=away,
    )  # fmt: skip
