"""Scenarios as `lab docs scenarios` has them say it: another answer for another user, turns in any order with a fallback."""

import json
import signal
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote_plus, urlencode

import pytest

from tests.cli.test_serve import fetch, listening, serving
from tests.conftest import Lab

HEAD = "lab: 1\ntitle: What may still be ordered\nagent: {code: QUOTA}\nask: What is my quota?\n"
BUYERS = """\
name: buyers-quota
for: {roles: [BUYER]}
steps:
  - work: look-up
    takes: 2s
  - complete: quota
    output: "{{ user.display }}, you may still order for 900 EUR, by {{ client.id }}."
"""
REST = "name: quota\nsteps:\n  - complete: no-quota\n    output: Only buyers have a quota.\n"
SETTINGS = """\
accounts:
  users:
    - {name: maria, password: lab-password-maria, display: Maria Moser, roles: [BUYER]}
    - {name: tom, password: lab-password-tom}
"""
PUMP = """\
lab: 1
name: pump
title: Two questions and a fallback
agent: {code: PUMPS}
ask: Tell me of the pump.
match: pump
turn_order: any
steps:
  - complete: told
    output: It pumps.
    follow_up: [Who makes it?, What does it cost?]
turns:
  - ask: What does it cost?
    match: cost
    steps:
      - work: look-up
        takes: 2s
      - complete: price
        output: It costs 40 EUR.
  - ask: Who makes it?
    match: makes
    steps:
      - complete: maker
        output: A firm in Linz.
  - ask: Thank you.
    steps:
      - complete: unclear
        output: "Ask for its cost or its maker, please, not: {{ message }}"
"""


@pytest.mark.long
def test_another_answer_for_another_user(lab: Lab, tmp_path: Path) -> None:
    Path("mine").mkdir()
    Path("mine/buyers-quota.yaml").write_text(HEAD + BUYERS)
    Path("mine/quota.yaml").write_text(HEAD + REST)
    Path("settings.yaml").write_text(SETTINGS)
    assert lab("check", "mine", "--settings", "settings.yaml", "--strict").out == ""
    how = ("--scenarios", "mine", "--settings", "settings.yaml", "--clock", "manual", "--record", "./day", "--json")
    outputs: list[object] = []
    with serving(*how, cwd=tmp_path) as process:
        ready = listening(process)
        login = b64encode(f"{quote_plus(ready['client_id'])}:{quote_plus(ready['client_secret'])}".encode()).decode()
        steer = {"Authorization": f"Bearer {ready['control_token']}", "Content-Type": "application/json"}
        for who in ({"grant_type": "password", "username": "maria", "password": "lab-password-maria"},
                    {"grant_type": "password", "username": "tom", "password": "lab-password-tom"},
                    {"grant_type": "client_credentials"}):  # fmt: skip
            form = urlencode({**who, "scope": ready["scope"]}).encode()
            token = fetch(ready["token_url"], {"Authorization": f"Basic {login}"}, form)["access_token"]
            head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            api = f"{ready['base_url']}/api/fusion-ai/orchestrator/agent/v2/QUOTA"
            job = fetch(f"{api}/invokeAsync", head, b'{"message":"What is my quota?"}')["jobId"]
            fetch(f"{ready['control_url']}/_lab/clock", steer, b'{"advance":"2s"}')
            outputs.append(fetch(f"{api}/status/{job}", head)["output"])
        listed = fetch(f"{ready['control_url']}/_lab/scenarios", steer)["scenarios"]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert outputs == [
        "Maria Moser, you may still order for 900 EUR, by demo.",
        "Only buyers have a quota.",
        "Only buyers have a quota.",
    ]
    assert isinstance(listed, list)
    assert {each["name"]: each.get("for") for each in listed} == {"quota": None, "buyers-quota": {"roles": ["BUYER"]}}
    assert lab("replay", "./day.rec.jsonl", "--scenarios", "mine").code == 0


@pytest.mark.parametrize(("more", "noted"), [("", True), ("for: {clients: [demo]}\n", False)])
def test_a_run_says_that_its_scenario_is_for_others(lab: Lab, more: str, noted: bool) -> None:
    text = (HEAD + BUYERS).replace("for: {roles: [BUYER]}\n", more) if more else HEAD + BUYERS
    Path("buyers-quota.yaml").write_text(text.replace("{{ user.display }}", "{{ message }}"))
    done = lab("run", "./buyers-quota.yaml", "--speed", "instant")
    assert (done.code, "note: buyers-quota isn't for the client demo without a user" in done.err) == (int(noted), noted)


def test_turns_in_any_order_with_a_fallback(lab: Lab) -> None:
    Path("pump.yaml").write_text(PUMP)
    assert lab("check", "pump.yaml", "--strict").out == ""
    done = lab("run", "./pump.yaml", "--speed", "instant", "--record", "./pump", "--json")
    assert done.code == 0
    assert json.loads(done.lines[-1])["output"] == "Ask for its cost or its maker, please, not: Thank you."
    assert lab("replay", "./pump.rec.jsonl", "--scenarios", ".").code == 0
    assert "drawn otherwise" not in done.err
