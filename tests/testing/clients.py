"""The same client with each library: a token, a job, polls with a pause until it has ended; what it saw in the end."""

import asyncio
import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import httpx
import requests

TIMEOUT = 10


@dataclass
class Place:
    """Where the lab is, and what to ask it."""

    base_url: str
    credentials: dict[str, str]
    team: str
    ask: str
    ca_file: str | None = None
    """With https: whom to trust."""

    @property
    def context(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else None

    @property
    def grant(self) -> tuple[str, bytes]:
        form = {"grant_type": "client_credentials", **self.credentials}
        return form.pop("token_url"), urlencode(form).encode()


Pauses = Callable[[], Iterator[float]]
Answer = tuple[int, Any]


@dataclass
class Run:
    """One client: a generator that yields calls and pauses, so that each library only has to perform them."""

    place: Place
    pauses: Pauses
    polls: int = 0
    seen: dict[str, Any] = field(default_factory=dict)

    def steps(self) -> Iterator[Any]:
        api = f"{self.place.base_url}/api/fusion-ai/orchestrator/agent/v2/{self.place.team}"
        bearer = yield from self._token()
        question = json.dumps({"message": self.place.ask}).encode()
        status, self.seen = yield (
            "POST",
            f"{api}/invokeAsync",
            question,
            {**bearer, "Content-Type": "application/json"},
        )
        assert status == 202
        pauses = self.pauses()
        while self.seen["status"] not in ("COMPLETE", "ERROR"):
            yield next(pauses)
            status, found = yield ("GET", f"{api}/status/{self.seen['jobId']}", None, bearer)
            self.polls += 1
            if status == 401:
                bearer = yield from self._token()
            else:
                assert status == 200
                self.seen = found

    def _token(self) -> Iterator[Any]:
        url, form = self.place.grant
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        status, grant = yield ("POST", url, form, kind)
        assert status == 200, grant
        return {"Authorization": f"Bearer {grant['access_token']}"}  # type: ignore[return-value]


def perform(run: Run, call: Callable[..., Answer]) -> None:
    steps, got = run.steps(), None
    try:
        while True:
            wanted = steps.send(got)  # type: ignore[attr-defined]
            if isinstance(wanted, tuple):
                got = call(*wanted)
            else:
                time.sleep(wanted)
                got = None
    except StopIteration:
        pass


async def aperform(run: Run, call: Callable[..., Any]) -> None:
    steps, got = run.steps(), None
    try:
        while True:
            wanted = steps.send(got)  # type: ignore[attr-defined]
            if isinstance(wanted, tuple):
                got = await call(*wanted)
            else:
                await asyncio.sleep(wanted)
                got = None
    except StopIteration:
        pass


def with_requests(run: Run) -> None:
    with requests.Session() as http:
        http.trust_env = False
        http.verify = run.place.ca_file or True

        def call(method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Answer:
            got = http.request(method, url, data=body, headers=headers, timeout=TIMEOUT)
            return got.status_code, got.json()

        perform(run, call)


def with_httpx(run: Run) -> None:
    with httpx.Client(timeout=TIMEOUT, trust_env=False, verify=run.place.context or True) as client:

        def call(method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Answer:
            got = client.request(method, url, content=body, headers=headers)
            return got.status_code, got.json()

        perform(run, call)


def with_http_client(run: Run) -> None:
    place, context = urlsplit(run.place.base_url).netloc, run.place.context

    def call(method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        if context is None:
            connection = http.client.HTTPConnection(place, timeout=TIMEOUT)
        else:
            connection = http.client.HTTPSConnection(place, timeout=TIMEOUT, context=context)
        connection.request(method, urlsplit(url).path, body, headers)
        answer = connection.getresponse()
        found = json.load(answer)
        connection.close()
        return answer.status, found

    perform(run, call)


def with_urllib(run: Run) -> None:
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=run.place.context)
    )

    def call(method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            with opener.open(request, timeout=TIMEOUT) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    perform(run, call)


def with_async_httpx(run: Run) -> None:
    async def work() -> None:
        async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, verify=run.place.context or True) as client:

            async def call(method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Answer:
                got = await client.request(method, url, content=body, headers=headers)
                return got.status_code, got.json()

            await aperform(run, call)

    asyncio.run(work())


def with_aiohttp(run: Run) -> None:
    async def work() -> None:
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT), connector=aiohttp.TCPConnector(ssl=run.place.context or True)
        ) as session:

            async def call(method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Answer:
                async with session.request(method, url, data=body, headers=headers) as answer:
                    return answer.status, await answer.json()

            await aperform(run, call)

    asyncio.run(work())


LIBRARIES = (with_requests, with_httpx, with_http_client, with_urllib, with_async_httpx, with_aiohttp)
