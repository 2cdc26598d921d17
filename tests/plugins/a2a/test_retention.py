"""A task under its client's own id, once its job is forgotten."""

import json

from lab.core.exchange import Request
from lab.dialects.router import ROUTER
from lab.mock.sizes import sizes_of
from tests.conftest import each_row
from tests.mock.test_retention import QUICK
from tests.wire_peer import read, service, token


@each_row("drops", [True, False])
def test_an_id_that_a_client_chose_is_free_again_once_its_job_is_forgotten(drops: bool) -> None:
    mock = service(QUICK)
    mock.drops = drops
    bearer = token(mock)

    def sent(now: int) -> dict[str, object]:
        message = {"role": "user", "messageId": "m", "parts": [{"kind": "text", "text": "Bus"}]}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tasks/send", "params": {"id": "mine", "message": message}}
        headers = (("authorization", f"Bearer {bearer}"), ("content-type", "application/json"))
        return read(
            mock.serve(
                Request("POST", ROUTER.path("a2a", code="EXPENSES"), "", headers, json.dumps(body).encode()), now
            ).response
        )

    assert "result" in sent(0) and "error" in sent(9_999)
    assert "result" in sent(10_000) and sizes_of(mock.ledger)["jobs"] == 1
