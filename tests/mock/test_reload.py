"""An edited scenario is played by what is accepted after the edit; jobs that run keep what they began with."""

from lab.core.observe import Noted, Observation
from lab.jobs.facts import ScenarioLoaded
from lab.jobs.program import program_of
from lab.language.shape import parsed
from lab.program.scenario import Scenario
from tests.wire_peer import DOCUMENT, invoke, read, service, status, token

MESSAGE = {"message": "Taxi 42", "conversational": True}


def edited(text: str, **changes: object) -> object:
    steps = [{"work": "read", "takes": "1s"}, {"complete": "done", "output": text}]
    return program_of(parsed(Scenario, {**DOCUMENT, "steps": steps, "data": {}, **changes}), f"digest of {text}")


def test_running_jobs_keep_their_plan_and_new_ones_get_the_edit() -> None:
    mock = service()
    bearer = token(mock)
    old = read(mock.serve(invoke(bearer, MESSAGE), 1_000).response)
    mock.load(edited("Edited."), 1_000)
    same_instant = read(mock.serve(invoke(bearer, MESSAGE), 1_000).response)
    new = read(mock.serve(invoke(bearer, MESSAGE), 1_001).response)
    looks = {
        str(job["jobId"]): read(mock.serve(status(bearer, str(job["jobId"])), 4_000).response)
        for job in (old, same_instant, new)
    }
    answers = [(look["status"], look["output"]) for look in looks.values()]
    assert answers == [("WAITING", None), ("WAITING", None), ("COMPLETE", "Edited.")]


def test_edits_follow_each_other() -> None:
    mock = service()
    bearer = token(mock)
    outputs = []
    for number in range(3):
        mock.load(edited(f"Edit {number}."), number * 100)
        outputs.append(read(mock.serve(invoke(bearer, MESSAGE), number * 100 + 50).response)["jobId"])
    answers = [read(mock.serve(status(bearer, str(job)), 9_000).response)["output"] for job in outputs]
    assert answers == ["Edit 0.", "Edit 1.", "Edit 2."]


def test_a_new_scenario_of_another_team_answers_from_then_on() -> None:
    mock = service()
    bearer = token(mock)
    assert mock.serve(invoke(bearer, MESSAGE, "TAXIS"), 0).response.status == 404
    mock.load(edited("New.", name="taxis", agent={"code": "TAXIS"}), 10)
    assert mock.serve(invoke(bearer, MESSAGE, "TAXIS"), 11).response.status == 202


def test_the_edit_is_noted_with_its_digest() -> None:
    mock, observed = service(), list[Observation]()
    mock.observers.append(observed.append)
    mock.load(edited("Edited."), 5)
    facts = [each.fact for each in observed if isinstance(each, Noted)]
    assert facts == [ScenarioLoaded(at=5, scenario="expense", sha256="digest of Edited.")]
