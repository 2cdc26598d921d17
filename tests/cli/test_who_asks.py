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
    Path("mine/quota-more.yaml").write_text(HEAD + REST.replace("name: quota", "name: quota-more"))
    Path("settings.yaml").write_text(SETTINGS)
    (warning,) = lab("check", "mine", "--settings", "settings.yaml").lines
    assert warning.startswith("mine/quota-more.yaml:3:15: warning: never chosen: quota, before it by name,")
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
        _, err = process.communicate(timeout=20)
    assert (
        "note: never chosen: quota-more: quota, before by name, takes all that is asked of that team and fits." in err
    )
    assert outputs == [
        "Maria Moser, you may still order for 900 EUR, by demo.",
        "Only buyers have a quota.",
        "Only buyers have a quota.",
    ]
    assert isinstance(listed, list)
    assert {each["name"]: each.get("for") for each in listed} == {
        "quota": None, "quota-more": None, "buyers-quota": {"roles": ["BUYER"]},
    }  # fmt: skip
    assert lab("replay", "./day.rec.jsonl", "--scenarios", "mine").code == 0


@pytest.mark.parametrize(
    ("callers", "user", "client"),
    [
        ("{roles: [BUYER]}", "maria", "demo"),
        ("{users: [tom, maria]}", "maria", "demo"),
        ("{users: [tom], clients: [portal]}", "tom", "portal"),
        ("{clients: [portal]}", None, "portal"),
        ("{users: [jane]}", "jane", "demo"),
        ("{users: [nobody]}", None, None),
        ("{users: [maria], clients: [machine]}", None, None),  # which has no users
        ("{clients: [machine]}", None, "machine"),
    ],
)
def test_the_own_app_asks_as_somebody_for_whom_the_scenario_is(
    lab: Lab, callers: str, user: str | None, client: str | None
) -> None:
    clients = (
        "  clients:\n    - {id: portal, secret: lab-secret-portal}\n"
        "    - {id: machine, secret: lab-secret-machine, grants: [client_credentials]}\n    - {id: demo, secret: lab-secret-demo}\n"
    )
    Path("settings.yaml").write_text(SETTINGS + (clients if client != "demo" else ""))
    text = HEAD + BUYERS.replace("{roles: [BUYER]}", callers)
    output = "{{ user.name if user is not none else '-' }} {{ client.id }}"
    Path("buyers-quota.yaml").write_text(text.partition("    output:")[0] + f'    output: "{output}"\n')
    how = ("--speed", "instant", "--settings", "settings.yaml", "--json")
    done = lab("run", "./buyers-quota.yaml", *how, "--record", "./own")
    assert (done.code == 0) is (client is not None) is ("is for nobody of settings.yaml who can ask" not in done.err)
    assert json.loads(done.out)["output"] == (f"{user or '-'} {client}" if client is not None else None)
    assert lab("replay", "./own.rec.jsonl", "--scenarios", ".").code == 0
    assert "lab-password" not in Path("own.rec.jsonl").read_text()


def test_without_a_settings_file_nothing_is_said_of_one(lab: Lab) -> None:
    Path("buyers-quota.yaml").write_text(HEAD + BUYERS)
    done = lab("run", "./buyers-quota.yaml", "--speed", "instant")
    note = "note: buyers-quota is for nobody whom a lab without --settings FILE knows who can ask here."
    assert done.code == 1 and done.err.splitlines()[0] == note


def test_turns_in_any_order_with_a_fallback(lab: Lab) -> None:
    Path("pump.yaml").write_text(PUMP)
    assert lab("check", "pump.yaml", "--strict").out == ""
    done = lab("run", "./pump.yaml", "--speed", "instant", "--record", "./pump", "--json")
    assert done.code == 0
    assert json.loads(done.lines[-1])["output"] == "Ask for its cost or its maker, please, not: Thank you."
    assert lab("replay", "./pump.rec.jsonl", "--scenarios", ".").code == 0
    assert "drawn otherwise" not in done.err


@pytest.mark.parametrize("speed", ["instant", "100"])
def test_a_run_asks_as_the_user_who_is_named(lab: Lab, speed: str) -> None:
    text = "name: own\nsteps:\n  - complete: end\n    output: \"{{ user.display if user else 'nobody' }}: {{ message }}\"\n"
    Path("own.yaml").write_text(HEAD + text)
    Path("settings.yaml").write_text(SETTINGS)
    call = ("run", "./own.yaml", "--speed", speed, "--json")
    as_maria = (*call, "--settings", "settings.yaml", "--as", "maria")
    outputs = {
        call: "nobody: What is my quota?",
        as_maria: "Maria Moser: What is my quota?",
        (*as_maria, "--message", "And mine?"): "Maria Moser: And mine?",
    }
    for argv, output in outputs.items():
        assert json.loads(lab(*argv).out)["output"] == output
    unknown = lab(*call, "--as", "mario")
    assert (unknown.code, unknown.err) == (2, "lab: There is no user mario.\n  Users there: jane.\n")


def test_a_user_whom_a_scenario_leaves_out_gets_no_answer_of_it_and_a_note(lab: Lab) -> None:
    Path("buyers-quota.yaml").write_text(HEAD + BUYERS)
    Path("settings.yaml").write_text(SETTINGS)
    call = ("run", "./buyers-quota.yaml", "--speed", "instant", "--settings", "settings.yaml", "--as")
    assert lab(*call, "maria").code == 0
    tom = lab(*call, "tom")
    assert tom.code == 1
    assert tom.err.startswith("note: buyers-quota doesn't answer tom, by demo: it is for roles BUYER.")


def test_what_is_expected_of_the_own_message_is_not_compared_with_another(lab: Lab) -> None:
    Path("pump.yaml").write_text(PUMP + "expect: {polls: 0}\n")
    call = ("run", "./pump.yaml", "--speed", "instant", "--json")
    own, other = lab(*call), lab(*call, "--message", "Which pump?")
    assert (own.code, other.code) == (1, 0)
    assert [json.loads(each)["output"] for each in other.lines] == [json.loads(each)["output"] for each in own.lines]
    unfit = lab(*call, "--message", "Which valve?")
    assert unfit.code == 1 and json.loads(unfit.lines[-1])["status"] == "ERROR"


def test_a_run_sends_other_parameters(lab: Lab) -> None:
    text = 'name: own\nsteps:\n  - complete: end\n    output: "{{ message }} {{ parameters.amount }}"\nexpect: {status: ERROR}\n'
    own = "ask: {message: Pay it., parameters: {amount: 5}}\n"
    Path("own.yaml").write_text(HEAD.replace("ask: What is my quota?\n", own) + text)
    call = ("run", "./own.yaml", "--speed", "instant", "--json")
    for more, output in {
        (): "Pay it. 5",
        ("--message", "Pay!"): "Pay! 5",
        ("--parameters", '{"amount": 1200}'): "Pay it. 1200",
    }.items():
        done = lab(*call, *more)
        assert (json.loads(done.out)["output"], done.code) == (output, int(not more))
    for wrong in ("[1]", "{amount: 5}", ""):
        refused = lab(*call, "--parameters", wrong)
        assert (refused.code, refused.out) == (2, "") and f"--parameters {wrong}: no JSON object." in refused.err


def test_at_another_server_no_user_is_named(lab: Lab) -> None:
    refused = lab("run", "item-comparison", "--base", "http://127.0.0.1:9", "--as", "jane")
    assert refused.code == 2 and refused.err.startswith("lab: --base can't be used with --as")


def test_our_own_app_asks_as_the_user_whom_its_client_stands_for(lab: Lab) -> None:
    Path("mine").mkdir()
    text = HEAD.replace("{code: QUOTA}", "{code: QUOTA, roles: [PAYABLES]}") + BUYERS.replace("BUYER", "PAYABLES")
    Path("mine/buyers-quota.yaml").write_text(text.replace("user.display", "user.name"))
    Path("settings.yaml").write_text(
        "accounts: {clients: [{id: x, secret: lab-secret-x}, {id: batch, secret: lab-secret-batch, roles: [PAYABLES]}]}"
    )
    assert lab("check", "mine", "--settings", "settings.yaml").lines == []
    done = lab(
        "run",
        "buyers-quota",
        "--scenarios",
        "mine",
        "--settings",
        "settings.yaml",
        "--speed",
        "instant",
        "--record",
        "./own",
    )
    assert (done.code, done.err) == (0, "recorded own.rec.jsonl\n")
    assert "batch, you may still order for 900 EUR, by batch." in done.out
    assert lab("replay", "own.rec.jsonl", "--scenarios", "mine").code == 0
    other = "accounts: {clients: [{id: batch, secret: lab-secret-batch, roles: [CLERK]}]}"
    Path("settings.yaml").write_text(other)
    refused = lab("run", "buyers-quota", "--scenarios", "mine", "--settings", "settings.yaml", "--speed", "instant")
    assert refused.code == 1 and "is for nobody of settings.yaml who can ask here" in refused.err
    warnings = lab("check", "mine", "--settings", "settings.yaml").out
    assert "the settings know no role PAYABLES; roles there: CLERK" in warnings
