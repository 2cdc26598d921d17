"""Which conversation a new job belongs to, and as which turn (contract.md §3.1)."""

from dataclasses import dataclass

from lab.core.refusal import Refusal, bad_request, conflict, not_found
from lab.dialects.fusion.requests import Asked
from lab.jobs.records import ConversationRecord, conversation_key, id_of
from lab.language.document import Status
from lab.mock.calls import Call


@dataclass(frozen=True, slots=True)
class Thread:
    """The conversation's id (None: a new one is due, or none at all), the turn, and what is noted."""

    id: str | None = None
    turn: int = 1
    flags: tuple[str, ...] = ()


def thread_of(call: Call, asked: Asked) -> Thread | Refusal:
    """The thread of a request that starts a job, or why it can't have the one it asks for."""
    sent, switches = asked.conversation, call.views.config.switches
    if asked.members.get("conversational") is not True:
        return Thread(flags=("ignored_conversation_id",) if sent else ())
    if sent is None:
        return Thread()
    known = call.ledger.get(conversation_key(sent))
    if not isinstance(known, ConversationRecord):
        if switches.unknown_conversation == "refuse":
            return bad_request("conversationId is not known.", "Leave it out in the first turn.")
        return Thread(sent)
    if known.owner != call.bearer.owner:
        return not_found("Conversation not found.")
    if known.team != call.route.code:
        return bad_request("conversationId belongs to another agent team.")
    if switches.busy_conversation == "refuse":
        look = call.views.look(call.ledger, id_of(known.jobs[-1]), call.now)
        if look is not None and look.span.status is Status.RUNNING:
            return conflict("The conversation's last job is still RUNNING.", "Send the next turn after its end.")
    return Thread(sent, len(known.jobs) + 1)
