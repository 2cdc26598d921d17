"""Sessions of clients that speak MCP over real sockets."""

from typing import Any

from tests.plugins.mcp_tasks.peers import APPROVED, headers_of, rpc
from tests.recording.dialect_sessions import DialectClient, Session, events
from tests.server.conftest import TEAM


async def ask(client: DialectClient, method: str, number: Any, **params: Any) -> Any:
    body = rpc(method, params, number)
    headers = {name.replace("-", "_"): value for name, value in headers_of(body).items()}
    return await client.ask("POST", "/mcp", body, **headers)


async def tasks(client: DialectClient) -> None:
    await client.login()
    await ask(client, "server/discover", 1)
    await ask(client, "tools/list", 2)
    await ask(client, "tools/call", 3, name=TEAM, arguments={"message": 1})
    task = (await ask(client, "tools/call", 4, name=TEAM, arguments={"message": "Share it"})).json["result"]["taskId"]
    await ask(client, "tasks/get", 5, taskId=task)
    await client.wait(3_000)
    question = (await ask(client, "tasks/get", 6, taskId=task)).json["result"]["inputRequests"]
    await client.wait(500)
    await ask(client, "tasks/update", 7, taskId=task, inputResponses=dict.fromkeys(question, APPROVED))
    await ask(client, "tasks/get", 8, taskId=task)
    await client.wait(500)
    await ask(client, "tasks/update", 9, taskId=task, inputResponses=dict.fromkeys(question, APPROVED))
    await ask(client, "tasks/get", 10, taskId=task)
    await ask(client, "tasks/get", 11, taskId="nobodys")


async def cancelled_tasks(client: DialectClient) -> None:
    await client.login()
    task = (await ask(client, "tools/call", 1, name=TEAM, arguments={"message": "Share it"})).json["result"]["taskId"]
    await client.wait(1_000)
    await ask(client, "tasks/cancel", 2, taskId=task)
    await ask(client, "tasks/get", 3, taskId=task)


async def notified_tasks(client: DialectClient) -> None:
    await client.login()
    task = (await ask(client, "tools/call", 1, name=TEAM, arguments={"message": "Share it"})).json["result"]["taskId"]
    notified = events(await ask(client, "subscriptions/listen", "listen-1", notifications={"taskIds": [task]}))
    assert notified[-1]["id"] == "listen-1"
    await ask(client, "tasks/get", 2, taskId=task)


SESSIONS: dict[str, Session] = {"mcp": tasks, "mcp cancelled": cancelled_tasks, "mcp notified": notified_tasks}
