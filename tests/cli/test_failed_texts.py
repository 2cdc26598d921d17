"""What fails while a job runs is told of to whoever started the lab: once a step, and why."""

import json
import signal
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlencode

import pytest

from lab.cli.serve.hints import failed_texts
from lab.core.exchange import Request
from lab.dialects.fusion.routes import API
from lab.jobs.timeline import UNWRITTEN
from lab.mock.service import Service
from tests.cli.test_serve import fetch, listening, serving
from tests.conftest import Lab, each_row
from tests.wire_peer import invoke, read, service, status, token

Document = dict[str, object]
ZERO = "{{ 1 / (delegates.price.output | int) }}"
HEAD: Document = {"lab": 1, "name": "zero", "title": "Z", "agent": {"code": "ZERO"}, "ask": "go"}
PRICE: Document = {"delegate": "price", "agent": "OTHER", "takes": "1s", "output": "0"}
SHARE: Document = {"delegate": "share", "agent": "OTHER", "takes": "1s", "output": ZERO}
WORK: Document = {"work": "look", "takes": "1s"}
DONE: Document = {"complete": "done", "output": "Done."}
BOSS: Document = {
    "gate": "boss", "asks": "Pay?", "patience": "1m", "verdicts": {"changes-requested": "price"},
    "reviewer": {"after": "5s", "verdict": "approved"},
}  # fmt: skip
BAD_WHEN = "{{ decisions.boss.comment }}"
WHY = '"" is neither true nor false'


def watched(*steps: Document, **members: object) -> tuple[Service, list[str]]:
    mock, lines = service({**HEAD, **members, "steps": [*steps]}), list[str]()
    mock.unwritten.append(failed_texts(lines.append))
    return mock, lines


def polled(mock: Service, *instants: int, **members: object) -> dict[str, object]:
    """The last body of a new job that is polled then."""
    bearer = token(mock)
    job = str(read(mock.serve(invoke(bearer, {"message": "go", **members}, "ZERO"), 0).response)["jobId"])
    return [read(mock.serve(status(bearer, job, "ZERO"), now).response) for now in instants][-1]


@each_row(
    ("steps", "line", "error"),
    [
        ((PRICE, {**WORK, "next": [{"when": "{{ 1 / (delegates.price.output | int) > 0 }}", "to": "done"}]}, DONE),
         "look: {{ 1 / (delegates.price.output | int) > 0 }} has no answer: division by zero; the job ends ERROR.", UNWRITTEN),
        ((PRICE, {**WORK, "next": [{"when": "{{ delegates.price.output }}", "to": "done"}]}, DONE),
         'look: {{ delegates.price.output }} has no answer: "0" is neither true nor false; the job ends ERROR.', UNWRITTEN),
        ((PRICE, DONE | {"output": ZERO}), "done: a text can't be written: division by zero; the job ends ERROR.", UNWRITTEN),
        ((PRICE, DONE | {"output": {"json": {"a": ZERO}}}), "done: a text can't be written: division by zero; the job ends ERROR.", UNWRITTEN),
        ((PRICE, DONE | {"follow_up": [ZERO]}), "done: a text can't be written: division by zero; the job ends ERROR.", UNWRITTEN),
        ((PRICE, BOSS | {"asks": ZERO}, DONE), "boss: a text can't be written: division by zero; the job ends ERROR.", None),
        ((PRICE, BOSS | {"escalate": {"after": "2s", "asks": ZERO}}, DONE), "boss: a text can't be written: division by zero; the job ends ERROR.", None),
        ((PRICE, {**WORK, "says": ZERO}, DONE), "look: a text can't be written: division by zero; the job ends ERROR.", None),
    ],
)  # fmt: skip
def test_what_fails_is_told_of_once_a_step(steps: tuple[Document, ...], line: str, error: str | None) -> None:
    mock, lines = watched(*steps)
    ends = [polled(mock, *range(0, 12_000, 500), progressMessage=True) for _ in range(3)]
    assert lines == [f"note: scenario zero, step {line}"]
    assert [each["errorMessage"] if "errorMessage" in each else each.get("error") for each in ends] == [error] * 3


def test_an_output_of_a_delegate_that_fails_is_told_with_what_looks_at_it() -> None:
    mock, lines = watched(PRICE, SHARE, DONE | {"output": "{{ delegates.share.output }}"})
    polled(mock, 2_000)
    assert lines == [
        "note: scenario zero, step share: division by zero; it hands back nothing.",
        "note: scenario zero, step done: a text can't be written: division by zero; the job ends ERROR.",
    ]


def test_what_is_well_written_is_not_told_of() -> None:
    mock, lines = watched(PRICE, BOSS, DONE | {"output": "{{ decisions.boss.comment }}"})
    assert polled(mock, *range(0, 12_000, 100))["status"] == "COMPLETE" and lines == []


def test_what_a_decision_brings_is_told_once_somebody_is_answered_by_it() -> None:
    bad = BOSS | {"reviewer": "nobody", "verdicts": {"rejected": [{"when": BAD_WHEN, "to": "done"}]}}
    mock, lines = watched(PRICE, bad, DONE)
    polled(mock, 1_500)
    (job,) = mock.jobs()
    assert mock.decide(job, "boss", "rejected", 1_600).status == 200 and lines == []
    assert mock.serve(status(token(mock, 1_700), job, "ZERO"), 1_700).response.status == 200
    assert lines == [f"note: scenario zero, step boss: {BAD_WHEN} has no answer: {WHY}; the job ends ERROR."]


def test_what_a_stream_can_t_say_is_told_when_that_is_sent() -> None:
    mock, lines = watched(PRICE, DONE | {"output": ZERO})
    plain = invoke(token(mock), {"message": "go"}, "ZERO")
    reply = mock.serve(
        Request("POST", plain.path.replace("Async", "Stream"), headers=plain.headers, body=plain.body), 0
    )
    assert reply.parts is not None and lines == []
    for at, _ in reply.parts():
        assert bool(lines) == (at >= 1_000)
    assert lines == ["note: scenario zero, step done: a text can't be written: division by zero; the job ends ERROR."]


YAML = """\
lab: 1
name: zero
title: Z
agent: {code: ZERO}
ask: go
steps:
  - {delegate: price, agent: OTHER, takes: 0ms, output: "0"}
  - {complete: done, output: "{{ 1 / (delegates.price.output | int) }}"}
"""
LINE = "note: scenario zero, step done: a text can't be written: division by zero; the job ends ERROR.\n"


@pytest.mark.parametrize("how", [("run", "--speed", "instant"), ("run",), ("demo", "--plain", "--speed", "300")])
def test_a_run_says_it_on_stderr(lab: Lab, how: tuple[str, ...]) -> None:
    Path("zero.yaml").write_text(YAML)
    done = lab(how[0], "zero.yaml", *how[1:])
    assert done.code == 1 and done.err.count(LINE) == 1 and LINE not in done.out


def test_a_server_says_it_on_stderr_wherever_the_scenario_is_served(tmp_path: Path) -> None:
    (tmp_path / "zero.yaml").write_text(YAML)
    with serving("zero.yaml", "--json", "--tenants", "1", cwd=tmp_path) as process:
        ready = listening(process)
        login = b64encode(f"{ready['client_id']}:{ready['client_secret']}".encode()).decode()
        basic = {"Authorization": f"Basic {login}"}
        form = urlencode({"grant_type": "client_credentials", "scope": ready["scope"]}).encode()
        for place in ("", "/scenario/zero", "/t/ann"):
            base = ready["base_url"] + place
            token_url = ready["token_url"].replace(ready["base_url"], base)
            bearer = fetch(token_url, basic, form)["access_token"]
            head = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
            team = f"{base}{API}/agent/v2/ZERO"
            job = fetch(f"{team}/invokeAsync", head, json.dumps({"message": "go"}).encode())["jobId"]
            assert fetch(f"{team}/status/{job}", head)["error"] == UNWRITTEN
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
    assert err.count(LINE) == 3


@pytest.mark.parametrize(
    ("steps", "line"),
    [
        ("- {work: look, takes: 1s, next: [{when: '{{ 1 / (delegates.price.output | int) > 0 }}', to: done}]}",
         "{{ 1 / (delegates.price.output | int) > 0 }} has no answer: division by zero, so the job ends ERROR"),
        ("- {delegate: share, agent: A, takes: 1s, output: '{{ 1 / (delegates.price.output | int) }}'}",
         "what share hands back can't be written: division by zero"),
        ("- {gate: boss, asks: Pay?, patience: 1m, verdicts: {changes-requested: price}, reviewer: nobody,"
         " change_prompt: '{{ 1 / (delegates.price.output | int) }}'}",
         "can't be written, so the job ends ERROR: division by zero"),
        ("", "can't be written, so the job ends ERROR: division by zero"),
    ],
)  # fmt: skip
def test_the_plan_says_where_it_comes_to_it(lab: Lab, steps: str, line: str) -> None:
    Path("zero.yaml").write_text(
        YAML.replace("  - {complete", f"  {steps}\n  - {{complete").replace("takes: 0ms", "takes: 1s")
    )
    lines = lab("check", "zero.yaml", "--plan").lines
    assert any(each.endswith(f"  {line}") for each in lines), lines
