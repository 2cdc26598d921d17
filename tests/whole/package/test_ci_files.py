"""What other tools read, for CI and for containers: it parses, and what it has the lab do is there."""

import json
import re
import shlex
import tomllib
from typing import Any

import yaml

from lab.cli.console import Console
from lab.cli.parser import read_call
from lab.cli.serve.settings import ServeSettings
from tests.conftest import ROOT
from tests.settings import settings_of

GITHUB = ROOT / ".github"
TOKEN = "x" * 16


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def served(argv: list[str]) -> ServeSettings:
    return settings_of(ServeSettings, argv, {"LAB_CONTROL_TOKEN": TOKEN})


def test_the_hook_takes_scenarios_and_recordings() -> None:
    (hook,) = read(".pre-commit-hooks.yaml")
    assert read_call([*shlex.split(hook["entry"])[1:], "a.yaml"], Console()).command.name == "check"
    taken = [
        name for name in ("scenarios/a.yaml", "x/scenarios/a.yml", "r.rec.jsonl") if re.search(hook["files"], name)
    ]
    left = [name for name in ("a.yaml", "scenarios/x/a.yaml", "scenarios/a.json") if re.search(hook["files"], name)]
    assert (len(taken), left) == (3, [])


ACTION = read(".github/actions/lab/action.yml")


def test_each_step_of_the_action_names_only_what_there_is() -> None:
    text = (GITHUB / "actions/lab/action.yml").read_text()
    steps = {step["id"] for step in ACTION["runs"]["steps"] if "id" in step}
    assert set(re.findall(r"\binputs\.([\w-]+)", text)) == set(ACTION["inputs"])
    assert set(re.findall(r"\bsteps\.([\w-]+)", text)) <= steps
    for step in ACTION["runs"]["steps"]:
        names = set(re.findall(r"\$([A-Z]+)\b", step.get("run", "")))
        assert names == set(step.get("env", {})), "inputs reach bash as variables, never as text of its script"
        assert "${{" not in step.get("run", "")


def test_the_commands_of_the_action_are_the_labs() -> None:
    lines = re.findall(r'^ *"\$LAB" (.+)$', "\n".join(step.get("run", "") for step in ACTION["runs"]["steps"]), re.M)
    values = {"$PATHS": "x", "$OPTIONS": "--drills quick --limit 5m"}
    commands = []
    for line in lines:
        argv = [word for each in shlex.split(line) for word in values.get(each, each).split()]
        commands.append(read_call(argv, Console()).command.name)
    assert commands == ["check", "replay", "rehearse"]


def instructions() -> dict[str, str]:
    """The last of each kind in the Dockerfile."""
    return dict(line.split(" ", 1) for line in (GITHUB / "Dockerfile").read_text().splitlines() if line[:1].isupper())


def test_the_container_serves_as_nobodys_root_and_its_health_is_asked_where_it_listens() -> None:
    last = instructions()
    listen = served(json.loads(last["CMD"])).mock.listen
    assert (json.loads(last["ENTRYPOINT"]), last["USER"], last["EXPOSE"]) == (["lab"], "10001", "8080 8081")
    assert (listen.host, listen.port, listen.control_port) == ("0.0.0.0", 8080, 8081)
    program = json.loads(last["HEALTHCHECK"].partition("CMD ")[2])[2]
    compile(program, "health check", "exec")
    assert f"http://127.0.0.1:{listen.control_port}/_lab/health" in program


def test_the_image_is_made_of_what_the_build_needs() -> None:
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (GITHUB / "Dockerfile").read_text(), re.M)
    names = {name for line in copied for name in line.split()}
    assert names == {"pyproject.toml", "README.md", ".github", "lab", "scenarios", "recordings"}
    assert all((ROOT / name).exists() for name in names)


def test_services_reach_the_plane_of_the_composed_one_by_its_name() -> None:
    ((name, service),) = read(".github/compose.yaml")["services"].items()
    assert (GITHUB / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    settings = served(service["command"])
    assert settings.control.names == (name,)
    listen = settings.mock.listen
    assert service["ports"] == [f"127.0.0.1:{port}:{port}" for port in (listen.port, listen.control_port)]
    assert service["environment"]["LAB_CONTROL_TOKEN"].startswith("${LAB_CONTROL_TOKEN:?")


WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in sorted((GITHUB / "workflows").glob("*.yml"))}
STEPS = [step for flow in WORKFLOWS.values() for job in flow["jobs"].values() for step in job["steps"]]


def test_every_workflow_may_read_only_and_names_what_there_is() -> None:
    assert all(flow["permissions"] == {"contents": "read"} for flow in WORKFLOWS.values())
    lines = [step["run"].partition(" #")[0].split() for step in STEPS if "run" in step]
    for line in lines:
        if line[0] == "lab":
            assert read_call(line[1:], Console()).command.name == line[1]
        named = [word for word in line if word.startswith(("tests/", ".ci/", ".github/"))]
        assert [word for word in named if not (ROOT / word).exists()] == []
    assert any(line[0] == "lab" for line in lines)
    own = [step for step in STEPS if step.get("uses", "").startswith("./")]
    assert own and all((ROOT / step["uses"] / "action.yml").is_file() for step in own)
    assert all(set(step["with"]) <= set(ACTION["inputs"]) for step in own)


def test_the_suite_runs_on_every_python_that_the_package_says_it_takes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    jobs = WORKFLOWS["systems.yml"]["jobs"]
    pythons = jobs["suite"]["strategy"]["matrix"]["python"]
    assert project["requires-python"] == f">={pythons[0]}"
    said = [each.rpartition(" :: ")[2] for each in project["classifiers"] if ":: Python :: 3." in each]
    assert set(said) <= set(pythons) and pythons == jobs["windows"]["strategy"]["matrix"]["python"]


def test_the_notes_for_agents_and_about_security_name_what_there_is() -> None:
    for name in ("AGENTS", "SECURITY"):
        for code in re.findall(r"`([^`]+)`", (GITHUB / f"{name}.md").read_text()):
            first, *rest = code.split()
            if first == "lab":
                assert read_call(rest, Console()).command.name == rest[0]
            elif first.startswith((".github/", ".ci/", "lab/")):
                assert (ROOT / first).exists(), code
