"""Clients of MCP that go wrong get the finding that they deserve, and those that do right get none."""

import json
from collections.abc import Iterator
from typing import Any

from lab.core.clock import Millis
from lab.core.exchange import Request
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.judge import RULE_OF
from tests.conftest import each_row
from tests.plugins.mcp_tasks.peers import APPROVED, headers_of, rpc
from tests.recording.drift_session import Session
from tests.wire_peer import read, token_request

MINUTE = 60_000


class McpSession:
    """A client of a gate that opens after ten seconds and closes ten minutes later, on tape."""

    def __init__(self) -> None:
        self.session = Session()
        self.bearer = str(read(self.session.ask(token_request("client_credentials")))["access_token"])
        self.task = str(self.ask("tools/call", name="GATED", arguments={"message": "Go"})["result"]["taskId"])

    def ask(self, method: str, pause: Millis = 1_000, **params: Any) -> Any:
        body = rpc(method, params)
        headers = (("authorization", f"Bearer {self.bearer}"), *headers_of(body).items())
        request = Request("POST", "/mcp", "", headers, json.dumps(body).encode())
        return json.loads(self.session.ask(request, pause).body)

    def look(self, pause: Millis = 1_000) -> Any:
        return self.ask("tasks/get", pause, taskId=self.task)["result"]

    def answer(self, key: str, response: Any = APPROVED) -> None:
        assert self.ask("tasks/update", taskId=self.task, inputResponses={key: response})["result"]

    def verdicts(self, rule: str, code: int = 0) -> Iterator[bool]:
        """Of each occasion for the rule whether it was kept; the client ended with that exit code."""
        for history in histories_of(self.session.recording, over=True, code=code):
            for occasion in RULE_OF[rule].occasions(history):
                yield occasion.kept


@each_row(
    ("answers", "kept"),
    [([APPROVED], [True]), ([{"action": "cancel"}, APPROVED], [True]), ([APPROVED] * 2, [True, False])],
)
def test_a_key_is_answered_once_and_a_closed_form_is_no_answer(answers: list[Any], kept: list[bool]) -> None:
    client = McpSession()
    (key,) = client.look(10_000)["inputRequests"]
    for each in answers:
        client.answer(key, each)
    client.look()
    assert list(client.verdicts("F2")) == kept


@each_row(("code", "kept"), [(0, False), (1, True)])
def test_a_result_that_is_an_error_is_no_success(code: int, kept: bool) -> None:
    client = McpSession()
    assert client.look(11 * MINUTE)["result"]["isError"] is True
    assert list(client.verdicts("F4", code)) == [kept]


FASTER = [4_000, 3_000, 2_000, 1_500, 1_200, 1_000, 1_000]
RAMP = [20, 40, 80, 160, 320, 640, *([1_000] * 4)]
"""As fastmcp-tasks polls, up to the interval that a task names."""
GROWING = [1_000, 1_300, 1_690, 2_197, 2_500, 3_000, 3_000]


@each_row(
    ("pauses", "backs_off", "leaves_a_second"), [(FASTER, False, True), (RAMP, True, False), (GROWING, True, True)]
)
def test_who_polls_ever_faster_doesnt_back_off_and_a_ramp_begins_too_fast(
    pauses: list[Millis], backs_off: bool, leaves_a_second: bool
) -> None:
    client = McpSession()
    client.look(10_000)
    for pause in pauses:
        client.look(pause)
    assert (all(client.verdicts("C7")), all(client.verdicts("C6"))) == (backs_off, leaves_a_second)
