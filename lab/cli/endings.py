"""How a job ended, for a transcript: the wire doesn't say in which step, the mock's plan does."""

from lab.core.observe import Noted, Observation, Observer, Touched
from lab.jobs.facts import JobStatus
from lab.language.document import Status
from lab.mock.service import Service


def ending_observer(service: Service, notify: Observer) -> Observer:
    """An observer of the mock that tells another one in which step each job ended, once a poll shows it."""
    known: set[str] = set()

    def observe(observation: Observation) -> None:
        if not isinstance(observation, Touched) or observation.job in known:
            return
        derived = service.derived(observation.job, observation.at)
        for fact in derived.facts if derived else ():
            if isinstance(fact, JobStatus) and Status(fact.to).final:
                known.add(observation.job)
                notify(Noted(observation.at, fact))

    return observe
