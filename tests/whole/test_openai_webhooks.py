"""Webhooks over sockets, on a manual clock: of which responses an endpoint is told, with which bytes, and what goes wrong with them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lab.clocks import AnyClock, ScaledClock
from lab.identity.clients import DEMO
from lab.jobs.callbacks import CallbackAnswered, CallbackEnded, CallbackSent
from lab.plugins.openai.webhooks import TOLD
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.judge import RuleVerdict, report_on
from lab.program.callbacks import CallbackStrike
from lab.recording.format.reader import read
from lab.recording.format.snapshot import snapshot
from lab.recording.replay.replay import replay
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests.conftest import each_row
from tests.plugins.callbacks.receivers import Came, Hook, receiving
from tests.plugins.callbacks.test_schedule import own_signature
from tests.plugins.openai.peer import ASK, CLAIM, GATE, PAY, READ, approval
from tests.server.conftest import request
from tests.server.served import API, Served, ask, serving, token_of
from tests.wire_peer import OTHER

EPOCH = 1_767_225_600
END: tuple[dict[str, Any], ...] = ({"complete": "done", "output": "Done."}, {"complete": "declined", "output": "No."})
SURE = GATE | {"asks": "Sure?"}
ENDPOINT = {"name": "mine", "event_types": [*TOLD, "batch.failed"]}


class Client:
    """A client of OpenAI's API with one endpoint."""

    def __init__(self, world: Served, hook: Hook, **more: Any) -> None:
        self.world, self.key, self.ended = world, DEMO.secret, False
        self.endpoint = self.call("POST", "/v1/webhook_endpoints", ENDPOINT | {"url": hook.url} | more)
        self.secret = self.endpoint["signing_secret"]

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        headers = (("authorization", f"Bearer {key or self.key}"), ("content-type", "application/json"))
        return ask(self.world, request(method, path, headers, b"" if body is None else json.dumps(body).encode())).json

    def create(self, question: Any = ASK, **more: Any) -> str:
        found = self.call("POST", "/v1/responses", {"model": "EXPENSES", "background": True, "input": question, **more})
        assert "id" in found, found
        return str(found["id"])

    def look(self, response: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/v1/responses/{response}")
        self.ended = self.ended or found.get("status") == "completed"
        return found

    def approve(self, response: str, approve: bool = True) -> str:
        question = self.look(response)["output"][0]["id"]
        return self.create(approval(question, approve), previous_response_id=response)


@contextmanager
def telling(
    hook: Hook, callbacks: dict[str, Any] | None = None, *documents: Any, clock: AnyClock | None = None, **more: Any
) -> Iterator[Client]:
    claim = CLAIM | {"callbacks": {"tries": ["0s", "5s", "1m"], **(callbacks or {})}, "latency": {"status": "50ms"}}
    with serving(claim, *documents, epoch=EPOCH, clients=(DEMO, OTHER), clock=clock) as world:
        yield Client(world, hook, **more)


def events(hook: Hook) -> list[tuple[str, str]]:
    return [(each["type"], each["data"]["id"]) for each in (json.loads(came.body) for came in hook.came)]


def test_a_gate_ends_one_response_and_the_answer_begins_the_next() -> None:
    with receiving() as hook, telling(hook) as client:
        first = client.create()
        client.world.sleep(10)
        second = client.approve(first)
        client.world.sleep(10)
        assert events(hook) == [("response.completed", first), ("response.completed", second)] and first != second
        assert {client.look(each)["status"] for each in (first, second)} == {"completed"}
        bodies = [json.loads(came.body) for came in hook.came]
        assert bodies[0] == {
            "id": bodies[0]["id"], "object": "event", "type": "response.completed", "created_at": EPOCH + 2,
            "data": {"id": first},
        }  # fmt: skip
        assert len({each["id"] for each in bodies}) == 2 and all(each["id"].startswith("evt_") for each in bodies)
        for came in hook.came:
            assert came.headers["webhook-signature"] == own_signature(came.headers, came.body, client.secret)
            assert came.headers["content-type"] == "application/json"


def test_a_rejection_a_cancel_and_an_error_are_told_by_their_types() -> None:
    failing = CLAIM | {"name": "fails", "match": "fail", "steps": [READ, {"error": "broken", "text": "No."}]}
    with receiving() as hook, telling(hook, None, failing) as client:
        first = client.create()
        client.world.sleep(10)
        second = client.approve(first, approve=False)
        third = client.create()
        client.call("POST", f"/v1/responses/{third}/cancel")
        fourth = client.create("fail")
        client.world.sleep(10)
        assert client.look(fourth)["status"] == "failed"
        assert sorted(events(hook)) == sorted(
            [("response.completed", first), ("response.completed", second), ("response.cancelled", third),
             ("response.failed", fourth)]
        )  # fmt: skip


def test_gates_that_open_at_the_instant_of_an_answer_are_told_of_the_next_response() -> None:
    steps = [SURE, SURE | {"gate": "the-other"}, PAY, *END]
    with receiving() as hook, telling(hook, None, CLAIM | {"name": "two", "match": "two", "steps": steps}) as client:
        responses = [client.create("two")]
        for _ in range(2):
            client.world.sleep(10)
            responses.append(client.approve(responses[-1]))
        client.world.sleep(10)
        assert client.look(responses[2])["status"] == "completed"
        # what it is at its acceptance the answer to that tells
        assert events(hook) == [("response.completed", responses[1]), ("response.completed", responses[2])]


def test_an_answer_at_the_instant_at_which_its_gate_opens_is_the_next_response() -> None:
    with receiving() as hook, telling(hook) as client:
        first = client.create()
        client.world.sleep(2)
        second = client.approve(first)
        client.world.sleep(10)
        assert events(hook) == [("response.completed", first), ("response.completed", second)]


def test_waits_for_time_and_for_people_elsewhere_end_no_response() -> None:
    elsewhere = SURE | {"channel": "EMAIL", "patience": "5s", "verdicts": {"timed-out": "done"}}
    steps = [READ, {"wait": "bank", "takes": "4s"}, elsewhere, *END]
    with receiving() as hook, telling(hook, None, CLAIM | {"name": "long", "match": "long", "steps": steps}) as client:
        response = client.create("long")
        client.world.sleep(30)
        assert events(hook) == [("response.completed", response)]


def test_of_others_and_in_the_foreground_nothing_is_told() -> None:
    with receiving() as hook, telling(hook) as client:
        world = client.world
        client.create()
        body = {"model": "EXPENSES", "input": ASK}
        client.call("POST", "/v1/responses", body | {"background": True}, OTHER.secret)
        waiting = threading.Thread(target=client.call, args=("POST", "/v1/responses", body))  # till its gate opens
        waiting.start()
        while world.call(lambda: len([*world.service.jobs()])) < 3:
            pass
        headers = (("authorization", f"Bearer {token_of(world)}"), ("content-type", "application/json"))
        path = f"{API}/agent/v2/EXPENSES/invokeAsync"
        assert ask(world, request("POST", path, headers, b'{"message":"Taxi 42","background":true}')).status == 202
        world.sleep(10)
        waiting.join(10)
        assert len(hook.came) == 1


def test_a_question_in_words_ends_a_response_too() -> None:
    steps = [READ, {"gate": "who", "asks": "Who?", "approval": False, "patience": "1m"}, *END]
    with (
        receiving() as hook,
        telling(hook, None, CLAIM | {"name": "words", "match": "words", "steps": steps}) as client,
    ):
        first = client.create("words")
        client.world.sleep(5)
        second = client.create("Ann", previous_response_id=first)
        client.world.sleep(5)
        assert events(hook) == [("response.completed", first), ("response.completed", second)]


def test_only_what_was_asked_for_is_told() -> None:
    with receiving() as hook, telling(hook, event_types=["response.cancelled", "batch.failed"]) as client:
        client.create()
        client.world.sleep(5)
        assert hook.came == []
        client.call("POST", f"/v1/webhook_endpoints/{client.endpoint['id']}", {"event_types": ["response.completed"]})
        client.create()
        client.world.sleep(5)
        assert len(hook.came) == 1


def test_tries_that_are_left_go_where_the_endpoint_is_now_with_its_secret_of_now() -> None:
    with receiving(lambda _: (500, {})) as old, receiving() as new, telling(old) as client:
        client.create()
        client.world.sleep(3)
        one = f"/v1/webhook_endpoints/{client.endpoint['id']}"
        client.call("POST", one, {"url": new.url, "event_types": ["batch.failed"]})
        secret = client.call("POST", f"{one}/rotate_secret")["signing_secret"]
        client.world.sleep(600)
        (before,), (after,) = old.came, new.came
        assert before.body == after.body and secret != client.secret
        assert before.headers["webhook-signature"] == own_signature(before.headers, before.body, client.secret)
        assert after.headers["webhook-signature"] == own_signature(after.headers, after.body, secret)


def test_one_that_is_deleted_or_says_410_is_told_no_more() -> None:
    with receiving() as kept, receiving(lambda _: (410, {})) as gone, telling(kept) as client:
        Client(client.world, gone)
        client.create()
        client.world.sleep(3)
        assert [len(each.came) for each in (kept, gone)] == [1, 1]
        assert len(client.call("GET", "/v1/webhook_endpoints")["data"]) == 1
        client.call("DELETE", f"/v1/webhook_endpoints/{client.endpoint['id']}")
        client.create()
        client.world.sleep(600)
        assert [len(each.came) for each in (kept, gone)] == [1, 1]
        assert len(client.world.facts(CallbackEnded)) == 1


STRIKES: tuple[CallbackStrike, ...] = (
    "lost", "late", "twice", "reordered", "bad-signature", "old-timestamp", "other-job", "truncated",
)  # fmt: skip


@each_row("strike", STRIKES)
def test_faults_of_the_scenario_strike_here_too(strike: CallbackStrike) -> None:
    def answer(came: Came) -> tuple[int, dict[str, str]]:
        """As one that verifies."""
        good = came.headers["webhook-signature"] == own_signature(came.headers, came.body, client.secret)
        fresh = abs(int(came.headers["webhook-timestamp"]) - EPOCH - client.world.clock.now() // 1000) < 300
        return (204 if good and fresh else 401), {}

    with receiving(answer) as hook, telling(hook, {"faults": [{"strike": strike}]}) as client:
        first = client.create()
        client.world.sleep(12)
        second = client.approve(first)
        client.world.sleep(3_000)
        ids = [json.loads(each.body)["data"]["id"] for each in hook.came if each.body.endswith(b"}")]
        statuses = [each.status for each in client.world.facts(CallbackAnswered)]
        sent = client.world.call(client.world.service.derived, first.removeprefix("resp_"), client.world.clock.now())
        assert strike in {each.fault for each in sent.facts if isinstance(each, CallbackSent)}
        assert {
            "lost": ids == [second], "late": ids == [second, first], "twice": ids == [first, first, second],
            "reordered": ids == [second, first], "bad-signature": ids == [first, first, second] and 401 in statuses,
            "old-timestamp": ids == [first, first, second] and 401 in statuses,
            "other-job": ids[1:] == [second] and ids[0] not in (first, second) and ids[0].startswith("resp_"),
            "truncated": ids == [first, second] and 401 in statuses,
        }[strike], ids  # fmt: skip


@pytest.mark.parametrize("late", [None, "registered", "told"])
def test_what_is_recorded_replays_with_no_secret_on_it(late: str | None) -> None:
    lines: list[bytes] = []
    with receiving(lambda _: (500, {})) as hook, telling(hook, {"faults": [{"strike": "bad-signature"}]}) as client:
        tapes = [] if late else [tape_of(client, lines)]
        first = client.create()
        one = f"/v1/webhook_endpoints/{client.endpoint['id']}"
        tapes += [tape_of(client, lines)] if late == "registered" else []
        client.world.sleep(8)
        tapes += [tape_of(client, lines)] if late == "told" else []
        client.call("POST", one, {"name": "other"})
        client.call("POST", one, {"name": "other"})
        secrets = [client.secret, client.call("POST", f"{one}/rotate_secret")["signing_secret"]]
        client.approve(first)
        other = client.call("POST", "/v1/webhook_endpoints", ENDPOINT | {"url": hook.url})
        client.call("GET", "/v1/webhook_endpoints")
        client.world.sleep(30)
        client.call("DELETE", f"/v1/webhook_endpoints/{other['id']}")
        client.world.sleep(600)
        client.call("DELETE", one)
        client.call("GET", one)
        secrets.append(other["signing_secret"])
        (tape,) = tapes
        client.world.call(tape.close, client.world.clock.now())
        program = client.world.service.config.scenarios
        count = len(hook.came)
    recording = read(b"".join(lines))
    found = replay(recording, program)
    assert found.passed, found.text()
    assert len(hook.came) == count > 4
    assert all(
        secret.encode() not in b"".join(lines) and secret[6:30].encode() not in b"".join(lines) for secret in secrets
    )
    assert list(recording.facts("callback.sent"))


def tape_of(client: Client, lines: list[bytes]) -> Tape:
    """A tape that begins now."""
    service, now = client.world.service, client.world.clock.now()

    def begin() -> Tape:
        tape = Tape(service, lines.append, recording_header(service.config, lab="0.1.0", t=now))
        tape.restate(snapshot(service, now), now)
        service.observers.append(tape)
        return tape

    return client.world.call(begin)  # type: ignore[no-any-return]


# In a report


class Receiver:
    """What takes the webhooks of a client, verifies them and remembers them; one word makes it go wrong."""

    def __init__(self, mistake: str) -> None:
        self.mistake, self.news, self.known = mistake, list[tuple[dict[str, Any], bool]](), set[str]()
        self.client: Client | None = None
        self.go = threading.Event()

    def __call__(self, came: Came) -> tuple[int, dict[str, str]]:
        client = self.client
        assert client is not None
        sign = own_signature(came.headers, came.body, client.secret)
        good = self.mistake == "no-signature" or came.headers["webhook-signature"] == sign
        age = EPOCH + client.world.clock.now() // 1000 - int(came.headers["webhook-timestamp"])
        good = good and (self.mistake == "old" or abs(age) < 300)
        if self.mistake == "slow":
            self.go.wait(10)
        if good and self.mistake == "works":
            client.look(json.loads(came.body)["data"]["id"])
        if good:
            self.news.append(
                (json.loads(came.body) if came.body.endswith(b"}") else {}, came.headers["webhook-id"] in self.known)
            )
            self.known.add(came.headers["webhook-id"])
        return (204 if good else 401), {}


def works_on_it(client: Client, receiver: Receiver) -> None:
    """Polls a response, sooner once a webhook has come that is new; looks at an end before it believes it."""
    response, taken = client.create("quick"), 0
    for second in range(1, 30):
        client.world.sleep(1)
        fresh = receiver.news[taken:]
        taken += len(fresh)
        if fresh and receiver.mistake == "believes":
            return
        double = any(again for _, again in fresh)
        due = any(not again for _, again in fresh) or (second % 5 == 0 and receiver.mistake != "no-polls")
        if (due and not client.ended) or (double and receiver.mistake == "doubles"):
            client.look(response)


MISTAKES = {
    "no-signature": ("G1", "bad-signature"), "old": ("G2", "old-timestamp"), "doubles": ("G3", "twice"),
    "believes": ("G4", "other-job"), "no-polls": ("G5", "lost"), "works": ("G6", "reordered"), "slow": ("G7", "twice"),
}  # fmt: skip
"""By what the client does wrong: the rule that finds it, and a fault that shows it."""
QUICK = CLAIM | {"name": "quick", "match": "quick", "steps": [READ, *END], "latency": {"status": "50ms"}}


@pytest.mark.parametrize("mistake", ["", *MISTAKES])
def test_one_mistake_is_one_finding(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.plugins.callbacks.sender.TRY_LIMIT", 300)
    for strike in [strike for rule, strike in MISTAKES.values() if not mistake or rule == MISTAKES[mistake][0]]:
        clock = ScaledClock("20") if mistake == "works" else None  # a reply is withheld where time passes by itself
        receiver, lines = Receiver(mistake), list[bytes]()
        struck = QUICK | {"callbacks": {"faults": [{"strike": strike}], "tries": ["0s", "5s"]}}
        with receiving(receiver) as hook, telling(hook, None, struck, clock=clock) as client:
            receiver.client = client
            tape = tape_of(client, lines)
            works_on_it(client, receiver)
            client.world.run(client.world.end_acting())
            client.world.call(tape.close, client.world.clock.now())
        receiver.go.set()
        report = report_on({"run": histories_of(read(b"".join(lines)), over=True)})
        failed = {each.rule.id for each in report.with_verdict(RuleVerdict.FAIL)}
        assert failed - STYLE == ({MISTAKES[mistake][0]} if mistake else set()), strike


STYLE = {"B3"}
"""A rule of no weight that this client doesn't keep."""
