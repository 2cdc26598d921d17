"""Each curl line of the control plane's page does what it says, and the page leaves no route out."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from msgspec import Struct
from msgspec.structs import fields

from lab.core.routes import CONTROL_ROOT
from lab.plugin import ControlRoute
from lab.server.control.reading import asked_of, path_members
from lab.server.control.routes import CONTROL_ROUTES, curl_line, description, is_struct
from tests.cli.test_serve import listening, serving
from tests.whole.docs.pages import FOLDER, PAGES, blocks

PAGE = PAGES["control-plane"].replace(" \\\n ", "")
"""With each call on one line."""
LINES = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
CALLS = [line for line in LINES if line.startswith("curl ")]
SCOPE = "urn:opc:resource:fusion:acme-test:fusion-ai/"
LOGIN = "demo:lab-secret-a:b/c+d%e"


def curl(*arguments: str) -> dict[str, str]:
    done = subprocess.run(["curl", "-s", *arguments], capture_output=True, text=True, check=True)
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


def a_job(base: str) -> str:
    form = ("-d", "grant_type=client_credentials", "-d", f"scope={SCOPE}")
    token = curl(f"{base}/oauth2/v1/token", "-u", LOGIN, *form)["access_token"]
    headers = ("-H", f"Authorization: Bearer {token}", "-H", "Content-Type: application/json")
    url = f"{base}/api/fusion-ai/orchestrator/agent/v2/ITEM_COMPARE_TEAM/invokeAsync"
    body = '{"message":"Compare M1000034 of org IMO and M1000040 of Org SBI"}'
    return curl(url, *headers, "-d", body)["jobId"]


def a_device(base: str) -> str:
    form = ("-d", "client_id=demo", "-d", "response_type=device_code", "-d", f"scope={SCOPE}")
    return curl(f"{base}/oauth2/v1/device", *form)["user_code"]


def call(line: str, environment: dict[str, str], folder: Path) -> tuple[str, str]:
    """The status of one call, and the body; of a stream the status, once its first line has come."""
    with_status = line.replace("curl ", "curl -w '\\n%{http_code}' ", 1)
    if "follow=1" not in line:
        done = subprocess.run(
            ["bash", "-euc", with_status], env=environment, cwd=folder, capture_output=True, text=True, check=True
        )
        body, _, status = done.stdout.rpartition("\n")
        return status, body
    streaming = line.replace("curl ", "exec curl -i ", 1)
    with subprocess.Popen(["bash", "-euc", streaming], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        status = process.stdout.readline().split()[1]
        while not (first := process.stdout.readline()).startswith("data: "):
            assert first, "the stream ended"
        process.kill()
        assert json.loads(first.removeprefix("data: "))["k"] == "header"
    return status, ""


def route_of(line: str) -> ControlRoute:
    """The route that a curl line calls."""
    (called,) = documented(line)
    return next(row for row in CONTROL_ROUTES if f"{row.method} {CONTROL_ROOT}{row.path}" == called)


DOCUMENT = description("1.2.3", "http://127.0.0.1:8081")


def answers_of(row: ControlRoute) -> dict[str, dict[str, dict[str, object]]]:
    """What it may answer, by media type."""
    operation = DOCUMENT["paths"][CONTROL_ROOT + row.path][row.method.lower()]
    return dict(operation["responses"]["200"]["content"])


def schema_of(row: ControlRoute) -> dict[str, object]:
    """The schema of its answer, with what that refers to."""
    return {**answers_of(row)["application/json"]["schema"], "components": DOCUMENT["components"]}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_each_curl_line_is_answered_as_the_page_says(tmp_path: Path) -> None:
    with serving("item-comparison", "--json", "--clock", "manual", cwd=tmp_path) as process:
        ready = listening(process)
        variables = {
            "lab": ready["control_url"], "auth": f"Authorization: Bearer {ready['control_token']}",
            "json": "Content-Type: application/json", "job": a_job(ready["base_url"]),
        }  # fmt: skip
        environment = {**os.environ, **variables}
        for line in CALLS:
            if "$user_code" in line:
                environment["user_code"] = a_device(ready["base_url"])
            status, body = call(line, environment, tmp_path)
            assert status == "200", line
            if "application/json" in answers_of(row := route_of(line)):
                jsonschema.validate(json.loads(body), schema_of(row))


def documented(page: str) -> set[str]:
    """`METHOD path` of every call that a page shows, Job ID and fault's name as the code's table has them."""
    found: set[str] = set()
    for line in page.splitlines():
        if line.startswith("curl ") and (path := re.search(r'"\$lab/_lab/([^"?]*)', line)):
            method = "DELETE" if "-X DELETE" in line else "POST" if " -d " in line else "GET"
            named = re.sub("^(t|scenario)/[^/]+/", "", path[1]).replace("$job", "{job}")
            named = re.sub("^(faults|tenants|breakpoints)/.+", r"\1/{name}", named)
            named = re.sub("^holds/.+", "holds/{hold}", named)
            found.add(f"{method} /_lab/{named}")
    return found


def page_table() -> Iterator[str]:
    """The routes as their page has them; `?` stands behind what may be left out, or be missing."""
    yield "| route | does | takes | answers |"
    yield "|---|---|---|---|"
    for row in CONTROL_ROUTES:
        kind, answer = asked_of(row), asked_of(row).answers_with()
        takes = f"a {kind.whole}" if kind.whole else members_of(kind, path_members(row))
        answers = members_of(answer) if is_struct(answer) else " ".join(kind.media) or "JSON"
        yield f"| `{row.method} {CONTROL_ROOT}{row.path}` | {row.does} | {takes} | {answers} |"


def members_of(kind: type[Struct], but: tuple[str, ...] = ()) -> str:
    shown = (each for each in fields(kind) if each.name not in but)
    names = " ".join(f"{each.encode_name}{'' if each.required else '?'}" for each in shown)
    return names and f"`{names}`"


def test_the_table_of_routes_is_made_of_what_is_declared() -> None:
    """LAB_GOLDEN=write writes it anew."""
    table, text = "\n".join(page_table()), PAGES["control-plane"]
    (shown,) = re.findall(r"^\| route \| does .*(?:\n\|.*)*", text, re.MULTILINE)
    if os.environ.get("LAB_GOLDEN") == "write":
        Path(str(FOLDER / "control-plane.md")).write_text(text.replace(shown, table), "utf-8")
    else:
        assert shown == table
    assert [line for row in CONTROL_ROUTES if (line := curl_line(row)) not in CALLS] == []


SERVED = {f"{row.method} {CONTROL_ROOT}{row.path}" for row in CONTROL_ROUTES}


def test_every_route_has_a_heading_or_a_curl_line() -> None:
    assert len(SERVED) > 10
    assert documented(PAGE) == SERVED
    assert {route for route in SERVED if route not in PAGE} == set()


def test_a_route_without_a_curl_line_is_found() -> None:
    without = "\n".join(line for line in PAGE.splitlines() if "_lab/tape" not in line)
    assert SERVED - documented(without) == {"POST /_lab/tape"}
