"""Webhook endpoints: how they are registered, seen, changed and ended, and by whom; without a socket."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from lab.core.exchange import Response
from lab.dialects.openapi import openapi
from lab.jobs.callbacks import receivers_of
from lab.mock.receivers import MOST_RECEIVERS
from lab.mock.service import Service
from lab.plugins.openai.requests import BESIDE
from lab.plugins.openai.webhooks import EVENT_TYPES, TOLD
from tests.conftest import each_row
from tests.plugins.openai.peer import Peer, error
from tests.wire_peer import read, token

PATH = "/v1/webhook_endpoints"
URL = "http://127.0.0.1:9/hook"
MINE = {"name": "mine", "url": URL, "event_types": ["response.completed", "batch.failed"]}
EPOCH = 1_767_225_600
DOCUMENT: Any = openapi("0")


def create(peer: Peer, now: int = 0, **more: Any) -> dict[str, Any]:
    response = peer.send("POST", PATH, MINE | more, now)
    assert response.status == 200, response.body
    return read(response)


def page(peer: Peer, query: str = "") -> dict[str, Any]:
    return read(peer.send("GET", f"{PATH}{query}"))


def fits(body: Any, schema: str) -> bool:
    whole = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    return Draft202012Validator(whole).is_valid(body)


def test_an_endpoint_through_its_life() -> None:
    peer = Peer()
    own = create(peer)
    secret, one = own.pop("signing_secret"), f"{PATH}/{own['id']}"
    assert secret.startswith("whsec_") and len(secret) > 40 and own["id"].startswith("we_")
    assert own == MINE | {
        "id": own["id"], "object": "webhook_endpoint", "created_at": EPOCH, "updated_at": EPOCH,
        "signing_secret_hint": "whsec_********",
    }  # fmt: skip
    assert read(peer.send("GET", one, now=1_000)) == own
    renamed = read(peer.send("POST", one, {"name": "other", "url": None}, 2_000))
    assert renamed == own | {"name": "other", "updated_at": EPOCH + 2}
    for unchanged in ({"name": "other", "url": URL}, {}, None):
        assert read(peer.send("POST", one, unchanged, 5_000)) == renamed
    rotated = read(peer.send("POST", f"{one}/rotate_secret", {"keep_old_secret_active_for_24_hours": False}, 6_000))
    assert rotated == renamed | {"updated_at": EPOCH + 6, "signing_secret": rotated["signing_secret"]}
    assert rotated["signing_secret"] != secret
    again = read(peer.send("POST", f"{one}/rotate_secret", None, 6_000))
    assert again["signing_secret"] not in (secret, rotated["signing_secret"])
    assert read(peer.send("GET", one.replace("/", "//"), now=6_000))["id"] == own["id"]
    gone = {"id": own["id"], "object": "webhook_endpoint.deleted", "deleted": True}
    assert read(peer.send("DELETE", one, now=7_000)) == gone
    for method, path in (("GET", one), ("DELETE", one), ("POST", one), ("POST", f"{one}/rotate_secret")):
        refused = peer.send(method, path, now=8_000)
        assert refused.status == 404 and "not found" in error(refused)["message"]
    assert page(peer)["data"] == []
    assert fits(own | {"signing_secret": secret}, "WebhookEndpointWithSecret") and fits(own, "WebhookEndpoint")
    assert not fits(own, "WebhookEndpointWithSecret") and not fits(rotated, "WebhookEndpoint")


def test_the_list_has_the_newest_first_a_page_at_a_time() -> None:
    peer = Peer()
    ids = [create(peer, name=str(number))["id"] for number in range(3)][::-1]
    peer.send("POST", f"{PATH}/{ids[-1]}", {"name": "changed"})  # which makes it no newer
    whole = page(peer)
    assert [each["id"] for each in whole["data"]] == ids
    assert (whole["first_id"], whole["last_id"], whole["has_more"]) == (ids[0], ids[2], False)
    assert all("signing_secret" not in each for each in whole["data"])
    first, second = page(peer, "?limit=2"), page(peer, f"?limit=2&after={ids[1]}")
    assert [[each["id"] for each in page["data"]] for page in (first, second)] == [ids[:2], ids[2:]]
    assert [page["has_more"] for page in (first, second)] == [True, False]
    empty = page(peer, f"?after={ids[2]}")
    assert (empty["data"], empty["first_id"], empty["last_id"], empty["has_more"]) == ([], None, None, False)


@each_row(("members", "param", "code"), [
    ({"name": ...}, "name", "missing_required_parameter"), ({"url": ...}, "url", "missing_required_parameter"),
    ({"event_types": ...}, "event_types", "missing_required_parameter"), ({"name": ""}, "name", "invalid_value"),
    ({"name": "x" * 257}, "name", "invalid_value"), ({"name": 7}, "name", "invalid_value"),
    ({"url": "http://127.0.0.1/" + "x" * 2048}, "url", "invalid_value"), ({"event_types": []}, "event_types", "invalid_value"),
    ({"event_types": ["response.done"]}, "event_types", "invalid_value"), ({"event_types": [""]}, "event_types", "invalid_value"),
    ({"event_types": [7]}, "event_types[0]", "invalid_value"), ({"kind": 1}, "kind", "unknown_parameter"),
    ({"url": "hook"}, "url", None), ({"url": "ftp://127.0.0.1/"}, "url", None), ({"url": "http://u:p@127.0.0.1/"}, "url", None),
    ({"url": "http://example.com/hook"}, "url", None),
])  # fmt: skip
def test_what_is_wrong_with_an_endpoint_is_said(members, param, code) -> None:
    peer = Peer()
    body = {name: each for name, each in (MINE | members).items() if each is not ...}
    refused = peer.send("POST", PATH, body)
    assert (refused.status, error(refused)["param"], error(refused)["code"]) == (400, param, code)
    if code is not None and code != "missing_required_parameter":
        one = f"{PATH}/{create(peer)['id']}"
        wrong = {name: each for name, each in body.items() if name in members}
        assert peer.send("POST", one, wrong).status == 400
    assert page(peer)["data"] == [] or code is not None


@each_row(("query", "param", "status"), [
    ("limit=0", "limit", 400), ("limit=101", "limit", 400), ("limit=-1", "limit", 400), ("limit=x", "limit", 400),
    ("limit=" + "9" * 5000, "limit", 400), ("limit=", "limit", 400), ("after=we_x", "after", 404), ("after=", "after", 404),
])  # fmt: skip
def test_what_is_wrong_with_a_page_is_said(query, param, status) -> None:
    refused = Peer().send("GET", f"{PATH}?{query}")
    assert (refused.status, error(refused)["param"]) == (status, param)


def test_a_number_that_is_too_long_is_none_for_events_either() -> None:
    peer = Peer()
    response = peer.create(stream=False)
    refused = peer.send("GET", f"/v1/responses/{response['id']}?stream=true&starting_after={'9' * 5000}")
    assert refused.status == 400


def test_no_secret_is_kept_beside_the_new_one() -> None:
    peer = Peer()
    path = f"{PATH}/{create(peer)['id']}/rotate_secret"
    refused = peer.send("POST", path, {"keep_old_secret_active_for_24_hours": True})
    assert (refused.status, error(refused)["param"]) == (400, "keep_old_secret_active_for_24_hours")
    assert peer.send("POST", path, {"keep": True}).status == 400
    assert len(receivers_of(peer.mock.ledger.get)) == 1


def test_a_stranger_sees_none_of_it_and_ends_nothing() -> None:
    peer = Peer()
    one = f"{PATH}/{create(peer)['id']}"
    for method, path in (("GET", one), ("POST", one), ("DELETE", one), ("POST", f"{one}/rotate_secret")):
        assert peer.send(method, path, bearer=peer.other).status == 404
    assert read(peer.send("GET", PATH, bearer=peer.other))["data"] == []
    assert len(page(peer)["data"]) == 1


def test_twenty_stand_at_once() -> None:
    peer = Peer()
    own = [create(peer)["id"] for _ in range(MOST_RECEIVERS)]
    assert len(set(own)) == MOST_RECEIVERS
    refused = peer.send("POST", PATH, MINE)
    assert (refused.status, error(refused)["code"]) == (400, "conflict")
    assert peer.send("POST", f"{PATH}/{own[0]}", {"name": "changed"}).status == 200
    peer.send("DELETE", f"{PATH}/{own[0]}")
    create(peer)


def test_what_is_told_is_named_and_what_is_taken_is_declared() -> None:
    found = read(Peer().send("GET", "/v1/webhook_event_types"))
    assert found == {"object": "list", "data": [*TOLD]}
    assert set(DOCUMENT["components"]["schemas"]["WebhookEventType"]["enum"]) == EVENT_TYPES and len(EVENT_TYPES) == 27
    create(Peer(), event_types=sorted(EVENT_TYPES))


@pytest.mark.parametrize(("method", "path"), [
    ("POST", PATH), ("GET", PATH), ("GET", f"{PATH}/we_x"), ("POST", f"{PATH}/we_x"), ("DELETE", f"{PATH}/we_x"),
    ("POST", f"{PATH}/we_x/rotate_secret"), ("GET", "/v1/webhook_event_types"),
])  # fmt: skip
def test_where_nobody_is_told_it_is_said_why(method: str, path: str) -> None:
    peer = Peer()
    peer.mock = Service(replace(peer.mock.config, callbacks=None))
    refused = peer.send(method, path, MINE if path == PATH and method == "POST" else None, bearer=token(peer.mock))
    assert (refused.status, error(refused)["code"]) == (400, "conflict")
    assert "Nobody is told" in error(refused)["message"]


@each_row(("method", "path", "status", "said"), [
    ("GET", "/v1/files", 404, "Invalid URL (/v1/files)"), ("GET", "/v1/respones/resp_x", 404, "Did you mean GET /v1/responses/{job}?"),
    ("POST", f"{PATH}/we_x/test", 404, "Invalid URL"), ("DELETE", "/v1/responses/resp_x", 405, "Use GET."),
    ("PUT", "/v1/models", 405, "Use GET."), ("GET", "//v1//files", 404, "Invalid URL (/v1/files)"),
    ("GET", "/v1/responses/%2e%2e", 404, "Invalid URL"),
])  # fmt: skip
def test_a_path_that_is_not_there_is_told_in_the_words_of_its_wire(method, path, status, said) -> None:
    refused = Peer().send(method, path)
    assert refused.status == status and said in error(refused)["message"]


def test_another_wires_path_is_told_in_its_own() -> None:
    refused: Response = Peer().send("GET", "/v2/files")
    assert refused.status == 404 and "userDetails" in read(refused)
    assert "background" in BESIDE  # by which a response of the background is known
