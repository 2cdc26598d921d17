"""Faults at work: which strikes a call, what is counted, and what becomes of the reply (contract.md §6.3)."""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Response
from lab.core.journal.fact import Fact
from lab.core.journal.ledger import Changes, Ledger
from lab.core.journal.numbers import CallCount, CallCounted, count_key
from lab.core.refusal import Refusal
from lab.core.reply import Reply, Struck
from lab.faults.model import Judgement, Place, Rule, judge, processed, rules_of_scenario, strike
from lab.faults.records import ARMED_KEY, ArmedRecord
from lab.faults.substitutes import altered, altered_part, substitute
from lab.jobs.plan import CompiledScenario
from lab.language.document import Fault
from lab.mock.views import Config


def rules_of(ledger: Ledger, route: str, made: CompiledScenario | None) -> tuple[Rule, ...]:
    """The faults that may strike a call of the route: those armed from outside, then the scenario's."""
    own = rules_of_scenario(made).get(route, ()) if made is not None else ()
    armed = ledger.get(ARMED_KEY)
    if not isinstance(armed, ArmedRecord):
        return own
    return (*(each.rule for each in armed.armed if each.rule.fault.route == route), *own)


@dataclass(frozen=True, slots=True)
class Occasion:
    """A call that is in order and may be struck; `job` on status, where calls are counted by job."""

    config: Config
    changes: Changes
    rules: tuple[Rule, ...]
    now: Millis
    client: str
    refuse: Callable[[Refusal, str | None], Response]
    """Words a refusal as the team does, or in a style that is named."""
    scope: str
    """The one that opens the API, which a 403 asks for."""
    revoke: Callable[[str], Fact] | None = None
    """Gives the fact that ends the caller's token, by the name of the fault that ends it; None: there is no token."""
    job: str | None = None

    def judge(self, passed: Millis = 0, turn: int | None = None, step: str | None = None) -> Judgement:
        """Which fault strikes; job time, turn and step are of the job."""
        return judge(self.rules, self._counted, Place(self.job or self.client, passed, turn, step), self.config.seed)

    def _counted(self, rule: Rule) -> int:
        record = self.changes.get(self._key(rule))
        return record.value if isinstance(record, CallCount) else 0

    def _key(self, rule: Rule) -> bytes:
        return count_key(rule.counter, self.job, None if self.job else self.client)

    def struck(self, done: Reply, judged: Judgement) -> Reply:
        """The reply as it leaves, with what was counted; `done` is what it would have been.

        Nothing comes of a request that was struck before it was processed, but that it was counted.
        """
        counts: tuple[Fact, ...] = tuple(
            CallCounted(
                at=self.now, counter=rule.counter, job=self.job, client=None if self.job else self.client, value=value
            )
            for rule, value in judged.counted
        )  # fmt: skip
        if judged.struck is None:
            return replace(done, facts=(*counts, *done.facts)) if counts else done
        fault = judged.struck.fault
        if not processed(fault):
            self.changes.drop()
            done = replace(done, job=self.job)
        if fault.expire_token and self.revoke is not None:
            counts = (*counts, self.revoke(judged.struck.name))
        struck = Struck(judged.struck.name, judged.struck.scenario, judged.call)
        done = self._reply(replace(done, held=done.held + (fault.delay or 0), struck=struck), fault)
        return replace(done, facts=(*counts, *self.changes.facts))

    def _reply(self, done: Reply, fault: Fault) -> Reply:
        if fault.answer is not None or fault.expire_token:
            leaves = self.now + done.held
            answer = substitute(fault, self.refuse, scope=self.scope, epoch=self.config.epoch, leaves=leaves)
            return replace(done, response=answer, parts=None)
        how = fault.strike or ("reset" if fault.lose_reply else None)
        if how is not None:
            return strike(how, done, self.now + done.held)
        parts = done.parts
        if parts is not None:
            parts = ((when, altered_part(fault, part)) for when, part in parts)
        return replace(done, response=altered(fault, done.response), parts=parts)
