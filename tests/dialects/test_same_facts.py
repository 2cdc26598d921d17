"""The port holds: the same scenario, seed and decisions bring the same facts over all wires.

What a wire says is its own; what the mock keeps is not. Exchange, input and alias of a fact are what its wire said, so
they stand aside.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
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
from lab.core.errors import UsageError
from lab.core.journal.fact import Fact
from lab.core.journal.numbers import CallCounted
from lab.core.observe import Noted, Observation
from lab.dialects import USUAL, clients
from lab.dialects.base import Decide, Invoke, Look
from lab.dialects.client import Question, Seen, Sendable
from lab.faults.facts import FaultStruck
from lab.files.scenarios import load_scenario, scenario_names
from lab.identity.client import read_token, token_request
from lab.jobs.facts import JobCancelled, WaitEnded
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Layers
from lab.program.words import Status, Verdict
from tests.conftest import ROOT, few_of

FOLDER = ROOT / "scenarios"
SCENARIOS = scenario_names(FOLDER)
SEED, LATER, READING = 7, 10**12, 4_000
OTHERS = tuple(client.name for client in clients() if client.name != USUAL)
DECISIONS = (None, Verdict.APPROVED, Verdict.REJECTED, Verdict.CHANGES)
"""What a person answers to each question, once; None: nobody but the scenario's script answers."""
OUTSIDE = "its gates are answered elsewhere, and {} has no word for that"
EARLY = "{} has no word for the early end of a wait"
_OF_A2A: Mapping[tuple[str, Verdict | str | None], str] = {
    ("month-end-marathon", Verdict.CHANGES): "its gate takes no changes: A2A doesn't tell what is offered",
    ("supplier-onboarding", Verdict.APPROVED): OUTSIDE.format("A2A"),
    ("supplier-onboarding", Verdict.REJECTED): OUTSIDE.format("A2A"),
    ("anomaly-flag", "ended early"): EARLY.format("A2A"),
}
UNSAID: Mapping[str, Mapping[tuple[str, Verdict | str | None], str]] = {
    "a2a": _OF_A2A,
    "a2a-0.3": _OF_A2A,
    "mcp": {
        ("supplier-onboarding", Verdict.APPROVED): OUTSIDE.format("MCP"),
        ("supplier-onboarding", Verdict.REJECTED): OUTSIDE.format("MCP"),
        ("anomaly-flag", "ended early"): EARLY.format("MCP"),
    },
    "openai": {
        ("item-comparison", Verdict.CHANGES): "there is no verdict for changes",
        ("contract-redraft", Verdict.CHANGES): "there is no verdict for changes",
        ("supplier-onboarding", Verdict.APPROVED): OUTSIDE.format("the Responses API"),
        ("supplier-onboarding", Verdict.REJECTED): OUTSIDE.format("the Responses API"),
        ("anomaly-flag", "ended early"): EARLY.format("the Responses API"),
    },
}
"""Decisions that a wire can't say, by scenario, each with its reason: all facts that are others than over Fusion's."""


class Story:
    """A scenario to its end over one wire, with all its turns."""

    def __init__(self, scenario: str, dialect: str, verdict: Verdict | None, cancel_after: Millis | None) -> None:
        program = load_scenario(scenario, FOLDER)
        config = Config((program,), Layers().over(program.scenario.settings), SEED, INSTANT_EPOCH)
        self.service, self.verdict, self.cancels = Service(config), verdict, cancel_after is not None
        self.answered: set[object] = set()
        self.noted: list[Fact] = []
        self.service.observers.append(self._observe)
        app = app_of(config, settings=AppSettings(dialect=dialect, cancel_after=cancel_after))
        now, token, conversation = 0, None, None
        for ask in program.scenario.user_messages:
            turn = replace(app, message=ask.message, parameters=dict(ask.parameters))
            story = run(turn, now, token=token, conversation=conversation)
            outcome = run_instantly(self.service, story, start=now, reviewer=self._review)
            token, conversation = outcome.token, outcome.conversation
            # some wires tell of an end a poll later than others: what is said next is said at the next full minute
            now = -(-(now + outcome.elapsed + READING) // 60_000) * 60_000
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
        """Input facts as they came, then each job's derived ones.

        Where a job was cancelled one wire tells its end at once, and another at the next look: what comes of looks alone isn't compared then.
        """
        facts = (*self.noted, *self._derived())
        return [_plain(fact) for fact in facts if not (self.cancels and isinstance(fact, CallCounted | FaultStruck))]

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


@lru_cache(maxsize=8)
def story(scenario: str, dialect: str, verdict: Verdict | None = None, cancel_after: Millis | None = None) -> Story:
    return Story(scenario, dialect, verdict, cancel_after)


def assert_same(one: Story, other: Story) -> None:
    for mine, its in zip(one.facts(), other.facts(), strict=False):
        assert mine == its
    assert one.digest == other.digest


@pytest.mark.parametrize("dialect", OTHERS)
@pytest.mark.parametrize("verdict", DECISIONS)
@pytest.mark.parametrize(
    "scenario",
    few_of(SCENARIOS, ("three-turns", "bad-line", *(name for rows in UNSAID.values() for name, _ in rows))),
)
def test_all_wires_bring_the_same_facts(scenario: str, verdict: Verdict | None, dialect: str) -> None:
    usual, other = story(scenario, USUAL, verdict), story(scenario, dialect, verdict)
    if (scenario, verdict) in UNSAID.get(dialect, {}):
        assert usual.digest != other.digest, "this can be said: take it off the list"
        return
    assert_same(usual, other)


@pytest.mark.parametrize("cancel_after", [1, 2_500, 90_000])
@pytest.mark.parametrize("scenario", few_of(SCENARIOS, ("item-comparison", "three-turns", "month-end-marathon")))
def test_all_wires_that_cancel_bring_the_same_facts(scenario: str, cancel_after: Millis) -> None:
    first: Story | None = None
    for dialect in OTHERS:
        cancelled = story(scenario, dialect, None, cancel_after)
        first = first or cancelled
        assert_same(first, cancelled)


def test_fusion_has_no_call_that_cancels() -> None:
    with pytest.raises(UsageError, match="no call that cancels"):
        story("item-comparison", USUAL, None, 1)
    for dialect in OTHERS:
        assert any(isinstance(fact, JobCancelled) for fact in story("item-comparison", dialect, None, 1).noted)


@pytest.mark.parametrize("dialect", [USUAL, *OTHERS])
def test_only_fusion_ends_a_wait_early(dialect: str) -> None:
    ends = dialect == USUAL
    assert ends or ("anomaly-flag", "ended early") in UNSAID[dialect]
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
    # where a wire has no word for a wait that nobody can end, the job works
    assert isinstance(seen, Seen) and (seen.status is Status.WAITING or not ends)
    opening = (seen.question.opening if seen.question else None) or ""
    answer = call(Decide(team=app.team, job=job.job, opening=opening, verdict=None), now)
    assert isinstance(answer, Seen) is ends
    assert any(isinstance(each, Noted) and isinstance(each.fact, WaitEnded) for each in noted) is ends
