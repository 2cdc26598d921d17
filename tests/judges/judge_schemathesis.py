"""schemathesis reads `lab openapi` and looks for an answer that it doesn't declare; bounded, seeded, over loopback."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.core.observe import Replied, Requested
from lab.dialects.openapi import openapi
from lab.identity.clients import DEMO, JANE
from tests.server.served import SCOPE, Served, serving

STREAMS = (
    "stream", "chat", "debug", "a2a_stream", "a2a_SendMessage", "a2a_SendStreamingMessage", "a2a_SubscribeToTask",
    "a2a_SubscribeToTask_get",
)  # fmt: skip
WAITING = (*STREAMS, "openai")
"""Where a client would wait for the lab's clock, which stands still here."""
AT_ONCE = {
    "lab": 1, "name": "at-once", "title": "At once", "agent": {"code": "QUICK_TEAM"}, "ask": "x",
    "steps": [{"complete": "done", "output": "Forty-two is the answer."}],
}  # fmt: skip

# What the contract takes though the document doesn't promise it is no failure; nor is a 400 for a grant, a client or
# a code that nobody issued, however well-formed, nor for a $filter, whose grammar no schema tells, nor for headers of MCP
# that say something else than the body, nor for a model that no team is, a webhook elsewhere than on this machine, nor
# for what A2A has routes for and the lab hasn't, or what a task that has ended is asked for.
CONFIG = """\
[parameters]
"path.code" = "QUICK_TEAM"
[auth.openapi]
bearer = {{ bearer = "{token}" }}
client = {{ username = "{client}", password = "{secret}" }}
user = {{ username = "{user}", password = "{word}" }}
[checks]
negative_data_rejection.enabled = false
[phases.stateful]
max-steps = 4
generation.max-examples = 4
[[operations]]
include-operation-id = "authorize"
parameters = {{ "query.client_id" = "{client}", "query.redirect_uri" = "{redirect}" }}
checks.positive_data_acceptance.enabled = false
[[operations]]
include-operation-id = ["token", "device", "device_answer", "introspect", "revoke", "documents_batch", "workflows", "workflows_release", "mcp", "openai", "openai_webhook_create", "openai_webhook_update", {refused}]
checks.positive_data_acceptance.enabled = false
"""


def operations_of(document: dict[str, Any]) -> list[str]:
    return [operation["operationId"] for path in document["paths"].values() for operation in path.values()]


def judged(world: Served, folder: Path, document: dict[str, Any], *options: str) -> tuple[int, str, str]:
    """Exit code, report, and the bearer that it must not show."""
    form = {"grant_type": "password", "username": JANE.name, "password": JANE.password, "scope": SCOPE}
    token = requests.post(world.token_url, form, auth=(DEMO.id, DEMO.secret), timeout=10).json()["access_token"]
    (folder / "api.json").write_text(json.dumps(document))
    refused = ", ".join(
        f'"{name}"' for name in operations_of(document) if re.search("Message|Push|Extended|Cancel", name)
    )
    config = CONFIG.format(
        refused=refused,
        token=token, client=DEMO.id, secret=DEMO.secret, redirect=DEMO.redirects[0], user=JANE.name, word=JANE.password
    )  # fmt: skip
    (folder / "schemathesis.toml").write_text(config)
    program = Path(sys.executable).parent / "schemathesis"
    done = subprocess.run(
        [program, "run", "api.json", "--url", world.origin, "--seed", "42", "--no-color", *options],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr, token


def counted(world: Served) -> Counter[tuple[str, int]]:
    """Answers by route and status."""
    route = {each.x: each.route for each in world.observations if isinstance(each, Requested)}
    return Counter((route[each.x], each.response.status) for each in world.observations if isinstance(each, Replied))


def test_no_answer_is_undeclared_and_none_is_a_5xx(world: Served, tmp_path: Path) -> None:
    waiting = [option for name in WAITING for option in ("--exclude-operation-id", name)]
    code, report, token = judged(world, tmp_path, openapi("0", world.origin, SCOPE), "-n", "12", *waiting)
    assert code == 0, report
    answers = counted(world)
    assert answers["invoke", 202] > 50 and answers["status", 200] > 20, "by jobId links it must come to real jobs"
    assert answers["authorize", 302] and answers["introspect", 200] and answers["revoke", 200], answers
    assert not [status for _, status in answers if status >= 500]
    assert token not in report and DEMO.secret not in report


@pytest.mark.parametrize("profile", ["oci", "rfc"])
def test_streams_are_declared_too(profile: str, tmp_path: Path) -> None:
    with serving(AT_ONCE, profile=profile) as world:
        waiting = [option for name in WAITING for option in ("--include-operation-id", name)]
        document: Any = openapi("0", world.origin, SCOPE)
        create = document["components"]["schemas"]["CreateResponse"]["properties"]
        del create["previous_response_id"]
        create["model"] = {"const": "QUICK_TEAM"}
        for path in (each for each in document["paths"] if "/message:" in each):
            for body in document["paths"][path]["post"]["requestBody"]["content"].values():
                # whoever asks for push notifications has to listen on this machine
                body["schema"]["properties"]["configuration"]["properties"].pop("taskPushNotificationConfig", None)
        code, report, _ = judged(world, tmp_path, document, "-n", "4", *waiting)
        assert code == 0, report
        answers = counted(world)
        assert all(answers[name, 200] > 5 for name in ("stream", "chat", "debug", "a2a-stream", "a2a-http")), answers


def test_a_local_orchestrators_paths_are_declared_with_their_switch(tmp_path: Path) -> None:
    with serving(AT_ONCE, local_orchestrator="on") as world:
        document = openapi("0", world.origin, SCOPE, local=True)
        names = ("local_chat", "local_tokens", "multiplex", "status_local", "orchestrator_tokens")
        options = [option for name in names for option in ("--include-operation-id", name)]
        code, report, _ = judged(world, tmp_path, document, "--phases", "coverage", "-n", "1", *options)
        assert code == 0, report


def test_an_answer_that_is_not_declared_is_found(world: Served, tmp_path: Path) -> None:
    document = openapi("0", world.origin, SCOPE)
    paths: Any = document["paths"]
    operation = next(path["post"] for path in paths.values() if path.get("post", {}).get("operationId") == "invoke_v2")
    del operation["responses"]["400"]
    options = ("--include-operation-id", "invoke_v2", "--phases", "coverage", "-n", "1")
    code, report, _ = judged(world, tmp_path, document, *options)
    assert code == 1 and "Undocumented" in report and "[400] Bad Request" in report


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"])
def test_the_document_declares_405_for_every_path(world: Served, method: str) -> None:
    for path, operations in openapi("0")["paths"].items():  # type: ignore[union-attr]
        if method.lower() in operations or "resource" in path:
            continue
        url = world.origin + path.replace("{code}", "QUICK_TEAM").replace("{jobId}", "x").replace("{release}", "3054")
        got = requests.request(method, url, timeout=10)
        assert got.status_code == 405 and got.headers["allow"], path
        assert all("405" in operation["responses"] for operation in operations.values())
