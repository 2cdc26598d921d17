"""Remembered answers to polls: of jobs under way nearly all, of those that have ended a few."""

import pytest
from msgspec.structs import replace

from lab.identity.clients import DEMO
from lab.mock import job_index
from tests.conftest import each_row
from tests.wire_peer import DOCUMENT, OTHER, basic, form, invoke, read, service, status, token


@pytest.mark.parametrize("most", [1, 4])
def test_of_jobs_that_have_ended_only_the_last_answers_stay(most, monkeypatch):
    monkeypatch.setattr(job_index, "MOST_ENDED", most)
    mock = service()
    bearer, kept = token(mock), mock._mock.index
    jobs = [read(mock.serve(invoke(bearer, {"message": DOCUMENT["ask"]}), 0).response)["jobId"] for _ in range(3)]
    later = 2_000_000
    for now, ended in ((500, 0), (later, min(most, 3)), (later + 1, min(most, 3))):
        bodies = {job: mock.serve(status(bearer, job), now).response.body for job in jobs}
        assert len(kept._ended) == ended and len(kept._answers) == (0 if ended else 3)
        assert all(bodies[job] == mock.status_of(job, now) for job in jobs)


GONE = DOCUMENT | {"steps": [{"work": "read", "takes": "2s"}, {"complete": "done", "output": "x"}], "retention": "1h"}
GRANT = form(authorization=basic(DEMO.id, DEMO.secret))
SLOW = DOCUMENT | {"latency": {"status": {"between": ["100ms", "900ms"]}}}
STRIKES = DOCUMENT | {"faults": [{"route": "status", "answer": 503, "calls": "2"}]}


def lockstep(document, **switches):
    """Two mocks of which one forgets before each call: what both answer, and the bearer and the job to ask about."""
    warm, cold = service(document, **switches), service(document, **switches)

    def both(request, now):
        cold._mock.forget()
        replies = [mock.serve(request, now) for mock in (warm, cold)]
        assert replies[0] == replies[1]
        return replies[0]

    bearer = token(warm)
    assert bearer == token(cold)
    return warm, cold, both, bearer, str(read(both(invoke(bearer, {"message": "Taxi 42"}), 0).response)["jobId"])


BETWEEN = {
    "nothing": lambda mock: None,
    "a fault is armed": lambda mock: mock.arm({"route": "status", "answer": 503}, 600),
    "the token is revoked": lambda mock: mock.end_tokens("demo", "revoke", 600),
    "all is cleared": lambda mock: mock.reset(600),
}
"""What may happen between two polls."""


@each_row("then", BETWEEN.values(), ids=BETWEEN)
def test_a_remembered_poll_is_what_a_mock_without_memory_answers(then):
    warm, cold, both, bearer, job = lockstep(DOCUMENT)
    for now in (500, 500, 2_100, 2_100):
        assert both(status(bearer, job), now).response.status == 200
    done = [then(mock) for mock in (warm, cold)]
    assert all(each is None or each.status == 200 for each in done)
    for now in (2_100, 700, 2_600, 700, 10_000_000):
        both(status(bearer, job), now)


def test_a_decision_shows_in_the_next_poll():
    warm, cold, both, bearer, job = lockstep(DOCUMENT)
    assert read(both(status(bearer, job), 2_100).response)["status"] == "WAITING"
    assert {mock.decide(job, "the-boss", "approved", 2_200).status for mock in (warm, cold)} == {200}
    for now in (2_200, 2_300):
        assert read(both(status(bearer, job), now).response)["waitingNodeDetails"]["type"] == "WAIT"


def test_only_the_same_question_of_the_same_owner_is_answered_from_memory():
    warm, cold, both, bearer, job = lockstep(DOCUMENT)
    other = token(warm, client=OTHER)
    assert other == token(cold, client=OTHER)
    poll = status(bearer, job)
    assert both(poll, 100).response.status == 200
    rows = [
        status(other, job), replace(poll, query="invocationMode=ADMIN"), replace(poll, query="access_token=x"),
        replace(poll, method="HEAD"), replace(poll, method="POST"), replace(poll, headers=()),
        replace(poll, headers=(("authorization", f"bearer {bearer}"),)), status(bearer, job, version=1),
        replace(poll, path=poll.path.replace("/agent", "//agent")), status(bearer, job, code="OTHERS"),
    ]  # fmt: skip
    for row in (*rows, *rows):
        both(row, 100)
    assert both(status(other, job), 100).response.status == 404
    assert both(rows[6], 100).flags == ("scheme_spelling",)


def test_a_job_that_is_forgotten_is_so_where_its_answer_was_remembered():
    _, _, both, _, job = lockstep(GONE)
    gone = 2_000 + 3_600_000
    for now, answer in ((2_000, 200), (2_001, 200), (gone - 1, 200), (gone, 404)):
        assert both(status(str(read(both(GRANT, now).response)["access_token"]), job), now).response.status == answer


@each_row("document", [SLOW, STRIKES])
def test_latency_and_faults_come_to_a_remembered_answer(document):
    _, _, both, bearer, job = lockstep(document)
    replies = [both(status(bearer, job), now) for now in (100, 200, 300)]
    assert len({(each.latency, each.response.status) for each in replies}) > 1
