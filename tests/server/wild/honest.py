"""Clients that do it right, each in the way its library suggests: token, invoke, poll, output."""

import asyncio
import http.client
import json
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import httpx
import requests

from lab.identity.clients import DEMO
from tests.server.served import SCOPE, Served

FINAL = ("COMPLETE", "ERROR")
GRANT = {"grant_type": "client_credentials", "scope": SCOPE}
Client = Callable[[Served, str, str], str]
"""Asks a team a question, and returns the answer."""


def with_urllib(world: Served, team: str, question: str) -> str:
    """The standard library's high road; a refusal is an HTTPError."""

    def call(url: str, body: bytes | None, **headers: str) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with urllib.request.urlopen(urllib.request.Request(url, body, named), timeout=10) as got:
            return dict(json.load(got))

    login = b64encode(f"{quote(DEMO.id, safe='')}:{quote(DEMO.secret, safe='')}".encode()).decode()
    token = call(world.token_url, urlencode(GRANT).encode(), Authorization=f"Basic {login}")["access_token"]
    bearer = f"Bearer {token}"
    sent = json.dumps({"message": question}).encode()
    job = call(f"{world.api}/agent/v2/{team}/invokeAsync", sent, Authorization=bearer, Content_Type="application/json")[
        "jobId"
    ]
    while True:
        seen = call(f"{world.api}/agent/v2/{team}/status/{job}", None, Authorization=bearer)
        if seen["status"] in FINAL:
            return seen["output"]
        world.sleep(2)


def with_http_client(world: Served, team: str, question: str) -> str:
    """One connection, kept open; the credentials in the body."""
    connection = http.client.HTTPConnection(urlsplit(world.origin).netloc, timeout=10)

    def call(method: str, path: str, body: str | None = None, kind: str = "", bearer: str = "") -> dict[str, str]:
        headers = {"Content-Type": kind} if kind else {}
        connection.request(method, path, body, headers | ({"authorization": f"bearer {bearer}"} if bearer else {}))
        got = connection.getresponse()
        assert got.status in (200, 202), got.read()
        return dict(json.loads(got.read()))

    try:
        credentials = {"client_id": DEMO.id, "client_secret": DEMO.secret}
        granted = call("POST", "/oauth2/v1/token", urlencode(GRANT | credentials), "application/x-www-form-urlencoded")
        bearer = granted["access_token"]
        base = f"/api/fusion-ai/orchestrator/agent/v1/{team}"
        sent = json.dumps({"message": question, "conversational": True, "conversationId": None})
        job = call("POST", f"{base}/invokeAsync", sent, "application/json; charset=utf-8", bearer)["jobId"]
        seen = call("GET", f"{base}/status/{job}?invocationMode=END_USER", bearer=bearer)
        while seen["status"] not in FINAL:
            world.sleep(5)
            seen = call("GET", f"{base}/status/{job}?invocationMode=END_USER", bearer=bearer)
    finally:
        connection.close()
    return seen["output"]


def with_requests(world: Served, team: str, question: str) -> str:
    """A session; its Basic encodes nothing."""
    with requests.Session() as session:
        granted = session.post(world.token_url, data=GRANT, auth=(DEMO.id, DEMO.secret), timeout=10)
        granted.raise_for_status()
        session.headers["Authorization"] = f"Bearer {granted.json()['access_token']}"
        base = f"{world.api}/agent/v2/{team}"
        accepted = session.post(f"{base}/invokeAsync", json={"message": question}, timeout=10)
        accepted.raise_for_status()
        while True:
            seen = session.get(f"{base}/status/{accepted.json()['jobId']}", timeout=10)
            seen.raise_for_status()
            body = seen.json()
            if body["status"] in FINAL:
                return str(body["output"])
            world.sleep(1.5)


def with_httpx(world: Served, team: str, question: str) -> str:
    """As with requests; JSON without blanks, and a pause that grows."""
    with httpx.Client(base_url=world.origin, trust_env=False) as client:
        granted = client.post("/oauth2/v1/token", data=GRANT, auth=(DEMO.id, DEMO.secret)).raise_for_status()
        client.headers["Authorization"] = f"Bearer {granted.json()['access_token']}"
        base = f"/api/fusion-ai/orchestrator/agent/v2/{team}"
        job = client.post(f"{base}/invokeAsync", json={"message": question}).raise_for_status().json()["jobId"]
        pause = 1
        while (body := client.get(f"{base}/status/{job}").raise_for_status().json())["status"] not in FINAL:
            world.sleep(pause)
            pause = min(pause * 2, 30)
        return str(body["output"])


async def _with_aiohttp(world: Served, team: str, question: str) -> str:
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        login = {"Authorization": aiohttp.encode_basic_auth(DEMO.id, DEMO.secret)}
        async with session.post(world.token_url, data=GRANT, headers=login) as got:
            bearer = {"Authorization": f"Bearer {(await got.json())['access_token']}"}
        base = f"{world.api}/agent/v2/{team}"
        async with session.post(f"{base}/invokeAsync", json={"message": question}, headers=bearer) as got:
            job = (await got.json())["jobId"]
        while True:
            async with session.get(f"{base}/status/{job}", headers=bearer) as got:
                body = await got.json()  # refuses anything but application/json
            if body["status"] in FINAL:
                return str(body["output"])
            world.sleep(2)


def with_aiohttp(world: Served, team: str, question: str) -> str:
    """Coroutines, on a loop of the client's own."""
    return asyncio.run(_with_aiohttp(world, team, question))


HONEST: dict[str, Client] = {
    "urllib": with_urllib, "http.client": with_http_client, "requests": with_requests, "httpx": with_httpx,
    "aiohttp": with_aiohttp,
}  # fmt: skip
