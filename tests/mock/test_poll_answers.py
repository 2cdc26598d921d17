"""Remembered answers to polls: of jobs under way nearly all, of those that have ended a few."""

import pytest

from lab.mock import poll_answers
from tests.wire_peer import DOCUMENT, invoke, read, service, status, token


@pytest.mark.parametrize("most", [1, 4])
def test_of_jobs_that_have_ended_only_the_last_answers_stay(most, monkeypatch):
    monkeypatch.setattr(poll_answers, "MOST_ENDED", most)
    mock = service()
    bearer, kept = token(mock), mock._mock._answers
    jobs = [read(mock.serve(invoke(bearer, {"message": DOCUMENT["ask"]}), 0).response)["jobId"] for _ in range(3)]
    later = 2_000_000
    for now, ended in ((500, 0), (later, min(most, 3)), (later + 1, min(most, 3))):
        bodies = {job: mock.serve(status(bearer, job), now).response.body for job in jobs}
        assert len(kept._ended) == ended and len(kept._under_way) == (0 if ended else 3)
        assert all(bodies[job] == mock.status_of(job, now) for job in jobs)
