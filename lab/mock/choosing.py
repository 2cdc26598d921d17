"""Which scenario of a team answers a message (scenarios.md §3.2, §9)."""

from lab.core.journal.ledger import Ledger
from lab.dialects.fusion.requests import Asked
from lab.jobs.plan import CompiledScenario
from lab.jobs.records import ConversationRecord, JobRecord, conversation_key
from lab.mock.views import Views


def choose(
    views: Views, ledger: Ledger, team: tuple[CompiledScenario, ...], asked: Asked, conversation: str | None, turn: int
) -> CompiledScenario | None:
    """The first scenario that fits the message; None: no answer is defined for it.

    A conversation that began with a scenario of several turns stays with it; otherwise each message starts at the
    top, where such a scenario begins conversations only.
    """
    first = _began(views, ledger, conversation) if turn > 1 else None
    for each in (first,) if first is not None else team:
        if turn > 1 and each.turns and each is not first:
            continue
        entry = each.of_turn(turn)
        if entry is not None and entry.match(asked.message) is not None:
            return each
    return None


def views_for(views: Views, ledger: Ledger, team: tuple[CompiledScenario, ...], asked: Asked) -> Views:
    """The views by whose switches a message is read, before its turn and its scenario are settled."""
    began = _began(views, ledger, asked.conversation)
    if began is not None:
        return views.of(began)
    return next((views.of(each) for each in team if each.match(asked.message) is not None), views)


def _began(views: Views, ledger: Ledger, conversation: str | None) -> CompiledScenario | None:
    """The scenario of several turns with which the conversation began."""
    known = ledger.get(conversation_key(conversation)) if conversation is not None else None
    record = ledger.get(known.jobs[0]) if isinstance(known, ConversationRecord) else None
    began = views.chosen_for(record) if isinstance(record, JobRecord) else None
    return began if began is not None and began.turns else None
