"""What flags and environment become."""

from argparse import Namespace

import pytest

from lab.cli.console import Console
from lab.cli.options import parse
from lab.cli.setup import switches, world
from lab.core.errors import UsageError
from lab.language.document import Switches
from lab.settings import Settings, settings
from tests.conftest import Lab

PEER = {
    "LAB_TOKEN_URL": "https://id.example/oauth2/v1/token",
    "LAB_CLIENT_ID": "app",
    "LAB_CLIENT_SECRET": "hush-hush",
    "LAB_SCOPE": "urn:x",
}


def asked(*argv: str, **env: str) -> Settings:
    return settings(parse(list(argv), Console()), env)


def test_defaults() -> None:
    got = asked("run", "item-comparison")
    assert (got.command, got.targets, got.seed, got.clock) == ("run", ("item-comparison",), None, "real")
    assert (got.host, got.port, got.control_port, got.reviewer) == ("127.0.0.1", 0, 0, None)
    assert asked("serve").port == 8080
    assert asked("demo").targets == ("item-comparison",)


def test_a_switch_that_can_not_be_set_so_is_told_by_where_it_was_set() -> None:
    for given, told in (
        (asked("serve", "--set", "hints=maybe"), "--set hints: a switch is on or off"),
        (asked("serve", LAB_INVOKE_STATUS="201"), "LAB_INVOKE_STATUS: "),
        (asked("serve", "--set", "pod=A B"), "--set pod: "),
    ):
        with pytest.raises(UsageError, match=told):
            switches(given)
    assert switches(asked("serve", "--set", "pod=123", "--set", "invoke_status=200")) == Switches(
        pod="123", invoke_status=200
    )


def test_every_value_that_the_contract_names_can_be_set_anywhere(lab: Lab) -> None:
    for name, word, held in (
        ("sse_heartbeat", "off", 0), ("sse_heartbeat", "15s", 15_000),
        ("conversational_default", "true", True), ("conversational_default", "false", False),
        ("conversational_default", "on", True),
    ):  # fmt: skip
        (lab.folder / "lab.yaml").write_text(f"{name}: {word}\n")
        for given in (
            asked("serve", "--set", f"{name}={word}"),
            asked("serve", **{f"LAB_{name.upper()}": word}),
            asked("serve", "--settings", str(lab.folder / "lab.yaml")),
        ):
            assert getattr(switches(given), name) == held


def test_flags_win_over_a_scenario_and_a_scenario_over_the_environment(lab: Lab) -> None:
    (lab.folder / "mine.yaml").write_text(
        "lab: 1\nname: mine\ntitle: Mine\nagent: {code: MINE}\nask: x\nsettings: {invoke_status: 200, body: minimal}\n"
        "steps:\n  - {complete: end, output: done}\n"
    )
    env = {"LAB_BODY": "full", "LAB_HINTS": "off"}
    for argv, got in (((), (200, "minimal", False)), (("--set", "body=full"), (200, "full", False))):
        made = world(asked("serve", str(lab.folder / "mine.yaml"), *argv, **env)).config
        held = made.switches
        assert (held.invoke_status, held.body, held.hints) == got
        both = world(asked("serve", str(lab.folder / "mine.yaml"), "item-comparison", *argv, **env)).config
        assert (both.switches.invoke_status, both.switches.body) == (202, "full")
        held = both.switches_of(both.scenarios[0].scenario)
        assert (held.invoke_status, held.body, held.hints) == got


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "lab.example", ""])
def test_a_host_of_the_network_must_be_meant(host: str) -> None:
    with pytest.raises(UsageError, match="--i-know-this-is-exposed"):
        asked("serve", "--host", host)
    assert asked("serve", "--host", host, "--i-know-this-is-exposed").host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_a_host_of_this_machine_needs_no_second_word(host: str) -> None:
    assert asked("serve", "--host", host).host == host


def test_a_public_base_is_an_origin() -> None:
    assert asked("serve").base is None
    assert asked("serve", "--base", "https://lab.example:8443/").base == "https://lab.example:8443"
    assert asked("serve", "--base", "http://[::1]:80").base == "http://[::1]:80"
    for wrong in ("lab.example", "https://lab.example/path", "ftp://x", "https://a@b", "https://x\n"):
        with pytest.raises(UsageError, match="--base"):
            asked("serve", "--base", wrong)


def test_a_flag_wins_over_the_environment() -> None:
    assert asked("run", "x", LAB_SEED="7").seed == 7
    assert asked("run", "x", "--seed", "8", LAB_SEED="7").seed == 8
    assert switches(asked("run", "x", LAB_HINTS="off", LAB_POD="p1", LAB_OTHER="1")) == Switches(hints=False, pod="p1")
    assert switches(asked("run", "x", "--set", "hints=on", LAB_HINTS="off")) == Switches(hints=True)
    assert switches(asked("run", "x", "--profile", "rfc", "--set", "ecid=on")).error_body == "problem"


@pytest.mark.parametrize("port", ["0", "1", "65535"])
def test_ports_in_range(port: str) -> None:
    assert asked("serve", "--port", port, "--control-port", port).port == int(port)


@pytest.mark.parametrize("port", ["-1", "65536", "99999", "80a", "", "1.5"])
@pytest.mark.parametrize("option", ["--port", "--control-port"])
def test_a_port_out_of_range_names_the_option(option: str, port: str) -> None:
    with pytest.raises(UsageError, match=f"^{option} .* out of range") as caught:
        asked("serve", f"{option}={port}")
    assert "65535" in caught.value.hint


@pytest.mark.parametrize("seed", ["-1", str(2**63), "seven"])
def test_a_seed_out_of_range(seed: str) -> None:
    with pytest.raises(UsageError, match="--seed"):
        asked("run", "x", f"--seed={seed}")


def test_a_seed_at_its_edges() -> None:
    assert asked("run", "x", "--seed=0").seed == 0
    assert asked("run", "x", f"--seed={2**63 - 1}").seed == 2**63 - 1


@pytest.mark.parametrize(
    ("argv", "clock", "factor", "instant"),
    [
        (["--speed", "instant"], "real", "1", True),
        (["--speed", "20"], "scaled", "20", False),
        (["--speed", "0.5"], "scaled", "0.5", False),
        (["--clock", "scaled:20"], "scaled", "20", False),
        (["--clock", "manual"], "manual", "1", False),
        (["--clock", "real"], "real", "1", False),
    ],
)
def test_clocks(argv: list[str], clock: str, factor: str, instant: bool) -> None:
    got = asked("run", "x", *argv)
    assert (got.clock, got.factor, got.instant) == (clock, factor, instant)


@pytest.mark.parametrize("text", ["scaled", "scaled:0", "scaled:-1", "scaled:x", "scaled:1e3", "warp", "manual:2", ""])
def test_a_clock_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="--clock"):
        asked("serve", f"--clock={text}")


@pytest.mark.parametrize("text", ["0", "-3", "fast", "1e999"])
def test_a_speed_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="--speed"):
        asked("run", "x", f"--speed={text}")


def test_a_peer_needs_its_credentials() -> None:
    got = asked("run", "x", "--base", "https://pod.example/", **PEER)
    assert got.peer is not None
    assert got.peer.base == "https://pod.example"
    assert "hush-hush" not in repr(got)
    with pytest.raises(UsageError, match="LAB_CLIENT_SECRET, LAB_SCOPE"):
        asked("run", "x", "--base", "https://pod.example", LAB_TOKEN_URL="u", LAB_CLIENT_ID="c")
    with pytest.raises(UsageError, match="no origin"):
        asked("run", "x", "--base", "pod.example", **PEER)


def test_set_needs_a_value() -> None:
    with pytest.raises(UsageError, match="--set hints"):
        asked("run", "x", "--set", "hints")


def test_flags_that_a_command_lacks_have_defaults() -> None:
    assert settings(Namespace(command="show", targets="x"), {}).targets == ("x",)


@pytest.mark.parametrize(
    "argv",
    [
        "run x --speed instant --port 8080", "run x --speed instant --control-port 0",
        "demo x --speed instant --host 127.0.0.1", "run x --base http://h --seed 1", "demo x --base http://h --port 1",
        "run x --base http://h --set pod=a", "run x --base http://h --speed instant", "run x --base http://h --clock manual",
    ],
)  # fmt: skip
def test_an_option_that_would_do_nothing_is_refused(argv: str) -> None:
    with pytest.raises(UsageError, match=r"can't be used|whose clock"):
        asked(*argv.split(), **PEER)


def test_options_that_do_something_are_taken() -> None:
    assert asked("run", "x", "--port", "8080", "--control-port", "8081").port == 8080
    assert asked("run", "x", "--speed", "instant", "--seed", "1", "--set", "pod=a").instant
    assert asked("run", "x", "--base", "http://h", "--speed", "20", **PEER).factor == "20"
    assert (asked("run", "x").port, asked("serve", "x").port) == (0, 8080)
