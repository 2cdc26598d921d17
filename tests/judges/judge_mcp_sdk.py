"""mcp, the official SDK, as a client of `lab mcp`: by the handshake, and by `server/discover`; over stdio, and over HTTP."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.cli.commands.docs import page_text
from tests.conftest import ROOT
from tests.judges.apart import LIMIT, MCP_2

LAB = [sys.executable, "-m", "lab", "mcp"]
NAMES = {
    "scenarios", "check", "serve", "run", "break", "decide", "advance", "calls", "report", "record", "replay", "docs",
}  # fmt: skip
modes = pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("discover", "2026-07-28")])


def seen(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """What the client saw, which had to come to its end and to complain of nothing."""
    done = subprocess.run(
        [*MCP_2.command("lab_mcp.py"), *arguments], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return list(map(json.loads, done.stdout.splitlines()))


@contextmanager
def over_http(folder: Path) -> Iterator[tuple[str, str]]:
    with subprocess.Popen(
        [*LAB, "--http", "--port", "0"], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            found = re.search(r"http\S+/mcp", process.stdout.readline())
            assert found
            yield found[0], process.stdout.readline().split()[-1]
        finally:
            process.terminate()
        assert process.wait(LIMIT) == 0


def judged(found: list[dict[str, Any]], version: str) -> None:
    """Each tool was listed and called, a resource read, a call cancelled, after which others were answered."""
    hello, listed, *rest = found
    assert (hello["server"], hello["version"]) == ("invoke-async-lab", version) and "docs" in hello["instructions"]
    assert set(listed["tools"]) == NAMES and all(each["type"] == "object" for each in listed["tools"].values())
    calls = [each for each in rest if "tool" in each]
    assert {each["tool"] for each in calls} == NAMES
    assert [each["tool"] for each in calls if each["failed"]] == ["decide"]
    texts = {each["tool"]: each["text"] for each in calls}
    assert texts["decide"].startswith("lab: No job is at work or waits.\n")
    assert texts["serve"].startswith("Serving approval, seed 1.") and "+00:02.000 by a manual clock" in texts["advance"]
    assert texts["replay"] == "$ lab replay -- judged\n1 passed, 0 failed" and " COMPLETE " in texts["run"]
    page, wait, listens, *_ = rest[len(calls) :]
    assert page == {"resource": "lab://docs/agents", "text": page_text("agents")}
    failed, text = wait["after"]
    assert (
        wait["cancelled"]
        and wait["seconds"] < 20
        and not failed
        and re.match(r"consent of job \S+: rejected\.\n", text)
    )
    assert listens == {"listens": True}


@modes
def test_over_stdio_each_tool_is_listed_called_cancelled_and_ends_with_stdin(
    mode: str, version: str, tmp_path: Path
) -> None:
    found = seen(tmp_path, mode, *LAB)
    judged(found, version)
    assert found[-1]["gone"] < 2


@modes
def test_over_http_each_tool_is_listed_called_and_cancelled(mode: str, version: str, tmp_path: Path) -> None:
    with over_http(tmp_path) as (url, token):
        judged(seen(tmp_path, mode, url, token), version)
