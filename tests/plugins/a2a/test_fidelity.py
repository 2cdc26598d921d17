"""What is claimed of a task."""

from msgspec.structs import replace

from lab.plugins.a2a.fidelity import TASK
from lab.plugins.a2a.routes import a2a_path
from tests.wire_peer import invoke, read, service, token


def test_a_task_has_the_members_that_the_table_names():
    mock = service()
    call = {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": {
        "role": "user", "parts": [{"kind": "text", "text": "Taxi 42"}],
    }, "metadata": {}}}  # fmt: skip
    request = replace(invoke(token(mock), call), path=a2a_path("a2a", "EXPENSES"))
    assert [row.name for row in TASK] == list(read(mock.serve(request, 0).response)["result"])
