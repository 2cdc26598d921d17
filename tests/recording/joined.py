"""The external app's run and the mock joined in memory: no socket, no waiting, a clock that is a number."""

from hashlib import sha256

from lab.app.effects import Answer, App, Ask, Outcome, Received, Send, Wait, Woke
from lab.app.run import run
from lab.core.clock import INSTANT_EPOCH, Millis
from lab.core.exchange import Request, Response
from lab.core.observe import Replied
from lab.identity.clients import DEMO
from lab.identity.scopes import api_scope
from lab.jobs.program import Program, program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.program.words import Verdict
from lab.recording.format.lines import Recording
from lab.recording.format.reader import read
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape

SCENARIO = """
lab: 1
name: expense-approval
title: Expenses
agent: {code: EXPENSES, version: 3}
ask: Taxi, é 42
latency: {token: 120ms, invoke: {between: [200ms, 300ms]}, status: {between: [50ms, 90ms]}}
data:
  payer: {fake: company}
steps:
  - work: read
    takes: {between: [4s, 6s]}
  - gate: manager
    asks: May {{ data.payer }} pay?
    patience: 30m
    rounds: 2
    verdicts: {rejected: refused, changes-requested: read}
    reviewer: {after: 6s, verdict: approved, by: Script}
  - work: pay
    takes: {between: [1s, 2s]}
  - complete: paid
    output: "{{ data.payer }} paid."
  - error: refused
    text: Refused.
"""

NO_LIMIT = 1 << 40


def scenario() -> Program:
    return program_of(parse_scenario(SCENARIO, "expense-approval.yaml"), sha256(SCENARIO.encode()).hexdigest())


def config(*, seed: int = 42, scripted: bool = True, program: Program | None = None) -> Config:
    return Config((program or scenario(),), Switches(), seed, INSTANT_EPOCH, scripted=scripted)


class Joined:
    """One mock with a tape, and a clock that only moves forward."""

    def __init__(self, setup: Config, limit: int = NO_LIMIT) -> None:
        self._lines: list[bytes] = []
        self.service = Service(setup)
        self.tape = Tape(self.service, self._lines.append, recording_header(setup, lab="0.1.0"))
        self.tape.limit = limit
        self.service.observers.append(self.tape)
        self.now: Millis = 0

    @property
    def lines(self) -> list[bytes]:
        self.tape.flush()
        return self._lines

    @property
    def data(self) -> bytes:
        return b"".join(self.lines)

    def app(self) -> App:
        program = self.service.config.scenarios[0]
        return App(
            program.scenario.agent.code, program.scenario.message, DEMO.id, DEMO.secret,
            api_scope(self.service.config.switches.pod),
        )  # fmt: skip

    def play(self, answers: tuple[tuple[Verdict, str | None], ...] = ()) -> Outcome:
        """A run to its end; each question takes the next answer (verdict and comment), if there is one."""
        left = list(answers)
        story = run(self.app(), self.now)
        effect = next(story)
        while True:
            try:
                match effect:
                    case Send(_, request):
                        reply = self.service.serve(request, self.now)
                        self.now += reply.latency
                        self.service.tell(Replied(self.now, reply.x, reply.response, reply.latency))
                        effect = story.send(Received(self.now, reply.response))
                    case Wait(until):
                        self.now = max(self.now, until)
                        effect = story.send(Woke(self.now))
                    case Ask(until, _) if left:
                        verdict, comment = left.pop(0)
                        self.now = min(self.now + 700, until)
                        effect = story.send(Answer(self.now, verdict, comment))
                    case Ask(until):
                        self.now = max(self.now, until)
                        effect = story.send(Woke(self.now))
            except StopIteration as stop:
                outcome: Outcome = stop.value
                return outcome

    def ask(self, request: Request) -> Response:
        """Ask a second later; the whole answer."""
        self.now += 1_000
        reply = self.service.serve(request, self.now)
        response, self.now = reply.whole(self.now)
        self.service.tell(Replied(self.now, reply.x, response, reply.latency))
        return response

    def closed(self) -> Recording:
        """The tape, ended now."""
        self.tape.close(self.now)
        return read(self.data)

    def play_until_accepted(self) -> None:
        """Token and invoke, and then nothing: our app is gone."""
        story = run(self.app(), self.now)
        effect = next(story)
        while isinstance(effect, Send):
            reply = self.service.serve(effect.request, self.now)
            self.now += reply.latency
            self.service.tell(Replied(self.now, reply.x, reply.response, reply.latency))
            effect = story.send(Received(self.now, reply.response))

    def decide(self, job: str, gate: str, verdict: str, comment: str | None = None) -> int:
        return self.service.decide(job, gate, verdict, self.now, comment=comment).status
