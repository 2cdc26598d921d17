"""Which later message is another try of one that failed, as far as that can be told from outside."""

from lab.core.clock import Millis
from lab.plugins.rehearsal.report.history import ClientHistory
from lab.plugins.rehearsal.report.rule import most
from lab.recording.exchange import CallKind, RecordedExchange

MESSAGE_KEY = "idempotency-key"
"""The header with which a client names a message."""
_FORGOTTEN: Millis = 600_000
"""A message that comes again so long after a failure is a new one."""


class Retries:
    """Looks among the messages of one client."""

    def __init__(self, history: ClientHistory) -> None:
        self._history = history
        self._messages = history.of(CallKind.INVOKE)
        self._ends = {job.accepted.x: job.end for job in history.jobs if job.accepted.good}

    def repeats(self, call: RecordedExchange) -> tuple[RecordedExchange, ...]:
        """The calls that repeat this one, to the byte; none where its message was under way elsewhere, too."""
        if self.elsewhere(call, call):
            return ()
        return tuple(each for each in self._history.after(call) if each.repeats(call))

    def elsewhere(self, message: RecordedExchange, failure: RecordedExchange) -> bool:
        """Whether the same was under way elsewhere at the failure of a message: what comes later may be of that one."""
        for each in self._messages:
            if each.x != message.x and each.sent < failure.left and each.asks_same(message):
                end = self._ends.get(each.x, each)
                if end is None or end.left > message.sent:
                    return True
        return False

    def again(self, failure: RecordedExchange, message: RecordedExchange) -> RecordedExchange | None:
        """The same message within ten minutes of its failure, and before its job's end was seen; rather that of its key."""
        key, end = message.request.header(MESSAGE_KEY), self._ends.get(message.x)
        others = [
            each
            for each in self._messages
            if each.x > failure.x
            and 0 <= each.sent - failure.left <= most(_FORGOTTEN)
            and (end is None or each.x < end.x)
            and each.asks_same(message)
        ]
        same = (each for each in others if each.request.header(MESSAGE_KEY) == key)
        return next(same, others[0] if others else None)
