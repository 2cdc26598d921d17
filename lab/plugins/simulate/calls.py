"""One job, and the external app that asks for it: the app's own run, answered without a wire.

The run is the one that `lab run` drives, so tokens, pauses and patience are the app's own and stand nowhere else. What a
server would say is worked out from the job's plan: when a call is answered, and what status it shows. No body is written
and no text rendered, so generated data is made only where a branch looks at it.
"""

from msgspec import Struct
from msgspec.structs import replace

from lab.app.effects import App, Ask, EffectResult, Outcome, Received, Run, Send, Silence, Wait, Woke
from lab.app.run import run
from lab.core.clock import Millis
from lab.core.exchange import Request, Response, json_bytes
from lab.core.refusal import Refusal
from lab.core.seeds import Seed
from lab.dialects.base import Look
from lab.dialects.client import Seen, Sendable, Understood
from lab.dialects.fusion.client import FusionClient
from lab.jobs.gates import Decision
from lab.jobs.plan import Drawn, Plan
from lab.jobs.span import Span
from lab.jobs.status_texts import shown_status
from lab.jobs.timeline import spans
from lab.language.document import Delegate, Pause, Status, Switches, Work
from lab.language.values import restore
from lab.mock.conversations import new_conversation
from lab.mock.invoke import RETRY_AFTER, new_job_id
from lab.mock.latencies import planned_latency
from lab.plugins.simulate.workload import Simulation

_REQUEST = Request("GET", "/")
_OK = Response(200)
_BUSY = Response(429, (("retry-after", str(RETRY_AFTER)),))
_REFUSED = Refusal(429, "There are too many jobs that have not ended.")
_SEEN = {status: Seen(job="job", word=str(status), status=status) for status in Status}
"""What the app learns of a job: of what it reads, the status alone decides what it does."""


class WirelessClient(FusionClient):
    """A dialect without words: whoever answers a call leaves here what the answer means."""

    def __init__(self) -> None:
        self.answer: Understood = _SEEN[Status.RUNNING]

    def ask(self, command: Sendable, nonce: str = "") -> tuple[str, Request]:
        """The name of the route; the request says nothing."""
        return ("status" if isinstance(command, Look) else "invoke"), _REQUEST

    def understand(self, route: str, response: Response) -> Understood:
        """What was left."""
        return self.answer


_NOTHING: Drawn = {}


def plan_of(simulation: Simulation, seed: Seed, ordinal: int, at: Millis) -> Plan:
    """The plan of the k-th job that a server with this seed takes, accepted at `at`."""
    compiled, pattern = simulation.compiled, simulation.invocation
    stream = f"{pattern.client}/{pattern.scenario}/{ordinal}"
    invocation = replace(
        pattern,
        job=new_job_id(simulation.switches, seed, f"job/{stream}"),
        ordinal=ordinal,
        at=at,
        conversation=new_conversation(seed, stream),
    )
    data = restore(compiled.scenario.data, _NOTHING, seed, f"{compiled.name}/{ordinal}")
    return Plan(compiled, invocation, seed, data, _NOTHING, simulation.workload.reviewers is None)


def token_latency(simulation: Simulation, seed: Seed, now: Millis) -> Millis:
    """How long an answer to a token request is withheld."""
    tokens = simulation.token_scenario
    return planned_latency(seed, tokens, ("token",), simulation.app.client_id, now) if tokens is not None else 0


def token_response(lifetime: Millis) -> Response:
    """A grant, as far as the app reads it."""
    return Response(200, body=json_bytes({"access_token": "token", "expires_in": lifetime // 1000}))


class ClientStart:
    """A client until its job is accepted: at which instants it asks for it."""

    def __init__(self, simulation: Simulation, seed: Seed, client: WirelessClient, start: Millis) -> None:
        self.start = start
        self.refused: list[Millis] = []
        """When it was refused."""
        self._simulation = simulation
        self._seed = seed
        self._client = client
        self._run = run(with_client(simulation.app, client), start)
        self._now = start
        self._granted = token_response(simulation.lifetime)
        self.asks: Millis | None = self._until_invoke(None)
        """When it asks next; None: it has given up."""

    def refuse(self) -> None:
        """Answer that it is to come again."""
        self.refused.append(self._now)
        self._client.answer = _REFUSED
        self.asks = self._until_invoke(Received(self._now, _BUSY))

    def _until_invoke(self, got: EffectResult | None) -> Millis | None:
        while True:
            try:
                effect = next(self._run) if got is None else self._run.send(got)
            except StopIteration:
                return None
            if isinstance(effect, Wait | Ask):
                self._now = max(self._now, effect.until)
                got = Woke(self._now)
            elif effect.route == "invoke":
                return self._now
            else:
                got = arriving(effect, self._now, token_latency(self._simulation, self._seed, self._now), self._granted)
                self._now = got.at


def with_client(app: App, client: WirelessClient) -> App:
    """The app, which speaks to this client."""
    return replace(app, dialect=client)


def arriving(effect: Send, now: Millis, latency: Millis, response: Response) -> Received | Silence:
    """What the app gets of an answer that is withheld so long."""
    at = now + latency
    if effect.until is not None and at > effect.until:
        return Silence(effect.until, "timeout")
    return Received(at, response)


class AcceptedRun(Struct, frozen=True):
    """A client whose job is accepted, and what people decide about the job."""

    ordinal: int
    start: Millis
    """When the client began."""
    refusals: int = 0
    """How often it was told to come again."""
    decisions: tuple[Decision, ...] = ()


class SimulatedJob:
    """A job and its client from beginning to end; `outcome` is the client's."""

    def __init__(self, simulation: Simulation, seed: Seed, client: WirelessClient, accepted: AcceptedRun) -> None:
        self.calls: list[Millis] = []
        """When the client called with a token."""
        self.tokens = 0
        self.wasted = 0
        self.start = accepted.start
        self.known: Millis = accepted.start
        """When it had its last answer."""
        self.replied: Millis = accepted.start
        """When it had the Job ID."""
        self.spans: list[Span] = []
        self.answers: list[tuple[Millis, tuple[Status, object]]] = []
        """What polls say of the job, and since when."""
        self._simulation = simulation
        self._seed = seed
        self._client = client
        self._accepted = accepted
        self._refusals = accepted.refusals
        self._granted = token_response(simulation.lifetime)
        self._place = 0
        self._last: object = None
        self._job = ""
        self.outcome = self._follow(run(with_client(simulation.app, client), accepted.start), accepted.start)

    def _follow(self, turn: Run, now: Millis) -> Outcome:
        effect = next(turn)
        try:
            while True:
                if isinstance(effect, Send):
                    got: EffectResult = self._send(effect, now)
                    self.known = got.at
                else:
                    got = Woke(max(now, effect.until))
                now = got.at
                effect = turn.send(got)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome

    def _send(self, effect: Send, now: Millis) -> Received | Silence:
        if effect.route == "token":
            self.tokens += 1
            return arriving(effect, now, token_latency(self._simulation, self._seed, now), self._granted)
        self.calls.append(now)
        if effect.route == "status":
            return self._poll(effect, now)
        if self._refusals:
            self._refusals -= 1
            self._client.answer = _REFUSED
            return Received(now, _BUSY)
        self._accept(now)
        got = arriving(effect, now, self._latency("invoke", now), _OK)
        self._client.answer = _SEEN[self.answers[0][1][0]]
        self.replied = got.at
        return got

    def _accept(self, now: Millis) -> None:
        plan = plan_of(self._simulation, self._seed, self._accepted.ordinal, now)
        self._job = plan.invocation.job
        self.spans = list(spans(plan, self._accepted.decisions))
        for span in self.spans:
            if span.until is None or span.until > span.since:
                answer = poll_answer(span, self._simulation.switches, said=plan.invocation.input.progress_message)
                if not self.answers or self.answers[-1][1] != answer:
                    self.answers.append((span.since, answer))

    def _poll(self, effect: Send, now: Millis) -> Received | Silence:
        place, answers, count = self._place, self.answers, len(self.answers)
        while place + 1 < count and answers[place + 1][0] <= now:
            place += 1
        self._place, answer = place, answers[place][1]
        self.wasted += answer == self._last
        self._last = answer
        self._client.answer = _SEEN[answer[0]]
        return arriving(effect, now, self._latency("status", now), _OK)

    def _latency(self, route: str, now: Millis) -> Millis:
        return planned_latency(self._seed, self._simulation.compiled, (route,), self._job, now)

    @property
    def end(self) -> Span:
        """The span in which the job stays."""
        return self.spans[-1]


def poll_answer(span: Span, switches: Switches, *, said: bool) -> tuple[Status, object]:
    """What tells the answer to a poll in a span from others of its job, without a text being rendered."""
    status = shown_status(span, switches)
    step = span.step
    first = span.at_work[0]
    if isinstance(first, Work | Delegate):
        text = first.says if said else None
        return status, (text, (first.id, span.entered) if text and "{" in text else None)
    if status is Status.RUNNING:
        return status, (None, None if isinstance(step, Pause) else span.index)
    return status, (span.id, span.visit)
