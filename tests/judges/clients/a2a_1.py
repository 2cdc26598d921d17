"""a2a-sdk 1.3 as a client of A2A 1.0: `a2a_1.py FLOW BINDING CARD_BASE`, BINDING `JSONRPC` or `HTTP+JSON`.

CARD_BASE is what stands before `/.well-known/agent-card.json`. `block` and `default` (the client as it comes: streaming, five
seconds of patience) need a clock that goes by itself; all other flows go with any.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from a2a.client import ClientConfig, ClientFactory
from a2a.types import a2a_pb2 as a2a
from google.protobuf.json_format import MessageToDict, Parse, ParseError

WORKING = (a2a.TASK_STATE_SUBMITTED, a2a.TASK_STATE_WORKING)
STREAMING = {"stream", "default", "resubscribe"}
AT_ONCE = {"poll", "cancel", "refused", "list", "push"}
"""Flows whose sends don't wait."""
RUNNING = {"block", "default"}
"""Flows that don't pause: the lab's time has to pass by itself."""
TOKEN, CREDENTIALS = "t-0123456789abcdef", "c-0123456789abcdef"
counted = 0


def tell(**found: Any) -> None:
    print(json.dumps(found), flush=True)


def pause(seconds: float) -> None:
    tell(pause=seconds)
    sys.stdin.readline()


def ask(text: str, **more: str) -> a2a.SendMessageRequest:
    global counted
    counted += 1
    message = a2a.Message(message_id=f"m{counted}", role=a2a.ROLE_USER, parts=[a2a.Part(text=text)], **more)
    return a2a.SendMessageRequest(message=message)


def tell_task(event: str, task: a2a.Task) -> None:
    tell(event=event, state=a2a.TaskState.Name(task.status.state), task=MessageToDict(task))


@asynccontextmanager
async def receiver() -> AsyncIterator[str]:
    """Takes what it knows by token, on one path by credentials too, and what the SDK can read; tells of each."""

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        path, status, state = first.split(" ")[1], 204, ""
        wanted = f"Bearer {CREDENTIALS}" if path == "/bearer" else None
        if (headers.get("x-a2a-notification-token"), headers.get("authorization")) != (TOKEN, wanted):
            status = 401
        try:
            state = a2a.TaskState.Name(Parse(body, a2a.StreamResponse()).task.status.state)
        except ParseError:
            status = 400
        tell(event="told", path=path, state=state, status=status)
        writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(receive, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


class Judge:
    def __init__(self, client: Any, pausing: bool) -> None:
        self.client, self.pausing = client, pausing

    async def follow(self, events: Any) -> tuple[str, str, int]:
        """Tells of each event; the task's id, its context's and its last state."""
        task = context = ""
        state = 0
        async for event in events:
            kind = event.WhichOneof("payload")
            payload = getattr(event, kind)
            tell(event=kind, **{kind: MessageToDict(payload)})
            if kind == "task":
                task, context, state = payload.id, payload.context_id, payload.status.state
            elif kind == "status_update":
                state = payload.status.state
            if kind in ("task", "status_update") and state in WORKING and self.pausing:
                pause(2)
        tell(event="end", state=a2a.TaskState.Name(state))
        return task, context, state

    async def send(self, text: str, **more: str) -> tuple[str, str, int]:
        return await self.follow(self.client.send_message(ask(text, **more)))

    async def look(self, task: str, **more: int) -> a2a.Task:
        found = await self.client.get_task(a2a.GetTaskRequest(id=task, **more))
        tell_task("look", found)
        return found

    async def settled(self, task: str) -> a2a.Task:
        """Looks until it works no longer."""
        for _ in range(100):
            found = await self.look(task)
            if found.status.state not in WORKING:
                break
            pause(0.5)
        return found

    async def refusal(self, call: Any) -> None:
        try:
            tell(event="done", answer=MessageToDict(await call))
        except Exception as error:  # noqa: BLE001 - the SDK's own, whichever
            tell(event="refused", error=type(error).__name__, message=str(error))

    async def talk(self) -> None:
        """A gate approved, a follow-up in the same context, its gate rejected."""
        task, context, _ = await self.send("x")
        await self.send("yes", task_id=task, context_id=context)
        again, _, _ = await self.send("and?", context_id=context)
        await self.send("no", task_id=again, context_id=context)

    stream = block = default = talk

    async def poll(self) -> None:
        task, context, _ = await self.send("x")
        await self.settled(task)
        await self.send("yes", task_id=task, context_id=context)
        await self.settled(task)
        await self.look(task, history_length=1)

    async def cancel(self) -> None:
        task, _, _ = await self.send("x")
        await self.refusal(self.client.cancel_task(a2a.CancelTaskRequest(id=task)))
        await self.settled(task)

    async def refused(self) -> None:
        """Nobody's task, a message to a final one, a context that isn't the task's; a subscription to what has ended."""
        await self.refusal(self.client.get_task(a2a.GetTaskRequest(id="nobodys")))
        await self.refusal(self.client.cancel_task(a2a.CancelTaskRequest(id="nobodys")))
        task, context, _ = await self.send("x")
        await self.settled(task)
        await self.refusal(self.first(ask("yes", task_id=task, context_id="foreign")))
        await self.send("yes", task_id=task, context_id=context)
        await self.settled(task)
        await self.refusal(self.first(ask("more", task_id=task, context_id=context)))
        await self.refusal(self.client.cancel_task(a2a.CancelTaskRequest(id=task)))
        for named, url in (("nobodys", "http://127.0.0.1:1/"), (task, "http://pod.example/")):
            push = a2a.TaskPushNotificationConfig(task_id=named, url=url)
            await self.refusal(self.client.create_task_push_notification_config(push))

    async def first(self, request: a2a.SendMessageRequest) -> Any:
        return await anext(aiter(self.client.send_message(request)))

    async def resubscribe(self) -> None:
        """Leaves a stream after its first event and subscribes, through the gate to the end; then that is refused."""
        events = aiter(self.client.send_message(ask("x")))
        task = (await anext(events)).task
        await events.aclose()
        async for event in self.client.subscribe(a2a.SubscribeToTaskRequest(id=task.id)):
            kind = event.WhichOneof("payload")
            payload = getattr(event, kind)
            tell(event=kind, state=a2a.TaskState.Name(payload.status.state) if kind != "artifact_update" else "")
            if kind != "artifact_update" and payload.status.state in WORKING:
                pause(2)
            elif kind == "status_update" and payload.status.state == a2a.TASK_STATE_INPUT_REQUIRED:
                await self.send("yes", task_id=task.id, context_id=task.context_id)
        await self.refusal(anext(aiter(self.client.subscribe(a2a.SubscribeToTaskRequest(id=task.id)))))

    async def push(self) -> None:
        """Two receivers of one task, one by its message and one by a call, through the gate to the end; the second is deleted."""
        async with receiver() as url:
            bearer = a2a.AuthenticationInfo(scheme="Bearer", credentials=CREDENTIALS)
            request = ask("x")
            request.configuration.task_push_notification_config.CopyFrom(
                a2a.TaskPushNotificationConfig(url=f"{url}/bearer", token=TOKEN, authentication=bearer)
            )
            task, context, _ = await self.follow(self.client.send_message(request))
            other = a2a.TaskPushNotificationConfig(task_id=task, id="other", url=f"{url}/token", token=TOKEN)
            for call in (
                self.client.create_task_push_notification_config(other),
                self.client.get_task_push_notification_config(
                    a2a.GetTaskPushNotificationConfigRequest(task_id=task, id="other")
                ),
                self.client.list_task_push_notification_configs(
                    a2a.ListTaskPushNotificationConfigsRequest(task_id=task)
                ),
            ):
                tell(event="config", config=MessageToDict(await call))
            await asyncio.to_thread(pause, 4)
            await self.send("yes", task_id=task, context_id=context)
            await asyncio.to_thread(pause, 30)
            for _ in range(2):
                gone = a2a.DeleteTaskPushNotificationConfigRequest(task_id=task, id="other")
                await self.client.delete_task_push_notification_config(gone)
            left = await self.client.list_task_push_notification_configs(
                a2a.ListTaskPushNotificationConfigsRequest(task_id=task)
            )
            tell(event="config", config=MessageToDict(left))

    async def list(self) -> None:
        first, context, _ = await self.send("x")
        await self.send("x", context_id=context)
        await self.send("x")
        for request in (
            a2a.ListTasksRequest(),
            a2a.ListTasksRequest(context_id=context),
            a2a.ListTasksRequest(page_size=1, include_artifacts=True),
        ):
            found = await self.client.list_tasks(request)
            tell(event="list", list=MessageToDict(found, always_print_fields_with_no_presence=True))
        await self.look(first)


async def main(flow: str, binding: str, base: str) -> None:
    bearer = {"authorization": f"Bearer {os.environ['LAB_TOKEN']}"}
    # httpx's own are five seconds, as a client of the SDK's own would have
    patience = {} if flow in RUNNING else {"timeout": 10}
    async with httpx.AsyncClient(headers=bearer, trust_env=False, **patience) as peer:
        config = ClientConfig(
            httpx_client=peer, supported_protocol_bindings=[binding],
            streaming=flow in STREAMING, polling=flow in AT_ONCE,
        )  # fmt: skip
        client = await ClientFactory(config).create_from_url(base)
        await getattr(Judge(client, pausing=flow in STREAMING - RUNNING), flow)()


asyncio.run(main(*sys.argv[1:]))
