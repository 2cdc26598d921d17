"""Sessions of clients that speak A2A over real sockets."""

from typing import Any

from lab.dialects.router import ROUTER
from tests.recording.dialect_sessions import DialectClient, Session, events
from tests.server.conftest import TEAM


def rpc(method: str, params: Any, number: int = 1) -> Any:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def said(text: str, **members: Any) -> Any:
    return {
        "message": {
            "kind": "message",
            "messageId": "m",
            "role": "user",
            "parts": [{"kind": "text", "text": text}],
            **members,
        }
    }


async def tasks(client: DialectClient) -> None:
    await client.login()
    path = ROUTER.path("a2a", code=TEAM)
    await client.ask("GET", ROUTER.path("a2a-card", code=TEAM))
    await client.ask("POST", ROUTER.path("a2a-search"), {"query": ""})
    await client.ask("POST", path, rpc("message/send", {"message": 1}))
    body: Any = (await client.ask("POST", path, rpc("message/send", said("Share it"), 2))).json
    task = body["result"]["id"]
    await client.ask("POST", path, rpc("tasks/get", {"id": task}, 3))
    await client.ask("POST", path, rpc("tasks/cancel", {"id": task}, 4))
    await client.ask("POST", path, rpc("tasks/resubscribe", {"id": task}, 5))
    await client.wait(3_000)
    await client.ask("POST", path, rpc("tasks/get", {"id": task}, 6))
    await client.wait(500)
    await client.ask("POST", path, rpc("message/send", said("yes", taskId=task), 7))
    await client.wait(500)
    await client.ask("POST", path, rpc("tasks/get", {"id": task}, 8))
    await client.ask("POST", path, rpc("tasks/get", {"id": "nobody's"}, 9))


async def streamed_tasks(client: DialectClient) -> None:
    await client.login()
    path, stream = ROUTER.path("a2a", code=TEAM), ROUTER.path("a2a-stream", code=TEAM)
    shown = events(await client.ask("POST", path, rpc("message/stream", said("Share it"))))
    task = shown[0]["result"]["id"]
    await client.ask("POST", stream, rpc("tasks/get", {"id": task}, 2))
    await client.wait(500)
    await client.ask("POST", stream, rpc("message/stream", said("yes", taskId=task), 3))
    await client.wait(500)
    await client.ask("POST", path, rpc("tasks/get", {"id": task}, 4))
    await client.ask("POST", path, rpc("tasks/send", {"id": "own-1", **said("Share it")}, 5))
    await client.ask("POST", path, rpc("tasks/get", {"id": "own-1"}, 6))


SESSIONS: dict[str, Session] = {"a2a": tasks, "a2a stream": streamed_tasks}
