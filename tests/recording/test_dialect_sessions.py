"""Each kind of call, recorded over a real socket: it replays, is shown in every form, and is played back to its client."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json, Request, json_bytes
from lab.core.jsontext import members_of
from lab.core.reply import Reply
from lab.dialects.router import ROUTER
from lab.dialects.sse import events_in
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.jobs.program import program_of
from lab.kernel import EXPORT_FORMS
from lab.language.parse import parse_scenario
from lab.plugin import resolve
from lab.program.switches import Switches
from lab.program.words import Verdict
from lab.recording.exchange import exchanges_of
from lab.recording.format.lines import Recording, Req, Res
from lab.recording.format.reader import read
from lab.recording.playback.answers import leads_away
from lab.recording.playback.playback import PlaybackMode, PlaybackTerms, RecordingPlayback
from lab.recording.playback.service import PlaybackService
from lab.recording.replay.compare import Comparison, _asks_with
from lab.recording.replay.job_ends import JobEnds
from lab.recording.replay.replay import replay
from lab.recording.tape.header import config_of, epoch_in, with_secrets
from tests.conftest import each_row, examples, few_of
from tests.recording.another_server import AnotherServer
from tests.recording.dialect_sessions import SESSIONS, Session, config, program, recorded, served
from tests.recording.har_schema import HAR
from tests.recording.joined import Joined
from tests.recording.joined import config as joined_config
from tests.server.conftest import SCENARIO, SCOPE, TEAM


def recording_of(session: Session) -> Recording:
    return read(recorded(session)[0])


def playing(recording: Recording, mode: PlaybackMode = PlaybackMode.ELASTIC) -> PlaybackService:
    setup = with_secrets(config_of(recording, ()), config().clients, config().accounts)
    return PlaybackService(setup, RecordingPlayback(recording, epoch_in(recording), PlaybackTerms(mode)))


async def play_back(
    recording: Recording, session: Session, mode: PlaybackMode
) -> tuple[list[tuple[object, ...]], PlaybackService]:
    service = playing(recording, mode)
    async with served(service) as client:
        await session(client)
        return client.answered(), service


def another(old: str = "", new: str = "") -> AnotherServer:
    return AnotherServer(replace(config(), scenarios=(program_of(parse_scenario(SCENARIO.replace(old, new), "")),)))


def asked_too_early(recording: Recording) -> list[str]:
    """What is said of calls that weren't refused, as if they had asked with what no line before gives."""
    comparison = Comparison(recording, config_of(recording, (program(),)))
    showing = {call.x for call in exchanges_of(recording) if call.tells}
    words = [(word, req.n) for req in recording.of(Req) if req.x in showing for word in _asks_with(req)]
    assert words
    return [said for word, n in words if (said := comparison._never_given(word, n))]


class EverySession:
    """What holds of each session, over any wire; the tests of one inherit this, with its sessions."""

    sessions: ClassVar = SESSIONS
    unfinished: ClassVar = {"left early": 1, "device code": 1, "authorization code": 1, "refused": 1}
    """How many jobs their clients didn't see to the end."""

    def test_it_replays(self, name: str) -> None:
        result = replay(recording_of(self.sessions[name]), (program(),))
        assert result.passed, result.text()

    def test_what_its_calls_ask_with_or_about_was_given_before(self, name: str) -> None:
        assert asked_too_early(recording_of(self.sessions[name])) == []

    def test_whether_its_client_saw_the_end_is_known(self, name: str) -> None:
        recording = recording_of(self.sessions[name])
        assert len(JobEnds.of(recording).unfinished) == self.unfinished.get(name, 0)

    @pytest.mark.parametrize("mode", few_of(PlaybackMode, (PlaybackMode.ELASTIC,)))
    def test_its_client_is_answered_the_same_in_playback(self, name: str, mode: PlaybackMode) -> None:
        answers, service = asyncio.run(play_back(recording_of(self.sessions[name]), self.sessions[name], mode))
        assert service.missed == []
        assert answers == recorded(self.sessions[name])[1]
        assert service.playback.left == ()

    def test_it_is_shown_in_every_form(self, name: str) -> None:
        recording = recording_of(self.sessions[name])
        shown = {form.word: "\n".join(resolve(form.run)(recording, False)) for form in EXPORT_FORMS}
        assert not list(Draft202012Validator(HAR).iter_errors(json.loads(shown["har"])))
        jobs = {fact.text("job") or "" for fact in recording.facts("job.accepted")}
        for kind in ("text", "har", "md", "html"):
            assert all(job in shown[kind] for job in jobs), kind
        for line in recording.of(Res):
            assert f"+{line.t // 60_000:02d}:" in shown["text"]


@pytest.mark.parametrize("name", SESSIONS)
class TestEverySession(EverySession):
    pass


def test_the_end_is_seen_under_a_later_id_too() -> None:
    joined = Joined(replace(joined_config(), switches=Switches(resume_job_id="new")))
    joined.play(((Verdict.APPROVED, None),))
    assert JobEnds.of(joined.closed()).unfinished == {}
    assert replay(joined.closed(), joined.service.config.scenarios).remarks == ()
    assert asked_too_early(joined.closed()) == []


@each_row("name", [name for name in SESSIONS if "chat" in name or "stream" in name.lower()])
def test_another_server_is_asked_the_same_and_must_show_the_same_question_and_end(name: str) -> None:
    # of chat no event shows the job
    assert_asked_again(recording_of(SESSIONS[name]), differs="never polled" not in name)


def assert_asked_again(recording: Recording, *, differs: bool = True) -> None:
    """A server that does as the recorded one passes; if the client saw the job, one that asks or ends otherwise doesn't."""
    assert another().replay(recording).passed
    if differs:
        assert not another("Shared.", "Sent.").replay(recording).passed
        assert not another("May it be", "Must it be").replay(recording).passed


class Other:
    """A client of a playback that does otherwise than the recorded one: at instants of its own."""

    def __init__(self, session: Session, service: PlaybackService | None = None) -> None:
        self.service = service or playing(recording_of(session))
        token = members_of(self.service.serve(token_request(DEMO.id, DEMO.secret, SCOPE), 0).response.body)[
            "access_token"
        ]
        self._head = (("authorization", f"Bearer {token}"), ("content-type", "application/json"))

    def ask(self, at: Millis, method: str, path: str, body: Json = None) -> Reply:
        data = b"" if body is None else json_bytes(body)
        return self.service.serve(Request(method, path, "", self._head, data), at)

    def begin(self, at: Millis, route: str, **members: Json) -> Reply:
        return self.ask(at, "POST", ROUTER.path(route, code=TEAM), {"message": "Share it", **members})

    def poll(self, at: Millis, job: str) -> str:
        response = self.ask(at, "GET", ROUTER.path("status", code=TEAM, job=job)).response
        return str(members_of(response.body)["status"]) if response.status == 200 else str(response.status)


def test_a_job_that_a_stream_began_is_polled_by_its_events() -> None:
    client = Other(SESSIONS["invokeStream"])
    parts = [(at, event) for at, part in client.begin(700, "stream").pieces() or () for event in events_in(part)]
    assert [(at - 700, event["status"]) for at, event in parts] == [(0, "RUNNING"), (3000, "WAITING")]
    job = str(parts[0][1]["jobId"])
    seen = [client.poll(700 + at, job) for at in (1, 2_999, 3_000, 3_499, 60_000)]
    assert seen == ["RUNNING", "RUNNING", "WAITING", "WAITING", "COMPLETE"]


GAPS = st.lists(st.integers(1, 2_000), max_size=12)
HISTORY = [(0, "RUNNING"), (3_000, "WAITING"), (3_500, "COMPLETE")]


@given(gaps=GAPS)
@examples(12, thorough=500)
def test_whenever_a_client_polls_it_sees_the_history_in_order_and_never_early(gaps: list[int]) -> None:
    client = Other(SESSIONS["invokeStream"])
    parts = client.begin(0, "stream").pieces() or ()
    job = str(next(event for _, part in parts for event in events_in(part))["jobId"])
    assert_seen_in_order(gaps, lambda now: client.poll(now, job))


def assert_seen_in_order(gaps: list[int], status_at: Callable[[Millis], str]) -> None:
    """What polls show with these gaps between them, and one at last."""
    now, place = 0, 0
    for gap in (*gaps, 60_000):
        now += gap
        word = status_at(now)
        place = next(at for at in range(place, len(HISTORY)) if HISTORY[at][1] == word)
        assert HISTORY[place][0] <= now
    assert HISTORY[place][1] == "COMPLETE"


def test_deltas_show_no_job_and_so_none_is_shown_before_its_first_poll() -> None:
    client = Other(SESSIONS["chat"])
    job = str(next(event for _, part in client.begin(0, "chat").pieces() or () for event in events_in(part))["jobId"])
    assert (client.poll(2_999, job), client.poll(3_000, job)) == ("501", "WAITING")


def test_a_message_of_one_route_or_with_other_parameters_is_not_that_of_another() -> None:
    client = Other(SESSIONS["invokeAsync"])
    sent = [client.begin(0, "stream", parameters={"id": 7}), client.begin(0, "chat", parameters={"id": 7}),
             client.begin(0, "invoke"), client.begin(0, "invoke", parameters={"id": 7})]  # fmt: skip
    assert [each.response.status for each in sent] == [501, 501, 501, 202]


def test_another_instant_of_an_event_is_a_divergence() -> None:
    recording = recording_of(SESSIONS["invokeStream"])
    stream = next(line for line in recording.of(Res) if line.times)
    assert (stream.times, stream.latency) == ((0, 3000, 3000), 0)
    for times in ((0, 3000, 3001), ()):
        lines = [replace(line, times=times) if line is stream else line for line in recording.lines]
        assert not replay(replace(recording, lines=lines), (program(),)).passed


def test_a_redirect_to_another_origin_leads_to_that_of_the_playback() -> None:
    fault = "faults:\n  - {name: away, route: invoke, calls: 1, redirect: other}\n"
    scenario = program_of(parse_scenario(SCENARIO + fault, "consent.yaml"))
    joined = Joined(replace(config(), scenarios=(scenario,)))
    joined.play()
    joined.tape.close(joined.now)
    recording = read(joined.data)
    assert leads_away(recording) and not leads_away(recording_of(SESSIONS["invokeAsync"]))
    setup = replace(
        with_secrets(config_of(recording, ()), config().clients, config().accounts), elsewhere="http://localhost:9"
    )
    client = Other(SESSIONS["invokeAsync"], PlaybackService(setup, RecordingPlayback(recording, epoch_in(recording))))
    response = client.begin(60_000, "invoke").response
    assert (response.status, response.header("location")) == (
        307,
        f"http://localhost:9{ROUTER.path('invoke', code=TEAM)}",
    )


def test_a_device_that_asks_seldom_is_not_kept_waiting_by_what_another_was_answered() -> None:
    client = Other(SESSIONS["device code"]).service
    head = (("content-type", "application/x-www-form-urlencoded"),)
    grant = "urn:ietf:params:oauth:grant-type:device_code"

    def form(at: Millis, path: str, **fields: str) -> Any:
        return json.loads(client.serve(Request("POST", path, "", head, urlencode(fields).encode()), at).response.body)

    begun = form(10, "/oauth2/v1/device", client_id="cli", scope=SCOPE, response_type="device_code")
    token = {"grant_type": grant, "device_code": begun["device_code"], "client_id": "cli"}
    assert form(6_009, "/oauth2/v1/token", **token)["error"] == "authorization_pending"
    assert "access_token" in form(12_000, "/oauth2/v1/token", **token)
