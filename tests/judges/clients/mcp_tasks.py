"""fastmcp with fastmcp-tasks as a client of MCP's tasks: `mcp_tasks.py FLOW TOOL`; needs fastmcp==4.1.4 and fastmcp-tasks==4.1.4.

`call`, `call-no` and `follow` (as everybody calls: it polls by itself, by the wall) need a clock that goes by
itself, as `poll` does after its gate; `cancel`, `refused` and `list` go with any.
"""

import asyncio
import json
import logging
import os
import sys
from typing import Any

import fastmcp_tasks  # it registers itself with each client
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError

logging.disable(logging.CRITICAL)  # what it prints is read


def tell(**found: Any) -> None:
    print(json.dumps(found, default=str), flush=True)


def pause(seconds: float) -> None:
    tell(pause=seconds)
    sys.stdin.readline()


def plain(value: Any) -> Any:
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


class Judge:
    def __init__(self, flow: str, tool: str) -> None:
        self.flow, self.tool = flow, tool
        self.client = Client(
            StreamableHttpTransport(f"{os.environ['LAB_ORIGIN']}/mcp", auth=os.environ["LAB_TOKEN"]),
            elicitation_handler=self.answer,
        )

    async def answer(self, message: str, form: Any, params: Any, context: Any) -> Any:
        """Approves with the first word of each choice, or declines."""
        tell(event="form", message=message, schema=params.requested_schema)
        if self.flow == "call-no":
            return ElicitResult(action="decline")
        return {
            name: (how.get("enum") or [{"boolean": True, "integer": 1, "number": 1}.get(how.get("type"), "yes")])[0]
            for name, how in params.requested_schema.get("properties", {}).items()
        }

    async def call(self, text: str = "x", **more: Any) -> None:
        try:
            found = await self.client.call_tool(self.tool, {"message": text, **more})
            tell(event="result", content=[plain(each) for each in found.content], structured=found.structured_content)
        except ToolError as error:
            tell(event="error", message=str(error))

    async def follow(self) -> None:
        """A call, and another in the same conversation."""
        first = await self.client.call_tool(self.tool, {"message": "x"})
        conversation = (first.meta or {})["invoke-async-lab/conversation"]
        await self.call("and then?", conversation=conversation)

    async def refusal(self, call: Any) -> None:
        try:
            found = await call
            tell(event="done", answer=found if found is None else plain(found))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            tell(event="refused", error=type(error).__name__, code=getattr(error, "code", None), message=str(error))

    async def begin(self, text: str = "x") -> Any:
        handle = await fastmcp_tasks.call_tool_task(self.client, self.tool, {"message": text})
        tell(event="task", task=plain(handle.create_result))
        return handle

    async def settled(self, handle: Any) -> Any:
        for _ in range(100):
            status = await handle.status()
            tell(event="look", status=status.status, task=plain(status))
            if status.status != "working":
                break
            pause(0.5)
        return status

    async def poll(self) -> None:
        """Looks until the gate, answers it through the handler, and what comes of it."""
        handle = await self.begin()
        await self.settled(handle)
        try:
            tell(event="result", content=[plain(each) for each in (await handle.result()).content])
        except ToolError as error:
            tell(event="error", message=str(error))

    async def cancel(self) -> None:
        handle = await self.begin()
        await self.refusal(handle.cancel())
        await self.settled(handle)

    async def refused(self) -> None:
        """Nobody's task, and a tool that isn't there."""
        handle = await self.begin()
        handle.create_result.task_id = "nobodys"
        await self.refusal(handle.status())
        await self.refusal(handle.cancel())
        self.tool = "no_such_tool"
        await self.refusal(self.begin())

    async def list(self) -> None:
        tell(event="list", tools=[plain(each) for each in await self.client.list_tools()])

    async def main(self) -> None:
        async with self.client:
            flow = self.call if self.flow.startswith("call") else getattr(self, self.flow)
            await flow()


asyncio.run(Judge(*sys.argv[1:]).main())
