"""Idempotency keys: the same key and request gets the first answer again (contract.md §10, limits.md §4, row 72).

The journal holds the key with the job, and no hash of a body: short secrets can be guessed from one. What is
compared is what the job was accepted with.
"""

import json
from dataclasses import dataclass

from lab.core.exchange import Json
from lab.core.refusal import Refusal, bad_request, conflict
from lab.core.seeds import Seed, uuid4
from lab.dialects.fusion.requests import Asked
from lab.jobs.records import JobRecord, RepeatRecord, repeat_key
from lab.jobs.timeline import at
from lab.mock.calls import Answered, Call
from lab.mock.views import UNMATCHED
from lab.mock.withheld import withheld

HEADER = "idempotency-key"
LONGEST_KEY = 255
_OTHER = Refusal(422, "This Idempotency-Key was used for another request.", "Take a new key for each new request.")
_UNDER_WAY = conflict("The first request with this Idempotency-Key is still under way.", "Wait for its answer.")


@dataclass(frozen=True, slots=True)
class Repeat:
    """A request that may have been made before."""

    call: Call
    asked: Asked
    key: str

    def answer(self) -> Answered | None:
        """The answer that was given first, or why it isn't given; None: the key is new, or its job forgotten."""
        ledger, views = self.call.ledger, self.call.views
        first = ledger.get(repeat_key(self.call.bearer.owner, self.key))
        look = views.look(ledger, first.job, self.call.now) if isinstance(first, RepeatRecord) else None
        if not isinstance(first, RepeatRecord) or look is None:
            return None
        record, planned = look.record, look.plan
        if not self._same(record):
            return Answered(_OTHER, first.job)
        if self.call.now < record.at + withheld(planned.seed, planned.compiled, "invoke", first.job, record.at):
            return Answered(_UNDER_WAY, first.job)
        span = at(planned, (), record.at)
        status, older = views.config.switches.invoke_status, "/v1/" in self.call.route.route.path
        response = views.answer(planned, span, (), invoked=True, status=status, older=older)
        return Answered(response, first.job, planned.compiled)

    def _same(self, record: JobRecord) -> bool:
        members: Json = json.loads(record.input)
        alike = record.team == self.call.route.code and _canonical(members) == _canonical(self.asked.members)
        honoured = self.asked.members.get("conversational") is True
        return alike and (not honoured or self.asked.conversation == self._sent(record))

    def _sent(self, record: JobRecord) -> str | None:
        """The conversation's id as the first request said it: none, if the lab issued it for this job."""
        stream = f"{record.client}/{record.scenario or UNMATCHED.name}/{record.ordinal}"
        issued = issued_conversation(self.call.views.config.seed, stream)
        return None if record.conversation == issued else record.conversation


def issued_conversation(seed: Seed, stream: str) -> str:
    """The id of a conversation that begins with the job of this stream."""
    return uuid4(seed, f"conversation/{stream}")


def key_of(call: Call) -> str | Refusal | None:
    """The key of the request; None if none came, or none is looked at."""
    if not call.views.config.switches.idempotency_key or call.route.name != "invoke":
        return None
    key = call.request.header(HEADER)
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
        return bad_request(f"Idempotency-Key must be 1 to {LONGEST_KEY} printable ASCII characters.")
    return key


def _canonical(value: Json) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
