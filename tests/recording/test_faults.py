"""Faults in one process: the external app outlives what it can, and a recording of it replays to the same bytes."""

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.app.effects import App, Outcome
from lab.app.run import run
from lab.client.driver import run_instantly
from lab.core.clock import INSTANT_EPOCH
from lab.core.exchange import Request
from lab.core.journal.numbers import CallCounted
from lab.core.observe import Noted, Observation
from lab.dialects.router import ROUTER
from lab.faults.facts import FaultStruck
from lab.identity.client import AccessToken, token_request
from lab.identity.clients import DEMO, JANE, Client
from lab.identity.scopes import api_scope
from lab.jobs.program import Program, program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.recording.format.reader import read
from lab.recording.format.snapshot import snapshot
from lab.recording.replay.compare import Comparison
from lab.recording.replay.replay import replay
from lab.recording.tape.header import config_of, recording_header
from lab.recording.tape.tape import Tape
from tests.conftest import each_row, examples, few_of
from tests.recording.joined import SCENARIO
from tests.wire_peer import read as body_of

OTHER = Client("other", "lab-secret-other")


def with_faults(*faults: str) -> Program:
    text = SCENARIO + f"faults: [{', '.join(f'{{{fault}}}' for fault in faults)}]\n"
    return program_of(parse_scenario(text, "expense-approval.yaml"), sha256(text.encode()).hexdigest())


class Taped:
    """A mock with a tape, whose runs cost no time."""

    def __init__(self, *faults: str, seed: int = 42) -> None:
        self.program = with_faults(*faults)
        config = Config((self.program,), Switches(), seed, INSTANT_EPOCH, (DEMO, OTHER), accounts=(JANE,))
        self.service = Service(config)
        self.lines: list[bytes] = []
        self.observations: list[Observation] = []
        self.tape = Tape(self.service, self.lines.append, recording_header(config, lab="0.1.0"))
        self.service.observers += [self.tape, self.observations.append]
        self.now = 0

    def run(self, client: Client = DEMO) -> Outcome:
        app = App("EXPENSES", "Taxi, é 42", client.id, client.secret, api_scope("acme-test"))
        done = run_instantly(self.service, run(app, self.now), start=self.now)
        self.now += done.elapsed + 1_000
        return done

    def struck(self) -> list[tuple[str, int]]:
        facts = [each.fact for each in self.observations if isinstance(each, Noted)]
        return [(fact.fault, fact.call) for fact in facts if isinstance(fact, FaultStruck)]

    def replays(self) -> None:
        self.tape.close(self.now)
        data = b"".join(self.lines)
        recording = read(data)
        result = replay(recording, [self.program], clients=(DEMO, OTHER))
        assert result.passed, result.text()
        again = result.again()
        assert _uncut(again) == _uncut(data)
        result = replay(read(again), [self.program], clients=(DEMO, OTHER))
        assert result.passed and result.again() == again, result.text()


def _uncut(data: bytes) -> list[bytes]:
    """The lines, but for replies whose JSON was cut in a token: no fact tells of that one, and a replay grants another."""
    lines = data.splitlines()[:-1]
    cut = {line for line in lines if b'"k":"res"' in line and (b'"enc":"text"' in line or b'"cut"' in line)}
    return [line for line in lines if line not in cut or (b"lab-" not in line and b'"as"' not in line)]


STATUS = [
    "answer: 429", "answer: 429, retry_after: 7s", "answer: 429, retry_after: {date: 7s}", "answer: 503",
    'answer: 503, retry_after: {text: "1.5"}', "answer: 500", "answer: 502, body: html", "answer: 504, body: empty",
    "answer: 200, body: html", "answer: 401", "answer: 404", "strike: reset", "strike: empty", "strike: truncate",
    "strike: garbage", "strike: wrong-length", "strike: slow-body", "strike: stall", "strike: hang", "strike: close",
    "delay: 10s", "expire_token: true", "status_word: QUEUED_V2", "odd_body: true", "omit: [output, nodes]",
]  # fmt: skip


@each_row("fault", STATUS)
def test_the_app_reaches_its_result_through_a_fault_at_its_first_poll(fault: str) -> None:
    taped = Taped("route: status, " + fault)
    done = taped.run()
    assert done.complete, done
    assert [call for _, call in taped.struck()] == [1]
    taped.replays()


ALSO_LATER = [fault for fault in STATUS if fault not in ("answer: 404",)]


KINDS = (
    "answer: 429, retry_after: 7s", "answer: 500", "answer: 401", "strike: reset", "strike: truncate", "strike: hang",
    "delay: 10s", "odd_body: true",
)  # fmt: skip
"""One fault of each kind: what is told of all of them at the first poll is told of these elsewhere."""

TOKEN = [
    fault for fault in STATUS if not fault.startswith(("status_word", "expire_token", "answer: 401", "answer: 404"))
]


@pytest.mark.parametrize(
    "fault",
    few_of(
        [
            *(f"route: status, step: manager, {each}" for each in ALSO_LATER),
            *(f"route: token, {each.replace('omit: [output, nodes]', 'omit: [expires_in]')}" for each in TOKEN),
        ],
        [f"{where}, {kind}" for where in ("route: status, step: manager", "route: token") for kind in KINDS],
    ),
)
def test_the_app_goes_on_in_the_middle_of_waiting_and_without_a_token(fault: str) -> None:
    taped = Taped(fault)
    assert taped.run().complete
    assert [call for _, call in taped.struck()] == [1]
    taped.replays()


@each_row(
    ("fault", "jobs", "complete"),
    [
        ("answer: 429", 1, True), ("answer: 503, retry_after: 2s", 1, True), ("answer: 503", 0, False),
        ("answer: 500", 0, False), ("answer: 502, body: html", 0, False), ("answer: 400", 0, False),
        ("answer: 200, body: html", 0, False), ("answer: 401", 1, True), ("answer: 403", 0, False),
        ("strike: reset", 0, False), ("strike: empty", 0, False), ("strike: truncate", 0, False),
        ("strike: garbage", 0, False), ("strike: hang", 0, False), ("strike: stall", 0, False),
        ("strike: wrong-length", 0, False), ("strike: slow-body", 1, False), ("strike: close", 1, True),
        ("delay: 10s", 1, True), ("delay: 61s", 1, False), ("expire_token: true", 1, True),
        ("lose_reply: true", 1, False), ("lose_reply: true, strike: hang", 1, False),
        ("lose_reply: true, answer: 504", 1, False), ("odd_body: true", 1, True),
    ],
)  # fmt: skip
def test_an_invoke_is_never_sent_twice_blindly(fault: str, jobs: int, complete: bool) -> None:
    taped = Taped("route: invoke, " + fault)
    assert taped.run().complete == complete
    assert len(list(taped.service.jobs())) == jobs
    assert taped.struck()
    taped.replays()


def test_a_refusal_for_good_ends_the_run_and_not_the_lab() -> None:
    for fault, polls in (("answer: 401", 2), ("answer: 403", 1), ("answer: 400", 1), ("answer: 503", 5)):
        taped = Taped(f"route: status, calls: every 1, {fault}")
        assert not taped.run().complete
        assert len(taped.struck()) == polls
        taped.replays()


def test_hanging_costs_the_app_a_minute_of_the_labs_clock_and_the_peer_is_seen_to_go() -> None:
    taped = Taped("route: status, strike: hang")
    taped.run()
    lost = [line for line in b"".join(taped.lines).splitlines() if b'"cut"' in line]
    assert len(lost) == 1 and b'"s":0' in lost[0] and b'"cut":"client_gone","sent":0' in lost[0]


def test_a_fault_shorter_than_the_apps_patience_is_cut_by_the_mock() -> None:
    taped = Taped("route: status, strike: wrong-length")
    taped.run()
    (lost,) = [line for line in b"".join(taped.lines).splitlines() if b'"cut"' in line]
    assert b'"s":200' in lost and b'"cut":"truncated"' in lost


def test_a_recording_with_faults_is_told_the_same_at_a_glance() -> None:
    taped = Taped("route: status, answer: 503, retry_after: 2s, body: empty", "route: status, calls: 3, strike: reset")
    assert taped.run().complete
    taped.tape.close(taped.now)
    recording = read(b"".join(taped.lines))
    assert not Comparison(recording, config_of(recording, [taped.program])).differences()


def test_a_fault_that_no_longer_strikes_is_a_divergence_with_its_line() -> None:
    taped = Taped("route: status, name: poll-503, answer: 503")
    taped.run()
    taped.tape.close(taped.now)
    result = replay(read(b"".join(taped.lines)), [with_faults("route: status, name: other, calls: 999, answer: 503")])
    assert not result.passed
    assert "poll-503" in result.text()


# Counting


PERIODIC = ["route: status, calls: every 3, answer: 503", "route: status, calls: 2-3, strike: reset"]


@examples(8, thorough=200)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_polls_are_counted_by_job_however_they_are_interleaved(order: list[int]) -> None:
    taped = Taped(*PERIODIC, "route: status, chance: 30%, answer: 500")
    jobs, bearer = _four_jobs(taped)
    seen: dict[int, list[int]] = {}
    for which in order:
        taped.now += 1
        seen.setdefault(which, []).append(_poll(taped, bearer, jobs[which]))
    for which, codes in seen.items():
        alone = Taped(*PERIODIC, "route: status, chance: 30%, answer: 500")
        again, bearer = _four_jobs(alone)
        assert again == jobs
        assert [_poll(alone, bearer, again[which]) for _ in codes] == codes


def _four_jobs(taped: Taped) -> tuple[list[str], str]:
    app = App("EXPENSES", "Taxi, é 42", DEMO.id, DEMO.secret, api_scope("acme-test"))
    bearer = str(
        body_of(taped.service.serve(token_request(app.client_id, app.client_secret, app.scope), 0).response)[
            "access_token"
        ]
    )
    return [_invoke(taped, bearer) for _ in range(4)], bearer


def _invoke(taped: Taped, bearer: str) -> str:
    headers = (("authorization", f"Bearer {bearer}"), ("content-type", "application/json"))
    request = Request("POST", ROUTER.path("invoke", code="EXPENSES"), "", headers, b'{"message":"Taxi, \xc3\xa9 42"}')
    return str(body_of(taped.service.serve(request, taped.now).response)["jobId"])


def _poll(taped: Taped, bearer: str, job: str) -> int:
    request = Request(
        "GET", ROUTER.path("status", code="EXPENSES", job=job), "", (("authorization", f"Bearer {bearer}"),)
    )
    return taped.service.serve(request, taped.now).response.status


def test_invokes_are_counted_by_client() -> None:
    taped = Taped("route: invoke, calls: 2, answer: 400")
    assert [taped.run(client).status is not None for client in (DEMO, OTHER, DEMO, OTHER)] == [True, True, False, False]
    counted = [
        each.fact for each in taped.observations if isinstance(each, Noted) and isinstance(each.fact, CallCounted)
    ]
    assert [(fact.counter, fact.client, fact.job, fact.value) for fact in counted] == [
        ("expense-approval/invoke-400", "demo", None, 1), ("expense-approval/invoke-400", "other", None, 1),
        ("expense-approval/invoke-400", "demo", None, 2), ("expense-approval/invoke-400", "other", None, 2),
    ]  # fmt: skip
    taped.replays()


def test_a_step_counts_only_the_calls_that_are_made_in_it() -> None:
    taped = Taped("route: status, step: pay, calls: every 1, answer: 503", "route: status, after: 5s, answer: 500")
    taped.run()
    assert {name for name, _ in taped.struck()} == {"status-503", "status-500"}
    counted = [
        each.fact for each in taped.observations if isinstance(each, Noted) and isinstance(each.fact, CallCounted)
    ]
    after = next(fact for fact in counted if fact.counter == "status-500")
    accepted = next(
        each.at for each in taped.observations if isinstance(each, Noted) and each.fact.type == "job.accepted"
    )
    assert after.at - accepted >= 5_000


@given(st.integers(0, 2**32))
@examples(6, thorough=100)
def test_chance_is_drawn_by_the_calls_number_and_comes_near_what_it_says(seed: int) -> None:
    taped = Taped("route: status, chance: 50%, answer: 503", seed=seed)
    (job, *_), bearer = _four_jobs(taped)
    codes = [_poll(taped, bearer, job) for _ in range(200)]
    assert 50 < codes.count(503) < 150


def test_a_tape_that_begins_late_tells_of_faults_and_counts_so_that_it_can_be_replayed() -> None:
    taped = Taped("route: status, calls: every 3, answer: 503")
    assert taped.service.arm({"route": "status", "calls": "2", "strike": "reset"}, 0).status == 200
    (job, *_), bearer = _four_jobs(taped)
    first = [_poll(taped, bearer, job) for _ in range(4)]
    assert first == [200, 0, 503, 200]
    taped.service.observers.remove(taped.tape)
    taped.lines.clear()
    taped.tape = Tape(
        taped.service, taped.lines.append, recording_header(taped.service.config, lab="0.1.0", t=taped.now)
    )
    taped.tape.restate(snapshot(taped.service, taped.now), taped.now)
    taped.service.observers.append(taped.tape)
    app = App("EXPENSES", "Taxi, é 42", DEMO.id, DEMO.secret, api_scope("acme-test"))
    run_instantly(taped.service, run(app, taped.now, token=AccessToken(bearer, 0, 3_600_000)), start=taped.now)
    taped.now += 100_000
    assert taped.struck()
    taped.tape.close(taped.now)
    result = replay(read(b"".join(taped.lines)), [taped.program], clients=(DEMO, OTHER))
    assert result.passed, result.text()


def test_a_reply_that_comes_at_the_last_instant_counts_and_one_a_millisecond_later_does_not() -> None:
    for until, loss in ((10_100, None), (10_099, "timeout")):
        taped = Taped("route: token, delay: 9980ms")
        app = App("EXPENSES", "Taxi, é 42", DEMO.id, DEMO.secret, api_scope("acme-test"))
        over = taped.service.serve(token_request(app.client_id, app.client_secret, app.scope), 0).deliver(0, until)
        assert (over.loss, over.at, over.response.status) == (loss, until, 0 if loss else 200)


def test_a_struck_poll_stands_on_the_tape_as_the_format_shows_it() -> None:
    taped = Taped("name: poll-503, route: status, answer: 503, retry_after: 2s, body: empty")
    taped.run()
    taped.tape.flush()
    lines = [json.loads(line) for line in taped.lines]
    at = next(place for place, line in enumerate(lines) if "call.counted" in str(line.get("facts")))
    job = next(line["facts"][0]["job"] for line in lines if "job.accepted" in str(line.get("facts")))
    n, x = lines[at]["n"], lines[at]["x"]
    assert taped.lines[at].endswith(
        b'"facts":[{"type":"call.counted","counter":"poll-503","job":"%b","value":1},'
        b'{"type":"fault.struck","fault":"poll-503","call":1}]}\n' % job.encode()
    )
    delayed = lines[at + 1]["held"]
    assert taped.lines[at + 1] == (
        b'{"k":"res","n":%d,"t":%d,"x":%d,"s":503,"held":%d,"h":[["retry-after","2"]]}\n'
        % (n + 1, lines[at]["t"] + delayed, x, delayed)
    )


WHATS = st.sampled_from([fault for fault in STATUS if "status_word" not in fault])
WHENS = st.sampled_from(["", ", calls: 2-4", ", calls: every 3", ", chance: 40%", ", calls: every 1"])
ROUTES = st.sampled_from(["token", "invoke", "status"])


def test_a_recording_in_which_every_reply_hangs_replays() -> None:
    taped = Taped("route: token, strike: hang, calls: every 1")
    assert taped.run(DEMO).status not in ("COMPLETE", "ERROR")
    taped.replays()


@examples(8, thorough=300)
@given(st.lists(st.tuples(ROUTES, WHATS, WHENS), min_size=1, max_size=4), st.integers(0, 1000))
def test_whatever_is_planned_the_app_comes_to_an_end_and_the_recording_replays(
    planned: list[tuple[str, str, str]], seed: int
) -> None:
    faults = [
        f"route: {route}, {what}{when}"
        for route, what, when in planned
        if not (route == "token" and "expire_token" in what)
    ]
    taped = Taped(*faults, seed=seed)
    for client in (DEMO, OTHER):
        done = taped.run(client)
        assert done.status in ("COMPLETE", "ERROR") or done.why
    taped.replays()
