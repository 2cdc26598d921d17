"""How a job ended, for a transcript: the wire doesn't say in which step, the mock's plan does."""

from lab.core.observe import Noted, Observation, Observer, Touched
from lab.jobs.facts import JobStatus
from lab.language.document import Status
from lab.mock.service import Service


class EndingObserver:
    """An observer of the mock that tells another one in which step each job ended, once a poll shows it."""

    def __init__(self, service: Service, observer: Observer) -> None:
        self._service = service
        self._observer = observer
        self._known: set[str] = set()

    def __call__(self, observation: Observation) -> None:
        """Take one observation of the mock's."""
        if not isinstance(observation, Touched) or observation.job in self._known:
            return
        derived = self._service.derived(observation.job, observation.at)
        for fact in derived.facts if derived else ():
            if isinstance(fact, JobStatus) and Status(fact.to).final:
                self._known.add(observation.job)
                self._observer(Noted(observation.at, fact))
