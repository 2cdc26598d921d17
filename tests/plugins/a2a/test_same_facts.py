"""The port holds: the same scenario, seed and decisions bring the same facts over both wires.

What a wire says is its own; what the mock keeps is not. Exchange, input and alias of a fact are what its wire said, so
they stand aside.
"""

from collections.abc import Iterator
from hashlib import sha256

import msgspec
import pytest
from msgspec.structs import replace

from lab.app.effects import Answer
from lab.app.run import run
from lab.cli.run.apps import app_of
from lab.cli.run_settings import AppSettings
from lab.client.driver import run_instantly
from lab.core.clock import INSTANT_EPOCH, Millis
from lab.core.journal.fact import Fact
from lab.core.observe import Noted, Observation
from lab.dialects.base import Decide, Invoke, Look
from lab.dialects.client import Question, Seen, Sendable
from lab.files.scenarios import load_scenario, scenario_names
from lab.identity.client import read_token, token_request
from lab.jobs.facts import WaitEnded
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Layers
from lab.program.words import Status, Verdict
from tests.conftest import ROOT, each_row, few_of

FOLDER = ROOT / "scenarios"
SCENARIOS = scenario_names(FOLDER)
SEED, LATER, READING = 7, 10**12, 4_000
DECISIONS = (None, Verdict.APPROVED, Verdict.REJECTED, Verdict.CHANGES)
"""What a person answers to each question, once; None: nobody but the scenario's script answers."""
OUTSIDE = "its gates are answered outside the chat: A2A doesn't tell, and a message is refused there"
UNSAID = {
    ("month-end-marathon", Verdict.CHANGES): "its gate takes no changes: A2A doesn't tell what is offered",
    ("supplier-onboarding", Verdict.APPROVED): OUTSIDE,
    ("supplier-onboarding", Verdict.REJECTED): OUTSIDE,
    ("anomaly-flag", "ended early"): "A2A has no word for the early end of a wait",
}
"""Decisions that A2A can't say, by scenario, each with its reason."""


class Story:
    """A scenario to its end over one wire, with all its turns."""

    def __init__(self, scenario: str, dialect: str, verdict: Verdict | None) -> None:
        program = load_scenario(scenario, FOLDER)
        config = Config((program,), Layers().over(program.scenario.settings), SEED, INSTANT_EPOCH)
        self.service, self.verdict = Service(config), verdict
        self.answered: set[object] = set()
        self.noted: list[Fact] = []
        self.service.observers.append(self._observe)
        app, now, token, conversation = app_of(config, settings=AppSettings(dialect=dialect)), 0, None, None
        for ask in program.scenario.user_messages:
            turn = replace(app, message=ask.message, parameters=dict(ask.parameters))
            story = run(turn, now, token=token, conversation=conversation)
            outcome = run_instantly(self.service, story, start=now, reviewer=self._review)
            token, conversation, now = outcome.token, outcome.conversation, now + outcome.elapsed + READING
            if not outcome.complete:
                break

    def _observe(self, observation: Observation) -> None:
        if isinstance(observation, Noted):
            self.noted.append(observation.fact)

    def _review(self, question: Question, now: Millis) -> Answer | None:
        if self.verdict not in dict(question.verdicts) or question.key in self.answered:
            return None
        self.answered.add(question.key)
        comment = "Shorter, please." if self.verdict is Verdict.CHANGES else None
        if question.channel == "CHAT":
            return Answer(now, self.verdict, comment)
        assert self.service.decide(question.job, question.gate, str(self.verdict), now, comment=comment).status == 200
        return None

    def facts(self) -> list[object]:
        """Input facts as they came, then each job's derived ones."""
        return [_plain(fact) for fact in (*self.noted, *self._derived())]

    def _derived(self) -> Iterator[Fact]:
        for job in self.service.jobs():
            derived = self.service.derived(job, LATER)
            yield from derived.facts if derived else ()

    @property
    def digest(self) -> str:
        return sha256(msgspec.json.encode(self.facts())).hexdigest()


def _plain(fact: Fact) -> object:
    members = msgspec.to_builtins(fact)
    return fact.type, {name: value for name, value in members.items() if name not in ("input", "alias")}


@pytest.mark.parametrize("verdict", DECISIONS)
@pytest.mark.parametrize("scenario", few_of(SCENARIOS, ("three-turns", "bad-line", *(name for name, _ in UNSAID))))
def test_both_wires_bring_the_same_facts(scenario: str, verdict: Verdict | None) -> None:
    fusion, a2a = Story(scenario, "fusion", verdict), Story(scenario, "a2a", verdict)
    if (scenario, verdict) in UNSAID:
        assert fusion.digest != a2a.digest, "this can be said: take it off the list"
        return
    for one, other in zip(fusion.facts(), a2a.facts(), strict=False):
        assert one == other
    assert fusion.digest == a2a.digest


@each_row(("dialect", "ends"), [("fusion", True), ("a2a", False)])
def test_only_fusion_ends_a_wait_early(dialect: str, ends: bool) -> None:
    assert ("anomaly-flag", "ended early") in UNSAID
    program = load_scenario("anomaly-flag", FOLDER)
    service = Service(Config((program,), Layers().over(program.scenario.settings), SEED, INSTANT_EPOCH))
    noted: list[Observation] = []
    service.observers.append(noted.append)
    app = app_of(service.config, settings=AppSettings(dialect=dialect))
    token = read_token(service.serve(token_request(app.client_id, app.client_secret, app.scope), 0).response, 0)
    assert token is not None

    def call(command: Sendable, now: Millis) -> object:
        route, request = app.dialect.ask(command)
        bearer = ("authorization", f"Bearer {token.token}")
        reply = service.serve(replace(request, headers=(bearer, *request.headers)), now)
        return app.dialect.understand(route, reply.response)

    job = call(Invoke(team=app.team, message=app.message, parameters=app.parameters), 0)
    assert isinstance(job, Seen)
    now = next(fact.at for fact in service.derived(job.job, LATER).facts if getattr(fact, "to", "") == "WAITING")
    seen = call(Look(team=app.team, job=job.job), now)
    assert isinstance(seen, Seen) and seen.status is Status.WAITING
    opening = (seen.question.opening if seen.question else None) or ""
    answer = call(Decide(team=app.team, job=job.job, opening=opening, verdict=None), now)
    assert isinstance(answer, Seen) is ends
    assert any(isinstance(each, Noted) and isinstance(each.fact, WaitEnded) for each in noted) is ends
