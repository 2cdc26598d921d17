"""A version that isn't published: accepted, and the job ends ERROR soon (contract.md §6.2, switch `version_check`)."""

import json
from typing import Any

import pytest

from lab.core.errors import ScenarioError
from lab.core.journal.fact import Fact
from lab.jobs.facts import JobAccepted, JobStatus, ScenarioMissed
from lab.jobs.program import NO_SUCH_VERSION, Program, program_of
from lab.language.parse import parse_scenario
from lab.language.shape import parsed
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.recording.format.snapshot import snapshot
from tests.conftest import each_row
from tests.mock.test_streams import events
from tests.wire_peer import DOCUMENT, EPOCH, invoke, read, service, status, token

AT = 1_000
TALK = {"message": "Taxi 42", "conversational": True, "conversationId": "talk-1"}
PINNED = {**TALK, "version": 99, "progressMessage": True}
NOT_FOUND = "workflow not found"


class Peer:
    """A client of the mock, and the facts that its calls bring."""

    def __init__(self, *documents: dict[str, object], **switches: object) -> None:
        self.mock = service(*documents, **switches)
        self.facts: list[Fact] = []
        self.mock.journals.append(self.facts.extend)
        self.bearer = token(self.mock)

    def ask(self, body: object = PINNED, now: int = AT, code: int = 202) -> dict[str, Any]:
        response = self.mock.serve(invoke(self.bearer, body), now).response
        assert response.status == code, response.body
        return read(response)

    def poll(self, job: object, now: int) -> dict[str, Any]:
        return read(self.mock.serve(status(self.bearer, str(job)), now).response)

    def end_of(self, body: object, now: int = AT) -> tuple[object, object]:
        """How the job of a message looks once whatever can happen has happened."""
        done = self.poll(self.ask(body, now)["jobId"], now + 1_000_000)
        return done["status"], done["error"] or done["output"]


def test_the_job_is_accepted_runs_and_ends_as_it_was_recorded() -> None:
    peer = Peer()
    first = peer.ask()
    unix = EPOCH * 1000 + AT
    assert (first["status"], first["progressMessage"], first["startDate"]) == ("RUNNING", None, unix)
    assert first["workflowVersion"] == json.loads(first["input"])["version"] == 99
    seen = [peer.poll(first["jobId"], AT + after) for after in (0, 16, 17, 76, 77, 10_000)]
    assert [body["status"] for body in seen] == ["RUNNING"] * 4 + ["ERROR"] * 2
    assert [body["startDate"] - unix for body in seen] == [0, 0, 17, 17, 17, 17]
    assert [body["createDate"][17:23] for body in seen[1:3]] == ["01.000", "01.017"]
    assert seen[4] == seen[5]
    assert {name: seen[4][name] for name in ("error", "output", "progressMessage", "endTime", "workflowVersion")} == {
        "error": NOT_FOUND, "output": None, "progressMessage": None, "endTime": unix + 77, "workflowVersion": 99,
    }  # fmt: skip
    assert all(body["input"] == first["input"] and body["traceId"] == first["traceId"] for body in seen)


def test_nobody_is_told_that_a_scenario_was_missed_and_the_journal_names_what_is_played() -> None:
    peer = Peer()
    job = str(peer.ask()["jobId"])
    (accepted,) = (fact for fact in peer.facts if isinstance(fact, JobAccepted))
    assert (accepted.scenario, accepted.ordinal, accepted.drawn) == (NO_SUCH_VERSION.name, 1, {})
    assert not any(isinstance(fact, ScenarioMissed) for fact in peer.facts)
    derived = peer.mock.derived(job, AT + 77)
    assert derived is not None
    assert [(fact.at, fact.to) for fact in derived.facts if isinstance(fact, JobStatus)][-1] == (AT + 77, "ERROR")


@each_row("route", ["invokeStream", "chat", "debug"])
def test_the_last_event_of_a_stream_is_that_error(route: str) -> None:
    *stream, (_, done) = events(service(), route, PINNED, AT)
    assert done == "[DONE]"
    if route == "invokeStream":
        assert [(when, body["status"], body["startDate"] - EPOCH * 1000) for when, body in stream] == [
            (AT, "RUNNING", AT), (AT + 17, "RUNNING", AT + 17), (AT + 77, "ERROR", AT + 17),
        ]  # fmt: skip
        assert (stream[-1][1]["error"], stream[-1][1]["progressMessage"]) == (NOT_FOUND, None)
    else:
        ((when, event),) = stream
        assert (when, event["conversationId"]) == (AT + 77, "talk-1")
        assert event["message"] == {"content": [{"text": ""}], "finishReason": "error", "output": NOT_FOUND}


@each_row(
    ("word", "expected"),
    [("job", 202), ("refuse", 403), ("off", 202), (False, 202)],
)
@each_row("by_scenario", [True, False])
def test_what_the_switch_makes_of_it(word: object, expected: int, by_scenario: bool) -> None:
    peer = Peer(DOCUMENT | {"settings": {"version_check": word}}) if by_scenario else Peer(version_check=word)
    body = peer.ask(code=expected)
    if expected == 403:
        assert body["userDetails"] == "Version 99 is not published; 3 is."
        assert peer.ask(TALK | {"version": 3})["workflowVersion"] == 3
    else:
        late = peer.poll(body["jobId"], AT + 2_000)
        assert (late["status"], late["workflowVersion"]) == ("WAITING" if word in ("off", False) else "ERROR", 99)


LINES = "lab: 1\nname: a\ntitle: A\nagent: {code: A}\nask: x\nsteps: [{complete: done, output: x}]\nsettings: "


@each_row(("word", "meant"), [("off", "off"), ("false", "off"), ("job", "job")])
def test_in_a_file_off_is_the_word_that_yaml_takes_for_no(word: str, meant: str) -> None:
    assert parse_scenario(f"{LINES}{{version_check: {word}}}", "a.yaml").settings == {"version_check": meant}


@each_row("word", ["maybe", "on", "true", "1", "0", "[]", "[on]", "{}", "{a: b}", "null"])
def test_in_a_file_nothing_else_is(word: str) -> None:
    with pytest.raises(ScenarioError, match="version_check"):
        parse_scenario(f"{LINES}{{version_check: {word}}}", "a.yaml")


def of(name: str, match: str | None, version: int | None = None, **agent: object) -> dict[str, object]:
    """A scenario of the team that says its name."""
    return {
        "lab": 1, "name": name, "title": name, "ask": "x", "match": match,
        "agent": {"code": "EXPENSES", **({} if version is None else {"version": version}), **agent},
        "steps": [{"work": "read", "takes": "1s"}, {"complete": "done", "output": name}],
    }  # fmt: skip


OLD, NEW, FREE = of("a-old", "Taxi", 1), of("b-new", "Taxi", 2), of("c-free", "Bus")
DRAFT = of("d-draft", "Taxi", 4, published=False)
UNMATCHED = "No answer is defined for this message."


@each_row(
    ("team", "message", "version", "said"),
    [
        ((OLD, NEW), "Taxi", None, "a-old"),
        ((OLD, NEW), "Taxi", 1, "a-old"),
        ((OLD, NEW), "Taxi", 2, "b-new"),
        ((OLD, NEW), "Taxi", 3, NOT_FOUND),
        ((OLD, NEW), "Tram", 3, NOT_FOUND),
        ((OLD, NEW), "Tram", 2, UNMATCHED),
        ((OLD, NEW, FREE), "Bus", 7, "c-free"),
        ((OLD, NEW, FREE), "Taxi", 7, UNMATCHED),
        ((FREE,), "Bus", 7, "c-free"),
        ((OLD, DRAFT), "Taxi", 4, NOT_FOUND),
        ((OLD, DRAFT), "Taxi", 1, "a-old"),
    ],
)
def test_of_several_versions_the_one_that_is_asked_for_answers(
    team: tuple[dict[str, object], ...], message: str, version: int | None, said: str
) -> None:
    ended = "COMPLETE" if said[1] == "-" else "ERROR"
    assert Peer(*team).end_of({"message": message, "version": version}) == (ended, said)


def test_a_draft_has_its_own_version() -> None:
    for version, said in ((4, ("COMPLETE", "d-draft")), (5, ("ERROR", NOT_FOUND))):
        assert Peer(OLD, DRAFT).end_of({"message": "Taxi", "version": version, "status": "DRAFT"}) == said


def test_in_a_conversation_it_is_a_turn_and_the_next_one_goes_on() -> None:
    peer = Peer(NEW)
    first = peer.ask(TALK | {"version": 2})
    wrong = peer.ask(PINNED, AT + 5_000)
    assert wrong["conversationId"] == first["conversationId"] == "talk-1"
    assert peer.end_of(TALK, AT + 9_000) == ("COMPLETE", "b-new")
    assert peer.poll(wrong["jobId"], AT + 9_000)["error"] == NOT_FOUND
    turns = [fact.turn for fact in peer.facts if isinstance(fact, JobAccepted)]
    assert turns == [1, 2, 3]


def test_what_waits_is_answered_whatever_version_is_said() -> None:
    peer = Peer()
    job = peer.ask(TALK)["jobId"]
    assert peer.ask(PINNED | {"message": "again"}, AT + 2_000)["jobId"] == job
    node = peer.poll(job, AT + 4_000)["waitingNodeDetails"]
    decision = {"messageInstanceId": node["callbackToken"], "userResponse": "APPROVE_ACTION"}
    assert peer.ask({"message": "", "jobId": job, "resumeInput": decision, "version": 99}, AT + 4_001)["jobId"] == job
    assert sum(isinstance(fact, JobAccepted) for fact in peer.facts) == 1


@each_row("body", [{"message": ""}, {"message": 5}, {"message": "x", "parameters": []}])
def test_what_is_wrong_with_the_request_is_said_all_the_same(body: dict[str, object]) -> None:
    Peer().ask({**body, "version": 99}, code=400)


def test_a_repeat_by_its_key_gets_the_same_job() -> None:
    peer = Peer(idempotency_key="on")

    def ask(now: int) -> dict[str, object]:
        return read(peer.mock.serve(invoke(peer.bearer, PINNED, idempotency_key="k"), now).response)

    assert ask(AT) == ask(AT + 10_000)


def edited() -> Program:
    """The scenario with the version that was asked for in vain."""
    document = DOCUMENT | {"agent": {"code": "EXPENSES", "version": 99}}
    return program_of(parsed(Scenario, document), "of the edit", {}, json.dumps(document))


def test_a_version_that_is_published_later_changes_no_job_that_was_accepted() -> None:
    peer = Peer()
    job = peer.ask()["jobId"]
    peer.mock.load(edited(), AT + 10)
    later = peer.ask(PINNED | {"conversationId": "talk-2"}, AT + 20)["jobId"]
    assert (peer.poll(job, AT + 5_000)["error"], peer.poll(later, AT + 5_000)["status"]) == (NOT_FOUND, "WAITING")
    for facts in (list(peer.facts), snapshot(peer.mock, AT + 5_000)):
        again = service()
        again.load(edited(), AT + 10)
        again.rewind(tuple(facts), AT + 5_000)
        assert read_status(again, job) == read_status(peer.mock, job)


def read_status(mock: Service, job: object) -> object:
    body = mock.status_of(str(job), AT + 6_000)
    assert body is not None
    return json.loads(body)


# `progressMessage` where a job ends ERROR (contract.md §12)

FAILS = {"work": {"work": "read", "takes": "1s", "says": "Reading"}, "end": {"error": "no", "text": "Nothing."}}


@each_row("work", [True, False])
def test_it_is_null_in_every_error_body_and_none_comes_twice(work: bool) -> None:
    steps = [FAILS["work"], FAILS["end"]] if work else [FAILS["end"]]
    document = DOCUMENT | {"steps": steps, "data": {}}
    peer = Peer(document)
    body = peer.poll(peer.ask(TALK | {"progressMessage": True})["jobId"], AT + 1_000)
    assert (body["status"], body["progressMessage"]) == ("ERROR", None)
    stream = events(service(document), "invokeStream", TALK | {"progressMessage": True}, AT)
    texts = [(body["status"], body["progressMessage"]) for _, body in stream[:-1]]
    running: list[tuple[str, str | None]] = [("RUNNING", None), ("RUNNING", "Reading")]
    assert texts == (running if work else []) + [("ERROR", None)]


def test_it_is_empty_where_a_fault_shows_an_error_as_another_word() -> None:
    fault = {"route": "status", "status_word": "FAILED"}
    peer = Peer(DOCUMENT | {"steps": [FAILS["end"]], "data": {}, "faults": [fault]})
    body = peer.poll(peer.ask(TALK)["jobId"], AT)
    assert (body["status"], body["progressMessage"], body["error"]) == ("FAILED", "", None)
