"""mcp 2.3 as a client that is given id and secret alone: `mcp_login.py ID SECRET SCOPE`; it finds the OAuth server by itself."""

import asyncio
import json
import os
import sys
from typing import Any

import httpx2
from mcp import Client
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client


class Remembered:
    """A token while it is good."""

    token: Any = None
    client: Any = None

    async def get_tokens(self) -> Any:
        return self.token

    async def set_tokens(self, tokens: Any) -> None:
        self.token = tokens

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client_info: Any) -> None:
        self.client = client_info


async def main(client_id: str, secret: str, scope: str) -> None:
    origin = os.environ["LAB_ORIGIN"]
    login = ClientCredentialsOAuthProvider(
        f"{origin}/mcp", Remembered(), client_id, secret, scope=scope, issuer=origin
    )  # fmt: skip
    async with (
        httpx2.AsyncClient(auth=login, trust_env=False) as peer,
        Client(streamable_http_client(f"{origin}/mcp", http_client=peer)) as client,
    ):
        print(json.dumps({"tools": [each.name for each in (await client.list_tools()).tools]}), flush=True)


asyncio.run(main(*sys.argv[1:]))
