"""Clients that call a lab through its proxy, and count what they get."""

import http.client
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

from lab.core.exchange import Request
from lab.dialects.router import ROUTER
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.identity.scopes import api_scope
from lab.program.switches import Switches

TEAM = "ITEM_COMPARE_TEAM"
MESSAGE = "Compare M1000034 of org IMO and M1000040 of Org SBI"
CONTROL_TOKEN = "control-token-of-a-test"
SCOPE = api_scope(Switches().pod)
_PAUSE = 0.02
"""Seconds between two calls of a client."""


@dataclass
class ClientCounts:
    """What clients got, and what was acknowledged to them."""

    answers: Counter[tuple[str, int | str]] = field(default_factory=Counter)
    """How often, by the call's name and its status, or the error's."""
    jobs: set[str] = field(default_factory=set)
    decided: set[str] = field(default_factory=set)
    runs: Counter[str] = field(default_factory=Counter)
    """How the runs of the lab's own app ended."""

    @property
    def failed(self) -> int:
        """Answers of 5xx, and calls that got none."""
        return sum(count for (_, status), count in self.answers.items() if isinstance(status, str) or status >= 500)

    def text(self) -> str:
        """The same to read."""
        rows = [f"{count:6}  {name} {status}" for (name, status), count in sorted(self.answers.items(), key=str)]
        acknowledged = f"{len(self.jobs)} jobs and {len(self.decided)} decisions were acknowledged"
        return "\n".join([*rows, acknowledged, f"lab run: {dict(self.runs)}"])


class PlainClient:
    """Job after job over a connection to the API and one to the control plane, both kept, and nothing tried again."""

    def __init__(self, proxy: str, counts: ClientCounts) -> None:
        self._api, self._control = (http.client.HTTPConnection(proxy, port, timeout=15) for port in (8080, 8081))
        self._counts = counts
        self._bearer = ""

    def play(self, over: Event) -> None:
        """Until it is over; the job under way is followed to its end."""
        while not over.is_set():
            self._job()
        for each in (self._api, self._control):
            each.close()

    def _job(self) -> None:
        login = token_request(DEMO.id, DEMO.secret, SCOPE)
        self._bearer = f"Bearer {self._ask('token', login).get('access_token')}"
        invoke = ROUTER.path("invoke", code=TEAM)
        accepted = self._post("invoke", self._api, invoke, self._bearer, {"message": MESSAGE})
        job = accepted.get("jobId")
        if not isinstance(job, str):
            return
        self._counts.jobs.add(job)
        found, control = accepted, f"Bearer {CONTROL_TOKEN}"
        while found.get("status") in ("RUNNING", "WAITING"):
            if found["status"] == "WAITING" and job not in self._counts.decided:
                decision = {"gate": "buyer-approval", "verdict": "approved", "by": "jane"}
                done = self._post("decide", self._control, f"/_lab/jobs/{job}/decisions", control, decision)
                self._counts.decided |= {job} if done.get("ok") else set()
            path = ROUTER.path("status", code=TEAM, job=job)
            found = self._ask("status", Request("GET", path, headers=(("authorization", self._bearer),)))

    def _post(
        self, name: str, connection: http.client.HTTPConnection, path: str, bearer: str, document: object
    ) -> dict[str, Any]:
        headers = (("authorization", bearer), ("content-type", "application/json"), ("host", "lab"))
        return self._ask(name, Request("POST", path, headers=headers, body=json.dumps(document).encode()), connection)

    def _ask(self, name: str, request: Request, connection: http.client.HTTPConnection | None = None) -> dict[str, Any]:
        connection = connection or self._api
        _PAUSING.wait(_PAUSE)
        try:
            connection.request(request.method, request.path, request.body or None, dict(request.headers))
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._counts.answers[name, type(error).__name__] += 1
            return {}
        self._counts.answers[name, answer.status] += 1
        document: dict[str, Any] = json.loads(body) if body.startswith(b"{") else {}
        return document


_PAUSING = Event()
"""Never set."""


def own_app(proxy: str, environment: Mapping[str, str], counts: ClientCounts, over: Event) -> None:
    """Run the lab's own app through the proxy, again and again until it is over."""
    code = "import sys; from lab.__main__ import main; sys.exit(main())"
    base = f"http://{proxy}:8080"
    credentials = {
        "LAB_TOKEN_URL": base + ROUTER.path("token"), "LAB_CLIENT_ID": DEMO.id, "LAB_CLIENT_SECRET": DEMO.secret,
        "LAB_SCOPE": SCOPE,
    }  # fmt: skip
    command = [sys.executable, "-c", code, "run", "item-comparison", "--base", base, "--json"]
    while not over.is_set():
        done = subprocess.run(
            command, env={**environment, **credentials}, capture_output=True, text=True, check=False, timeout=60
        )
        outcome = json.loads(done.stdout)["status"] if done.stdout else done.stderr
        counts.runs[f"exit {done.returncode}, {outcome}"] += 1


@contextmanager
def load(proxy: str, counts: ClientCounts, clients: int = 4) -> Iterator[None]:
    """So many plain clients, and the lab's own app, as long as it lasts."""
    over = Event()
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]}
    threads = [Thread(target=PlainClient(proxy, counts).play, args=(over,)) for _ in range(clients)]
    threads.append(Thread(target=own_app, args=(proxy, environment, counts, over)))
    for each in threads:
        each.start()
    try:
        yield
    finally:
        over.set()
        for each in threads:
            each.join()
