"""A long message is read and written before its call is answered: that changes no answer, and leaves the call little to do."""

import json
from collections.abc import Callable
from functools import partial

import pytest

from lab.core.exchange import LONG_BODY, Json, text_of
from lab.dialects import reading
from lab.jobs import plan
from lab.mock import job_index
from tests.conftest import each_row
from tests.wire_peer import invoke, service, status, token

LONG = 'Taxi "42",\\ für\x7f\x01\u2028 ' * (LONG_BODY // 15)
BODIES: list[dict[str, Json]] = [
    {"message": LONG},
    {"message": LONG, "version": 3, "conversational": "true", "unknown": [1]},
    {"message": LONG + "\ud800"},
    {"message": LONG, "parameters": {"a": [1.5e16, -0.0, 10**30, "é\ud800"], 'b"': LONG}},
    {"message": "Taxi 42", "parameters": {"a": LONG}},
    {"message": ["no", LONG]},
]


@each_row("body", BODIES)
@pytest.mark.parametrize("prepared", [True, False])
def test_what_is_prepared_changes_no_answer(
    body: dict[str, Json], prepared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = []
    for long in (LONG_BODY, 1 << 30):
        for module in (reading, job_index, plan):
            monkeypatch.setattr(module, "LONG_BODY", long, raising=False)
        mock = service()
        bearer = token(mock)
        request = invoke(bearer, json.dumps(body).encode())
        work = mock.preparation(request, 1)
        if prepared and work is not None:
            work()
        answer = mock.serve(request, 1).response
        answers.append(answer)
        if answer.status == 202:
            shown = json.loads(answer.body)
            answers.append(mock.serve(status(bearer, shown["jobId"]), 2).response)
            echoed = json.loads(shown["input"])
            assert (echoed["message"], echoed["parameters"]) == (body["message"], body.get("parameters", {}))
            assert text_of(echoed) == shown["input"]
    assert answers[: len(answers) // 2] == answers[len(answers) // 2 :]


@each_row("body", BODIES[:5])
def test_of_what_is_prepared_nothing_is_done_again(body: dict[str, Json], monkeypatch: pytest.MonkeyPatch) -> None:
    mock = service()
    request = invoke(token(mock), json.dumps(body | {"workflowName": text_of(body)[:40]}).encode())
    done: list[str] = []

    def counted(name: str, work: Callable[..., object], *given: object, **named: object) -> object:
        done.append(name)
        return work(*given, **named)

    for module, name in ((reading, "read_json"), (plan, "within_text"), (job_index, "read_input")):
        monkeypatch.setattr(module, name, partial(counted, name, getattr(module, name)))
    work = mock.preparation(request, 1)
    assert work is not None
    work()
    assert sorted(done) == ["read_input", "read_json", "within_text", "within_text"]
    assert mock.serve(request, 1).response.status == 202
    assert len(done) == 4
