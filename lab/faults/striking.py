"""Faults at work: which strikes a call, what is counted, and what becomes of the reply (contract.md §6.3)."""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Epoch, Millis
from lab.core.exchange import Response
from lab.core.journal.fact import Fact
from lab.core.journal.ledger import Changes, Ledger
from lab.core.journal.numbers import CallCount, CallCounted, count_key
from lab.core.reply import Parts, Reply, Struck
from lab.core.seeds import Seed
from lab.faults.facts import ARMED_KEY, ArmedRecord
from lab.faults.model import Place, Rule, judge, processed, rules_on, strike
from lab.faults.substitutes import Alter, Refuse, altered, altered_part, substitute
from lab.jobs.program import Program
from lab.program.faults import Fault


def rules_of(ledger: Ledger, routes: tuple[str, ...], program: Program | None) -> tuple[Rule, ...]:
    """The faults that may strike a call which goes by these names: those armed from outside, then the scenario's."""
    own = rules_on(program, routes) if program is not None else ()
    armed = ledger.get(ARMED_KEY)
    if not isinstance(armed, ArmedRecord):
        return own
    return (*(each.rule for each in armed.armed if each.rule.fault.route in routes), *own)


class FaultInjector(Struct, frozen=True, kw_only=True):
    """Counts a call that is in order, and strikes its reply if a fault says so."""

    changes: Changes
    """What the call brings; nothing, if it is struck before it was processed."""
    rules: tuple[Rule, ...]
    now: Millis
    scope: str
    """The one that opens the API, which a 403 asks for."""
    refuse: Refuse
    alter: Alter
    """Puts a fault's odd status word in place of a right answer's own, in the words of its wire."""
    target: str = ""
    """What was asked for: path and query."""
    elsewhere: str = ""
    """The origin to which a redirect leads that leaves this one."""
    revoke: Callable[[str], Fact] | None = None
    """Gives the fact that ends the caller's token, by the name of the fault that ends it; None: there is no token."""

    def strike(self, reply: Reply, place: Place, seed: Seed, epoch: Epoch) -> Reply:
        """The reply as it leaves, with what was counted; `reply` is what it would have been.

        Nothing comes of a request that was struck before it was processed, but that it was counted.
        """

        def counted(rule: Rule) -> int:
            record = self.changes.get(count_key(rule.counter, *place.counts_by(rule)))
            return record.value if isinstance(record, CallCount) else 0

        # a fault that ends the caller's token fits no call that bears none
        rules = (rule for rule in self.rules if self.revoke is not None or not rule.fault.expire_token)
        judged = judge(rules, counted, place, seed)
        counts: tuple[Fact, ...] = tuple(
            CallCounted(at=self.now, counter=rule.counter, job=job, client=client, value=value)
            for rule, value in judged.counted
            for job, client in (place.counts_by(rule),)
        )
        if judged.struck is None:
            return replace(reply, facts=(*counts, *reply.facts)) if counts else reply
        fault = judged.struck.fault
        if not processed(fault):
            self.changes.drop()
            reply = replace(reply, job=place.job)
        if fault.expire_token and self.revoke is not None:
            counts = (*counts, self.revoke(judged.struck.name))
        struck = Struck(judged.struck.name, judged.struck.scenario, judged.call)
        reply = replace(reply, latency=reply.latency + (fault.delay or 0), struck=struck)
        reply = self._changed(reply, fault, epoch)
        return replace(reply, facts=(*counts, *self.changes.facts))

    def _changed(self, reply: Reply, fault: Fault, epoch: Epoch) -> Reply:
        leaves = self.now + reply.latency
        if fault.answer is not None or fault.expire_token:
            answer = substitute(fault, self.refuse, scope=self.scope, epoch=epoch, leaves=leaves)
            return replace(reply, response=answer, parts=None, settles=None)
        if fault.redirect is not None:
            # without an origin the reference is of the same one, however the client called it
            # with // it would name another host, and so it might without a slash behind an origin
            location = (self.elsewhere if fault.redirect == "other" else "") + "/" + self.target.lstrip("/")
            return replace(reply, response=Response(307, (("location", location),)), parts=None, settles=None)
        # what is spoilt is what it would be if nobody acted meanwhile
        reply = reply.settled(self.now)
        leaves = self.now + reply.latency
        how = fault.strike or ("reset" if fault.lose_reply else None)
        if how is not None:
            return strike(how, reply, leaves)
        making = reply.parts
        if making is None:
            return replace(reply, response=altered(fault, reply.response, self.alter))

        def parts() -> Parts:
            return ((when, altered_part(fault, part, self.alter)) for when, part in making())

        return replace(reply, parts=parts)
