"""What can be asked of a mock without changing anything."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from lab.core.clock import Millis
from lab.core.exchange import Json, Request, Response
from lab.core.journal.ledger import MemoryLedger
from lab.core.refusal import Refusal
from lab.identity.records import TokenRecord, token_key
from lab.jobs.facts import Derived, JobRecord, JobView, id_of, job_key
from lab.jobs.gates import Decision
from lab.jobs.plan import Plan
from lab.language.templates.bounds import Unwritten
from lab.mock.config import Config
from lab.mock.mock import Mock
from lab.mock.preparation import preparation, said_in
from lab.program.words import Status


class MockViews:
    """A mock and its ledger, to be looked at."""

    def __init__(self, config: Config, ledger: MemoryLedger) -> None:
        self.config = config
        self.ledger = ledger
        self.unwritten: list[Callable[[Unwritten], object]] = []
        """Told of texts that fail in an answer, each time."""
        self._mock = Mock(config, self._tell_unwritten)

    def _tell_unwritten(self, unwritten: Unwritten) -> None:
        for tell in self.unwritten:
            tell(unwritten)

    def preparation(self, request: Request, now: Millis) -> Callable[[], None] | None:
        """What is better done before `serve`, in any thread; None: nothing takes long."""
        return preparation(self._mock.catalog, self.ledger, request, now)

    def said(self, request: Request) -> tuple[Json, ...]:
        """What of a request facts may hold, in any thread."""
        return said_in(self._mock.catalog, request)

    def word(self, problem: Refusal, path: str) -> Response:
        """A refusal by the shell, worded as the mock words one for that path."""
        return self._mock.word(problem, path)

    def knows_token(self, token: str) -> bool:
        """Whether it granted this token, live or not."""
        return isinstance(self.ledger.get(token_key(token)), TokenRecord)

    def derived(self, job: str, now: Millis) -> Derived | None:
        """The derived facts of a job up to `now`, or None if it isn't known."""
        return self._mock.reader.derived(self.ledger, job, now)

    def look(self, job: str, now: Millis) -> JobView | None:
        """A job at `now`, or None if it isn't known."""
        return self._mock.reader.view(self.ledger, job, now)

    def planned(self, job: str) -> tuple[Plan, tuple[Decision, ...]] | None:
        """The plan of a job, and what was decided so far, forgotten or not; None if it isn't known."""
        return self._mock.reader.planned(self.ledger, job_key(job))

    def jobs(self) -> Iterator[str]:
        """The ids of all jobs, oldest first."""
        return (id_of(key) for key, _ in self.ledger.of(JobRecord))

    @property
    def job_counts(self) -> Mapping[Status, int]:
        """How many jobs have each status, none that are forgotten; as far as `job_steps` has come."""
        return self._mock.index.counts

    def job_steps(self, now: Callable[[], Millis]) -> Iterator[None]:
        """Count jobs, one or a change of one a step, up to what is `now` at the end; calls may come in between."""
        begun, ended = now(), -1
        while ended < begun:
            yield from self._mock.index.steps(self.ledger, begun)
            begun, ended = now(), begun

    def newest_jobs(self, most: int) -> list[str]:
        """The ids of the newest jobs, oldest first."""
        return [id_of(key) for key in islice(self.ledger.newest(JobRecord), most)][::-1]

    def status_of(self, job: str, now: Millis) -> bytes | None:
        """The status body of a job, or None if it isn't known."""
        return self._mock.status_of(self.ledger, job, now)
