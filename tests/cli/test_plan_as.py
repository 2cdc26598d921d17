"""`lab check --plan --as USER`: what comes if a certain user asks."""

from pathlib import Path

import pytest

from tests.conftest import Lab

LIMIT = """\
lab: 1
name: limit
title: A limit by role
agent: {code: LIMITS}
ask: go
seed: 3
steps:
  - work: look
    takes: 2s
    next:
      - {when: "{{ user is not none and 'BUYER' in user.roles }}", to: high}
      - {to: low}
  - complete: high
    output: "{{ user.display }}, by {{ client.id }}: 900"
  - complete: low
    output: "{{ user.name if user is not none else 'Nobody' }}: 100"
faults:
  - {route: status, user: tom, answer: 503}
"""
SETTINGS = """\
accounts:
  users:
    - {name: maria, password: lab-password-maria, display: Maria Moser, roles: [BUYER, CLERK]}
    - {name: tom, password: lab-password-tom}
  clients:
    - {id: batch, secret: lab-secret-batch, grants: [client_credentials]}
    - {id: portal, secret: lab-secret-portal}
"""


@pytest.fixture
def plan(lab: Lab):
    """The lines of the plan of a scenario, as written and as asked for."""
    Path("settings.yaml").write_text(SETTINGS)

    def lines(*how: str, text: str = LIMIT, code: int = 0) -> list[str]:
        Path("limit.yaml").write_text(text)
        done = lab("check", "limit.yaml", "--plan", *how)
        assert done.code == code, done.err
        return [each for each in done.lines if "warning" not in each]

    return lines


def for_(text: str) -> str:
    return LIMIT.replace("ask: go", f"ask: go\nfor: {text}")


@pytest.mark.parametrize(
    ("user", "who", "branch", "output", "struck"),
    [
        (
            "maria",
            "maria (BUYER, CLERK), by portal",
            "if {{ user is not none",
            "Maria Moser, by portal: 900",
            "no poll",
        ),
        ("tom", "tom (no roles), by portal", "else", "tom: 100", "poll 1: status-503"),
        ("jane", "jane (no roles), by portal", "else", "jane: 100", "no poll"),
    ],
)
def test_conditions_texts_and_faults_are_settled_for_that_user(
    plan, user: str, who: str, branch: str, output: str, struck: str
) -> None:
    lines = plan("--settings", "settings.yaml", "--as", user)
    assert lines[0] == "limit · A limit by role · seed 3"
    assert lines[1] == f"  as {who}"
    (taken,) = (each.partition(": ")[2] for each in lines if "-> " in each)
    assert taken.startswith(branch)
    assert any(each.endswith(output) for each in lines)
    assert lines[-1].split("the job  ")[1] == struck


def test_without_a_settings_file_there_is_the_user_of_every_lab(plan) -> None:
    assert plan("--as", "jane")[1] == "  as jane (no roles), by demo"


@pytest.mark.parametrize(
    ("callers", "line"),
    [
        ("{clients: [demo]}", "  as tom (no roles), by demo"),
        ("{users: [maria, jane]}", "  not answered: it is for users maria, jane"),
        ("{roles: [BUYER], clients: [portal, demo]}", "  not answered: it is for roles BUYER; clients portal, demo"),
        ("{clients: [batch]}", "  not answered: it is for clients batch"),  # which may have no user's token
    ],
)
def test_for_leaves_a_user_out_or_names_the_client(plan, callers: str, line: str) -> None:
    lines = plan("--settings", "settings.yaml", "--as", "tom", text=for_(callers))
    assert line in (lines[-1], lines[1])
    assert (len(lines) == 3) == line.startswith("  not")


def test_who_lacks_the_teams_role_is_refused_as_the_team_refuses(plan) -> None:
    how = ("--settings", "settings.yaml", "--as", "tom")
    closed = LIMIT.replace("{code: LIMITS}", "{code: LIMITS, roles: [BUYER]}")
    assert plan(*how, text=closed)[2:] == ["  refused with 403: it takes one of the roles BUYER"]
    lines = plan(*how, text=closed.replace("[BUYER]}", "[BUYER], refuses: job}"))
    assert any("RUNNING  admission" in each for each in lines)
    assert any("ERROR    refused" in each for each in lines)
    assert any("Maria Moser" in each for each in plan("--settings", "settings.yaml", "--as", "maria", text=closed))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (("--plan", "--as", "mario", "--settings", "settings.yaml"), "There is no user mario.\n  Did you mean maria?"),
        (("--plan", "--as", "maria"), "There is no user maria.\n  Users there: jane."),
        (("--as", "jane"), "--as does nothing without --plan."),
    ],
)
def test_a_user_who_is_not_there_or_no_plan_is_refused(lab: Lab, how: tuple[str, ...], said: str) -> None:
    Path("settings.yaml").write_text(SETTINGS)
    Path("limit.yaml").write_text(LIMIT)
    done = lab("check", "limit.yaml", *how)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
