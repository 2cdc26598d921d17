"""One line for each step of which a text or a condition fails while a job runs: what is answered doesn't say why."""

from collections.abc import Callable

from lab.core.clock import Millis
from lab.core.logtext import harmless_text
from lab.core.observe import Observation, Replied, Requested, Touched
from lab.dialects import client_of
from lab.jobs.records import JobRecord, job_key
from lab.jobs.unwritten import unwritten
from lab.language.templates.bounds import Budget, pooled
from lab.mock.polls import MOST_REMEMBERED
from lab.mock.service import Service

_LONGEST = 400
"""Characters of a reason that are shown."""


class FailedTexts:
    """An observer of a mock that looks at each job when somebody else does; `tell` is given a line, once a step."""

    def __init__(self, service: Service, tell: Callable[[str], object]) -> None:
        self._service = service
        self._tell = tell
        self._known: set[tuple[str, str, str]] = set()
        """What was told of: the scenario's digest, the step, what came of it."""
        self._until: dict[str, tuple[JobRecord, Millis | None]] = {}
        """Of as many jobs as have their answers to polls remembered: until when nothing else can fail."""
        self._stream: int | None = None
        """The exchange that is told of, if it is a stream."""
        self._streams: dict[int, str] = {}
        """By exchange the jobs of streams under way."""

    def __call__(self, observation: Observation) -> None:
        """Look where it says that somebody looked."""
        if isinstance(observation, Touched):
            if observation.whole is not None:  # it leaves the ledger
                self._until.pop(observation.job, None)
                return
            self._look(observation.job, observation.at)
            if self._stream is not None:
                self._streams[self._stream] = observation.job
        elif isinstance(observation, Requested):
            client = client_of(observation.route)
            self._stream = observation.x if client is not None and observation.route in client.streams else None
        elif isinstance(observation, Replied) and (job := self._streams.pop(observation.x, None)) is not None:
            self._look(job, observation.at)  # it has shown all that came until then

    def _look(self, job: str, now: Millis) -> None:
        record, before = self._service.ledger.get(job_key(job)), self._until.get(job)
        # as with answers to polls: within a span, and without another decision, a job says the same
        if before is not None and before[0] is record and (before[1] is None or now < before[1]):
            return
        view = self._service.look(job, now)
        if view is None or not isinstance(record, JobRecord):
            return
        if before is None and len(self._until) >= MOST_REMEMBERED:
            del self._until[next(iter(self._until))]
        self._until[job] = record, view.span.until
        program, config = view.plan.program, self._service.config
        switches = config.switches_of(program.scenario)
        # in a pool, as the answer was: what it could write is written here too
        looked = unwritten(view.plan, view.span, view.decisions, config.epoch, switches)
        for failed in pooled(Budget(pool=True), lambda: [*looked]):
            key = program.digest, failed.step, failed.instead
            if key not in self._known:
                self._known.add(key)
                why = harmless_text(failed.why[:_LONGEST])
                self._tell(f"note: scenario {program.name}, step {failed.step}: {why}; {failed.instead}.")
