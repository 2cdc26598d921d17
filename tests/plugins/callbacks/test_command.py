"""`--notify` of `lab serve`, `run`, `demo` and `rehearse`: what is taken, what is refused, and a lab from end to end."""

import json
import signal
from base64 import b64encode
from pathlib import Path

import pytest

from lab.__main__ import main
from lab.cli.console import Console
from lab.cli.parser import read_call
from lab.core.errors import UsageError
from lab.dialects.signed import key_of_secret, signature_of
from lab.plugins.callbacks.own_receiver import verified
from lab.recording.format.reader import read
from tests.cli.test_journal import folder, port, refused, serving
from tests.cli.test_serve import fetch, listening
from tests.conftest import each_row
from tests.forked import forked_lab
from tests.plugins.callbacks.receivers import receiving
from tests.plugins.callbacks.worlds import SECRET

__all__ = ["folder", "port"]

SCENARIO = """\
lab: 1
name: soon
title: Soon
agent: {code: SOON}
ask: Do it.
seed: 1
callbacks: {tries: [0s, 1h]}
steps:
- {work: w, takes: 1500ms}
- {complete: end, output: Done.}
"""


@each_row(("argv", "why"), [
    (["--notify", "nothing"], "no URL of a receiver"),
    (["--notify", "ftp://127.0.0.1/"], "no URL of a receiver"),
    (["--notify", "http://a:b@127.0.0.1/"], "no URL of a receiver"),
    (["--notify", "http://[::1"], "no URL"),
    (["--notify", "http://example.com/hook"], "isn't this machine"),
    (["--notify", "http://127.0.0.1:1/", "--notify-secret", "abc"], "doesn't begin with whsec_"),
    (["--notify", "http://127.0.0.1:1/", "--notify-secret", "whsec_YWJj"], "of 3 bytes"),
    (["--notify-secret", SECRET], "does nothing without --notify"),
    (["--allow-host", "*"], "no host"),
    (["--allow-host", "http://hooks.example/"], "no host"),
])  # fmt: skip
def test_what_is_refused_says_what_is_wanted(argv: list[str], why: str) -> None:
    with pytest.raises(UsageError, match=why) as refused:
        read_call(["serve", *argv], Console())
    assert SECRET not in refused.value.what and refused.value.hint
    assert main(["serve", *argv]) == 2


@each_row("argv", [
    ["--notify", "http://127.0.0.1:1/a?b=c", "--notify-secret", SECRET], ["--notify", "https://localhost:9/"],
    ["--notify", "http://[::1]:9/"], ["--notify", "http://hooks.example/", "--allow-host", "hooks.example"],
])  # fmt: skip
def test_what_is_taken(argv: list[str]) -> None:
    assert read_call(["serve", *argv], Console())


def called(ready: dict[str, str]) -> None:
    """Begin a job there."""
    form = f"grant_type=client_credentials&scope={ready['scope']}".encode()
    basic = b64encode(f"{ready['client_id']}:{ready['client_secret']}".encode()).decode()
    token = fetch(ready["token_url"], {"Authorization": f"Basic {basic}"}, form)["access_token"]
    head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    fetch(f"{ready['base_url']}/api/fusion-ai/orchestrator/agent/v2/SOON/invokeAsync", head, b'{"message":"Do it."}')


def advance(ready: dict[str, str], span: str) -> None:
    head = {"Authorization": f"Bearer {ready['control_token']}", "Content-Type": "application/json"}
    fetch(f"{ready['control_url']}/_lab/clock", head, json.dumps({"advance": span}).encode())


SERVE = "serve soon.yaml --json --port 0 --control-port 0 --clock manual --log text --epoch 1767225600".split()


def test_a_served_lab_tells_and_says_what_it_left(tmp_path: Path) -> None:
    (tmp_path / "soon.yaml").write_text(SCENARIO)
    with receiving(lambda _: (500, {})) as hook:
        more = ["--notify", hook.url, "--notify-secret", SECRET, "--record", "day.rec.jsonl"]
        with forked_lab(*SERVE, *more, cwd=tmp_path) as process:
            ready = listening(process)
            assert ready["notify_url"] == hook.url and "notify_secret" not in ready
            called(ready)
            advance(ready, "30s")
            (came,) = hook.came
            assert verified(SECRET, tuple(came.headers.items()), came.body, 1_767_225_601)
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
            errors = process.stderr.read() if process.stderr else ""
    assert f"callback {came.headers['webhook-id']} try 1 500" in errors
    assert "lab: 1 callback was still to be tried when the lab ended:" in errors and "try 2 at 2026-01-01T0" in errors
    tape = read((tmp_path / "recordings" / "day.rec.jsonl").read_bytes())
    types = [fact.type for fact in tape.facts() if fact.type.startswith("callback.")]
    assert types == ["callback.registered", "callback.sent", "callback.answered", "callback.ended"]
    assert main(["replay", str(tmp_path / "recordings" / "day.rec.jsonl"), "--scenarios", str(tmp_path)]) == 0


def test_a_lab_that_goes_on_from_its_journal_tells_what_was_left(tmp_path: Path) -> None:
    (tmp_path / "soon.yaml").write_text(SCENARIO.replace("[0s, 1h]", "[0s, 1m, 1h]"))
    with receiving(lambda _: (500, {})) as hook:
        for end, tries in ((signal.SIGTERM, 1), (signal.SIGKILL, 2), (signal.SIGTERM, 3)):
            with forked_lab(*SERVE, "--notify", hook.url, "--journal", "j", cwd=tmp_path) as process:
                ready = listening(process)
                if tries == 1:
                    called(ready)
                advance(ready, ("30s", "10m", "2h")[tries - 1])
                assert len(hook.came) == tries
                process.send_signal(end)
                process.wait()
                errors = process.stderr.read() if process.stderr else ""
            assert ("and will be once it goes on:" in errors) == (tries == 1)
        assert len({each.headers["webhook-id"] for each in hook.came}) == 1


@each_row("argv", [["run"], ["demo", "--plain", "--reviewer", "script"]], ids=lambda argv: argv[0])
def test_a_run_tells_while_it_goes_on(argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "soon.yaml").write_text(SCENARIO)
    with receiving() as hook:
        assert main([*argv, str(tmp_path / "soon.yaml"), f"--notify={hook.url}", "--clock", "scaled:5"]) == 0
        assert [json.loads(each.body)["type"] for each in hook.came] == ["job.complete"]
    assert "CALLBACK COMPLETE to notify, try 1  204" in capsys.readouterr().out


def test_a_demo_has_a_receiver_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "soon.yaml").write_text(SCENARIO)
    faulty = SCENARIO.replace("1h]", "0s], faults: [{strike: bad-signature}]")
    (tmp_path / "soon.yaml").write_text(faulty)
    assert main(["demo", str(tmp_path / "soon.yaml"), "--plain", "--notify", "--clock", "scaled:5"]) == 0
    out = capsys.readouterr().out
    assert "try 1  401" in out and "try 2  204" in out


@each_row(("change", "good"), [
    ({}, True), ({"webhook-id": "other"}, False), ({"webhook-timestamp": "1299"}, False), ({"webhook-timestamp": "1301"}, False),
    ({"webhook-timestamp": "x"}, False), ({"webhook-signature": "v1,x"}, False), ({"webhook-signature": None}, False),
    ({"webhook-signature": "MORE"}, True),
])  # fmt: skip
def test_the_demos_receiver_verifies(change: dict[str, str | None], good: bool) -> None:
    signature = signature_of(key_of_secret(SECRET), "m", 1_300, b"{}")
    head = {"webhook-id": "m", "webhook-timestamp": "1300", "webhook-signature": signature, **change}
    if head["webhook-signature"] == "MORE":
        head["webhook-signature"] = f"v1,AAAA {signature}"
    headers = tuple((name, value) for name, value in head.items() if value is not None)
    assert verified(SECRET, headers, b"{}", 1_300) == good
    assert not verified(SECRET, headers, b"{} ", 1_300) and not verified(SECRET, headers, b"{}", 1_601)


def test_a_journal_is_taken_up_with_the_hosts_with_which_it_was_begun(folder: Path, port: int) -> None:
    for _ in range(2):
        with serving(folder, port, "--allow-host", "hooks.example") as server:
            assert server.token()
    code, why = refused(folder, port)
    assert code == 2 and "callbacks" in why
