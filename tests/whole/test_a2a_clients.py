"""Clients that go wrong over A2A get the finding that they deserve, and one that goes right gets none of these."""

import json
from collections.abc import Callable
from typing import Any

from lab.core.clock import Millis
from lab.core.exchange import Json, Request
from lab.core.observe import Replied
from lab.plugins.a2a.routes import a2a_path
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.judge import RuleVerdict, report_on
from tests.conftest import each_row
from tests.plugins.a2a.sessions import AT_ONCE, rpc, said
from tests.recording.joined import Joined, config
from tests.wire_peer import read as json_of
from tests.wire_peer import token_request

WAITS: Millis = 5_000
"""How long it waits for an answer, as httpx does."""


class Client(Joined):
    """A client of 1.0 over JSON-RPC, and the tape of what it does."""

    def __init__(self) -> None:
        super().__init__(config(scripted=False))
        self.bearer = str(json_of(self.ask(token_request("client_credentials")))["access_token"])

    def call(self, method: str, params: Json) -> Any:
        """What comes within five seconds, or nothing."""
        self.now += 1_000
        headers = (
            ("authorization", f"Bearer {self.bearer}"),
            ("content-type", "application/json"),
            ("a2a-version", "1.0"),
        )
        body = json.dumps(rpc(method, params)).encode()
        reply = self.service.serve(Request("POST", a2a_path("a2a", "EXPENSES"), "", headers, body), self.now)
        delivery = reply.deliver(self.now, self.now + WAITS)
        self.now = delivery.at
        whole = None if delivery.cut is None else delivery.sent
        self.service.tell(Replied(self.now, reply.x, delivery.response, reply.latency, cut=delivery.cut, sent=whole))
        return json.loads(delivery.response.body)["result"] if delivery.cut is None else None

    def follow(self, task: str, *until: str) -> Any:
        """The task, once it is in one of these states."""
        while True:
            self.now += 2_000
            found = self.call("GetTask", {"id": task})
            if found["status"]["state"].removeprefix("TASK_STATE_") in until:
                return found

    def begin(self) -> str:
        return str(self.call("SendMessage", said("Taxi, é 42", contextId="c") | AT_ONCE)["task"]["id"])

    def answer(self, task: str) -> None:
        self.call("SendMessage", said("approve", taskId=task, contextId="c") | AT_ONCE)


def goes_right(client: Client) -> None:
    task = client.begin()
    client.follow(task, "INPUT_REQUIRED")
    client.answer(task)
    client.follow(task, "COMPLETED")


def answers_without_its_task(client: Client) -> None:
    client.follow(client.begin(), "INPUT_REQUIRED")
    other = client.call("SendMessage", said("approve", contextId="c") | AT_ONCE)["task"]["id"]
    client.follow(other, "COMPLETED", "FAILED")


def polls_after_the_end(client: Client) -> None:
    goes_right(client)
    task = client.call("ListTasks", {})["tasks"][0]["id"]
    for _ in range(3):
        client.now += 2_000
        client.call("GetTask", {"id": task})


def sends_again_after_a_time_out(client: Client) -> None:
    while client.call("SendMessage", said("Taxi, é 42")) is None:
        assert client.now < 60_000
        if client.now > 20_000:
            return


def failed(story: Callable[[Client], None]) -> set[str]:
    client = Client()
    story(client)
    report = report_on({"run": histories_of(client.closed())})
    return {each.rule.id for each in report.with_verdict(RuleVerdict.FAIL)}


@each_row(
    ("story", "rule"),
    [(answers_without_its_task, "F1"), (polls_after_the_end, "C2"), (sends_again_after_a_time_out, "B4")],
)
def test_a_client_that_goes_wrong_is_told(story: Callable[[Client], None], rule: str) -> None:
    assert rule in failed(story)
    assert rule not in failed(goes_right)
