"""Many jobs, asked for by whoever the scenario is for, or by the user who is named."""

import json
from pathlib import Path

import pytest

from tests.cli.test_who_asks import BUYERS, HEAD, REST, SETTINGS
from tests.conftest import Lab


def test_many_jobs_are_simulated_for_whom_the_scenario_is(lab: Lab) -> None:
    Path("buyers-quota.yaml").write_text(HEAD + BUYERS)
    Path("settings.yaml").write_text(SETTINGS)
    call = ("simulate", "./buyers-quota.yaml", "--jobs", "3", "--seed", "1", "--json")
    done = lab(*call, "--settings", "settings.yaml")
    assert json.loads(done.out)["scenario"] == "buyers-quota" and done.err == ""
    named = lab(*call, "--settings", "settings.yaml", "--as", "maria")
    assert (named.out, named.err) == (done.out, "")
    for who, how in (("a token without a user", ()), ("tom", ("--settings", "settings.yaml", "--as", "tom"))):
        left_out = lab(*call, *how)
        assert json.loads(left_out.out)["scenario"] == "unmatched"
        assert f"note: buyers-quota doesn't answer {who}, by demo: it is for roles BUYER." in left_out.err
        assert "--as USER" in left_out.err
    unknown = lab(*call, "--settings", "settings.yaml", "--as", "mario")
    assert (unknown.code, unknown.out) == (2, "") and "maria" in unknown.err


@pytest.mark.parametrize("refuses", ["request", "job"])
def test_many_jobs_of_a_team_with_roles_are_simulated_as_the_user_who_is_named(lab: Lab, refuses: str) -> None:
    agent = f"agent: {{code: QUOTA, roles: [BUYER], refuses: {refuses}}}"
    text = (HEAD + BUYERS).replace("agent: {code: QUOTA}", agent).replace("for: {roles: [BUYER]}\n", "")
    Path("buyers-quota.yaml").write_text(text)
    Path("settings.yaml").write_text(SETTINGS)
    call = ("simulate", "./buyers-quota.yaml", "--jobs", "3", "--seed", "1", "--json", "--settings", "settings.yaml")
    ended = [(each["step"], each["duration"]["count"]) for each in json.loads(lab(*call, "--as", "maria").out)["ended"]]
    assert ended == [("quota", 3)]
    nobody, tom = lab(*call), lab(*call, "--as", "tom")
    assert nobody.code == 2 and "--as USER says who asks" in nobody.err
    assert "roles BUYER" in tom.err if refuses == "job" else "role that gives access to QUOTA: BUYER" in tom.err
    assert tom.code == (0 if refuses == "job" else 2) and "--as USER says who asks" in tom.err


def test_a_user_asks_by_a_client_that_may_ask_for_users(lab: Lab) -> None:
    machine = "  clients:\n    - {id: demo, secret: lab-secret-demo, grants: [client_credentials]}\n"
    Path("settings.yaml").write_text(SETTINGS + machine)
    Path("quota.yaml").write_text(HEAD + REST)
    call = ("simulate", "./quota.yaml", "--jobs", "3", "--seed", "1", "--settings", "settings.yaml", "--as", "tom")
    assert lab(*call).code == 2 and "Give one the grant password" in lab(*call).err
    portal = "    - {id: portal, secret: lab-secret-portal}\n"
    Path("settings.yaml").write_text(SETTINGS + machine + portal)
    assert lab(*call).code == 0
