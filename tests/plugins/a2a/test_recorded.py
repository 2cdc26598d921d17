"""A2A on tape: tasks, their errors and streams replay; a task's id is its client's word, so it is redacted too."""

import json

from msgspec.structs import replace

from lab.core.exchange import Json, Request, Response
from lab.dialects.fusion.routes import API
from lab.dialects.router import ROUTER
from lab.identity.clients import JANE
from lab.recording.format.reader import read
from lab.recording.replay.replay import replay
from tests.recording.joined import Joined, config, scenario
from tests.wire_peer import SCOPE, token_request
from tests.wire_peer import read as json_of


class Peer(Joined):
    """A mock with a tape, and a client that speaks JSON-RPC."""

    def __init__(self) -> None:
        super().__init__(replace(config(scripted=False), here="http://127.0.0.1:4711"))
        self.bearer = str(json_of(self.ask(token_request("client_credentials")))["access_token"])

    def send(self, path: str, body: Json) -> Response:
        headers = (("authorization", f"Bearer {self.bearer}"), ("content-type", "application/json"))
        return self.ask(Request("POST" if body is not None else "GET", path, "", headers, json.dumps(body).encode()))

    def call(self, method: str, params: Json, route: str = "a2a") -> Response:
        return self.send(
            ROUTER.path(route, code="EXPENSES"), {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        )


def message(text: str, **members: Json) -> dict[str, Json]:
    return {"message": {"messageId": "m", "role": "user", "parts": [{"kind": "text", "text": text}], **members}}


def test_tasks_their_stream_and_their_errors_replay() -> None:
    peer = Peer()
    task = json_of(peer.call("message/send", message("Taxi") | {"metadata": {"trace": "a-1"}}))["result"]
    assert isinstance(task, dict)
    peer.now += 10_000
    assert b"input-required" in peer.call("tasks/get", {"id": task["id"], "historyLength": 1}).body
    done = peer.call("message/stream", message("yes", taskId=task["id"]), "a2a-stream")
    assert done.body.count(b"data: ") == 3 and b"completed" in done.body
    peer.call("tasks/get", {"id": "nobody's"})
    peer.send(ROUTER.path("a2a-card", code="EXPENSES"), None)
    peer.send(f"{API}/a2a/v1/agents/search", {"query": "expenses"})
    peer.closed()
    text = peer.data.decode()
    result = replay(read(peer.data), [scenario()])
    assert result.passed, result.text()
    assert ":4711" not in text and "http://lab.invalid" in text


def test_a_task_under_its_clients_own_id_replays() -> None:
    peer = Peer()
    for named in (
        "task-1",
        "ffffffffffffffffffffffffffffffff",
        "Ünï".encode().hex(),
        "F47AC10B-58CC-4372-A567-0E02B2C3D479",
    ):
        peer.call("tasks/send", {"id": named, **message("Taxi")})
        assert json_of(peer.call("tasks/get", {"id": named}))["result"]["id"] == named  # type: ignore[call-overload,index]
    peer.closed()
    result = replay(read(peer.data), [scenario()])
    assert result.passed, result.text()


def test_a_secret_as_a_tasks_id_never_reaches_disk() -> None:
    peer = Peer()
    scope = f"{SCOPE} offline_access"
    login = json_of(peer.ask(token_request("password", username=JANE.name, password=JANE.password, scope=scope)))
    secrets = ("eyJhbGciOi.eyJzdWIiOi.c2ln", str(login["refresh_token"]), "whsec_abcdefgh")
    for named in secrets:
        peer.call("tasks/send", {"id": named, **message("Taxi")})
        peer.now += 10_000
        assert named.encode() in peer.call("tasks/get", {"id": named}).body
    peer.closed()
    text = peer.data.decode()
    assert text.count('"type":"gate.opened"') == 3
    assert not any(secret in text for secret in secrets)
