"""Playback: a client meets the recorded history, however often it polls, and nothing that nobody recorded."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lab.app.effects import App, Outcome
from lab.app.run import run
from lab.client.driver import run_instantly
from lab.core.clock import Millis
from lab.core.exchange import Json, Request, json_bytes
from lab.core.journal.shell import PlaybackMissed
from lab.core.jsontext import members_of
from lab.core.observe import Noted, Observation, Replied
from lab.files.scenarios import load_scenario
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.identity.scopes import api_scope
from lab.recording.exchange import answered_calls, exchanges_of
from lab.recording.format.lines import Recording, Res
from lab.recording.format.reader import read
from lab.recording.format.text import dumps
from lab.recording.matchers import parse_matchers
from lab.recording.playback.matching import asks_alike
from lab.recording.playback.playback import PlaybackMode, PlaybackTerms, RecordingPlayback
from lab.recording.playback.service import PlaybackService
from lab.recording.tape.header import config_of
from lab.recording.tape.instants import redated
from tests.bench.replaying import long_recording
from tests.conftest import ROOT, UNLIKE, each_row, few_of, name_of

RECORDINGS = sorted((ROOT / "recordings").glob("*.rec.jsonl"))
LATER = 1_800_000_000
"""An epoch that no recording has."""
TEAM = "/api/fusion-ai/orchestrator/agent/v2/ITEM_COMPARE_TEAM"
ASK = "Compare M1000034 of org IMO and M1000040 of Org SBI"


def recording(name: str) -> Recording:
    return read((ROOT / "recordings" / f"{name}.rec.jsonl").read_bytes(), name)


def playing(recorded: Recording, mode: PlaybackMode = PlaybackMode.ELASTIC, **how: Any) -> PlaybackService:
    config = replace(config_of(recorded, ()), epoch=LATER)
    return PlaybackService(config, RecordingPlayback(recorded, LATER, PlaybackTerms(mode, **how)))


def app_run(service: PlaybackService, recorded: Recording) -> Outcome:
    scenarios = recorded.header.scenarios or ()
    scenario = load_scenario(scenarios[0].name, ROOT / "scenarios").scenario
    scope = api_scope(service.config.switches.pod)
    app = App(scenario.agent.code, scenario.message, DEMO.id, DEMO.secret, scope, parameters=scenario.parameters)
    return run_instantly(service, run(app, 0))


class Caller:
    """A client that asks at instants of its own choice."""

    def __init__(self, service: PlaybackService) -> None:
        self.service = service
        answer = service.serve(token_request(DEMO.id, DEMO.secret, api_scope("acme-test")), 0)
        token = members_of(answer.response.body)["access_token"]
        self._head = (("authorization", f"Bearer {token}"), ("content-type", "application/json"))

    def ask(self, at: Millis, message: str = ASK, team: str = TEAM) -> tuple[int, str]:
        """The status, and the Job ID or what was said instead."""
        body = f'{{"message":"{message}","conversational":true}}'.encode()
        reply = self.service.serve(Request("POST", f"{team}/invokeAsync", "", self._head, body), at)
        found = members_of(reply.response.body)
        return reply.response.status, str(found.get("jobId") or found.get("message"))

    def poll(self, job: str, at: Millis, *headers: tuple[str, str]) -> str:
        """The status word, or the HTTP status where there is none."""
        reply = self.service.serve(Request("GET", f"{TEAM}/status/{job}", "", (*self._head, *headers)), at)
        return str(
            members_of(reply.response.body).get("status") if reply.response.status == 200 else reply.response.status
        )


@pytest.mark.parametrize("path", few_of(RECORDINGS, UNLIKE, name_of), ids=name_of)
def test_the_labs_own_app_comes_to_the_recorded_end(path: Path) -> None:
    recorded = read(path.read_bytes(), path.name)
    service = playing(recorded)
    outcome = app_run(service, recorded)
    ends = [fact.text("to") for fact in recorded.facts("job.status") if fact.text("to") in ("COMPLETE", "ERROR")]
    assert outcome.status == (ends[0] if ends else None)
    assert service.missed == [] and service.playback.left == ()


def test_instants_in_answers_are_of_today() -> None:
    caller = Caller(playing(recording("item-comparison")))
    _, job = caller.ask(5_000)
    reply = caller.service.serve(Request("GET", f"{TEAM}/status/{job}", "", caller._head), 9_000)
    assert b"2027-01-15T08:00:05" in reply.response.body
    assert b'"endTime":0' in reply.response.body and b'"endDate":"1970-01-01T00:00:00.000+0000"' in reply.response.body


def test_a_body_that_polls_are_answered_with_again_and_again_is_taken_apart_once() -> None:
    caller = Caller(playing(recording("item-comparison")))
    _, job = caller.ask(5_000)
    redated.cache_clear()
    assert [caller.poll(job, at) for at in range(6_000, 7_000, 10)] == ["RUNNING"] * 100
    assert redated.cache_info().misses <= 2


def test_polls_that_were_answered_alike_are_kept_once() -> None:
    recorded, _ = long_recording(300)
    calls = list(answered_calls(exchanges_of(recorded)))
    assert [call.at for call in calls[-300:]] == list(range(0, 30_000, 100))
    assert len({id(call.request) for call in calls}) < 10
    assert len({id(call.response) for call in calls}) < 10


def test_what_nobody_recorded_fails_closed_and_names_what_was() -> None:
    service, observed = playing(recording("item-comparison")), list[Observation]()
    service.observers.append(observed.append)
    caller = Caller(service)
    assert caller.ask(100, "Something else")[0] == 501
    assert caller.poll("nobody", 200) == "501"
    assert [
        fact.fact.near for fact in observed if isinstance(fact, Noted) and isinstance(fact.fact, PlaybackMissed)
    ] == [
        (ASK,),
        (),
    ]
    assert len(service.missed) == 2


@each_row(
    ("mode", "team", "message", "said"),
    [
        (PlaybackMode.ELASTIC, f"{TEAM}S", ASK, f"Nearest: {ASK} (asked of ITEM_COMPARE_TEAM)"),
        (
            PlaybackMode.STRICT,
            TEAM,
            "Else",
            f"goes on otherwise. Nearest: POST {TEAM}/invokeAsync with another message",
        ),
        (PlaybackMode.STRICT, f"{TEAM}S", ASK, f"goes on otherwise. Nearest: POST {TEAM}/invokeAsync"),
    ],
)
def test_what_a_near_call_has_otherwise_is_said(mode: PlaybackMode, team: str, message: str, said: str) -> None:
    service = playing(recording("item-comparison"), mode)
    assert Caller(service).ask(100, message, team)[0] == 501
    assert service.missed[0].endswith(said)


def test_of_a_path_no_word_is_told_that_neither_the_recording_nor_a_route_has() -> None:
    caller = Caller(playing(recording("item-comparison")))
    caller.service.serve(Request("GET", "/nowhere/canary%2Fof"), 7_000)
    assert caller.poll("canary", 7_000) == "501"
    named = [each.partition(":")[0] for each in caller.service.missed]
    assert named == ["GET /…/…", f"GET {TEAM}/status/…"]


@each_row(
    ("method", "path", "nearest"),
    [
        ("POST", f"{TEAM}/invokAsync", f"POST {TEAM}/invokeAsync"),
        ("GET", f"{TEAM}/state/1", f"GET {TEAM}/status/"),
        ("POST", "/oauth2/v1/tokens", "POST /oauth2/v1/token"),
        ("GET", f"/{'/' * 9_000}x", "GET "),
    ],
)
def test_of_an_unknown_path_the_nearest_recorded_call_is_named(method: str, path: str, nearest: str) -> None:
    service = playing(recording("item-comparison"))
    answer = service.serve(Request(method, path), 0).response
    assert answer.status == 501
    assert service.missed[0].partition("Nearest: ")[2].startswith(nearest), service.missed


def test_jobs_are_exhausted_unless_they_are_repeated_with_other_ids() -> None:
    once, again = (
        Caller(playing(recording("item-comparison"))),
        Caller(playing(recording("item-comparison"), repeat=True)),
    )
    assert [once.ask(at)[0] for at in (100, 200)] == [202, 501]
    first, second = (again.ask(at)[1] for at in (100, 50_000))
    assert first != second
    assert (again.poll(first, 50_100), again.poll(second, 50_100)) == ("COMPLETE", "RUNNING")


def test_by_count_the_time_says_nothing() -> None:
    recorded = recording("item-comparison")
    caller = Caller(playing(recorded, PlaybackMode.BY_COUNT))
    _, job = caller.ask(100)
    answers = (
        members_of(dumps(line.value).encode()) for line in recorded.lines if isinstance(line, Res) and line.x > 2
    )
    history = [str(each["status"]) for each in answers]
    assert [caller.poll(job, 200 + n) for n in range(len(history) + 1)] == [*history, "501"]


def test_in_strict_order_any_other_call_has_no_answer() -> None:
    caller = Caller(playing(recording("item-comparison"), PlaybackMode.STRICT))
    assert caller.poll("4529c9de-2bc3-4ba6-9874-1bacbc261403", 100) == "501"
    status, job = caller.ask(200)
    assert (status, caller.poll(job, 300)) == (202, "RUNNING")
    assert len(caller.service.playback.left) == 7


@each_row("mode", [PlaybackMode.ELASTIC, PlaybackMode.STRICT])
def test_a_matcher_says_what_a_client_may_send_otherwise(mode: PlaybackMode) -> None:
    taxi = "- {where: req, route: invoke, path: $.message, rule: regex, pattern: 'Compare .* and .*'}"
    (matcher,) = parse_matchers(taxi, "day.match.yaml").matchers
    for text, status in (("Compare A and B", 202), ("Compare A with B", 501), (ASK, 202)):
        caller = Caller(playing(recording("item-comparison"), mode, matchers=(matcher,)))
        assert caller.ask(1000, text)[0] == status, text
    assert Caller(playing(recording("item-comparison"), mode)).ask(1000, "Compare A and B")[0] == 501
    other = parse_matchers(taxi.replace("invoke", "chat"), "day.match.yaml").matchers
    assert Caller(playing(recording("item-comparison"), mode, matchers=other)).ask(1000, "Compare A and B")[0] == 501


@each_row(
    ("recorded", "sent", "alike"),
    [
        ({"token": "lab-S1-secret-xx"}, {"token": "t-0123456789"}, True),
        ({"url": "http://h/a?key=lab-S1-secret-&b"}, {"url": "http://h/a?key=k&b"}, True),
        ({"url": "http://h/a?key=lab-S1-secret-&b"}, {"url": "http://h/a?key=&b"}, False),
        ({"url": "http://h/a?key=lab-S1-secret-&b"}, {"url": "http://h/c?key=k&b"}, False),
        ({"of": [{"token": "lab-S1-secret"}, 1]}, {"of": [{"token": "t"}, 1]}, True),
        ({"of": [{"token": "lab-S1-secret"}, 1]}, {"of": [{"token": "t"}]}, False),
        ({"token": "lab-S1-secret"}, {"token": "t", "id": "a"}, False),
        ({"token": "lab-S1-secret"}, {"token": 1}, False), ({"id": "a"}, {"id": "b"}, False),
    ],
)  # fmt: skip
def test_a_secret_of_the_recorded_client_may_be_any_other(recorded: Json, sent: Json, alike: bool) -> None:
    mine, other = (Request("POST", "/x", body=json_bytes(each)) for each in (recorded, sent))
    assert asks_alike("agents", mine, other, {}) is alike


def test_a_job_that_was_begun_by_another_message_is_played_to_its_end() -> None:
    matchers = parse_matchers("- {where: req, path: $.message, rule: type}", "day.match.yaml").matchers
    caller = Caller(playing(recording("item-comparison"), matchers=matchers))
    status, job = caller.ask(1000, "Anything")
    assert status == 202 and caller.poll(job, 3_000_000) == "COMPLETE"
    assert caller.ask(3_000_001, "Anything else") == (501, caller.ask(3_000_002)[1])


def test_what_failed_strikes_once_and_can_be_left_out() -> None:
    recorded = recording("bad-line")
    cuts: list[list[str | None]] = []
    for faults in (True, False):
        service, observed = playing(recorded, faults=faults), list[Observation]()
        service.observers.append(observed.append)
        assert app_run(service, recorded).status == "COMPLETE"
        cuts.append([each.cut for each in observed if isinstance(each, Replied) and each.cut is not None])
    assert cuts == [["reset", "client_gone"], []]


def test_without_latency_nothing_is_withheld() -> None:
    service = playing(recording("item-comparison"), latency=False)
    assert service.serve(token_request(DEMO.id, DEMO.secret, api_scope("acme-test")), 0).latency == 0


def test_a_bearer_that_wasnt_granted_here_is_none() -> None:
    service = playing(recording("item-comparison"))
    reply = service.serve(Request("POST", f"{TEAM}/invokeAsync", "", (("authorization", "Bearer x"),), b"{}"), 0)
    assert reply.response.status == 401 and service.missed == []
