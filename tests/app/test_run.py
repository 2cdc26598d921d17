"""The external app, told as playbooks: what it asks for, what it is sent, how it ends."""

import json

from msgspec.structs import replace

from lab.app.effects import Answer, App, Ask, Backoff, Received, Send, Silence, Wait, Woke
from lab.app.run import run
from lab.cli.run.transcript import outcome_document
from lab.core.exchange import Response
from lab.dialects.client import Acknowledged
from lab.dialects.fusion.client import FusionClient
from lab.identity.client import AccessToken
from lab.identity.scopes import api_scope
from lab.program.words import LONGEST, Verdict
from tests.conftest import each_row

APP = App("TEAM", "hi", "demo", "s:/+%", api_scope("acme-test"), backoff=Backoff(1_000, 200, 3_000))


def reply(code=200, headers=(), /, **body):
    return Response(code, tuple(headers), json.dumps(body).encode())


GRANT = reply(access_token="T1", expires_in=3600)


def job(status="RUNNING", code=200, **more):
    return reply(code, jobId="J", conversationId="C", status=status, **more)


NODE = {"code": "BOSS", "type": "HUMAN", "channelType": "CHAT", "callbackToken": "K", "actionNames": {}}

WAITS = job("WAITING", waitingNodeDetails=NODE)


class Play:
    """Drives a run by hand on an integer clock; each exchange takes `took` ms."""

    def __init__(self, app=APP, start=0, took=0, **more):
        self.now, self.took = start, took
        self.run = run(app, start, **more)
        self.effect = next(self.run)
        self.outcome = None

    def _send(self, result):
        try:
            self.effect = self.run.send(result)
        except StopIteration as stop:
            self.effect, self.outcome = None, stop.value
        return self

    def got(self, response, route=None):
        assert isinstance(self.effect, Send), self.effect
        assert route is None or self.effect.route == route
        self.now += self.took
        return self._send(Received(self.now, response))

    def lost(self, why="reset"):
        assert isinstance(self.effect, Send)
        return self._send(Silence(self.now, why))

    def waits(self, millis, why="poll"):
        assert isinstance(self.effect, Wait) and self.effect.why == why, self.effect
        pause = self.effect.until - self.now
        # a retry comes up to a quarter later, so that clients part
        assert millis <= pause <= millis * 5 // 4 if why == "retry" else pause == millis
        self.now = self.effect.until
        return self._send(Woke(self.now))

    def asks(self, answer=None):
        assert isinstance(self.effect, Ask), self.effect
        if answer:
            return self._send(answer)
        self.now = self.effect.until
        return self._send(Woke(self.now))

    def sent(self):
        return self.effect.request


def test_a_run_goes_from_token_to_output_with_a_growing_pause():
    play = Play().got(GRANT, "token").got(job(code=202), "invoke")
    play.waits(1_000).got(job(), "status").waits(2_000).got(job(), "status").waits(3_000)
    play.got(job("COMPLETE", output="Done", followUpQuestions=["More?"]), "status")
    outcome = play.outcome
    assert (outcome.status, outcome.output, outcome.polls, outcome.elapsed) == ("COMPLETE", "Done", 3, 6_000)
    assert outcome.complete and outcome.job == "J" and outcome.conversation == "C" and outcome.follow_up == ("More?",)
    assert set(outcome_document(outcome)) >= {
        "status",
        "output",
        "error",
        "jobId",
        "conversationId",
        "polls",
        "elapsed_ms",
    }


def test_what_it_sends_is_the_contract():
    play = Play()
    request = play.sent()
    assert request.header("authorization") == "Basic ZGVtbzpzJTNBJTJGJTJCJTI1"
    assert request.body.startswith(b"grant_type=client_credentials&scope=urn%3Aopc")
    request = play.got(GRANT).sent()
    assert request.header("authorization") == "Bearer T1" and request.path.endswith("/agent/v2/TEAM/invokeAsync")
    assert json.loads(request.body) == {
        "message": "hi", "conversational": True, "conversationId": None, "progressMessage": True,
    }  # fmt: skip


def test_a_person_answers_at_waiting_and_polling_goes_on_meanwhile():
    play = Play().got(GRANT).got(job(code=202)).waits(1_000).got(job("WAITING", waitingNodeDetails=NODE))
    play.asks().got(job("WAITING", waitingNodeDetails=NODE), "status")
    play.asks(Answer(play.now + 5, Verdict.APPROVED, "fine"))
    body = json.loads(play.sent().body)
    assert body["jobId"] == "J" and body["conversationId"] == "C"
    assert body["resumeInput"] == {"messageInstanceId": "K", "userResponse": "APPROVE_ACTION", "content": "fine"}
    play.got(job(code=202), "invoke").waits(1_000).got(job("COMPLETE"))
    assert play.outcome.complete


def test_the_longer_a_person_takes_the_more_rarely_it_asks():
    play = Play(App("TEAM", "hi", "demo", "s", "x")).got(reply(access_token="T", expires_in=10**6))
    play.got(WAITS, "invoke")
    pauses = []
    while play.now < 3 * 86_400_000:
        pauses.append(play.effect.until - play.now)
        play.asks().got(WAITS, "status")
    assert pauses[:11] == [1_000, 1_300, 1_690, 2_197, 2_856, 3_014, 4_019, 5_358, 7_144, 9_526, 10_000]
    assert pauses == sorted(pauses) and pauses[-1] == 3_600_000 and len(pauses) < 200
    play.asks().got(job(), "status").waits(1_000).got(job(), "status").waits(1_300)


def test_of_a_wait_of_years_a_hundredth_goes_by_between_two_polls():
    backoff, lasted, polls = Backoff(), 0, 0
    while lasted < LONGEST:
        pause = backoff.lasting(3_000, lasted, waiting=True)
        assert pause <= 3_600_000 or pause == lasted // 100
        lasted, polls = lasted + pause, polls + 1
    assert 700 < polls < 1_000


def test_the_longer_an_agent_works_the_more_rarely_it_asks():
    play = Play(App("TEAM", "hi", "demo", "s", "x")).got(reply(access_token="T", expires_in=10**6))
    play.got(job(code=202), "invoke")
    pauses = []
    while play.now < 86_400_000:
        pauses.append(play.effect.until - play.now)
        play.waits(pauses[-1]).got(job(), "status")
    assert pauses[:8] == [1_000, 1_300, 1_690, 2_197, 2_856, 3_000, 3_000, 3_000]
    assert pauses == sorted(pauses) and pauses[-1] == 60_000


class Acknowledging(FusionClient):
    """A wire whose server says no more than that it took an answer."""

    def understand(self, route, response):
        return Acknowledged() if response.body == b"{}" else super().understand(route, response)


def test_what_was_acknowledged_is_asked_no_more_until_a_poll_says_so():
    play = Play(replace(APP, dialect=Acknowledging())).got(GRANT).got(WAITS)
    play.asks(Answer(500, Verdict.APPROVED)).got(reply()).waits(1_000).got(WAITS, "status")
    assert isinstance(play.effect, Ask)


def test_a_refused_answer_is_found_out_by_the_next_poll():
    play = Play().got(GRANT).got(job("WAITING", 202, waitingNodeDetails=NODE))
    play.asks(Answer(5, Verdict.REJECTED)).got(reply(409, message="late"), "invoke")
    play.asks().got(job("ERROR", error="Nobody decided."))
    assert (play.outcome.status, play.outcome.error) == ("ERROR", "Nobody decided.")
    assert not play.outcome.complete


def test_one_401_fetches_one_new_token_and_repeats_the_call():
    play = Play().got(GRANT).got(job(code=202)).waits(1_000).got(reply(401), "status")
    play.got(reply(access_token="T2", expires_in=60), "token")
    assert play.sent().header("authorization") == "Bearer T2"
    play.got(reply(401, message="Authentication failed."), "status")
    assert play.outcome.status == "RUNNING" and "401" in play.outcome.why


@each_row(
    ("headers", "pause", "why"),
    [
        ((("retry-after", "7"),), 7_000, "retry-after"),
        ((), 3_000, "retry"),
        ((("retry-after", "1.5"),), 3_000, "retry"),
        (
            (("retry-after", "Thu, 01 Jan 2026 00:00:09 GMT"), ("date", "Thu, 01 Jan 2026 00:00:04 GMT")),
            5_000, "retry-after",
        ),
    ],
)  # fmt: skip
@each_row("code", [429, 503])
def test_retry_after_is_honoured(headers, pause, why, code):
    play = Play().got(GRANT)
    if code == 429 or why == "retry-after":
        play.got(reply(code, headers), "invoke").waits(pause, why)
    play.got(job(code=202), "invoke")
    play.waits(1_000).got(reply(code, headers), "status").waits(pause, why).got(job("COMPLETE"), "status")
    assert play.outcome.complete and play.outcome.polls == 2


def test_a_503_that_names_no_time_may_have_accepted_the_job():
    assert "503" in Play().got(GRANT).got(reply(503), "invoke").outcome.why


@each_row("body", [b"<html>Sign In</html>", b'{"jobId":"J1","stat', b"\xff\xfe", b"[]"])
def test_a_poll_that_brings_no_job_body_is_no_result(body):
    play = Play().got(GRANT).got(job(code=202)).waits(1_000)
    play.got(Response(200, (), body), "status").waits(3_000, "retry").got(job("COMPLETE"), "status")
    assert play.outcome.complete


def test_a_job_may_be_unknown_just_after_its_acceptance_and_not_later():
    play = Play().got(GRANT).got(job(code=202)).waits(1_000)
    play.got(reply(404), "status").waits(3_000, "retry").got(job("RUNNING"), "status").waits(2_000)
    assert "404" in play.got(reply(404), "status").outcome.why


@each_row("body", [b"<html>", b'{"access_tok', b"{}"])
def test_a_token_answer_that_holds_no_token_is_asked_for_again(body):
    assert Play().got(Response(200, (), body)).waits(3_000, "retry").got(GRANT).effect.route == "invoke"


def test_no_reply_is_waited_for_longer_than_a_minute():
    play = Play()
    for answer in (GRANT, job(code=202)):
        assert play.effect.until == play.now + 30_000
        play.got(answer)
    assert play.waits(1_000).effect.until == play.now + 30_000


def test_a_lost_invoke_is_not_sent_again_for_it_may_have_started_a_job():
    assert "reset" in Play().got(GRANT).lost().outcome.why
    assert Play().got(GRANT).got(reply(500)).outcome.why.startswith("HTTP 500. A job may have begun; ")
    assert Play().got(GRANT).lost().outcome.why.endswith("A job may have begun; asking again could double it.")


@each_row("lost", [lambda play: play.lost("timeout"), lambda play: play.got(reply(504), "invoke")])
def test_a_decision_whose_answer_is_lost_is_found_out_by_the_next_poll(lost):
    play = Play().got(GRANT).got(job("WAITING", 202, waitingNodeDetails=NODE))
    lost(play.asks(Answer(5, Verdict.APPROVED))).asks().got(job(), "status").waits(1_000).got(job("COMPLETE"))
    assert play.outcome.complete


def test_lost_polls_are_repeated_a_few_times():
    play = Play().got(GRANT).got(job(code=202)).waits(1_000)
    for pause in (3_000, 6_000, 12_000, 24_000):
        play.lost("timeout").waits(pause, "retry")
    play.lost("timeout")
    assert play.outcome.status == "RUNNING" and "timeout" in play.outcome.why


def test_a_token_is_used_again_until_near_its_end():
    token = AccessToken("T1", 0, 600_000)
    assert Play(start=539_999, token=token).effect.route == "invoke"
    assert Play(start=540_000, token=token).effect.route == "token"
    play = Play(start=0, token=token, conversation="C9")
    assert json.loads(play.sent().body)["conversationId"] == "C9"


def test_a_refused_token_ends_the_run_with_the_reason():
    play = Play().got(reply(401, error="invalid_client", error_description="No."))
    assert play.outcome.status is None and play.outcome.why == "HTTP 401: invalid_client · No."


def test_the_status_of_the_refusal_that_ended_a_run_is_told():
    assert Play().got(reply(401, error="invalid_client")).outcome.refused == 401
    assert Play().got(GRANT).got(reply(403)).outcome.refused == 403
    assert Play().got(GRANT).got(reply(500)).outcome.refused == 500
    assert Play().got(GRANT).lost().outcome.refused is None
    assert Play().got(GRANT).got(Response(202, (), b"<html>")).outcome.refused is None
    assert Play().got(GRANT).got(job("COMPLETE")).outcome.refused is None
    play = Play().got(GRANT).got(job()).waits(1_000)
    for tries in range(4):
        play.got(reply(429)).waits(3_000 << tries, "retry")
    assert play.got(reply(429)).outcome.refused == 429
    assert play.outcome.status == "RUNNING"


def test_a_refusal_that_says_when_to_come_again_is_believed_for_a_quarter_of_an_hour():
    play, busy = Play().got(GRANT), reply(503, [("retry-after", "100")])
    for _ in range(9):  # at 0 s, at 100 s, ... at 800 s
        play.got(busy, "invoke").waits(100_000, "retry-after")
    for _ in range(4):
        play.got(busy, "invoke").waits(100_000, "retry-after")
    assert play.got(busy).outcome.why == "HTTP 503. It failed 5 times in a row; --tries N allows more."
    assert (play.now, play.outcome.refused) == (1_300_000, 503)


def test_a_refusal_that_says_at_once_counts():
    play, busy = Play(replace(APP, tries=2)), reply(429, [("retry-after", "0")])
    why = play.got(busy).waits(0, "retry-after").got(busy).outcome.why
    assert why.endswith("2 times in a row; --tries N allows more.")


def test_what_comes_between_two_refusals_counts_as_ever():
    play, busy = Play(replace(APP, tries=2)).got(GRANT).got(job()).waits(1_000), reply(503, [("retry-after", "9")])
    play.got(reply(500)).waits(3_000, "retry")
    play.got(busy).waits(9_000, "retry-after").got(busy).waits(9_000, "retry-after")
    assert play.got(reply(500)).outcome.refused == 500


def test_a_connection_that_never_came_about_began_no_job():
    play = Play(replace(APP, tries=2)).got(GRANT).lost("refused").waits(3_000, "retry")
    why = "No connection came about, so nothing was sent. It failed 2 times in a row; --tries N allows more."
    assert play.lost("refused").outcome.why == why
    assert "A job may have begun" in Play().got(GRANT).lost("reset").outcome.why
    assert "It failed once" in Play(replace(APP, tries=1)).lost("refused").outcome.why


@each_row("body", [b"", b"<html>", b"[]", b'{"jobId":"J"}', b'{"status":"RUNNING"}'])
def test_an_answer_that_is_no_job_body_ends_the_run(body):
    play = Play().got(GRANT).got(Response(202, (), body))
    assert play.outcome.status is None and "job body" in play.outcome.why


def test_an_undocumented_status_is_not_final_and_the_deadline_ends_it():
    app = App("TEAM", "hi", "demo", "s", "x", deadline=5_000)
    play = Play(app).got(GRANT).got(job(code=202))
    while play.outcome is None:
        play.waits(play.effect.until - play.now).got(job("QUEUED_V2"))
    assert play.outcome.status == "QUEUED_V2" and play.outcome.why == WORKED


WORKED = "The job had not ended after 5s of work; --deadline DURATION allows more."


def test_what_a_person_takes_is_no_work_of_the_job():
    app = App("TEAM", "hi", "demo", "s", "x", deadline=5_000)
    play = Play(app).got(GRANT).got(job("WAITING", code=202))
    while play.now < 1_800_000:
        play.waits(play.effect.until - play.now).got(job("WAITING"))
    resumed = play.waits(play.effect.until - play.now).got(job()).now
    while play.outcome is None:
        play.waits(play.effect.until - play.now).got(job())
    assert play.outcome.status == "RUNNING" and "5s of work" in play.outcome.why
    assert 5_000 <= play.now - resumed < 10_000
