"""Clients as found in the wild, each with its habit (contract.md §11); they are small, and wrong on purpose."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
import requests

from lab.identity.clients import DEMO
from tests.server.served import SCOPE, Served


class GaveUp(Exception):
    """What the client shows its user in place of an answer."""


@dataclass
class Wild:
    """What the habits are variations of: a session, a team, and the names that a client believes in."""

    world: Served
    team: str
    done: tuple[str, ...] = ("COMPLETE",)
    failed: tuple[str, ...] = ("ERROR",)
    pace: float = 2
    tries: int = 150
    names: tuple[str, ...] = ("output",)
    accepted: tuple[int, ...] = (200, 202)
    scope: str = SCOPE
    body: dict[str, Any] = field(default_factory=lambda: {"conversational": True, "conversationId": None})
    query: str = ""
    http: requests.Session = field(default_factory=requests.Session)
    grant: dict[str, Any] = field(default_factory=dict)
    calls: int = 0

    def token(self) -> str:
        """Exchange the credentials."""
        got = self.http.post(
            self.world.token_url, data={"grant_type": "client_credentials", "scope": self.scope},
            auth=(DEMO.id, DEMO.secret), timeout=10,
        )  # fmt: skip
        got.raise_for_status()
        self.grant = got.json()
        return str(self.grant["access_token"])

    def login(self) -> None:
        """Keep the token on the session."""
        self.http.headers["Authorization"] = f"Bearer {self.token()}"

    def send(self, message: Any, **more: Any) -> dict[str, Any]:
        """invokeAsync."""
        url = f"{self.world.api}/agent/v2/{self.team}/invokeAsync"
        got = self.http.post(url, json={"message": message, **self.body, **more}, timeout=10)
        if got.status_code not in self.accepted:
            raise GaveUp(f"invoke: {got.status_code}")
        return dict(got.json())

    def look(self, job: str) -> requests.Response:
        """One poll."""
        self.calls += 1
        return self.http.get(f"{self.world.api}/agent/v2/{self.team}/status/{job}{self.query}", timeout=10)

    def poll(self, job: str) -> dict[str, Any]:
        """Poll at a fixed pace, so often; a refusal ends it."""
        for _ in range(self.tries):
            got = self.look(job)
            got.raise_for_status()
            body = dict(got.json())
            if body["status"] in self.done:
                return body
            if body["status"] in self.failed:
                raise GaveUp(f"failed: {body['error']}")
            self.world.sleep(self.pace)
        raise GaveUp("timed out")

    def ask(self, message: Any) -> str:
        """The whole way."""
        self.login()
        body = self.poll(self.send(message)["jobId"])
        for name in self.names:
            if body.get(name):
                return str(body[name])
        raise GaveUp("no answer")

    def close(self) -> None:
        self.http.close()


GUESSED = (
    "answer message response result text content reply data completion generated_text finalAnswer final_answer "
    "agentResponse agent_response outputText output_text responseText messages choices payload value body summary "
    "finalOutput final_output results agentOutput llmOutput chatResponse assistantMessage"
).split()
"""The names under which one client looks for the answer (row 8)."""


def with_a_fallback(client: Wild, job: str) -> list[int]:
    """Row 9: the path of another API first, and any 4xx makes a second, wrong call."""
    codes = []
    for path in (f"agent/v2/{client.team}/invokeAsync/{job}", f"agent/v2/status/{job}", f"agent/v2/{client.team}"):
        codes.append(client.http.get(f"{client.world.api}/{path}", timeout=10).status_code)
    return codes


def asks_again_on_401(client: Wild, message: str) -> dict[str, Any]:
    """Row 5: a new token in mid-poll, and the message again with it."""
    while True:
        job = client.send(message)["jobId"]
        for _ in range(client.tries):
            got = client.look(job)
            if got.status_code == 401:
                break
            if got.json()["status"] == "COMPLETE":
                return dict(got.json())
            client.world.sleep(client.pace)
        client.login()


def loops_silently(client: Wild, message: str) -> str:
    """Row 5: whatever is no 200 counts as "not yet"; five minutes."""
    client.login()
    job = client.send(message)["jobId"]
    for _ in range(int(300 / client.pace)):
        got = client.look(job)
        if got.ok and got.json()["status"] == "COMPLETE":
            return str(got.json()["output"])
        client.world.sleep(client.pace)
    raise GaveUp("timed out")


def refreshes_ahead(client: Wild, message: str, ahead: float = 300) -> str:
    """Row 14: a token counts as stale five minutes before its end."""

    def fresh() -> None:
        if not client.world.slept + int(ahead) < good_until[0]:  # false of NaN, for ever
            client.login()
            good_until[0] = float(client.world.slept) + client.grant.get("expires_in", float("nan"))

    good_until: list[Any] = [0]
    fresh()
    job = client.send(message)["jobId"]
    while True:
        fresh()
        body = client.look(job).json()
        if body["status"] == "COMPLETE":
            return str(body["output"])
        client.world.sleep(client.pace)


def rows_of(html: str) -> list[str]:
    """Row 17: an HTML table by regular expression."""
    return re.findall(r"<td>(.*?)</td>", html)


def fenced(output: str) -> Any:
    """Row 17: the fenced block at the end of prose."""
    found = re.search(r"```json\s*(.*?)```\s*$", output, re.DOTALL)
    return json.loads(found[1] if found else output)


def with_basic(world: Served, team: str, headers: Iterable[tuple[str, str]]) -> httpx.Response:
    """Row 12: what opens other APIs is sent to this one."""
    with httpx.Client(trust_env=False) as client:
        return client.post(
            f"{world.api}/agent/v2/{team}/invokeAsync", json={"message": "x"}, headers=dict(headers)
        )  # fmt: skip
