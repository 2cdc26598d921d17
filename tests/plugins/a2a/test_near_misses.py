"""A method of JSON-RPC that is nearly one."""

import json

from lab.core.exchange import Request
from lab.core.journal.shell import RequestMissed
from lab.dialects.fusion.routes import API
from tests.mock.test_near_misses import answered


def test_a_method_of_json_rpc_is_nearest_to_one_of_either_path() -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "message/stram", "params": {}}
    request = Request(
        "POST",
        f"{API}/a2a/v1/EXPENSES",
        headers=(("content-type", "application/json"),),
        body=json.dumps(call).encode(),
    )
    code, text, noted = answered(request)
    assert (code, noted) == (200, [RequestMissed(at=7, near=("message/stream",))]), text
