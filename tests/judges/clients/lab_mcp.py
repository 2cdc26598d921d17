"""mcp as a client of `lab mcp`: `lab_mcp.py MODE COMMAND...`, or `MODE URL TOKEN`. What it sees is judged by who starts it."""

import asyncio
import json
import socket
import sys
import time
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

MODES = {"legacy": "legacy", "discover": "auto", "2026-07-28": "2026-07-28"}
CALLS = (
    ("scenarios", {}), ("check", {"paths": ["approval"], "plan": True}),
    ("serve", {"scenarios": ["approval"], "reviewer": "person", "clock": "manual", "seed": 1}),
    ("break", {"fault": {"route": "status", "answer": 503}}), ("decide", {"verdict": "approved"}), ("advance", {"by": "2s"}),
    ("calls", {}), ("record", {"name": "judged"}), ("record", {}), ("report", {}), ("replay", {"files": ["judged"]}),
    ("run", {"scenario": "quick"}), ("docs", {"page": "contract", "section": "2.1"}),
)  # fmt: skip


def tell(**found: Any) -> None:
    print(json.dumps(found), flush=True)


@asynccontextmanager
async def connected(mode: str, where: list[str]):
    if "://" not in where[0]:
        async with Client(StdioServerParameters(command=where[0], args=where[1:]), mode=mode) as client:
            yield client
        return
    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {where[1]}"}, timeout=60) as http,
        Client(streamable_http_client(where[0], http_client=http), mode=mode) as client,
    ):
        yield client


async def text_of(client: Client, name: str, arguments: dict[str, Any]) -> tuple[bool, str]:
    found = await client.call_tool(name, arguments)
    return bool(found.is_error), found.content[0].text


async def main(mode: str, *where: str) -> None:
    async with connected(MODES[mode], [*where]) as client:
        tell(version=client.protocol_version, instructions=client.instructions, server=client.server_info.name)
        tools = (await client.list_tools()).tools
        tell(tools={each.name: each.input_schema for each in tools})
        for name, arguments in CALLS:
            failed, text = await text_of(client, name, arguments)
            tell(tool=name, failed=failed, text=text)
        (page,) = (await client.list_resources()).resources
        tell(resource=str(page.uri), text=(await client.read_resource(page.uri)).contents[0].text)
        _, served = await text_of(client, "serve", {"scenarios": ["approval"], "end": True, "reviewer": "person"})
        await invoke(served)
        began = time.monotonic()
        with anyio.move_on_after(1) as limit:  # nobody decides, so nothing else ends the wait
            await text_of(client, "advance", {"until": "COMPLETE", "wait": "55s"})
        after = await text_of(client, "decide", {"verdict": "rejected"})
        tell(cancelled=limit.cancelled_caught, seconds=time.monotonic() - began, after=after)
        port = int(place(served, "base url").rpartition(":")[2])
        tell(listens=listens(port))
    if "://" in where[0]:
        return
    tell(gone=seconds_until_gone(port))


def seconds_until_gone(port: int) -> float:
    """For how long somebody still listens there, up to 5 s."""
    began = time.monotonic()
    while listens(port) and time.monotonic() < began + 5:
        pass
    return time.monotonic() - began


def place(served: str, name: str) -> str:
    """What the answer of `serve` has under that name."""
    return served.partition(f"  {name} ")[2].partition("\n")[0].strip()


async def invoke(served: str) -> None:
    """Start a job, as whoever has read that answer."""
    login = (place(served, "client id"), place(served, "client secret"))
    form = {"grant_type": "client_credentials", "scope": place(served, "scope")}
    url = f"{place(served, 'base url')}/api/fusion-ai/orchestrator/agent/v2/APPROVAL/invokeAsync"
    async with httpx2.AsyncClient() as http:
        token = (await http.post(place(served, "token url"), data=form, auth=login)).json()["access_token"]
        headers = {"authorization": f"Bearer {token}"}
        answer = await http.post(url, json={"message": "Please go on"}, headers=headers)
        assert answer.status_code == 202, answer.text


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


asyncio.run(main(*sys.argv[1:]))
