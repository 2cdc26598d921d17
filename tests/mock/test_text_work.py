"""Texts that take long: an answer begins no further ones once its steps are spent, so that others don't wait."""

import json

from tests.wire_peer import DOCUMENT, invoke, service, status, token

_LONG = "{% for a in range(4) %}{% for b in range(1000) %}{{ b + 1 }}{% endfor %}{% endfor %}"
_ENDING = {"complete": "done", "output": "well", "follow_up": [f"{_LONG}{number}" for number in range(20)]}


def test_an_answer_of_many_long_texts_is_refused_before_all_of_them_are_written() -> None:
    mock = service(DOCUMENT | {"steps": [_ENDING]})
    reply = mock.serve(invoke(token(mock), {"message": "Taxi 42"}), 0)
    assert reply.response.status == 503
    assert b"the texts together do too much work" in reply.response.body
    few = service(DOCUMENT | {"steps": [_ENDING | {"follow_up": [_LONG]}]})
    assert few.serve(invoke(token(few), {"message": "Taxi 42"}), 0).response.status in (200, 202)


def test_a_job_whose_later_texts_are_too_many_ends_in_error_the_same_way_whoever_looks() -> None:
    later = [f"{each}{{{{ decisions['the-boss'].comment }}}}" for each in _ENDING["follow_up"]]
    gate = {"gate": "the-boss", "asks": "Pay?", "patience": "1m", "verdicts": {"timed-out": "done"}}
    mock = service(DOCUMENT | {"steps": [gate, _ENDING | {"follow_up": later}]})
    bearer = token(mock)
    job = json.loads(mock.serve(invoke(bearer, {"message": "Taxi 42"}), 0).response.body)["jobId"]
    polled = mock.serve(status(bearer, job), 120_000).response.body
    assert json.loads(polled)["error"] == "The answer could not be written."
    assert mock.status_of(job, 120_000) == polled
