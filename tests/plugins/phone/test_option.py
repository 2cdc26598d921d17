"""`lab demo --phone`: what it takes, what it refuses, and a decision from end to end."""

import re
import socket
import sys
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from lab.cli.entropy import CODE_SIGNS, gate_code
from lab.cli.panels import panel_given
from lab.cli.run_settings import DemoSettings
from lab.cli.setup import make_setup
from lab.core.errors import HostError, UsageError
from lab.options import addition
from lab.plugins.phone.options import PhoneSettings
from lab.plugins.phone.panel import phone_panel
from lab.settings import MockSettings
from tests.cli.test_demo import OUTSIDE, demo
from tests.conftest import each_row
from tests.settings import settings_of
from tests.terminal import ROOT, Terminal


def demo_asked(*argv: str) -> DemoSettings:
    return settings_of(DemoSettings, ["demo", *argv])


def phone_asked(*argv: str) -> PhoneSettings:
    found = addition(demo_asked(*argv).additions, PhoneSettings)
    assert found is not None
    return found


@each_row(
    ("argv", "host", "port"),
    [
        (["--phone"], "127.0.0.1", 0), (["--phone=127.0.0.1:9000"], "127.0.0.1", 9000), (["--phone=:9000"], "127.0.0.1", 9000),
        (["--phone=localhost"], "localhost", 0), (["--phone=[::1]:80"], "::1", 80),
        (["--phone=0.0.0.0:8123", "--i-know-this-is-exposed"], "0.0.0.0", 8123),
        (["--phone=[::]", "--i-know-this-is-exposed"], "::", 0),
    ],
)  # fmt: skip
def test_it_names_where_the_page_listens(argv: list[str], host: str, port: int) -> None:
    assert phone_asked(*argv).place == (host, port)


def test_it_takes_no_scenario_for_its_value() -> None:
    assert phone_asked("--phone", "approval").place == ("127.0.0.1", 0)
    assert demo_asked("--phone", "approval").mock.targets == ("approval",)
    assert panel_given(demo_asked("approval")) is None


@each_row(
    ("argv", "why"),
    [
        (["--phone=0.0.0.0"], "can be reached by others"), (["--phone=example.com:80"], "can be reached by others"),
        (["--phone=a b"], "no address"), (["--phone=127.0.0.1:99999"], "out of range"), (["--phone=http://x"], "no address"),
    ],
)  # fmt: skip
def test_an_address_that_is_none_or_exposed_unawares_is_refused(argv: list[str], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        panel_given(demo_asked(*argv))


def test_a_code_is_six_signs_that_are_not_taken_for_each_other() -> None:
    codes = {gate_code() for _ in range(200)}
    assert len(codes) == 200 and all(re.fullmatch(f"[{CODE_SIGNS}]{{6}}", code) for code in codes)
    assert not set("01IO") & set(CODE_SIGNS)


@each_row(
    ("argv", "why"),
    [
        (["demo", "--phone", "--plain"], "here is none"), (["demo", "--phone", "--json"], "here is none"),
        (["demo", "--phone", "--base", "http://127.0.0.1:9"], "can't be used with --base"), (["play", "x", "--phone"], "an option of lab demo"),
        (["watch", "127.0.0.1:9", "--phone"], "an option of lab demo"), (["demo", "--phone=0.0.0.0"], "can be reached"),
    ],
)  # fmt: skip
def test_where_no_phone_can_decide_it_is_refused(argv: list[str], why: str) -> None:
    assert_refused(argv, why)


def assert_refused(argv: list[str], why: str) -> None:
    """On a terminal, with a peer to speak to: it is for no lack of those."""
    environment = dict.fromkeys(("LAB_TOKEN_URL", "LAB_CLIENT_ID", "LAB_CLIENT_SECRET", "LAB_SCOPE"), "http://x")
    with Terminal(argv, forked=True, environment=environment) as shown:
        assert shown.ended() == 2
        assert why in shown.text.replace("\n", " ")


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    monkeypatch.delitem(sys.modules, "lab.plugins.phone.panel")
    with pytest.raises(UsageError, match="--phone needs segno") as refused:
        panel_given(demo_asked("--phone"))
    assert "invoke-async-lab[phone]" in refused.value.hint


async def test_a_port_in_use_is_the_hosts_refusal_and_every_address_is_named_by_one() -> None:
    setup = make_setup(MockSettings(scenarios=str(ROOT / "scenarios"), targets=("approval",)))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(HostError, match="can't listen") as refused:
            async with phone_panel(phone_asked(f"--phone=127.0.0.1:{taken.getsockname()[1]}"))(setup):
                pass
        assert refused.value.exit_code == 4


def test_a_phone_decides_and_the_next_one_reads_it(tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text(OUTSIDE)
    with demo(tmp_path, "./outside.yaml", "--phone", "--speed", "20") as shown:
        shown.until(lambda seen: "PHONE" in seen.text and "Begin" in seen.text)
        shown.press(" ")
        captions = ("/G/", "scan to decide", "this machine only", "▄▀")
        shown.until(lambda seen: "4 OUTPUT" in seen.text and all(each in seen.text for each in captions))
        shown.press("p")
        shown.until(lambda seen: "4 OUTPUT" not in seen.text and all(each in seen.text for each in captions))
        shown.press("p")
        address = re.compile(r"http://127\.0\.0\.1:\d+/G/\w{6}")
        shown.until(lambda seen: "4 OUTPUT" in seen.text and address.search(seen.text) is not None)
        found = address.search(shown.text)
        assert found is not None
        with urlopen(found[0], urlencode({"verdict": "rejected"}).encode(), timeout=10) as answer:
            assert "decided: rejected" in answer.read().decode()
        shown.until(lambda seen: "by phone" in seen.text)
        with urlopen(found[0], timeout=10) as answer:
            assert "decided: rejected" in answer.read().decode()
        shown.press_at("COMPLETE", "\x11")
        assert shown.ended() == 0
