"""A mock with jobs in it, made without a socket."""

import json
from pathlib import Path
from urllib.parse import urlencode

from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH
from lab.core.exchange import Request
from lab.identity.clients import DEMO
from lab.identity.scopes import api_scope
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches

ROOT = Path(__file__).parents[2]


def service(name: str = "item-comparison") -> Service:
    """A mock of one shipped scenario, without latencies, whose gates wait for a person."""
    file = ROOT / "scenarios" / f"{name}.yaml"
    prompt = program_of(replace(parse_scenario(file.read_bytes(), file.name), latency={}))
    return Service(Config((prompt,), Switches(), 42, INSTANT_EPOCH, scripted=False, most_jobs=10_000_000))


def token_request() -> Request:
    """The request for a token."""
    form = urlencode(
        {
            "grant_type": "client_credentials",
            "client_id": DEMO.id,
            "client_secret": DEMO.secret,
            "scope": api_scope("acme-test"),
        }
    )
    head = (("content-type", "application/x-www-form-urlencoded"),)
    return Request("POST", "/oauth2/v1/token", "", head, form.encode())


def granted(mock: Service, now: int = 0) -> str:
    """A token."""
    response = mock.serve(token_request(), now).response
    assert response.status == 200, response
    return str(json.loads(response.body)["access_token"])


def invoke_request(mock: Service, token: str) -> Request:
    """The request that starts a job."""
    scenario = mock.config.scenarios[0].scenario
    body = json.dumps({"message": scenario.message, "conversational": True})
    path = f"/api/fusion-ai/orchestrator/agent/v2/{scenario.agent.code}/invokeAsync"
    head = (("authorization", f"Bearer {token}"), ("content-type", "application/json"))
    return Request("POST", path, "", head, body.encode())


def accepted(mock: Service, request: Request, now: int = 0) -> str:
    """A new job's id."""
    response = mock.serve(request, now).response
    assert response.status == 202, response
    return str(json.loads(response.body)["jobId"])


def status_path(mock: Service, job: str) -> str:
    """Where a job is polled."""
    code = mock.config.scenarios[0].scenario.agent.code
    return f"/api/fusion-ai/orchestrator/agent/v2/{code}/status/{job}"


def status_request(mock: Service, token: str, job: str) -> Request:
    """One poll."""
    return Request("GET", status_path(mock, job), "", (("authorization", f"Bearer {token}"),), b"")


WAITING_AT = 60_000
"""An instant at which a job of item-comparison, accepted at 0, waits for a person."""


def waiting() -> tuple[Service, str, str]:
    """A mock with one job that waits, its token, its id."""
    mock = service()
    token = granted(mock)
    return mock, token, accepted(mock, invoke_request(mock, token))
