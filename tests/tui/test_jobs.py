"""A journal of several clients, folded: whose exchange is whose, and what a run would have told."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.app.effects import RunEnded, RunObservation
from lab.core.exchange import Headers, Json, Request, Response
from lab.core.journal.fact import LedgerCleared
from lab.core.observe import Noted, Replied, Requested
from lab.faults.facts import FaultArmed, FaultStruck
from lab.identity.facts import TokenGranted
from lab.jobs.facts import JobAccepted
from lab.jobs.gates import Origin
from lab.recording.format.lines import Req
from lab.recording.format.reader import read
from lab.recording.format.text import dumps
from lab.recording.tape.observed import observation_of
from lab.tui.state.hands import with_fact
from lab.tui.state.journal import MOST_CLIENT_RUNS, JournalState, changes, follow
from lab.tui.state.run import RunState
from tests.conftest import UNLIKE, each_row, few_of, name_of
from tests.tui import play

ROOT = Path(__file__).parents[2]
RECORDINGS = sorted((ROOT / "recordings").glob("*.rec.jsonl"))


def told_by(path: Path) -> list[RunObservation]:
    lines = read(path.read_bytes()).lines
    return [observations for observations in map(observation_of, lines) if observations is not None]


def fold(observations: list[RunObservation], jobs: JournalState | None = None) -> JournalState:
    jobs = jobs or JournalState()
    for observation in observations:
        jobs = follow(jobs, observation)
    return jobs


def journal(observations: list[RunObservation]) -> list[RunObservation]:
    """What a server tells of a run: its own observations less those of the run alone."""
    return [each for each in observations if isinstance(each, Requested | Replied | Noted)]


def other(observations: list[RunObservation], job: str, by: int) -> list[RunObservation]:
    """The same of another client with another token and job: exchanges numbered from `by` on."""
    snapshot: list[RunObservation] = []
    for each in observations:
        match each:
            case Requested(request=request):
                swapped = replace(
                    request, path=request.path.replace(play.JOB, job),
                    headers=tuple((name, value.replace(play.TOKEN, f"other{by}")) for name, value in request.headers),
                )  # fmt: skip
                snapshot.append(replace(each, x=each.x + by, request=swapped))
            case Replied(response=response):
                body = response.body.replace(play.JOB.encode(), job.encode())
                body = body.replace(play.TOKEN.encode(), f"other{by}".encode())
                snapshot.append(replace(each, x=each.x + by, response=replace(response, body=body)))
            case _:
                snapshot.append(each)
    return snapshot


def test_two_clients_at_once_have_a_run_each() -> None:
    one = journal(play.complete())
    two = other(journal(play.waiting()), "11111111-0000-4000-8000-000000000000", 100)
    mixed = sorted([*one, *two], key=lambda observations: observations.at)
    jobs = fold(mixed)
    first, second = jobs.keys()
    assert jobs.run(first).job == fold(one).run().job
    assert jobs.run(first).outcome is not None and jobs.run(first).polls == 11
    assert jobs.run(second).gate is not None and jobs.run(second).polls == 9
    assert len(jobs.exchanges) == len([each for each in mixed if isinstance(each, Requested)])
    assert jobs.in_flight == {}


def test_what_a_run_tells_besides_follows_from_the_replies() -> None:
    jobs = fold(journal(play.waiting()))
    pending = jobs.run().next_call
    assert pending is not None and (pending.at, pending.until) == (21_600, 24_558)
    observations = play.complete()
    ended = fold(journal(observations)).run()
    last = observations[-1]
    assert isinstance(last, RunEnded) and ended.outcome == last.outcome and ended.ended == last.at


def test_a_poll_after_the_end_is_seen_and_ends_nothing_twice() -> None:
    script = play.Script()
    script.observations, script.x = play.complete(), 14
    script.poll(30_000, play.body("COMPLETE", output=play.OUTPUT), 40)
    run = fold(journal(script.observations)).run()
    assert (run.ended, run.polls) == (27_600, 12)
    assert run.turn == 1


def test_a_job_that_has_ended_asks_nobody_whatever_a_later_answer_shows() -> None:
    script = play.Script()
    script.observations, script.x = play.complete(), 14
    script.poll(30_000, play.body("WAITING"), 40)
    run = fold(journal(script.observations)).run()
    assert (run.ended, run.gate, run.polls) == (27_600, None, 12)
    assert run.outcome is not None and run.outcome.status == "COMPLETE"


def test_the_view_follows_the_newest_until_one_was_chosen() -> None:
    one = journal(play.complete())
    jobs = fold(one)
    (first,) = jobs.keys()
    jobs = fold(other(journal(play.running()), "11111111-0000-4000-8000-000000000000", 100), jobs)
    assert jobs.run(None).polls == 2 and jobs.place(None) == (2, 2)
    assert jobs.run(first).polls == 11 and jobs.place(first) == (1, 2)
    assert jobs.beside(None, -1) == first
    assert jobs.beside(first, -1) == first
    assert jobs.beside(jobs.keys()[1], 1) is None


def test_a_token_alone_shows_only_while_no_job_is_at_work() -> None:
    script = play.Script()
    script.x = 50
    script.token(5_000)
    running = fold([*journal(play.running()), *script.observations])
    assert running.run().polls == 2
    ended = fold([*journal(play.complete()), *script.observations])
    assert ended.run().job is None and ended.run().token is not None


def test_each_job_of_one_token_counts_from_its_own_call() -> None:
    script = play.Script()
    script.observations, script.x = play.complete(), 14
    script.invoke(60_000, {"message": "again"}, 202, play.body("RUNNING", jobId="second"), 100)
    script.poll(61_000, play.body("RUNNING", jobId="second"), 40)
    jobs = fold(journal(script.observations))
    first, second = map(jobs.run, jobs.keys())
    assert first.start == 0 and second.start == 60_000
    assert second.token is not None and first.token is not None and second.token.token == first.token.token


def test_a_renewed_token_is_shown_with_the_job_that_bears_it() -> None:
    script = play.Script()
    script.observations, script.x = play.running(), 4
    script.token(5_000)
    granted = script.observations[-1]
    assert isinstance(granted, Replied)
    body = granted.response.body.replace(play.TOKEN.encode(), b"another-token-altogether-longer")
    script.observations[-1] = replace(granted, response=replace(granted.response, body=body))
    script.poll(6_000, play.body("RUNNING"), 40)
    polled = script.observations[-2]
    assert isinstance(polled, Requested)
    headers = (("authorization", "Bearer another-token-altogether-longer"),)
    script.observations[-2] = replace(polled, request=replace(polled.request, headers=headers))
    jobs = fold(journal(script.observations))
    run = jobs.run()
    assert len(jobs.client_runs) == 1 and run.start == 0
    assert run.token is not None and run.token.sent_at == 5_000


def test_tokens_that_came_to_nothing_give_way_but_are_known() -> None:
    script = play.Script()
    for number in range(5):
        script.token(1_000 * number)
    jobs = fold(script.observations)
    assert list(jobs.client_runs) == [5]
    script.first(6_000)
    run = fold(script.observations).run()
    assert run.token is not None and run.token.token is not None and run.start == 4_000


def test_a_refused_call_ends_its_run_with_the_reason() -> None:
    jobs = fold(journal(play.refused()))
    run = jobs.run()
    assert run.ended == 120 and run.outcome is not None and "invalid_client" in (run.outcome.why or "")
    script = play.Script()
    script.invoke(0, {"message": "x"}, 404, b'{"status":"FAI-404","message":"no such team"}', 20)
    script.first(100)
    jobs = fold(script.observations)
    first, second = jobs.keys()
    assert (jobs.run(first).ended, jobs.run(second).ended) == (20, None)


@each_row(("status", "headers", "runs"), [(429, (), 1), (503, (("retry-after", "3"),), 1), (503, (), 2), (400, (), 2)])
def test_a_message_that_was_refused_for_now_goes_on_when_it_is_sent_again(
    status: int, headers: Headers, runs: int
) -> None:
    script = play.Script()
    script.token(0)
    script.first(500)
    reply = script.observations[-1]
    assert isinstance(reply, Replied)
    script.observations[-1] = replace(reply, response=Response(status, headers, b"{}"))
    assert (fold(script.observations).run().ended is None) is (runs == 1)
    script.first(5_000)
    jobs = fold(script.observations)
    assert len(jobs.keys()) == runs and jobs.run().job is not None and jobs.run().job.job == play.JOB
    script.invoke(6_000, {"message": "Another"}, 429, b"{}", 20)
    script.invoke(7_000, {"message": "A third"}, 429, b"{}", 20)
    assert len(fold(script.observations).keys()) == runs + 2, "another message is another run"


def test_an_answer_finds_its_job_by_the_conversation_too() -> None:
    script = play.Script()
    script.observations, script.x = play.waiting(), 11
    resume = {"messageInstanceId": play.CALLBACK, "userResponse": "REJECT_ACTION"}
    script.invoke(23_000, {"conversationId": play.CONVERSATION, "resumeInput": resume}, 202, play.body("RUNNING"), 50)
    jobs = fold(journal(script.observations))
    assert len(jobs.keys()) == 1
    assert [mark.word for mark in jobs.run().timeline if mark.kind == "decided"] == ["rejected"]


@each_row(("grant", "sub", "kind"), [("client_credentials", "demo", "client"), ("password", "robot", "user")])
def test_a_clients_own_token_names_no_user_even_if_it_stands_for_one(grant: str, sub: str, kind: str) -> None:
    fact = TokenGranted(at=0, token="lab-T1-token", client="demo", grant=grant, scope="s", until=9, user="robot")
    claims = dict(fold([Noted(0, fact)], JournalState(0)).tokens["lab-T1-token"].token.claims)
    assert (claims["sub"], claims["sub_type"], claims["client_id"]) == (sub, kind, "demo")


def test_jobs_told_again_have_what_their_acceptance_tells() -> None:
    token = TokenGranted(
        at=10, token="lab-T1-token", client="demo", grant="client_credentials", scope="s", until=3_600_010
    )
    accepted = JobAccepted(
        at=20, job=play.JOB, client="demo", conversation=play.CONVERSATION, turn=1, team="ITEM_COMPARE_TEAM",
        scenario="item-comparison", ordinal=1, input={"message": play.MESSAGE}, drawn={},
    )  # fmt: skip
    jobs = fold([Noted(9_000, token), Noted(9_000, accepted)], JournalState(1_767_225_600))
    request = Request("GET", f"/api/fusion-ai/orchestrator/agent/v2/ITEM_COMPARE_TEAM/status/{play.JOB}", "",
                      (("authorization", "Bearer lab-T1-token"),))  # fmt: skip
    jobs = fold(
        [Requested(9_100, 7, "status", request), Replied(9_140, 7, Response(200, (), play.body("RUNNING")))], jobs
    )
    run = jobs.run()
    assert run.job is not None and run.job.job == play.JOB and ("message", play.MESSAGE) in run.job.message
    assert run.token is not None and (run.token.token or "").startswith("lab-T")
    assert dict(run.token.claims)["exp"] == str(1_767_225_600 + 3_600)
    assert run.polls == 1 and jobs.missed == 6 and len(jobs.keys()) == 1


def test_a_reset_forgets_every_job() -> None:
    jobs = fold([*journal(play.waiting()), Noted(30_000, LedgerCleared(at=30_000, by=Origin.PERSON))])
    assert jobs.keys() == () and jobs.run().start is None


@each_row(("status", "cut"), [(0, None), (0, "reset"), (200, "truncated")])
def test_a_reply_that_was_cut_is_lost_by_its_name(status: int, cut: str | None) -> None:
    script = play.Script()
    script.observations, script.x = journal(play.running()), 4
    script.poll(6_000, play.body("RUNNING"), 40, status=status)
    last = script.observations[-1]
    assert isinstance(last, Replied)
    script.observations[-1] = replace(last, cut=cut)
    run = fold(script.observations).run()
    assert run.timeline[-1].word == (cut or "reset") and run.timeline[-1].bad
    assert run.exchanges[-1].lost == (cut or "reset") and run.polls == 3


@pytest.mark.parametrize(("where", "stays"), [({}, False), ({"calls": 1}, True), ({"chance": "5%"}, True)])
def test_an_armed_fault_shows_as_long_as_it_may_strike(where: dict[str, Json], stays: bool) -> None:
    armed = with_fact((), FaultArmed(at=0, by="control", fault="busy", where={"route": "status", **where}))
    assert bool(with_fact(armed, FaultStruck(at=1, fault="busy", call=1))) is stays


def test_a_fault_gives_a_lost_reply_its_name() -> None:
    script = play.Script()
    script.observations, script.x = journal(play.running()), 4
    script.poll(6_000, b"", 40, status=0)
    struck = Noted(6_000, FaultStruck(at=6_000, fault="reset-status", call=1), 5)
    armed = Noted(5_900, FaultArmed(at=5_900, by="control", fault="reset-status", where={"route": "status"}))
    script.observations[-1:-1] = [armed, struck]
    jobs = fold(script.observations)
    assert jobs.run().exchanges[-1].lost == "reset-status" and jobs.armed == ()
    assert [mark.kind for mark in jobs.run().timeline[-2:]] == ["struck", "lost"]


@pytest.mark.long
def test_there_is_an_end_to_what_is_kept() -> None:
    jobs = JournalState()
    for number in range(MOST_CLIENT_RUNS + 10):
        script = play.Script()
        script.x = number
        script.invoke(number, {"message": "x"}, 202, play.body("RUNNING", jobId=f"job-{number}"), 1)
        jobs = fold(script.observations, jobs)
    assert len(jobs.client_runs) == MOST_CLIENT_RUNS and len(jobs.run_of_job) == MOST_CLIENT_RUNS
    assert all(client_run.run.exchanges == () for client_run in jobs.client_runs.values())


@pytest.mark.parametrize("path", few_of(RECORDINGS, UNLIKE, name_of), ids=name_of)
def test_every_shipped_recording_ends_as_it_says(path: Path) -> None:
    jobs = fold(told_by(path))
    run = jobs.run()
    if run.statuses:
        assert run.outcome is not None and run.outcome.status == run.statuses[-1][0]
    else:
        assert run.outcome is None or run.outcome.status is None, "no job came of the last message"
    assert run.token is not None and (run.token.token or "").startswith("lab-T")
    query = [line for line in read(path.read_bytes()).of(Req) if line.path.endswith("/invokeAsync")]
    messages = {dumps(line.body.value) for line in query}
    assert jobs.in_flight == {} and len(jobs.keys()) == len(messages), "one that is sent again is no further one"


@given(st.randoms(use_true_random=False), st.integers(0, 60))
def test_any_order_folds(shuffle: object, drop: int) -> None:
    """Total: whatever comes in whatever order."""
    observations = [*journal(play.complete()), *other(journal(play.error()), "x" * 8, 100)]
    shuffle.shuffle(observations)  # type: ignore[attr-defined]
    jobs = JournalState()
    for observation in observations[drop:]:
        jobs, way = changes(jobs, observation)
        assert all(
            step.client_run is None or step.client_run in jobs.client_runs or not jobs.client_runs for step in way
        )
        jobs.run()
        assert jobs.place(None)[0] <= jobs.place(None)[1]


ACCEPTED = JobAccepted(
    at=200, job=play.JOB, client="demo", conversation=play.CONVERSATION, turn=1, team="ITEM_COMPARE_TEAM",
    scenario="item-comparison", ordinal=1, input={"message": play.MESSAGE}, drawn={},
)  # fmt: skip


def seen_of(jobs: JournalState, job: str) -> RunState:
    """What the panes draw of a job, but for the wire, which is of all."""
    return replace(jobs.client_runs[jobs.run_of_job[job]].run, exchanges=())


@given(st.lists(st.booleans(), min_size=60, max_size=60))
def test_however_two_clients_calls_come_between_each_other_each_run_is_the_same(first: list[bool]) -> None:
    """The order of each client's own observations holds; those of the other may come anywhere between."""
    one, two = journal(play.complete()), other(journal(play.error()), "second-job", 100)
    left, right, jobs = [*one], [*two], JournalState()
    for mine in (*first, *[True] * len(one), *[False] * len(two)):
        if observations := left if mine else right:
            jobs = follow(jobs, observations.pop(0))
    assert not left and not right and jobs.in_flight == {}
    assert seen_of(jobs, play.JOB) == seen_of(fold(one), play.JOB)
    assert seen_of(jobs, "second-job") == seen_of(fold(two), "second-job")


@each_row("late", [False, True])
@each_row("fact", ["accepted", "decided"])
def test_a_call_shows_the_same_whether_its_fact_comes_before_or_after_its_reply(fact: str, *, late: bool) -> None:
    observations = journal(play.complete())
    place = next(at for at, each in enumerate(observations) if isinstance(each, Noted) and each.at == 24_000)
    decided = replace(observations.pop(place), x=12)
    before = [*observations]
    at = 4 if fact == "accepted" else place + 1
    noted = Noted(200, ACCEPTED, 2) if fact == "accepted" else decided
    observations.insert(at if late else at - 1, noted)
    run, plain = fold(observations).run(), fold(before).run()
    assert len(fold(observations).client_runs) == 1 and isinstance(observations[at - late], Replied)
    assert run.timeline == plain.timeline and run.outcome == plain.outcome
    assert [(each.at, each.kind, each.value) for each in run.milestones] == [
        (each.at, each.kind, each.value) for each in plain.milestones
    ]


def test_a_call_shows_in_the_wire_alone_until_its_reply_comes() -> None:
    jobs = fold(journal(play.waiting())[:1])
    assert jobs.client_runs == {} and [call.command for call in jobs.exchanges] == ["token"]
    jobs = fold(journal(play.waiting())[:3])
    assert jobs.keys() == () and [call.until for call in jobs.exchanges] == [120, None]
    assert fold(journal(play.waiting())[:4]).run().job is not None


def test_a_body_that_is_no_json_is_no_harm() -> None:
    script = play.Script()
    for reply in (b"\xff", b"[]", b"{", json.dumps({"jobId": 3}).encode()):
        script.token(0, 200)
        script.invoke(1, {"message": "x"}, 202, reply, 3)
        script.poll(5, reply, 3)
    assert fold(script.observations).run() is not None


@each_row("route", ["stream", "chat", "debug"])
def test_a_job_begun_by_a_call_that_streams_has_its_call_and_once_polled_its_status(route: str) -> None:
    script = play.Script()
    script.token(0)
    path = "/api/fusion-ai/orchestrator/agent/v2/ITEM_COMPARE_TEAM/invokeStream"
    bearer = (("authorization", f"Bearer {play.TOKEN}"),)
    script.call(130, route, Request("POST", path, "", bearer), 200, b"data: {}\n\n", 50)
    accepted = JobAccepted(
        at=131, job=play.JOB, client="demo", conversation=play.CONVERSATION, turn=1, team="ITEM_COMPARE_TEAM",
        scenario="item-comparison", ordinal=1, input={"message": play.MESSAGE}, drawn={},
    )  # fmt: skip
    script.observations.insert(-1, Noted(131, accepted, 2))
    run = fold(journal(script.observations)).run()
    assert run.job is not None and run.token is not None and run.start == 0
    assert (run.job.path, run.job.code, run.job.took, run.job.job) == (path, 200, 50, play.JOB)
    assert [call.code for call in run.exchanges] == [200, 200]
    script.poll(1_000, play.body("WAITING"), 40)
    jobs = fold(journal(script.observations))
    run = jobs.run()
    assert run.job is not None and run.job.status == "WAITING" and run.polls == 1 and len(jobs.client_runs) == 1
