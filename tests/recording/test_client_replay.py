"""Client replay without a socket: a recording's calls to another mock, whose answers are compared (recordings.md §6.3)."""

import json
from base64 import b64decode
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec import UnsetType
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.errors import RecordingError
from lab.core.exchange import Json, Request, Response
from lab.files.recordings import open_recording
from lab.files.scenarios import load_scenario
from lab.jobs.program import Program, program_of
from lab.language.parse import parse_scenario
from lab.program.words import Verdict
from lab.recording.client_replay.plan import client_plan
from lab.recording.client_replay.polls import ClientTerms, FollowedJob
from lab.recording.client_replay.replay import Outgoing
from lab.recording.client_replay.values import Credentials, wanted
from lab.recording.format.lines import Entry, Recording, Req, Res
from lab.recording.format.reader import read
from lab.recording.matchers import parse_matchers
from lab.recording.tape.header import config_of
from tests.conftest import ROOT, THOROUGH, each_row
from tests.recording.another_server import AnotherServer, Answer, as_capture
from tests.recording.joined import SCENARIO, Joined, config
from tests.recording.rewritten import without
from tests.wire_peer import basic, invoke, status, token_request

SHIPPED = sorted((ROOT / "recordings").glob("*.rec.jsonl"))
LONG = ("month-end-marathon", "heavy-load")
"""Of three days, and of megabytes."""
FAST = ClientTerms(fast=True)


def edited(old: str = "", new: str = "") -> Program:
    assert old in SCENARIO
    text = SCENARIO.replace(old, new, 1)
    return program_of(parse_scenario(text, "expense-approval.yaml"), sha256(text.encode()).hexdigest())


def recorded(answers: tuple[tuple[Verdict, str | None], ...] = (), program: Program | None = None) -> Recording:
    peer = Joined(config(scripted=not answers, program=program))
    peer.play(answers)
    peer.tape.close(peer.now)
    return read(peer.data, "a.rec.jsonl")


def server(program: Program | None = None, *, scripted: bool = True) -> AnotherServer:
    return AnotherServer(config(seed=7, scripted=scripted, program=program))


@pytest.mark.parametrize("terms", [ClientTerms(), FAST][: 1 + THOROUGH], ids=["recorded", "fast"][: 1 + THOROUGH])
@pytest.mark.parametrize(
    "path",
    [each for each in SHIPPED if THOROUGH or not each.name.startswith(LONG)],
    ids=lambda path: path.name.removesuffix(".rec.jsonl"),
)
def test_every_shipped_recording_is_kept_by_a_server_of_its_scenario_with_another_seed(
    path: Path, terms: ClientTerms
) -> None:
    recording = read(open_recording(path), path.name)
    served = tuple(load_scenario(each.name, ROOT / "scenarios") for each in recording.header.scenarios or ())
    there = AnotherServer(replace(config_of(recording, served), seed=7, recorded=None))
    found = there.replay(recording, terms)
    assert found.passed, found.text()
    jobs = len(client_plan(recording).jobs)
    assert len(list(there.service.jobs())) >= jobs > 0 or path.stem.startswith("wrong-badge")


@each_row(
    ("old", "new", "line", "what"),
    [
        ("verdict: approved", "verdict: rejected", 21, "J1: expected RUNNING → WAITING → RUNNING → COMPLETE, got RUNNING → WAITING → ERROR"),
        ("  - work: pay\n    takes: {between: [1s, 2s]}\n", "", 21, "J1: expected RUNNING → WAITING → RUNNING → COMPLETE, got RUNNING → WAITING → COMPLETE"),
        ("work: pay\n    takes: {between: [1s, 2s]}", "work: pay\n    takes: 10m", 24, "; still RUNNING after 1m"),
        ("  - complete: paid", "  - gate: again\n    asks: Sure?\n    patience: 1h\n    reviewer: {after: 5s, verdict: approved}\n  - complete: paid", 24, "got RUNNING → WAITING → RUNNING → WAITING → "),
        ("agent: {code: EXPENSES,", "agent: {code: OTHERS,", 5, "POST …/EXPENSES/invokeAsync (x=2): expected status 202, got 404"),
        ("    rounds: 2\n", "", 15, "J1 WAITING: body differs: waitingNodeDetails"),
    ],
)  # fmt: skip
def test_what_the_server_does_otherwise_is_told_at_its_line(old: str, new: str, line: int, what: str) -> None:
    found = server(edited(old, new)).replay(recorded())
    assert not found.passed
    assert what in found.differences[0].what, found.text()
    assert found.differences[0].line == line


@each_row("terms", [ClientTerms(), FAST], ids=["recorded", "fast"])
def test_decisions_of_the_client_are_sent_once_their_gate_is_seen_open(terms: ClientTerms) -> None:
    changes = ((Verdict.CHANGES, "Less"), (Verdict.APPROVED, None))
    there = server(scripted=False)
    found = there.replay(recorded(changes), terms)
    assert found.passed, found.text()
    sent = [json.loads(each.body) for each in there.sent if each.path.endswith("invokeAsync")]
    assert [each.get("resumeInput", {}).get("userResponse") for each in sent] == [None, "RFI_ACTION", "APPROVE_ACTION"]
    assert all("lab-" not in each.path + str(each.headers) + str(each.body) for each in there.sent)


def test_decisions_of_others_are_waited_for() -> None:
    there = server(edited("after: 6s", "after: 40s"))
    assert there.replay(recorded()).passed
    lonely = server(scripted=False).replay(recorded(), ClientTerms(patience=60_000))
    assert "got RUNNING → WAITING; still WAITING after 1m" in lonely.differences[0].what


def test_times_count_once_a_tolerance_is_named() -> None:
    slow = edited("takes: {between: [4s, 6s]}", "takes: 9s")
    assert server(slow).replay(recorded()).passed
    found = server(slow).replay(recorded(), ClientTerms(tolerance=1_000))
    assert any("J1: WAITING came between" in one.what for one in found.differences), found.text()
    assert server().replay(recorded(), ClientTerms(tolerance=3_000)).passed


def test_an_answer_that_is_late_is_told_with_a_tolerance_alone() -> None:
    late = AnotherServer(config(seed=7), late=800)
    assert late.replay(recorded()).passed
    found = AnotherServer(config(seed=7), late=800).replay(recorded(), ClientTerms(tolerance=500))
    assert found.differences[0].what == "POST …/v1/token (x=1): answered after 920 ms, recorded 120 ms"


def without_version(body: Json | UnsetType) -> Json | UnsetType:
    return {k: v for k, v in body.items() if k != "workflowVersion"} if isinstance(body, dict) else body


class Terse(AnotherServer):
    """Leaves a member out of every body."""

    def answer(self, out: Outgoing, now: Millis) -> tuple[Millis, Response | None, str]:
        at, response, why = super().answer(out, now)
        if response is not None and response.body.startswith(b"{"):
            response = replace(response, body=json.dumps(without_version(json.loads(response.body))).encode())
        return at, response, why


def test_a_missing_member_is_told_and_one_too_many_is_not() -> None:
    found = Terse(config(seed=7)).replay(recorded())
    assert [one.line for one in found.differences] == [5] and found.more > 0
    assert '-    "workflowVersion": 3' in found.text()
    whole = recorded()
    terse = tuple(
        replace(line, value=without_version(line.value)) if isinstance(line, Res) else line for line in whole.lines
    )
    assert server().replay(replace(whole, lines=terse)).passed


def test_generated_texts_count_by_their_type_and_others_by_their_words() -> None:
    assert server(edited("{{ data.payer }} paid.", "Nothing was paid to {{ data.payer }}.")).replay(recorded()).passed
    plain = edited("{{ data.payer }} paid.", "Paid.")
    # the job still has generated data, so none of its texts is sure to be an author's
    assert server(plain).replay(recorded()).passed
    fixed = SCENARIO.replace("data:\n  payer: {fake: company}\n", "").replace("{{ data.payer }}", "Zoë")
    both = [
        program_of(parse_scenario(text, "expense-approval.yaml"), sha256(text.encode()).hexdigest())
        for text in (fixed, fixed.replace("Zoë paid.", "Zoë lied."))
    ]
    data = recorded(program=both[0])
    assert server(both[0]).replay(data).passed
    found = server(both[1]).replay(data)
    assert found.differences[0].what.startswith("J1 COMPLETE: body differs: output expected Zoë paid., got Zoë lied.")
    matchers = parse_matchers("- {where: res, route: status, path: $.output, rule: type}\n", "a.match.yaml").matchers
    assert server(both[1]).replay(data, matchers=matchers).passed


def test_a_capture_has_calls_alone_and_that_is_enough() -> None:
    data = as_capture(recorded(((Verdict.APPROVED, None),)))
    assert not list(data.facts()) and data.header.source == "capture"
    assert server(scripted=False).replay(data).passed
    found = server(
        edited("work: pay\n    takes: {between: [1s, 2s]}", "work: pay\n    takes: 10m"), scripted=False
    ).replay(data)
    assert "still RUNNING" in found.text()


def busy(times: int, code: int, *headers: tuple[str, str], of: str = "POST") -> Answer:
    left = iter(range(times))

    def answer(request: Request, now: Millis) -> Response | None:
        mine = request.method == of and "agent" in request.path and next(left, None) is not None
        return Response(code, headers) if mine else None

    return answer


def test_who_is_busy_is_asked_again_when_it_wishes() -> None:
    there = AnotherServer(config(seed=7), busy(2, 503, ("retry-after", "7")))
    found = there.replay(recorded(), FAST)
    assert found.passed
    assert (
        found.text() == "note: a.rec.jsonl: 2 times the server was busy, or not to be understood, and was asked again"
    )
    assert len(list(there.service.jobs())) == 1
    invokes = [at for at, each in zip(there.instants, there.sent, strict=True) if each.path.endswith("invokeAsync")]
    assert [two - one for one, two in pairwise(invokes)] == [7_050, 7_050]
    assert not AnotherServer(config(seed=7), busy(9, 503)).replay(recorded(), FAST).passed
    assert AnotherServer(config(seed=7), busy(9, 502, of="GET")).replay(recorded(), FAST).passed


def test_a_message_whose_answer_is_lost_is_never_sent_twice() -> None:
    lost = AnotherServer(config(seed=7), lambda request, now: "reset" if "invoke" in request.path else None)
    found = lost.replay(recorded())
    assert [one.what for one in found.differences] == ["POST …/EXPENSES/invokeAsync (x=2): no answer: reset"]
    assert [each.path.rpartition("/")[2] for each in lost.sent] == ["token", "invokeAsync"]
    gateway = AnotherServer(config(seed=7), busy(1, 504))
    assert "expected status 202, got 504" in gateway.replay(recorded()).text()
    assert len(gateway.sent) == 2


def test_a_token_that_ends_earlier_there_is_asked_for_anew() -> None:
    there = server(edited("latency:", "token: {lifetime: 8s}\nlatency:"))
    found = there.replay(recorded())
    assert ["expires_in expected 3600, got 8" in one.what for one in found.differences] == [True], found.text()
    assert found.more > 0, "the second token's, too"
    assert sum(each.path.endswith("token") for each in there.sent) > 1


def test_the_end_of_a_token_comes_with_time_and_is_not_demanded() -> None:
    peer = Joined(config(program=edited("latency:", "token: {lifetime: 10s}\nlatency:")))
    peer.play_until_accepted()
    job = next(iter(peer.service.jobs()))
    first = token_of(peer)
    assert peer.ask(status(first, job)).status == 200
    peer.now += 20_000
    assert peer.ask(status(first, job)).status == 401
    assert b"COMPLETE" in peer.ask(status(token_of(peer), job)).body
    peer.tape.close(peer.now)
    data = read(peer.data, "a")
    found = server(peer.service.config.scenarios[0]).replay(data, FAST)
    assert found.passed, found.text()


def token_of(peer: Joined) -> str:
    return str(json.loads(peer.ask(token_request("client_credentials")).body)["access_token"])


def test_who_may_not_see_a_job_is_refused_again() -> None:
    peer = Joined(config())
    peer.play()
    job = next(iter(peer.service.jobs()))
    assert peer.ask(status("nobody's", job)).status == 401
    peer.tape.close(peer.now)
    there = server()
    found = there.replay(read(peer.data, "a"))
    assert found.passed, found.text()
    polls = [each for each in there.sent if "/status/" in each.path]
    made_up = [each for each in polls if dict(each.headers)["authorization"] != dict(polls[0].headers)["authorization"]]
    assert len(made_up) == 1, "with another bearer, that is as wrong"


def test_what_recorded_polls_missed_is_no_difference() -> None:
    brief = edited("work: pay\n    takes: {between: [1s, 2s]}", "work: pay\n    takes: 300ms")
    data = recorded(program=brief)
    assert next(iter(client_plan(data).jobs.values())).unseen
    found = server(brief).replay(data, FAST)
    assert found.passed, found.text()


def test_an_instant_in_a_body_counts_with_a_tolerance() -> None:
    there = server()

    def later(request: Request, now: Millis) -> Response | None:
        if "/status/" not in request.path:
            return None
        body = json.loads((response := there.service.serve(request, now).response).body)
        body["endTime"] += 60_000 if body["endTime"] else 0
        return replace(response, body=json.dumps(body).encode())

    there.instead = later
    assert there.replay(recorded()).passed
    there = server()
    there.instead = later
    found = there.replay(recorded(), ClientTerms(tolerance=10_000))
    assert '"endTime": "+' in found.text()


def test_what_failed_for_the_moment_is_demanded_of_nobody() -> None:
    peer = Joined(config())
    peer.play()
    bearer = "nobody's"
    assert peer.ask(status(bearer, "J")).status == 401
    peer.tape.close(peer.now)
    there = server()
    found = there.replay(read(peer.data, "a"))
    assert found.passed, found.text()
    assert any(
        ("authorization", "Bearer nobody's") not in each.headers and each.path.endswith("/J") for each in there.sent
    )


def test_a_wrong_id_in_an_answer_is_told() -> None:
    peer = Joined(config())
    peer.play()
    peer.tape.close(peer.now)
    there = server()

    def other(request: Request, now: Millis) -> Response | None:
        if "/status/" not in request.path:
            return None
        response = there.service.serve(request, now).response
        conversation = json.loads(response.body)["conversationId"]
        return replace(response, body=response.body.replace(conversation.encode(), b"0" * 32))

    there.instead = other
    found = there.replay(read(peer.data, "a"))
    assert "conversationId" in found.text() and "(another)" in found.text()


def test_of_secrets_that_nobody_gave_each_is_named_by_a_variable() -> None:
    data = recorded()
    assert wanted(client_plan(data)) == {"LAB_CLIENT_SECRET": "lab-C1-secret"}


@each_row("path", ["@evil.example/s", "a@evil.example:81", ".evil.example/s", "http://evil.example/s", "*"])
def test_what_could_lead_to_another_server_is_not_sent_and_that_is_said(path: str) -> None:
    recording = recorded()
    lines = [replace(line, url=path) if isinstance(line, Req) and line.x == 3 else line for line in recording.lines]
    there = server()
    found = there.replay(replace(recording, lines=lines))
    assert path not in {request.path for request in there.sent}
    assert "1 calls were not sent: what they ask for is no path of a server" in found.text()


def test_of_calls_none_of_which_can_be_sent_nothing_is_kept() -> None:
    lines = [replace(line, url="*") if isinstance(line, Req) else line for line in recorded().lines]
    with pytest.raises(RecordingError, match="none of its calls can be sent"):
        server().replay(replace(recorded(), lines=lines))


class Silent(AnotherServer):
    """A server that takes whatever comes, and never answers."""

    def answer(self, out: Outgoing, now: Millis) -> tuple[Millis, Response | None, str]:
        self.sent.append(out.request)
        self.instants.append(now)
        return out.until, None, "timeout"


@each_row(("patience", "most"), [(500, 600), (5_000, 5_100), (None, 304_100)])
def test_a_server_that_never_answers_is_waited_for_as_long_as_that_is_borne(patience: int | None, most: int) -> None:
    there = Silent(config(seed=7))
    found = there.replay(recorded(), ClientTerms(patience=patience))
    assert "POST …/v1/token (x=1): no answer: timeout" in found.differences[0].what
    assert there.instants[-1] < most and len(there.sent) == (5 if patience is None else 1)


@each_row(
    ("pause", "patience", "tries"),
    [("599", None, 2), ("601", None, 1), ("9" * 30, None, 1), ("9", 10_000, 2), ("11", 10_000, 1)],
)
def test_a_call_is_not_sent_again_after_a_pause_that_nobody_waits_for(
    pause: str, patience: int | None, tries: int
) -> None:
    there = AnotherServer(config(seed=7), busy(1, 503, ("retry-after", pause)))
    found = there.replay(recorded(), ClientTerms(patience=patience))
    assert sum(request.path.endswith("/invokeAsync") for request in there.sent) == tries
    assert ("expected status 202, got 503" in found.text()) == (tries == 1)


@each_row("patience", [None, 20_000])
def test_a_job_is_polled_once_more_when_patience_ends_however_long_the_server_asks_to_wait(
    patience: int | None,
) -> None:
    there = AnotherServer(config(seed=7), busy(1, 503, ("retry-after", "86400"), of="GET"))
    found = there.replay(recorded(), ClientTerms(patience=patience))
    calls = [(at, request.method) for at, request in zip(there.instants, there.sent, strict=True)]
    polls = [at for at, method in calls if method == "GET"]
    assert len(polls) == 2 and polls[1] - polls[0] < (patience or 100_000)
    assert "J1: expected RUNNING → WAITING → RUNNING → COMPLETE, got" in found.text()


def test_another_name_and_scope_are_those_of_the_server() -> None:
    there = server()
    secrets = Credentials({"lab-C1-secret": "another-secret"}, {"demo": "mine"}, "its:scope")
    found = there.replay(recorded(), secrets=secrets)
    assert "expected status 200, got 401" in found.differences[0].what
    assert b"scope=its%3Ascope" in there.sent[0].body
    pair = dict(there.sent[0].headers)["authorization"].removeprefix("Basic ")
    assert b64decode(pair) == b"mine:another-secret"
    assert len(there.sent) == 1, "nothing is sent without the token that it needs"
    assert "it wasn't sent: no answer here gave lab-T1-token" in found.differences[1].what


def test_no_secret_of_the_server_is_shown() -> None:
    there = server()

    def telling(request: Request, now: Millis) -> Response | None:
        if "invoke" not in request.path:
            return None
        bearer = dict(request.headers)["authorization"]
        return Response(400, (("content-type", "application/json"),), json.dumps({"error": f"no {bearer}"}).encode())

    there.instead = telling
    text = there.replay(recorded()).text()
    assert "no Bearer lab-T1-token" in text and "eyJ" not in text


def test_an_idempotency_key_is_another_in_each_replay_and_the_connection_is_its_own() -> None:
    peer = Joined(config())
    peer.ask(
        invoke(
            token_of(peer), {"message": "Taxi, é 42"}, idempotency_key="K-1", user_agent="mine/1", connection="close"
        )
    )
    peer.tape.close(peer.now)
    there = server()
    there.replay(read(peer.data, "a"), ClientTerms(nonce="n1"))
    assert ("idempotency-key", "K-1-n1") in there.sent[-1].headers
    assert {"user-agent", "connection"}.isdisjoint(name for name, _ in there.sent[-1].headers)


def test_a_token_where_none_was_granted_is_not_shown() -> None:
    wrong = Joined(config())
    wrong.ask(token_request("client_credentials", basic("demo", "not the secret")))
    wrong.tape.close(wrong.now)
    data = read(wrong.data, "a")
    there = server()
    there.instead = lambda request, now: (
        there.service.serve(token_request("client_credentials"), now).response
    )  # takes any secret
    text = there.replay(data).text()
    assert "expected status 401, got 200" in text and "access_token" in text
    assert "eyJ" not in text and "(a secret that wasn't recorded)" in text


def test_a_message_that_is_sent_again_in_the_recording_is_sent_once() -> None:
    path = ROOT / "recordings" / "rush-hour.rec.jsonl"
    recording = read(open_recording(path), path.name)
    served = (load_scenario("rush-hour", ROOT / "scenarios"),)
    calm = replace(served[0].scenario, faults=())
    there = AnotherServer(replace(config_of(recording, (program_of(calm),)), recorded=None))
    found = there.replay(recording)
    assert found.passed, found.text()
    assert sum(each.path.endswith("invokeAsync") for each in there.sent) == 1


def test_calls_come_after_all_that_had_come_before_them() -> None:
    path = ROOT / "recordings" / "three-turns.rec.jsonl"
    recording = read(open_recording(path), path.name)
    served = load_scenario("three-turns", ROOT / "scenarios")
    there = AnotherServer(replace(config_of(recording, (served,)), seed=7, recorded=None), late=2_000)
    found = there.replay(recording, FAST)
    assert found.passed, found.text()
    seen = [each.path.rpartition("/")[2] for each in there.sent]
    turns = [number for number, each in enumerate(seen) if each == "invokeAsync"]
    assert len(turns) == 3 and all(two - one > 2 for one, two in pairwise(turns)), (
        "the turn before was polled to its end"
    )


def test_a_poll_that_failed_is_soon_made_again_where_what_was_recorded_showed_for_a_moment() -> None:
    (planned,) = client_plan(recorded()).jobs.values()
    brief = replace(planned, polls=planned.polls[:1], shown=[], shortest=1_500)
    job = FollowedJob(brief, ClientTerms())
    job.begin(0)
    job.failed(1_000, None)
    assert job.due() == 1_250
    job.failed(1_500, 2_000)  # as the server wishes
    assert job.due() == 3_500
    pauses = []
    while not job.over:
        at = job.due()
        assert at is not None
        job.failed(at, None)
        pauses.append((job.due() or at) - at)
    assert pauses == [250, *[1_000] * 9, 0]
    patient = FollowedJob(replace(brief, shortest=30_000), ClientTerms())
    patient.begin(0)
    patient.failed(1_000, None)
    assert patient.due() == 2_300  # a second, and the pause grows


def test_a_later_turn_may_tell_what_an_earlier_one_has_drawn() -> None:
    path = ROOT / "recordings" / "month-end-marathon.rec.jsonl"
    recording = read(open_recording(path), path.name)
    drawn = [str(fact.get("drawn")) for fact in recording.facts("job.accepted")]
    assert ["data/" in each for each in drawn] == [True, False]
    assert [job.generated for job in client_plan(recording).jobs.values()] == [True, True]


def test_a_job_whose_end_the_recording_never_shows_is_warned_of_though_all_is_equal() -> None:
    whole = recorded()
    (job,) = client_plan(whole).jobs.values()
    assert not server().replay(whole).remarks
    last = job.shown[-1].call
    assert last is not None
    cut = without(whole, lambda line: not isinstance(line, Entry) and line.x == last.x)
    found = server().replay(read(cut, whole.name))
    assert found.passed, found.text()
    assert [(each.line, each.what) for each in found.remarks] == [
        (job.begun.reply_line, f"no answer shows the end of job {job.id}: what it ends with is held to nothing")
    ]
