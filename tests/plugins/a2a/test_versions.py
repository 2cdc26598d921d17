"""A job of a version that isn't published, looked at over A2A."""

import json

from lab.core.exchange import Request
from lab.plugins.a2a.routes import a2a_path
from tests.mock.test_versions import AT, NOT_FOUND, Peer
from tests.wire_peer import read


def test_it_is_a_task_that_failed() -> None:
    peer = Peer()
    job = peer.ask()["jobId"]
    call = {"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"id": job}}
    headers = (("authorization", f"Bearer {peer.bearer}"), ("content-type", "application/json"))
    states = []
    for now in (AT, AT + 77):
        request = Request("POST", a2a_path("a2a", "EXPENSES"), "", headers, json.dumps(call).encode())
        states.append(read(peer.mock.serve(request, now).response)["result"]["status"])
    assert [state["state"] for state in states] == ["working", "failed"]
    assert states[1]["message"]["parts"] == [{"kind": "text", "text": NOT_FOUND}]
