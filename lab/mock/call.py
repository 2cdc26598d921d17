"""One call of the API: what its rules are given, and what comes of it."""

from collections.abc import Iterable

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.exchange import Request
from lab.core.journal.ledger import Changes
from lab.core.routes import RouteMatch
from lab.dialects.base import Dialect
from lab.identity.records import TokenRecord
from lab.jobs.facts import JobView
from lab.jobs.program import Program
from lab.mock.catalog import Catalog
from lab.mock.config import Config
from lab.mock.job_index import JobIndex
from lab.mock.latencies import FirstAnswers
from lab.mock.reader import JobReader
from lab.mock.retention import Retention
from lab.program.switches import Switches


class Call(Struct):
    """A request whose path, method and bearer are in order. Made for it alone."""

    config: Config
    catalog: Catalog
    reader: JobReader
    index: JobIndex
    retention: Retention
    first_answers: FirstAnswers
    changes: Changes
    """The state, and the facts that the call brings."""
    match: RouteMatch
    dialect: Dialect
    bearer: TokenRecord
    now: Millis
    request: Request
    switches: Switches
    """Those of the team; once its scenario is chosen, those of the scenario."""
    flags: tuple[str, ...]
    """What is noted of the request, sorted once it is read."""
    touched: str | None = None
    """The job that was looked at or changed, also where the request is refused."""
    _views: dict[str, JobView | None] = field(default_factory=dict)

    def note(self, flags: Iterable[str]) -> None:
        """Let these be noted of the request, too."""
        self.flags = tuple(sorted({*self.flags, *flags}))

    @property
    def team(self) -> tuple[Program, ...]:
        """The team's scenarios, published or not."""
        return self.catalog.team(self.match.code)

    def job(self, job: str) -> JobView | None:
        """The job as it is now, if it is the caller's and of this team. Planned once a call."""
        if job not in self._views:
            view = self.reader.view(self.changes, job, self.now)
            own = view is not None and view.record.owner == self.bearer.owner and view.record.team == self.match.code
            self._views[job] = view if own else None
        return self._views[job]
