"""What flags and environment become."""

import pytest

from lab.cli.run_settings import AnyRunSettings, DemoSettings, RunSettings
from lab.cli.serve.settings import ServeSettings
from lab.cli.setup import make_setup, server_switches
from lab.core.clock import LAST_WALL
from lab.core.errors import UsageError
from lab.program.switches import Switches
from lab.settings import ClockSettings
from tests.conftest import Lab, each_row
from tests.settings import settings_of

PEER = {
    "LAB_TOKEN_URL": "https://id.example/oauth2/v1/token",
    "LAB_CLIENT_ID": "app",
    "LAB_CLIENT_SECRET": "hush-hush",
    "LAB_SCOPE": "urn:x",
}


def run(*argv: str, **env: str) -> RunSettings:
    return settings_of(RunSettings, ["run", "x", *argv], env)


def serve(*argv: str, **env: str) -> ServeSettings:
    return settings_of(ServeSettings, ["serve", *argv], env)


def test_defaults() -> None:
    got = run().mock
    assert (got.targets, got.seed, got.clock) == (("x",), None, ClockSettings("real"))
    assert (got.listen.host, got.listen.port, got.listen.control_port, got.reviewer) == ("127.0.0.1", 0, 0, None)
    assert serve().mock.listen.port == 8080
    assert settings_of(DemoSettings, ["demo"]).mock.targets == ("item-comparison",)


def test_a_switch_that_can_not_be_set_so_is_told_by_where_it_was_set() -> None:
    for given, why in (
        (serve("--set", "hints=maybe"), "--set hints: a switch is on or off"),
        (serve(LAB_INVOKE_STATUS="201"), "LAB_INVOKE_STATUS: "),
        (serve("--set", "pod=A B"), "--set pod: "),
    ):
        with pytest.raises(UsageError, match=why):
            server_switches(given.mock.switches)
    assert server_switches(serve("--set", "pod=123", "--set", "invoke_status=200").mock.switches) == Switches(
        pod="123", invoke_status=200
    )


def test_every_value_that_the_contract_names_can_be_set_anywhere(lab: Lab) -> None:
    for name, word, expected in (
        ("sse_heartbeat", "off", 0), ("sse_heartbeat", "15s", 15_000),
        ("conversational_default", "true", True), ("conversational_default", "false", False),
        ("conversational_default", "on", True),
    ):  # fmt: skip
        (lab.folder / "lab.yaml").write_text(f"{name}: {word}\n")
        for given in (
            serve("--set", f"{name}={word}"),
            serve(**{f"LAB_{name.upper()}": word}),
            serve("--settings", str(lab.folder / "lab.yaml")),
        ):
            assert getattr(server_switches(given.mock.switches), name) == expected


def test_flags_win_over_a_scenario_and_a_scenario_over_the_environment(lab: Lab) -> None:
    (lab.folder / "mine.yaml").write_text(
        "lab: 1\nname: mine\ntitle: Mine\nagent: {code: MINE}\nask: x\nsettings: {invoke_status: 200, types: strict}\n"
        "steps:\n  - {complete: end, output: done}\n"
    )
    env = {"LAB_TYPES": "lenient", "LAB_HINTS": "off"}
    for argv, got in (((), (200, "strict", False)), (("--set", "types=lenient"), (200, "lenient", False))):
        config = make_setup(serve(str(lab.folder / "mine.yaml"), *argv, **env).mock).config
        switches = config.switches
        assert (switches.invoke_status, switches.types, switches.hints) == got
        both = make_setup(serve(str(lab.folder / "mine.yaml"), "item-comparison", *argv, **env).mock).config
        assert (both.switches.invoke_status, both.switches.types) == (202, "lenient")
        switches = both.switches_of(both.scenarios[0].scenario)
        assert (switches.invoke_status, switches.types, switches.hints) == got


@each_row("host", ["0.0.0.0", "::", "10.0.0.1", "lab.example", ""])
def test_a_host_of_the_network_must_be_meant(host: str) -> None:
    with pytest.raises(UsageError, match="--i-know-this-is-exposed"):
        serve("--host", host)
    assert serve("--host", host, "--i-know-this-is-exposed").mock.listen.host == host


@each_row("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_a_host_of_this_machine_needs_no_second_word(host: str) -> None:
    assert serve("--host", host).mock.listen.host == host


def test_a_public_base_is_an_origin() -> None:
    assert serve().mock.base is None
    assert serve("--base", "https://lab.example:8443/").mock.base == "https://lab.example:8443"
    assert serve("--base", "http://[::1]:80").mock.base == "http://[::1]:80"
    for wrong in ("lab.example", "https://lab.example/path", "ftp://x", "https://a@b", "https://x\n"):
        with pytest.raises(UsageError, match="--base"):
            serve("--base", wrong)


def test_a_flag_wins_over_the_environment() -> None:
    assert run(LAB_SEED="7").mock.seed == 7
    assert run("--seed", "8", LAB_SEED="7").mock.seed == 8
    assert server_switches(run(LAB_HINTS="off", LAB_POD="p1", LAB_OTHER="1").mock.switches) == Switches(
        hints=False, pod="p1"
    )
    assert server_switches(run("--set", "hints=on", LAB_HINTS="off").mock.switches) == Switches(hints=True)
    assert server_switches(run("--profile", "rfc", "--set", "jwks_auth=on").mock.switches).error_body == "problem"


def test_an_epoch_has_a_date_and_some_time_before_dates_end() -> None:
    assert serve("--epoch", str(LAST_WALL)).mock.epoch == LAST_WALL
    for wrong in (LAST_WALL + 1, 253_402_300_799, -1):
        with pytest.raises(UsageError, match=r"^--epoch .* out of range"):
            serve(f"--epoch={wrong}")


@each_row("port", ["0", "1", "65535"])
def test_ports_in_range(port: str) -> None:
    assert serve("--port", port, "--control-port", port).mock.listen.port == int(port)


@each_row("port", ["-1", "65536", "99999", "80a", "", "1.5"])
@each_row("option", ["--port", "--control-port"])
def test_a_port_out_of_range_names_the_option(option: str, port: str) -> None:
    with pytest.raises(UsageError, match=f"^{option} .*(out of range|no whole number)") as caught:
        serve(f"{option}={port}")
    assert "65535" in caught.value.hint


@each_row("seed", ["-1", str(2**63), "seven"])
def test_a_seed_out_of_range(seed: str) -> None:
    with pytest.raises(UsageError, match="--seed"):
        run(f"--seed={seed}")


def test_a_seed_at_its_edges() -> None:
    assert run("--seed=0").mock.seed == 0
    assert run(f"--seed={2**63 - 1}").mock.seed == 2**63 - 1


@each_row(
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
    got = run(*argv)
    assert got.mock.clock == ClockSettings(clock, factor, instant)


@each_row("text", ["scaled", "scaled:0", "scaled:-1", "scaled:x", "scaled:1e3", "warp", "manual:2", ""])
def test_a_clock_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match=f"^--clock {text}: no kind of clock"):
        serve(f"--clock={text}")


@each_row("text", ["0", "-3", "fast", "1e999"])
def test_a_speed_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match=f"^--speed {text}: no speed"):
        run(f"--speed={text}")


def test_a_peer_needs_its_credentials() -> None:
    got = run("--base", "https://pod.example/", **PEER)
    assert got.peer is not None
    assert got.peer.base == "https://pod.example"
    assert "hush-hush" not in repr(got)
    with pytest.raises(UsageError, match="LAB_CLIENT_SECRET, LAB_SCOPE"):
        run("--base", "https://pod.example", LAB_TOKEN_URL="u", LAB_CLIENT_ID="c")
    with pytest.raises(UsageError, match="no origin"):
        run("--base", "pod.example", **PEER)


def test_set_needs_a_value() -> None:
    with pytest.raises(UsageError, match="--set hints"):
        run("--set", "hints")


@each_row(
    "argv",
    [
        "run x --speed instant --port 8080", "run x --speed instant --control-port 0",
        "demo x --speed instant --host 127.0.0.1", "run x --base http://h --seed 1", "demo x --base http://h --port 1",
        "run x --base http://h --set pod=a", "run x --base http://h --speed instant", "run x --base http://h --clock manual",
    ],
)  # fmt: skip
def test_an_option_that_would_do_nothing_is_refused(argv: str) -> None:
    with pytest.raises(UsageError, match=r"can't be used with"):
        settings_of(AnyRunSettings, argv.split(), PEER)


def test_options_that_do_something_are_taken() -> None:
    assert run("--port", "8080", "--control-port", "8081").mock.listen.port == 8080
    assert run("--speed", "instant", "--seed", "1", "--set", "pod=a").mock.clock.instant
    assert run("--base", "http://h", "--speed", "20", **PEER).mock.clock.factor == "20"
    assert (run().mock.listen.port, serve("x").mock.listen.port) == (0, 8080)
