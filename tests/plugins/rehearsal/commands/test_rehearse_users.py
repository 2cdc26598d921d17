"""`lab rehearse` and `lab serve` of a scenario that is only for users: a client is given a user's name and password."""

from pathlib import Path

import pytest

from tests.cli.test_serve import listening, serving
from tests.conftest import Lab
from tests.plugins.rehearsal.commands.test_rehearse import CLIENT, here, rehearse
from tests.scenario_texts import BRIEF

__all__ = ["here"]

BY_PASSWORD = CLIENT.replace(
    '{"grant_type": "client_credentials", "scope": env["LAB_SCOPE"]}',
    '{"grant_type": "password", "username": env["LAB_USER"], "password": env["LAB_PASSWORD"], "scope": env["LAB_SCOPE"]}',
)
ACCOUNTS = """\
accounts:
  users:
    - {name: tom, password: lab-password-tom}
    - {name: maria, password: lab-password-maria, roles: [BUYER]}
  clients:
    - {id: portal, secret: lab-secret-portal}
    - {id: batch, secret: lab-secret-batch, grants: [client_credentials]}
"""
FOR_BUYERS = "{roles: [BUYER]}"


def write(callers: str, steps: str = "Done.") -> None:
    Path("settings.yaml").write_text(ACCOUNTS)
    text = BRIEF.replace("seed: 1", f"for: {callers}\nseed: 1").replace("Done.", steps)
    Path("brief.yaml").write_text(text)


@pytest.mark.parametrize(
    ("callers", "who"),
    [
        (FOR_BUYERS, "maria, by portal"),
        ("{users: [jane]}", "jane, by portal"),
        ("{users: [tom], clients: [demo]}", "tom, by demo"),
    ],
)
def test_a_client_gets_a_user_for_whom_it_is(here: Lab, callers: str, who: str) -> None:
    write(callers, '"{{ user.name }}, by {{ client.id }}"')
    called = rehearse(here, "brief.yaml", "--settings", "settings.yaml", code=BY_PASSWORD)
    assert called.lines[0] == "1 run: 1 result; 0 otherwise than a good client's"
    recording = Path("out/brief.rec.jsonl").read_text()
    assert f'"output":"{who}"' in recording and "lab-password" not in recording


@pytest.mark.parametrize("callers", ["{clients: [batch]}", "{clients: [demo, batch]}"])
def test_a_client_gets_the_credentials_of_one_for_whom_it_is(here: Lab, callers: str) -> None:
    write(callers)
    called = rehearse(here, "brief.yaml", "--settings", "settings.yaml", "--fail-on", "critical")
    assert (called.code, called.lines[0]) == (0, "1 run: 1 result; 0 otherwise than a good client's")


def test_the_drills_of_a_scenario_for_users_are_not_all_refused(here: Lab) -> None:
    write(FOR_BUYERS)
    # on a busy machine an answer may take longer than a brief job, and then nobody polls
    Path("brief.yaml").write_text(Path("brief.yaml").read_text().replace("60ms", "600ms"))
    drills = ("--drills", "brief.yaml", "--only", "w-503-poll-1", "--settings", "settings.yaml")
    rehearse(here, *drills, code=BY_PASSWORD)
    recording = Path("out/w-503-poll-1.rec.jsonl").read_text()
    assert '"type":"job.accepted"' in recording and '"type":"fault.struck"' in recording
    assert '"user":"maria"' in recording or "«user:maria»" in recording
    how = "it is for roles BUYER: ask as LAB_USER with LAB_PASSWORD (grant password, or a login)"
    assert how in rehearse(here, *drills, code="1/0").out


@pytest.mark.parametrize(
    ("callers", "words"),
    [("{users: [nobody]}", "users nobody"), ("{roles: [CHIEF], clients: [demo]}", "roles CHIEF; clients demo")],
)
def test_where_nobody_can_ask_it_is_refused_before_the_client_begins(here: Lab, callers: str, words: str) -> None:
    write(callers)
    for how in (("brief.yaml",), ("--drills", "brief.yaml"), ("--search", "brief.yaml")):
        called = rehearse(here, *how, "--settings", "settings.yaml", code="open('begun', 'w')")
        assert called.code == 2 and not Path("begun").exists()
        assert f"The scenario is for {words}: nobody here can ask for it.\n  Name a --settings FILE" in called.err


def test_variables_of_the_clients_own_hold_the_user_too(here: Lab) -> None:
    write(FOR_BUYERS)
    code = "import os, sys; sys.exit(os.environ['WHO'])"
    called = rehearse(here, "brief.yaml", "--settings", "settings.yaml", "--env", "WHO={user}:{password}", code=code)
    assert "| maria:lab-password-maria" in called.out


@pytest.mark.parametrize("more", [(), ("two.yaml",)])
def test_a_server_of_one_scenario_for_users_says_who_may_ask(here: Lab, more: tuple[str, ...]) -> None:
    write(FOR_BUYERS)
    Path("two.yaml").write_text(BRIEF.replace("name: brief", "name: two"))
    how = ("--settings", "settings.yaml", "--json")
    with serving("brief.yaml", *more, *how, cwd=Path.cwd()) as process:
        ready = listening(process)
    assert (ready.get("user"), ready.get("password")) == ((None, None) if more else ("maria", "lab-password-maria"))


def test_the_line_to_try_asks_as_that_user(here: Lab) -> None:
    write(FOR_BUYERS)
    with serving("brief.yaml", "--settings", "settings.yaml", cwd=Path.cwd()) as process:
        lines = ""
        while "curl" not in lines:
            lines += process.stdout.readline()
    assert "  user           maria\n  password       lab-password-maria\n" in lines
    assert (
        "-d grant_type=password --data-urlencode username=maria --data-urlencode password=lab-password-maria" in lines
    )
