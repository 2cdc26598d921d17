"""a2a-sdk 0.3 as a client: `a2a_03.py FLOW [URL]`, by the card that the lab shows, or one given by hand for that URL.

What it sees is judged by who starts it.
"""

import asyncio
import json
import os
import sys
from typing import Any

import httpx
from a2a.client import ClientConfig, ClientFactory
from a2a.client.errors import A2AClientJSONRPCError
from a2a.types import (
    AgentCapabilities,
    AgentCard,
    GetTaskPushNotificationConfigParams,
    Message,
    Part,
    PushNotificationConfig,
    Role,
    Task,
    TaskIdParams,
    TaskPushNotificationConfig,
    TaskQueryParams,
    TaskState,
    TextPart,
)

TOKEN = "t-0123456789abcdef"
RECEIVERS: list[str] = []
"""Where this client listens."""


def tell(**found: Any) -> None:
    print(json.dumps(found), flush=True)


def pause(seconds: float) -> None:
    tell(pause=seconds)
    sys.stdin.readline()


def said(text: str, **more: str) -> Message:
    return Message(message_id="m", role=Role.user, parts=[Part(root=TextPart(text=text))], **more)


def tell_task(event: str, task: Task, **more: Any) -> None:
    tell(event=event, state=task.status.state.value, task=task.model_dump(mode="json", exclude_none=True), **more)


async def send(client: Any, text: str, **more: str) -> Task:
    """Tells of the task after each event; while it works, time passes."""
    async for task, update in client.send_message(said(text, **more)):
        tell_task("task" if update is None else update.kind, task, final=getattr(update, "final", None))
        if task.status.state is TaskState.working:
            pause(2)
    return task


async def look(client: Any, task: Task, history: int | None = None) -> Task:
    looked = await client.get_task(TaskQueryParams(id=task.id, history_length=history))
    tell_task("look", looked)
    return looked


async def stream(client: Any) -> None:
    task = await send(client, "x")
    await look(client, task, history=1)
    for answer in ("Shorter", "yes"):
        await send(client, answer, task_id=task.id, context_id=task.context_id)
    await send(client, "x", context_id=task.context_id)


async def poll(client: Any) -> None:
    task = await send(client, "x")
    for _ in range(100):
        if (await look(client, task)).status.state not in (TaskState.submitted, TaskState.working):
            break
        pause(0.5)
    await send(client, "yes", task_id=task.id)


async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes what it knows by its token and the SDK can read, and tells of it."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    task = Task.model_validate_json(await reader.readexactly(int(headers["content-length"])))
    status = 204 if headers.get("x-a2a-notification-token") == TOKEN else 401
    tell(event="told", path=first.split(" ")[1], state=task.status.state.value, status=status)
    writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
    await writer.drain()
    writer.close()


async def push(client: Any) -> None:
    """A receiver by the configuration of each message, another by a call; through the gate to the end."""
    task = await send(client, "x")
    other = PushNotificationConfig(id="other", url=f"{RECEIVERS[0]}/set", token=TOKEN)
    setting = TaskPushNotificationConfig(task_id=task.id, push_notification_config=other)
    assert await client.set_task_callback(setting) == setting
    got = await client.get_task_callback(GetTaskPushNotificationConfigParams(id=task.id))
    tell(event="config", config=got.model_dump(mode="json", by_alias=True, exclude_none=True))
    await asyncio.to_thread(pause, 4)
    await send(client, "yes", task_id=task.id)
    await asyncio.to_thread(pause, 30)


async def refused(client: Any) -> None:
    task = await send(client, "x")
    for call in (
        client.cancel_task(TaskIdParams(id=task.id)),
        client.cancel_task(TaskIdParams(id="nobodys")),
        client.get_task(TaskQueryParams(id="nobodys")),
    ):
        try:
            tell_task("done", await call)
        except A2AClientJSONRPCError as error:
            tell(event="refused", code=error.error.code)


async def main(flow: str, url: str = "") -> None:
    card = AgentCard(
        name="Quick", description="Quick", version="3", protocol_version="0.3.0", url=url,
        capabilities=AgentCapabilities(streaming=flow == "stream"),
        default_input_modes=["text"], default_output_modes=["text"], skills=[],
    )  # fmt: skip
    bearer = {"authorization": f"Bearer {os.environ['LAB_TOKEN']}"}
    async with httpx.AsyncClient(headers=bearer, timeout=10, trust_env=False) as peer:
        server = await asyncio.start_server(receive, "127.0.0.1", 0)
        RECEIVERS.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        receivers = [PushNotificationConfig(url=f"{RECEIVERS[0]}/message", token=TOKEN)] if flow == "push" else []
        config = ClientConfig(
            httpx_client=peer, streaming=flow == "stream", polling=flow != "stream", push_notification_configs=receivers
        )
        client = (
            ClientFactory(config).create(card) if url else await ClientFactory.connect(os.environ["LAB_ORIGIN"], config)
        )
        await {"stream": stream, "poll": poll, "refused": refused, "push": push}[flow](client)


asyncio.run(main(*sys.argv[1:]))
