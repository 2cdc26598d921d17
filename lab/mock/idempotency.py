"""Idempotency keys: the same key and request gets the first answer again (contract.md §10, limits.md §4, row 72).

The journal holds the key with the job, and no hash of a body: short secrets can be guessed from one. What is
compared is what the job was accepted with.
"""

import json

from lab.core.refusal import Refusal, conflict
from lab.core.seeds import Seed
from lab.dialects.base import Accepted, Invoke
from lab.jobs.facts import JobRecord, JobView, RepeatRecord, repeat_key
from lab.jobs.program import NO_SCENARIO
from lab.jobs.timeline import at
from lab.mock.call import Call
from lab.mock.conversations import new_conversation
from lab.mock.latencies import planned_latency

_OTHER = Refusal(422, "This Idempotency-Key was used for another request.", "Take a new key for each new request.")
_UNDER_WAY = conflict("The first request with this Idempotency-Key is still under way.", "Wait for its answer.")


def repeated(call: Call, command: Invoke, key: str) -> Accepted | Refusal | None:
    """The answer that was given first, or why it isn't given; None: the key is new, or its job forgotten."""
    first = call.changes.get(repeat_key(call.bearer.owner, key))
    if not isinstance(first, RepeatRecord):
        return None
    view = call.index.view(call.changes, first.job, call.now)
    if view is None:
        return None
    record, plan = view.record, view.plan
    if not _same(call, command, record):
        return _OTHER
    due = record.at + planned_latency(plan.seed, plan.program, ("invoke",), plan.invocation.job, record.at)
    if call.now < due and first.job not in call.first_answers.left:
        return _UNDER_WAY
    return Accepted(JobView(record, plan, at(plan, (), record.at)))


def _same(call: Call, command: Invoke, record: JobRecord) -> bool:
    alike = record.team == call.match.code and _canonical(json.loads(record.input)) == _canonical(command.members)
    return alike and (not command.conversational or command.conversation == _sent(call.config.id_seed, record))


def _sent(seed: Seed, record: JobRecord) -> str | None:
    """The conversation's id as the first request said it: none, if the lab issued it for this job."""
    stream = f"{record.client}/{record.scenario or NO_SCENARIO}/{record.ordinal}"
    return None if record.conversation == new_conversation(seed, stream) else record.conversation


def _canonical(value: object) -> str:
    # as text, for to Python 1, 1.0 and True are equal
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
