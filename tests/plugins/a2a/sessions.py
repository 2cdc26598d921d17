"""Sessions of clients that speak A2A over real sockets, in both versions and both bindings."""

from typing import Any

from lab.dialects.router import ROUTER
from tests.recording.dialect_sessions import DialectClient, Session, events
from tests.server.conftest import TEAM

ONE = {"a2a_version": "1.0"}
"""The header of 1.0."""
AT_ONCE = {"configuration": {"returnImmediately": True}}


def rpc(method: str, params: Any, number: int = 1) -> Any:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def said(text: str, **members: Any) -> Any:
    """As 1.0 says it."""
    return {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": text}], **members}}


def said_before(text: str, **members: Any) -> Any:
    """As 0.3 says it."""
    parts = [{"kind": "text", "text": text}]
    return {"message": {"kind": "message", "messageId": "m", "role": "user", "parts": parts, **members}}


async def tasks(client: DialectClient) -> None:
    await client.login()
    path = ROUTER.path("a2a", code=TEAM)
    await client.ask("GET", ROUTER.path("a2a-card", code=TEAM))
    await client.ask("POST", ROUTER.path("a2a-search"), {"query": ""})
    await client.ask("POST", path, rpc("SendMessage", {"message": 1}), **ONE)
    body: Any = (await client.ask("POST", path, rpc("SendMessage", said("Share it") | AT_ONCE, 2), **ONE)).json
    task = body["result"]["task"]["id"]
    await client.ask("POST", path, rpc("GetTask", {"id": task}, 3), **ONE)
    await client.ask("POST", path, rpc("ListTasks", {}, 4), a2a_version="2.0")
    await client.ask("POST", path, rpc("GetExtendedAgentCard", {}, 5), **ONE)
    await client.wait(3_000)
    await client.ask("POST", path, rpc("GetTask", {"id": task}, 6), **ONE)
    await client.wait(500)
    await client.ask("POST", path, rpc("SendMessage", said("yes", taskId=task), 7), **ONE)
    await client.wait(500)
    await client.ask("POST", path, rpc("GetTask", {"id": task}, 8), **ONE)
    await client.ask("POST", path, rpc("GetTask", {"id": "nobody's"}, 9), **ONE)
    await client.ask("POST", path, rpc("CancelTask", {"id": task}, 10), **ONE)


async def streamed_tasks(client: DialectClient) -> None:
    await client.login()
    path = ROUTER.path("a2a", code=TEAM)
    shown = events(await client.ask("POST", path, rpc("SendStreamingMessage", said("Share it")), **ONE))
    task = shown[0]["result"]["task"]["id"]
    await client.ask("POST", path, rpc("GetTask", {"id": task}, 2), **ONE)
    await client.wait(500)
    await client.ask("POST", path, rpc("SendStreamingMessage", said("yes", taskId=task), 3), **ONE)
    await client.wait(500)
    await client.ask("POST", path, rpc("GetTask", {"id": task}, 4), **ONE)
    await client.ask("POST", path, rpc("SendMessage", said("Share it") | AT_ONCE, 5), **ONE)


async def over_http(client: DialectClient) -> None:
    """HTTP+JSON: a message that waits for its task, a page, a subscriber, a cancel."""
    await client.login()
    path = ROUTER.path("a2a", code=TEAM)
    body: Any = (await client.ask("POST", f"{path}/message:send", said("Share it"), **ONE)).json
    waits = body["task"]["id"]
    await client.ask("GET", f"{path}/tasks/{waits}", **ONE)
    await client.wait(500)
    await client.ask("POST", f"{path}/message:send", said("yes", taskId=waits), **ONE)
    body = (await client.ask("POST", f"{path}/message:send", said("Share it") | AT_ONCE, **ONE)).json
    task = body["task"]["id"]
    page: Any = (await client.ask("GET", f"{path}/tasks?pageSize=1", **ONE)).json
    await client.ask("GET", f"{path}/tasks?pageSize=1&pageToken={page['nextPageToken']}", **ONE)
    await client.ask("POST", f"{path}/tasks/{task}:subscribe", leave=2, **ONE)
    await client.ask("POST", f"{path}/tasks/{task}:cancel", **ONE)
    await client.ask("GET", f"{path}/tasks/{task}", **ONE)
    await client.ask("POST", f"{path}/tasks/{task}:subscribe", **ONE)
    await client.ask("GET", f"{path}/tasks/{task}/pushNotificationConfigs/none", **ONE)


async def tasks_before(client: DialectClient) -> None:
    """0.3, with a task under its client's own id."""
    await client.login()
    path, stream = ROUTER.path("a2a", code=TEAM), ROUTER.path("a2a-stream", code=TEAM)
    shown = events(await client.ask("POST", path, rpc("message/stream", said_before("Share it"))))
    task = shown[0]["result"]["id"]
    await client.ask("POST", stream, rpc("tasks/get", {"id": task}, 2))
    await client.wait(500)
    await client.ask("POST", stream, rpc("message/send", said_before("yes", taskId=task), 3))
    await client.wait(500)
    await client.ask("POST", path, rpc("tasks/get", {"id": task}, 4))
    await client.ask("POST", path, rpc("tasks/resubscribe", {"id": task}, 5), accept="text/event-stream")
    await client.ask("POST", path, rpc("tasks/send", {"id": "own-1", **said_before("Share it")}, 6))
    await client.ask("POST", path, rpc("tasks/cancel", {"id": "own-1"}, 7))


async def receivers(client: DialectClient) -> None:
    """Push notification configs of a task, in either version and binding: registered, changed, looked at, ended."""
    await client.login()
    path = ROUTER.path("a2a", code=TEAM)
    first = {"url": "http://127.0.0.1:9/a", "token": "t-of-a-message-1"}
    configuration = {"returnImmediately": True, "taskPushNotificationConfig": first}
    sent = said("Share it") | {"configuration": configuration}
    body: Any = (await client.ask("POST", path, rpc("SendMessage", sent), **ONE)).json
    task = body["result"]["task"]["id"]
    configs = f"{path}/tasks/{task}/pushNotificationConfigs"
    mine = {"id": "mine", "url": "http://127.0.0.1:9/b", "token": "t-of-mine-2", "authentication": {"scheme": "Bearer"}}
    await client.ask("POST", configs, mine, **ONE)
    await client.ask("GET", configs, **ONE)
    await client.wait(3_000)
    older = {"id": "mine", "url": "http://localhost:9/c", "token": "t-of-another-3"}
    setting = {"taskId": task, "pushNotificationConfig": older}
    await client.ask("POST", path, rpc("tasks/pushNotificationConfig/set", setting, 2))
    await client.ask("GET", f"{configs}/mine", **ONE)
    await client.ask("POST", configs, {"url": "http://pod.example/"}, **ONE)
    await client.ask("DELETE", f"{configs}/mine", **ONE)
    await client.ask("POST", path, rpc("tasks/pushNotificationConfig/list", {"id": task}, 3))
    await client.ask("POST", path, rpc("SendMessage", said("yes", taskId=task) | AT_ONCE, 4), **ONE)
    await client.ask("POST", path, rpc("GetTask", {"id": task}, 5), **ONE)


SESSIONS: dict[str, Session] = {
    "a2a": tasks,
    "a2a stream": streamed_tasks,
    "a2a over HTTP": over_http,
    "a2a 0.3": tasks_before,
    "a2a receivers": receivers,
}
