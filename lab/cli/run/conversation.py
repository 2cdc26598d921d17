"""A conversation as `lab run` plays it: what the scenario asks, turn by turn, until one doesn't end COMPLETE.

Beside it, what a transcript of one needs of the mock.
"""

from collections.abc import Iterator

from msgspec import Struct, field
from msgspec.structs import replace

from lab.app.effects import App, Outcome, Run, RunObservation, RunObserver
from lab.app.run import run
from lab.cli.run_settings import USUAL_APP, AppSettings
from lab.core.clock import Millis
from lab.core.observe import Noted, Observation, Observer, Replied, Requested, Touched
from lab.jobs.callbacks import CallbackAnswered
from lab.jobs.facts import GateDecided
from lab.jobs.own_run import TurnResult, seen_at, unmet
from lab.mock.service import Service
from lab.program.scenario import ExpectedRun, Scenario

READING: Millis = 4_000
"""How long a person reads an answer before the next message."""


class Conversation(Struct):
    """The turns that were played, and what one hands on to the next: token, conversation, number of its first exchange."""

    apps: tuple[App, ...]
    """The external app, a turn each."""
    notify: RunObserver
    """Is told what the turns tell."""
    expect: ExpectedRun = ExpectedRun()
    outcomes: list[Outcome] = field(default_factory=list)
    first: int = 1
    results: list[TurnResult] = field(default_factory=list)
    """The same outcomes, as they are compared with what is expected."""

    def __call__(self, observation: RunObservation) -> None:
        """The observer of each turn: keeps count of the exchanges."""
        if isinstance(observation, Requested):
            self.first = observation.x + 1
        self.notify(observation)

    def turns(self) -> Iterator[App]:
        """The app of each turn; whoever plays one adds its outcome before the next."""
        for app in self.apps:
            yield app
            if not self.outcomes[-1].complete:
                return

    def end_turn(self, outcome: Outcome, service: Service | None, now: Millis) -> None:
        """Take up a turn's outcome; how its gates ended only the mock's `service` tells, for no wire says so."""
        self.outcomes.append(outcome)
        view = service.look(outcome.job, now) if service is not None and outcome.job is not None else None
        seen = TurnResult(None, verdicts=None if service is None else {})
        seen = seen if view is None else seen_at(view.plan, view.span)
        self.results.append(replace(seen, status=outcome.status, refused=outcome.refused, polls=outcome.polls))

    def differences(self) -> tuple[str, ...]:
        """In what it came otherwise than the scenario expects, a line each."""
        return tuple(unmet(self.expect, self.results, len(self.apps)))

    def run(self, app: App, start: Millis) -> Run:
        """A turn, with what the one before leaves."""
        if not self.outcomes:
            return run(app, start)
        return run(app, start, token=self.outcomes[-1].token, conversation=self.outcomes[-1].conversation)


def turns_of(app: App, scenario: Scenario, notify: RunObserver, settings: AppSettings = USUAL_APP) -> Conversation:
    """The turns of a scenario, asked by one app; where the settings begin otherwise, nobody wrote down what is expected."""
    asks = scenario.user_messages
    apps = tuple(replace(app, message=ask.message, parameters=dict(ask.parameters)) for ask in asks)
    first = {"message": settings.message, "parameters": settings.parameters}
    other = {name: value for name, value in first.items() if value is not None}
    if settings.cancel_after is not None:
        return Conversation(apps, notify, ExpectedRun(status="CANCELLED"))
    if not other:
        return Conversation(apps, notify, scenario.expect)
    return Conversation((replace(apps[0], **other), *apps[1:]), notify)


def job_facts_observer(service: Service, notify: Observer) -> Observer:
    """An observer of the mock that tells another one what the wire doesn't: who decided, and in which step a job ended.

    It tells each job's decisions, and its derived facts when something touches the job: before the reply that shows what
    came of them. Where the app asks for something else meanwhile, for a token, they are told before that, if they came before.
    """
    counts: dict[str, int] = {}
    due: dict[str, Millis] = {}
    """When each job's next fact comes, of those that have one to come."""
    elsewhere: set[int] = set()
    """The exchanges under way that are about no job."""
    latest = 0

    def tell(job: str, now: Millis) -> None:
        derived = service.derived(job, now)
        facts = derived.facts if derived else ()
        for fact in facts[counts.get(job, 0) :]:
            notify(Noted(now, fact))
        counts[job] = len(facts)  # the list only grows at its end
        due.pop(job, None)
        if derived is not None and derived.until is not None:
            due[job] = derived.until

    def tell_due(now: Millis) -> None:
        for job in [job for job, at in due.items() if at <= now]:
            tell(job, now)

    def observe(observation: Observation) -> None:
        nonlocal latest
        match observation:
            case Requested(at=at, x=x):
                latest = x
                elsewhere.add(x)
                tell_due(at)
            case Touched(at=at, job=job):
                elsewhere.discard(latest)
                tell(job, at)
            case Replied(at=at, x=x) if x in elsewhere:
                elsewhere.discard(x)
                tell_due(at)
            case Noted(fact=GateDecided() | CallbackAnswered()):
                notify(observation)

    return observe
