"""The last answer to a poll of each job, remembered as long as it holds: a body is constant within a span. A memo, never state."""

from collections.abc import Iterable

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Response
from lab.core.routes import Route
from lab.jobs.facts import JobRecord
from lab.jobs.span import Span

MOST_REMEMBERED = 131_072
"""Jobs under way whose last answer is remembered."""
MOST_ENDED = 1_024
"""The same of jobs that have ended, for which hardly anybody asks again."""


class _Answer(Struct, frozen=True, gc=False):
    row: Route
    """On which it was asked for: each wire has words of its own."""
    record: JobRecord
    since: Millis
    until: Millis | None
    response: Response


class PollAnswers:
    """By the ids under which jobs were asked for."""

    def __init__(self) -> None:
        self._under_way: dict[str, _Answer] = {}
        self._ended: dict[str, _Answer] = {}

    def get(self, job: str, row: Route, record: JobRecord, now: Millis) -> Response | None:
        """The answer, if it is remembered and holds."""
        known = self._under_way.get(job) or self._ended.get(job)
        # the same record means the same decisions, for each makes a new one; `since`, for a clock may have been set back
        if known is not None and known.record is record and known.row is row and known.since <= now:
            if known.until is None or now < known.until:
                return known.response
        return None

    def keep(self, job: str, row: Route, record: JobRecord, span: Span, response: Response) -> None:
        """Remember the answer in a span, in the words of the row's wire."""
        answers, most = (self._ended, MOST_ENDED) if span.status.final else (self._under_way, MOST_REMEMBERED)
        self._under_way.pop(job, None)
        # the oldest goes: a job that is still polled is soon remembered again
        if len(answers) >= most:
            del answers[next(iter(answers))]
        answers[job] = _Answer(row, record, span.since, span.until, response)

    def drop(self, jobs: Iterable[str]) -> None:
        """Forget those of these jobs."""
        for job in jobs:
            self._under_way.pop(job, None)
            self._ended.pop(job, None)

    def clear(self) -> None:
        """Forget all."""
        self._under_way.clear()
        self._ended.clear()
