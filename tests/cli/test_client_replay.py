"""`lab replay --against` as a user and a CI job call it (recordings.md §6.3)."""

import json
import shutil
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from tests.cli.test_serve import HOW, listening
from tests.conftest import ROOT, Lab
from tests.forked import forked_lab

PACE = ("--pace", "x50")


@pytest.fixture
def recorded(lab: Lab) -> Lab:
    (lab.folder / "recordings").mkdir()
    for name in ("invoice-analysis", "wrong-badge"):
        shutil.copy(ROOT / "recordings" / f"{name}.rec.jsonl", lab.folder / "recordings")
    return lab


@pytest.fixture
def base(recorded: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A lab that hurries."""
    with forked_lab(*HOW, "--json", "--seed", "5", "--clock", "scaled:50", cwd=recorded.folder) as process:
        ready = listening(process)
        monkeypatch.setenv("LAB_CLIENT_SECRET", ready["client_secret"])
        yield ready["base_url"]


def test_several_recordings_are_held_against_a_server_in_every_form(
    recorded: Lab, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = "recordings"
    kept = recorded("replay", files, "--against", base, *PACE, "--out", "junit=j.xml")
    assert (kept.code, kept.lines[-1]) == (0, "2 passed, 0 failed"), kept.out
    case = next(ElementTree.parse(recorded.folder / "j.xml").iter("testcase"))
    assert (case.get("name"), case.get("classname")) == ("client", "recordings.invoice-analysis")
    monkeypatch.setenv("LAB_CLIENT_SECRET", "wrong-secret")
    as_json = recorded("replay", files, "--against", base, "--pace", "fast", "--json")
    assert as_json.code == 1
    first, *_, last = map(json.loads, as_json.lines)
    assert first["problems"][0]["what"].endswith("expected status 200, got 401") and last == {"passed": 0, "failed": 2}
    github = recorded("replay", files, "--against", base, "--pace", "fast", "--format", "github")
    assert "::error file=recordings/invoice-analysis.rec.jsonl,line=3,col=1,title=lab replay::POST" in github.out
    # a secret may stand in a settings file, too
    monkeypatch.delenv("LAB_CLIENT_SECRET")
    (recorded.folder / "s.yaml").write_text("accounts: {clients: [{id: demo, secret: not-the-secret}]}\n")
    again = recorded("replay", "wrong-badge", "--against", base, "--pace", "fast", "--settings", "s.yaml")
    assert again.code == 1 and "got 401" in again.out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--against", "https://pod.example"), "is not on this machine: real jobs may be started there"),
        (("--against", "http://127.0.0.1:9", "--tokens", "https://idcs.example"), "--allow-host idcs.example"),
        (("--against", "http://127.0.0.1:9", "--pace", "x0"), "--pace x0: no pace."),
        (("--against", "http://127.0.0.1:9", "--pace", "slow"), "Write recorded, fast, or a factor such as x20."),
        (("--against", "http://127.0.0.1:9", "--patience", "5"), "--patience 5: a duration needs a unit"),
        (("--against", "http://me:pw@127.0.0.1:9"), "--against holds a user or a password"),
        (("--against", "127.0.0.1:9"), "is no URL"),
        (("--against", "http://127.0.0.1:9", "--ca", "nothing.pem"), "nothing.pem"),
        (("--against", "http://127.0.0.1:9", "--accept"), "--against can't be used with --accept"),
        (("--pace", "fast"), "--pace does nothing without --against"),
        (("--allow-host", "x"), "--allow-host does nothing without --against"),
        (
            ("--settings", "x.yaml"),
            "--settings does nothing without --against.",
        ),
    ],
)
def test_what_can_not_be_is_refused_before_anything_is_sent(recorded: Lab, more: tuple[str, ...], said: str) -> None:
    refused = recorded("replay", "wrong-badge", *more)
    assert refused.code == 2 and said in refused.err, refused.err


def test_a_missing_secret_is_named_and_nothing_is_sent(recorded: Lab) -> None:
    refused = recorded("replay", "recordings", "--against", "http://127.0.0.1:9")
    assert refused.code == 2
    assert "recordings/wrong-badge.rec.jsonl needs LAB_CLIENT_SECRET (lab-C1-secret)." in refused.err
    assert "recordings/invoice-analysis.rec.jsonl needs" in refused.err
    assert "Export what they are at that server, as LAB_CLIENT_SECRET=…; of another lab" in refused.err
    assert "has accounts: {clients: [{id: demo, secret: …}]} (--settings FILE)." in refused.err


def test_what_can_not_be_read_and_who_can_not_be_reached(recorded: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_CLIENT_SECRET", "some-secret")
    (recorded.folder / "recordings" / "torn.rec.jsonl").write_text("{")
    torn = recorded("replay", "torn", "--against", "http://127.0.0.1:9")
    assert (torn.code, torn.lines[-1]) == (3, "0 passed, 1 failed")
    nobody = recorded("replay", "wrong-badge", "--against", "http://127.0.0.1:9", "--pace", "fast")
    assert (nobody.code, nobody.lines[-1]) == (4, "0 passed, 1 failed") and "nobody answers" in nobody.err
    assert recorded("replay", "nothing*", "--against", "http://127.0.0.1:9").code == 5
