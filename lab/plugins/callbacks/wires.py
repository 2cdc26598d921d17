"""The lab's own callbacks, which are nobody's wire, and where those of the others are found."""

from lab.core.clock import iso
from lab.core.exchange import Headers, Json, json_bytes
from lab.dialects import callbacks_of
from lab.dialects.base import WriteContext
from lab.dialects.callbacks import CallbackWire, JobChange
from lab.dialects.signed import signed_headers
from lab.jobs.callbacks import OWN_WIRE, CallbackSent, Receiver
from lab.program.callbacks import CallbackStrike


class OwnCallbacks:
    """Fusion defines none. The body says what has happened and no more, so a receiver looks at the job."""

    never: frozenset[CallbackStrike] = frozenset()
    timed = True

    def tells(self, receiver: Receiver, change: JobChange) -> bool:
        return True

    def body(self, receiver: Receiver, change: JobChange, context: WriteContext) -> bytes:
        plan, status = change.plan, change.fact.to
        data: dict[str, Json] = {"job": plan.shown, "status": status, "team": plan.invocation.team}
        if plan.invocation.conversation is not None:
            data["conversation"] = plan.invocation.conversation
        when = iso(context.epoch, change.fact.at)
        return json_bytes({"type": f"job.{status.lower()}", "timestamp": when, "data": data})

    def headers(self, receiver: Receiver, sent: CallbackSent) -> Headers:
        return signed_headers(receiver.secret, sent)


_OWN = OwnCallbacks()


def callback_wire(name: str) -> CallbackWire | None:
    """By the name that a receiver's registration has; None: such a wire isn't there, or tells nobody."""
    return _OWN if name == OWN_WIRE else callbacks_of(name)
