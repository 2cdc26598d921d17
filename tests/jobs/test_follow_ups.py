"""What shipped scenarios suggest, they answer: every follow-up is pressed, in the order offered and in the other."""

import json
from collections.abc import Iterator

from msgspec.structs import replace

from lab.jobs.program import program_of
from lab.language.shape import parsed
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.program.steps import Gate, Vote
from tests.conftest import each_row
from tests.jobs.test_shipped_scenarios import NAMES, shipped
from tests.wire_peer import invoke, read, service, token


def voting(scenario: Scenario, verdict: str) -> Scenario:
    """The scenario with gates that somebody answers so, and a line on which nothing goes wrong."""
    vote = parsed(Vote, {"after": "1s", "verdict": verdict, "comment": "Why not."})
    steps = tuple(replace(step, reviewer=vote) if isinstance(step, Gate) else step for step in scenario.steps)
    return replace(scenario, steps=steps, faults=())


def conversation(scenario: Scenario, mock: Service, *, newest: bool) -> Iterator[tuple[str, dict[str, object]]]:
    """Each message with the last body of its job; follow-ups are sent until none is open, the newest first or last."""
    waiting, sent, thread, now = [scenario.message], list[str](), None, 0
    while waiting:
        message = waiting.pop(-1 if newest else 0)
        sent.append(message)
        body = {
            "message": message, "conversational": True, "conversationId": thread, "parameters": scenario.parameters,
        }  # fmt: skip
        reply = read(mock.serve(invoke(token(mock, now), body, scenario.agent.code), now).response)
        thread, now = reply.get("conversationId"), now + 400_000_000
        done = json.loads(mock.status_of(str(reply["jobId"]), now) or b"{}") if "jobId" in reply else {}
        yield message, done
        waiting += [each for each in done.get("followUpQuestions") or () if each not in (*sent, *waiting)]


@each_row("name", NAMES)
@each_row("verdict", ["approved", "rejected"])
@each_row("newest", [False, True])
def test_every_follow_up_is_answered_in_either_order(name: str, verdict: str, newest: bool) -> None:
    scenario = voting(shipped(name), verdict)
    mock = service(program_of(scenario).scenario)
    (_, first), *later = conversation(scenario, mock, newest=newest)
    for message, done in later:
        assert done["status"] == "COMPLETE", (message, done.get("error"))
        assert str(done["output"]).strip() or name == "heavy-load", message
    if first.get("followUpQuestions"):
        assert len(later) >= len(first["followUpQuestions"])  # type: ignore[arg-type]
