"""`lab serve` as it is shipped, with a job in it that waits for a person."""

import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from lab.dialects.router import ROUTER
from tests.bench.load import ROOT, Subject
from tests.cli.test_shared_processes import CONTROL, TEAM, call

ASK = {"message": "Compare M1000034 of org IMO and M1000035 of org IMO", "conversational": True}
_ENDING = 20
"""Seconds in which one that was asked to end has ended."""


def without_latency(folder: str) -> Path:
    """Item-comparison in this folder, but nothing in it takes time that a manual clock would have to pass."""
    text = (ROOT / "scenarios/item-comparison.yaml").read_text()
    plain, removed = re.subn(r"(?m)^latency:\n(?:[ #].*\n)+", "", text)
    assert removed == 1
    file = Path(folder, "item-comparison.yaml")
    file.write_text(plain)
    return file


@contextmanager
def serving(
    folder: str, *options: str, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """A lab with a manual clock, and what it says of itself at its start."""
    command = [sys.executable, "-m", "lab", "serve", str(without_latency(folder)), "--port", "0", "--json"]
    command += ["--clock", "manual", "--reviewer", "person", *options]
    variables = {**os.environ, "LAB_CONTROL_TOKEN": CONTROL, **environment}
    with subprocess.Popen(
        command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(_ENDING)


@contextmanager
def waiting_job(folder: str, *options: str, environment: Mapping[str, str] = MappingProxyType({})) -> Iterator[Subject]:
    """A lab whose one job waits, and the poll of it."""
    with serving(folder, *options, environment=environment) as (process, lab):
        login = "Basic " + b64encode(f"{lab['client_id']}:{lab['client_secret']}".encode()).decode()
        granted = call(lab["token_url"], login, form=f"grant_type=client_credentials&scope={lab['scope']}")
        bearer = f"Bearer {granted['access_token']}"
        job = str(call(lab["base_url"] + ROUTER.path("invoke", code=TEAM), bearer, ASK)["jobId"])
        call(f"{lab['control_url']}/_lab/clock", f"Bearer {CONTROL}", {"job": job, "until": "WAITING"})
        path = ROUTER.path("status", code=TEAM, job=job)
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {bearer}\r\n\r\n"
        yield Subject(process, int(lab["base_url"].rpartition(":")[2]), [request.encode()])
