"""Tokens from the pod and documents over real sockets."""

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from msgspec.structs import replace

from lab.core.observe import Requested
from lab.dialects.fusion.routes import API, RELEASE_WORKFLOWS, WORKFLOWS
from lab.identity.clients import JANE
from lab.server.limits import ServerLimits
from tests.server.conftest import Stage, bearer, request
from tests.wire_peer import basic

JSON = ("content-type", "application/json")


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> ServerLimits:
    return ServerLimits(lingering=getattr(request, "param", 0.01))


async def test_a_password_buys_a_bare_token_that_opens_the_api(stage: Stage) -> None:
    peer = await stage.peer()
    path = "/api/rwdtools/tokenrelay?servicetype=fusion-ai&username=jane&scope=/"
    got = await peer.ask(request("GET", path, (("authorization", basic(JANE.name, JANE.password)),)))
    assert (got.status, got.headers["content-type"]) == (200, "text/plain")
    named = await peer.ask(request("GET", f"{API}/authz/v1/tokens", (bearer(got.body.decode()),)))
    assert (named.status, list(named.json)) == (200, ["fusion-ai", "boss"])
    relayed = await peer.ask(request("GET", "/fscmRestApi/tokenrelay", (("cookie", "a=b"), ("x-xsrf-token", "x"))))
    assert relayed.status == 200 and "set-cookie" not in relayed.headers


@pytest.mark.parametrize("path", [WORKFLOWS, RELEASE_WORKFLOWS.format(release=3054)])
async def test_the_filter_of_oracles_cli_finds_the_workflow(stage: Stage, path: str) -> None:
    token, peer = await stage.token(), await stage.peer()

    async def ask(said: str, code: int = 200) -> Any:
        for query in (urlencode({"$filter": said}), urlencode({"$filter": said}, quote_via=quote, safe="$'()=")):
            got = await peer.ask(request("GET", f"{path}?$fields=workflowCode,version&{query}", (bearer(token),)))
            assert got.status == code, got.body
        return got.json

    (own,) = (await ask("status='PUBLISHED'"))["items"]
    code = own["workflowCode"]
    assert (await ask(f"workflowCode='{code}' and status='PUBLISHED'"))["items"] == [own]
    assert (await ask("workflowCode='NOBODYS' and status='PUBLISHED'"))["items"] == []
    refused = await ask(f"workflowCode like '{code}'", 400)
    assert refused["status"] == "FAI-40000" and "character 14: = or eq is expected, not like" in refused["message"]


@pytest.mark.parametrize("limits", [10], indirect=True)
async def test_a_file_of_several_megabytes_is_taken_and_dropped(stage: Stage) -> None:
    token, peer = await stage.token(), await stage.peer()
    file = {"fileName": "a.pdf", "fileContent": b64encode(bytes(4_000_000)).decode(), "parse": True}
    body = json.dumps(file).encode()
    got = await peer.ask(request("POST", f"{API}/agent/v1/documents", (bearer(token), JSON), body))
    assert got.status == 200 and len(got.json["documentId"]) == 36
    received = [each.request for each in stage.observations if isinstance(each, Requested)][-1]
    assert len(received.body) < 100
    peer = await stage.peer()
    for place in ("agent/v1/attachDocuments", "agent/v2/DOCUMENT_TEAM/invokeAsync"):
        peer = await stage.peer()
        assert (await peer.ask(request("POST", f"{API}/{place}", (bearer(token), JSON), body))).status == 413


async def test_no_file_is_larger_than_its_limit(stage: Stage) -> None:
    stage.server.limits = replace(stage.server.limits, upload_body=300)
    token = await stage.token()
    for size, code in ((300, 200), (301, 413)):
        body = json.dumps({"fileName": "a.pdf", "fileContent": ""}).encode().ljust(size)
        peer = await stage.peer()
        upload = request("POST", f"{API}/agent/v1/documents", (bearer(token), JSON), body)
        assert (await peer.ask(upload)).status == code


async def test_a_file_that_is_too_large_is_refused_by_its_announcement(stage: Stage) -> None:
    peer = await stage.peer()
    head = request("POST", f"{API}/agent/v1/documents", (JSON, ("content-length", "36700161")))
    assert (await peer.ask(head)).status == 413
