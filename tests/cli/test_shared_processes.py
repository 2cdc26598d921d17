"""Processes of `lab serve --ledger` on one Redis: what one accepts holds at the others, also after it was killed."""

import json
import os
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.dialects.router import ROUTER
from tests.stores.redis_server import RedisServer

CONTROL = "control-token-of-the-test"
TEAM = "ITEM_COMPARE_TEAM"


@pytest.fixture
def redis_url() -> Iterator[str]:
    with RedisServer("--appendonly", "yes", "--appendfsync", "always") as server:
        yield server.url


@contextmanager
def serving(url: str, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """One of the processes, and what it says to clients."""
    ask = [sys.executable, "-m", "lab", "serve", "item-comparison", "--port", "0", "--json", "--log", "none", *options]
    environment = {**os.environ, "LAB_LEDGER": url, "LAB_CONTROL_TOKEN": CONTROL}
    with subprocess.Popen(ask, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def call(url: str, authorization: str, document: object = None, form: str = "") -> dict[str, object]:
    data = form.encode() or (None if document is None else json.dumps(document).encode())
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    headers = {"authorization": authorization, "content-type": kind}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as reply:
        body: dict[str, object] = json.loads(reply.read())
        return body


@pytest.mark.long
@pytest.mark.parametrize("prefix", ["", "/t/ann"])
def test_what_a_killed_process_acknowledged_is_there_at_the_others(redis_url: str, prefix: str) -> None:
    manual = "--clock", "manual", "--reviewer", "person", "--seed", "7", "--tenants", "1"
    with serving(redis_url, *manual) as (first, one), serving(redis_url) as (_, other):
        login = "Basic " + b64encode(f"{one['client_id']}:{one['client_secret']}".encode()).decode()
        granted = call(
            one["base_url"] + prefix + "/oauth2/v1/token",
            login,
            form=f"grant_type=client_credentials&scope={one['scope']}",
        )
        bearer = f"Bearer {granted['access_token']}"
        ask = {"message": "Compare M1000034 of org IMO and M1000035 of org IMO", "conversational": True}
        job = str(call(one["base_url"] + prefix + ROUTER.path("invoke", code=TEAM), bearer, ask)["jobId"])
        first.kill()
        plane, control = f"{other['control_url']}/_lab{prefix}/", f"Bearer {CONTROL}"
        call(plane + "clock", control, {"job": job, "until": "WAITING"})
        decision = {"gate": "buyer-approval", "verdict": "approved", "by": "jane"}
        assert call(plane + f"jobs/{job}/decisions", control, decision)["ok"] is True
        with serving(redis_url) as (_, again):
            path = prefix + ROUTER.path("status", code=TEAM, job=job)
            polled = [call(each["base_url"] + path, bearer) for each in (again, other)]
            assert polled[0] == polled[1] and polled[0]["status"] == "RUNNING"
            assert call(f"{again['control_url']}/_lab{prefix}/clock", control)["mode"] == "manual"


@pytest.mark.long
def test_a_process_that_is_told_otherwise_ends_with_both_values(redis_url: str) -> None:
    with serving(redis_url, "--seed", "7"):
        ask = [sys.executable, "-m", "lab", "serve", "item-comparison", "--port", "0", "--seed", "8"]
        environment = {**os.environ, "LAB_LEDGER": redis_url}
        done = subprocess.run(ask, capture_output=True, text=True, env=environment, check=False, timeout=30)
        assert done.returncode == 2 and "seed 7, now 8" in done.stderr
