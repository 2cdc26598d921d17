"""The Compose file and the manifest of a team's lab: they say what the lab does, and a rolling restart loses nothing."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.cli.serve.settings import ServeSettings
from lab.server.control.routes import CONTROL_ROOT, CONTROL_ROUTES
from lab.server.limits import ServerLimits
from tests.deployed.by_hand import composed
from tests.deployed.load import CONTROL_TOKEN
from tests.deployed.rolling import COMPOSE, LABS, PROXY, rolled
from tests.settings import settings_of

PROXY_FILE = (COMPOSE.parent / "haproxy.cfg").read_text()
MANIFEST: dict[tuple[str, str], Any] = {
    (each["kind"], each["metadata"]["name"]): each
    for each in yaml.safe_load_all((COMPOSE.parent / "kubernetes.yaml").read_text())
}
ROUTES = {CONTROL_ROOT + row.path for row in CONTROL_ROUTES}


def served(argv: list[str], environment: dict[str, str]) -> ServeSettings:
    return settings_of(ServeSettings, argv, environment)


def longest_end(settings: ServeSettings) -> float:
    """Seconds that a lab may take to end."""
    return settings.drain / 1_000 + ServerLimits().grace


def test_the_composed_labs_share_a_store_and_end_in_time(tmp_path: Path) -> None:
    with composed(COMPOSE, tmp_path, {"LAB_CONTROL_TOKEN": CONTROL_TOKEN}) as team:
        services = team.services
        assert set(services) == {"redis", PROXY, *LABS}
        for name in LABS:
            settings = served(services[name]["command"], services[name]["environment"])
            assert settings.ledger.url == "redis://redis:6379/0"
            assert settings.control.names == (PROXY,) and settings.control.token == CONTROL_TOKEN
            assert 0 < longest_end(settings) < int(services[name]["stop_grace_period"].removesuffix("s"))
        ports = [each.rpartition(":")[2] for each in services[PROXY]["ports"]]
        assert ports == [str(settings.mock.listen.port), str(settings.mock.listen.control_port)] == ["8080", "8081"]


def test_a_workshop_says_how_many_tenants_it_has(tmp_path: Path) -> None:
    for said, tenants in (({}, 0), ({"LAB_TENANTS": "30"}, 30)):
        with composed(COMPOSE, tmp_path, {"LAB_CONTROL_TOKEN": CONTROL_TOKEN, **said}) as team:
            lab = team.services["lab-1"]
            assert served(lab["command"], lab["environment"]).tenants == tenants


def test_what_is_commented_out_fits_the_files() -> None:
    """With the lines for scenarios of one's own both files are read, and the labs look for them where they lie."""
    for name, labs in ((COMPOSE.name, 1 + len(LABS)), ("kubernetes.yaml", 1)):  # what Compose's labs share, and each
        text = (COMPOSE.parent / name).read_text()
        read = str(list(yaml.safe_load_all(re.sub(r"(?m)^( +)# (?=- |volumes:)", r"\1", text))))
        assert read.count("'--scenarios=/scenarios'") == labs
        assert read.count("/scenarios:ro'") + read.count("'mountPath': '/scenarios'") == labs


def test_the_store_is_full_before_it_is_killed() -> None:
    (container,) = MANIFEST["StatefulSet", "redis"]["spec"]["template"]["spec"]["containers"]
    most = container["args"][container["args"].index("--maxmemory") + 1]
    limit = container["resources"]["limits"]["memory"]
    assert int(most.removesuffix("mb")) << 20 < int(limit.removesuffix("Gi")) << 30
    assert yaml.safe_load(COMPOSE.read_text())["services"]["redis"]["mem_limit"] == "1g"


def test_the_proxy_knows_the_labs_and_asks_what_there_is() -> None:
    assert re.findall(r"^ +server (\S+) (\S+)$", PROXY_FILE, re.M) == [
        (name, f"{name}:{port}") for port in (8080, 8081) for name in LABS
    ]
    assert set(re.findall(r"GET (\S+)", PROXY_FILE)) == {"/_lab/ready"} <= ROUTES
    assert "retry-on conn-failure\n" in PROXY_FILE, "what a lab may have read isn't sent again"


def test_the_manifest_is_the_labs() -> None:
    pod = MANIFEST["Deployment", "lab"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    variables = {each["name"]: each.get("value", CONTROL_TOKEN) for each in container["env"]}
    settings = served(container["args"], variables)
    assert settings.ledger.url is not None and settings.ledger.url in COMPOSE.read_text()
    assert longest_end(settings) < pod["terminationGracePeriodSeconds"]
    assert not pod["enableServiceLinks"], "LAB_PORT and its like would be read as switches"
    probes = {name: container[name]["httpGet"] for name in ("livenessProbe", "readinessProbe", "startupProbe")}
    assert {each["port"] for each in probes.values()} == {"control"}
    assert probes["livenessProbe"]["path"] == probes["startupProbe"]["path"] == "/_lab/health"
    assert probes["readinessProbe"]["path"] == "/_lab/ready"
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"api": settings.mock.listen.port, "control": settings.mock.listen.control_port}
    for name in ("lab", "redis"):
        chosen = MANIFEST["Service", name]["spec"]["selector"]
        owner = MANIFEST["Deployment" if name == "lab" else "StatefulSet", name]
        assert owner["spec"]["template"]["metadata"]["labels"] == chosen


def test_both_start_the_store_alike() -> None:
    composed_store = yaml.safe_load(COMPOSE.read_text())["services"]["redis"]
    (container,) = MANIFEST["StatefulSet", "redis"]["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["args"]) == (composed_store["image"], composed_store["command"])


@pytest.mark.long
def test_a_rolling_restart_under_load_loses_no_call(tmp_path: Path) -> None:
    counts, downs, (jobs, decided) = rolled(tmp_path)
    assert downs == {name: [503, 200, 0] for name in LABS}, "unready, alive, and ended well"
    assert not counts.failed, counts.text()
    assert counts.jobs and counts.jobs <= jobs.keys() and set(jobs.values()) == {1}
    assert counts.decided and counts.decided <= decided.keys() and set(decided.values()) == {1}
    assert set(counts.runs) == {"exit 0, COMPLETE"}
