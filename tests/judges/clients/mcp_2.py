"""mcp 2.3, which knows no tasks, as a client: `mcp_2.py TOOL`: discovers, lists, and is refused a call that needs tasks (-32021)."""

import asyncio
import json
import os
import sys
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError


def tell(**found: Any) -> None:
    print(json.dumps(found), flush=True)


def plain(value: Any) -> Any:
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


async def main(tool: str) -> None:
    bearer = {"authorization": f"Bearer {os.environ['LAB_TOKEN']}"}
    url = f"{os.environ['LAB_ORIGIN']}/mcp"
    async with (
        httpx2.AsyncClient(headers=bearer, trust_env=False) as peer,
        Client(streamable_http_client(url, http_client=peer)) as client,
    ):
        tell(event="discover", version=client.protocol_version, capabilities=plain(client.server_capabilities))
        tell(event="list", list=plain(await client.list_tools()))
        for name in (tool, "no_such_tool"):
            try:
                tell(event="done", answer=plain(await client.call_tool(name, {"message": "x"})))
            except MCPError as error:
                tell(event="refused", code=error.error.code, message=error.error.message, data=error.error.data)


asyncio.run(main(*sys.argv[1:]))
