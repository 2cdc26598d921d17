"""A2A on tape: tasks, their errors and streams replay; a task's id is its client's word, so it is redacted too."""

import json

from msgspec.structs import replace

from lab.core.exchange import Json, Request, Response
from lab.dialects.fusion.routes import API
from lab.dialects.router import ROUTER
from lab.identity.clients import JANE
from lab.recording.format.reader import read
from lab.recording.format.snapshot import snapshot
from lab.recording.replay.replay import replay
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests.conftest import each_row
from tests.recording.joined import Joined, config, scenario
from tests.wire_peer import SCOPE, token_request
from tests.wire_peer import read as json_of


class Peer(Joined):
    """A mock with a tape, and a client that speaks JSON-RPC."""

    def __init__(self) -> None:
        super().__init__(replace(config(scripted=False), here="http://127.0.0.1:4711"))
        self.bearer = str(json_of(self.ask(token_request("client_credentials")))["access_token"])

    def again(self) -> None:
        """The tape begins anew now, in the midst of it."""
        self.service.observers.remove(self.tape)
        self._lines.clear()
        self.tape = Tape(
            self.service, self._lines.append, recording_header(self.service.config, lab="0.1.0", t=self.now)
        )
        self.tape.restate(snapshot(self.service, self.now), self.now)
        self.service.observers.append(self.tape)

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


@each_row("late", [False, True])
def test_receivers_replay_and_none_of_their_secrets_reaches_disk(late: bool) -> None:
    peer, secrets = Peer(), ("s3cret-of-a-query", "t0ken-of-a-message", "cr3dentials-of-basic", "t0ken-of-the-older")
    url = f"http://127.0.0.1:9000/hook?api_key={secrets[0]}"
    config: Json = {"url": url, "token": secrets[1]}
    first = message("Taxi") | {"configuration": {"pushNotificationConfig": config}}
    task = json_of(peer.call("message/send", first))["result"]["id"]  # type: ignore[call-overload,index]
    authentication: Json = {"schemes": ["Basic"], "credentials": secrets[2]}
    other: Json = {"id": "other", "url": url, "token": secrets[3], "authentication": authentication}
    peer.call("tasks/pushNotificationConfig/set", {"taskId": task, "pushNotificationConfig": other})
    if late:
        peer.again()
    peer.now += 1_000
    listed = peer.call("tasks/pushNotificationConfig/list", {"id": task}).body.decode()
    assert all(secret in listed for secret in secrets)
    for named in (task, "other", "nobodys"):
        peer.call("tasks/pushNotificationConfig/delete", {"id": task, "pushNotificationConfigId": named})
    assert b"-32001" in peer.call("tasks/pushNotificationConfig/get", {"id": task}).body
    peer.closed()
    text = peer.data.decode()
    assert text.count('"type":"callback.registered"') == text.count('"type":"callback.ended"') == 2
    assert not any(secret in text for secret in secrets)
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
