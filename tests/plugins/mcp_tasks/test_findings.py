"""Clients of MCP that go wrong get the finding that they deserve, and no other; those that do right get none."""

import json
import sys
from pathlib import Path

import pytest

from lab.plugin import plugins
from tests.conftest import Lab

CLIENT = Path(__file__).with_name("small_client.py")
ASKS = """\
lab: 1
name: asks
title: Asks
agent: {code: ASKS_TEAM}
ask: Go
steps:
  - {work: read, takes: 30s}
  - {gate: boss, asks: "May it be paid?", patience: 10m, reviewer: nobody}
  - {complete: done, output: Paid.}
"""
BREAKS = """\
lab: 1
name: breaks
title: Breaks
agent: {code: BREAKS_TEAM}
ask: Go
steps:
  - {work: read, takes: 10s}
  - {error: broken, text: The tool broke.}
expect: {status: ERROR}
"""


@pytest.mark.skipif(
    all(command.name != "rehearse" for plugin in plugins() for command in plugin.commands),
    reason="nobody judges clients",
)
@pytest.mark.parametrize(
    ("client", "rules"),
    [
        ("good", []),
        ("obeys", []),  # pollIntervalMs
        ("closes", []),  # a form is no answer that is closed and filled in when it is asked for again
        ("twice", ["F2"]),
        ("deaf", ["F4"]),  # to isError
        ("faster", ["C7"]),
        ("ramp", ["C6"]),  # as fastmcp-tasks begins
    ],
)
def test_a_client_is_told_what_it_does_wrong(lab: Lab, client: str, rules: list[str]) -> None:
    for name, text in (("asks", ASKS), ("breaks", BREAKS)):
        (lab.folder / f"{name}.yaml").write_text(text)
    called = lab("rehearse", "asks.yaml", "breaks.yaml", "--virtual", "--json", "--", sys.executable, CLIENT, client)
    *runs, report = map(json.loads, called.lines)
    assert [run["good"] for run in runs] == [True, True], called.err
    assert [each["rule"] for each in report["rules"] if each["verdict"] == "fail"] == rules
