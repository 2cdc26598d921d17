"""`lab serve` as a user calls it: a process, signals, sockets."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import quote_plus, urlencode

import pytest

from lab.cli.commands.serve import agent_lines, other_wires, reviewer_sentence
from lab.cli.serve.ports import open_ports, trust_lines
from lab.cli.setup import make_setup
from lab.files.runtime import token_for
from lab.server.listener import Bound
from lab.settings import ListenSettings, MockSettings, ReviewerKind, TlsSettings
from tests.conftest import ROOT, Lab, each_row
from tests.forked import ForkedLab, forked_lab

HOW = ("serve", "--scenarios", str(ROOT / "scenarios"), "--port", "0")


def serving(*argv: str, cwd: Path) -> AbstractContextManager[ForkedLab]:
    """`lab serve` with the shipped scenarios, at ports that are free."""
    return forked_lab(*HOW, *argv, cwd=cwd)


@contextmanager
def serving_afresh(*argv: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """The same in an interpreter that has imported nothing yet."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lab", *HOW, *argv],
        cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def listening(process: subprocess.Popen[str] | ForkedLab) -> dict[str, str]:
    """What `--json` says once requests are accepted."""
    assert process.stdout is not None
    ready: dict[str, str] = json.loads(process.stdout.readline())
    return ready


def fetch(url: str, head: dict[str, str], body: bytes | None = None) -> dict[str, object]:
    request = urllib.request.Request(url, data=body, headers=head)
    with urllib.request.urlopen(request, timeout=20) as got:
        answer: dict[str, object] = json.load(got)
    return answer


def granted(ready: dict[str, str], more: str) -> int:
    """What a client is answered that asks for a token and says more than it has to."""
    pair = f"{quote_plus(ready['client_id'])}:{quote_plus(ready['client_secret'])}"
    form = urlencode({"grant_type": "client_credentials", "scope": ready["scope"]}).encode()
    head = {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    token = fetch(f"{ready['token_url']}", head, form)["access_token"]
    head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    fetch(
        f"{ready['base_url']}/api/fusion-ai/orchestrator/agent/v2/ITEM_COMPARE_TEAM/invokeAsync",
        head,
        json.dumps({"message": more or "Compare"}).encode(),
    )
    return 200


def named_token_url(ready: dict[str, str]) -> object:
    """Where answers say that tokens are, whatever Host was asked for."""
    url = f"{ready['base_url']}/.well-known/openid-configuration"
    return fetch(url, {"Host": "evil.example"})["token_endpoint"]


def test_json_says_the_seed_though_it_was_drawn(tmp_path: Path) -> None:
    drawn = []
    for _ in range(2):
        with serving("item-comparison", "invoice-analysis", "--json", cwd=tmp_path) as process:
            ready = listening(process)
            head = {"Authorization": f"Bearer {ready['control_token']}"}
            drawn.append(ready["seed"])
            assert fetch(f"{ready['control_url']}/_lab/health", head)["seed"] == ready["seed"]
    assert drawn[0] != drawn[1] and all(isinstance(seed, int) for seed in drawn)
    with serving("item-comparison", "invoice-analysis", "--json", "--seed", "0", cwd=tmp_path) as process:
        assert listening(process)["seed"] == 0


def test_json_is_one_line_with_everything_a_client_needs(tmp_path: Path, runtime: Path) -> None:
    with serving("item-comparison", "--json", "--clock", "manual", "--record", "./day", cwd=tmp_path) as process:
        ready = listening(process)
        assert list(ready) == [
            "base_url", "token_url", "client_id", "client_secret", "scope", "control_url", "control_token", "seed",
        ]  # fmt: skip
        assert named_token_url(ready) == ready["token_url"] == f"{ready['base_url']}/oauth2/v1/token"
        login = b64encode(f"{quote_plus(ready['client_id'])}:{quote_plus(ready['client_secret'])}".encode()).decode()
        form = urlencode({"grant_type": "client_credentials", "scope": ready["scope"]}).encode()
        grant = fetch(ready["token_url"], {"Authorization": f"Basic {login}"}, form)
        head = {"Authorization": f"Bearer {grant['access_token']}", "Content-Type": "application/json"}
        api = f"{ready['base_url']}/api/fusion-ai/orchestrator/agent/v2/ITEM_COMPARE_TEAM"
        message = {"message": "Compare M1000034 of org IMO and M1000040 of Org SBI", "conversational": True}
        job = fetch(f"{api}/invokeAsync", head, json.dumps(message).encode())
        assert job["status"] == "RUNNING"
        steer = {"Authorization": f"Bearer {ready['control_token']}", "Content-Type": "application/json"}
        fetch(f"{ready['control_url']}/_lab/clock", steer, b'{"advance":"10m"}')
        assert fetch(f"{api}/status/{job['jobId']}", head)["status"] == "COMPLETE"
        assert token_for(ready["control_url"], runtime=str(runtime)) == ready["control_token"]
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert token_for(ready["control_url"], runtime=str(runtime)) is None
    assert process.returncode == 0
    assert out == ""
    recording = (tmp_path / "day.rec.jsonl").read_text()
    assert '"reason":"sigterm"' in recording.splitlines()[-1]
    assert str(ready["control_token"]) not in recording


def test_tls_tells_where_and_what_to_trust_and_takes_it_away_at_the_end(tmp_path: Path) -> None:
    argv = ("item-comparison", "--json", "--tls", "--tls-port", "0", "--tls-name", "pod.test")
    with forked_lab(*HOW, *argv, cwd=tmp_path) as process:
        ready = listening(process)
        assert list(ready)[-3:] == ["https_url", "ca_file", "seed"]
        trusted = ssl.create_default_context(cafile=ready["ca_file"])
        url = f"{ready['https_url']}/.well-known/openid-configuration"
        with urllib.request.urlopen(url, timeout=20, context=trusted) as got:
            assert json.load(got)["token_endpoint"] == f"{ready['https_url']}/oauth2/v1/token"
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            urllib.request.urlopen(url, timeout=20)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    assert not Path(ready["ca_file"]).exists()


def test_how_to_trust_is_told_for_each_language() -> None:
    text = "\n".join(trust_lines("https://127.0.0.1:8443", "/run/a b/ca-8443.pem"))
    for part in (
        "curl --cacert '/run/a b/ca-8443.pem' https://127.0.0.1:8443",
        "SSL_CERT_FILE='/run",
        "NODE_EXTRA_CA_CERTS=",
        "keytool -importcert",
    ):
        assert part in text


def test_urls_in_answers_name_the_public_base_where_there_is_one(tmp_path: Path) -> None:
    with forked_lab(*HOW, "item-comparison", "--json", "--base", "https://lab.example", cwd=tmp_path) as process:
        ready = listening(process)
        assert ready["base_url"] == "https://lab.example"
        assert ready["token_url"] == "https://lab.example/oauth2/v1/token"
        assert named_token_url({**ready, "base_url": ready["listens"]}) == ready["token_url"]


def test_stopping_is_its_proper_end(tmp_path: Path) -> None:
    with serving_afresh("item-comparison", cwd=tmp_path) as process:
        assert process.stdout is not None
        others = [*other_wires()]
        lines = [process.stdout.readline() for _ in range(15 + len(others))]
        assert "Serving" in lines[0]
        assert [line.split()[-1] for line in lines[8:-7]] == [lines[1].split()[-1] + place for _, place in others]
        assert f"lab watch {lines[6].split()[-1]}" in lines[-6] and "control url" in lines[6]
        assert lines[-3] == '  ITEM_COMPARE_TEAM "Compare M1000034 of org IMO and M1000040 of Org SBI"\n'
        assert "curl" in lines[-1]
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", int(lines[1].rpartition(":")[2])), timeout=20) as peer:
                peer.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
                assert peer.recv(12) == b"HTTP/1.1 400"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "note: a client speaks TLS to the plain port: use http:// there.\n")


@each_row(("reviewer", "begin"), [(None, "script, by default: "), ("script", "script: "), ("person", "person: ")])
def test_who_decides_is_said_and_whether_it_was_asked_for(reviewer: ReviewerKind | None, begin: str) -> None:
    settings = MockSettings(targets=("anomaly-flag", "quick"), seed=1, reviewer=reviewer)
    setup = make_setup(settings)
    assert reviewer_sentence(setup).startswith(begin)
    assert agent_lines(setup)[1:] == [
        '  GL_ANOMALY_TEAM "Flag unusual journals before the close", with parameters'
        ' {"ledger": "UK Primary Ledger", "period": "Dec-25", "threshold": 5000}',
        '  QUICK           "Please go on"',
    ]


def test_of_a_very_long_message_the_beginning_is_shown(tmp_path: Path) -> None:
    text = "lab: 1\nname: long\ntitle: Long\nagent: {code: LONG}\nask: %s\nsteps: [{complete: done, output: Done.}]\n"
    (tmp_path / "long.yaml").write_text(text % ("x" * 5_000))
    assert agent_lines(make_setup(MockSettings(targets=(str(tmp_path / "long.yaml"),))))[1].endswith(
        "x... (5002 characters)"
    )


@pytest.mark.parametrize("gone", ["day.rec.jsonl", "kept.journal"])
def test_a_file_that_is_removed_under_way_is_told_of_and_serving_goes_on(tmp_path: Path, gone: str) -> None:
    argv = ("item-comparison", "--json", "--record", "./day", "--journal", "kept.journal")
    with forked_lab(*HOW, *argv, cwd=tmp_path) as process:
        ready = listening(process)
        (tmp_path / gone).unlink()
        assert named_token_url(ready) == ready["token_url"]
        steer = {"Authorization": f"Bearer {ready['control_token']}"}
        while (health := fetch(f"{ready['control_url']}/_lab/health", steer))["status"] == "ok":
            assert process.poll() is None
        assert "somebody has removed it" in str(health["why"])
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 4
        assert process.stderr.read().count("somebody has removed it") == 1


@pytest.mark.parametrize("long", [0, 70_000])
def test_a_disk_that_is_full_ends_the_tape_and_nothing_else(lab: Lab, tmp_path: Path, long: int) -> None:
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("no other process can be given a limit here")
    tape = tmp_path / "day.rec.jsonl"
    how = (*HOW, "item-comparison", "--clock", "manual", "--json", "--record", "./day")
    with forked_lab(*how, cwd=tmp_path) as process:
        ready = listening(process)
        assert process.pid is not None
        # a line is torn, or of a long body nothing can be kept beside
        room = long or tape.stat().st_size + 4_321
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        steer = {"Authorization": f"Bearer {ready['control_token']}"}
        for _ in range(20):
            assert granted(ready, "x" * long) == 200
        health = fetch(f"{ready['control_url']}/_lab/health", steer)
        assert health["status"] == "red" and "File too large" in str(health["why"])
        assert fetch(f"{ready['control_url']}/_lab/ready", steer)["status"] == "ready"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 4
        assert process.stderr.read().count("File too large") == 1
    assert tape.read_bytes().endswith(b"}\n")
    assert [lab(*what, tape).code for what in (("replay",), ("repair",), ("replay",))] == [3, 0, 0]


def test_a_second_signal_cuts_what_the_first_lets_end(tmp_path: Path) -> None:
    (tmp_path / "slow.yaml").write_text(
        "lab: 1\nname: slow\ntitle: Slow\nagent: {code: SLOW_TEAM}\nask: x\nlatency: {token: 1h}\n"
        "steps:\n  - complete: done\n    output: Done.\n"
    )
    with forked_lab(*HOW, "./slow.yaml", "--json", "--record", "./day", cwd=tmp_path) as process:
        ready = listening(process)
        form = urlencode({"grant_type": "client_credentials", "scope": ready["scope"]}).encode()
        login = b64encode(f"{quote_plus(ready['client_id'])}:{quote_plus(ready['client_secret'])}".encode())
        with socket.create_connection(("127.0.0.1", int(ready["base_url"].rpartition(":")[2])), timeout=20) as peer:
            peer.sendall(
                b"POST /oauth2/v1/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                b"Authorization: Basic %b\r\nContent-Length: %d\r\n\r\n%b" % (login, len(form), form)
            )
            while b'"k":"req"' not in (tmp_path / "day.rec.jsonl").read_bytes():
                assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            while True:  # it stops to listen once the first signal has arrived
                try:
                    socket.create_connection(peer.getpeername(), timeout=20).close()
                except ConnectionError:
                    break
            assert process.poll() is None, "the reply may still leave within the grace"
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
            assert peer.recv(1) == b""
    lines = [json.loads(line) for line in (tmp_path / "day.rec.jsonl").read_text().splitlines()]
    assert lines[-1]["reason"] == "sigterm"
    assert [line["cut"] for line in lines if line["k"] == "res"] == ["shutdown"]


def test_a_taken_port_is_the_surroundings_fault(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = lab("serve", "item-comparison", "--port", str(port))
    assert done.code == 4
    assert str(port) in done.err
    assert "another port" in done.err


def test_a_taken_port_leaves_no_recording(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert lab("serve", "item-comparison", "--port", str(taken.getsockname()[1]), "--record", "./day").code == 4
    assert not (lab.folder / "day.rec.jsonl").exists()


def test_a_run_whose_terminal_is_gone_closes_its_tape(tmp_path: Path) -> None:
    argv = ("run", "item-comparison", "--scenarios", str(ROOT / "scenarios"), "--record", "./cut")
    with forked_lab(*argv, cwd=tmp_path) as process:
        while "invoke" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGHUP)
        assert process.wait() == 130
    assert '"reason":"sigterm"' in (tmp_path / "cut.rec.jsonl").read_text().splitlines()[-1]


def test_a_run_over_loopback_ends_as_the_instant_one(lab: Lab) -> None:
    fast = lab("run", "invoice-analysis", "--speed", "30", "--json")  # a busy machine keeps up with it
    instant = lab("run", "invoice-analysis", "--speed", "instant", "--json")
    assert json.loads(fast.out)["output"] == json.loads(instant.out)["output"]


def test_the_external_app_runs_against_another_server(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_runs_against_another(lab, monkeypatch, "fusion")


def assert_runs_against_another(lab: Lab, monkeypatch: pytest.MonkeyPatch, dialect: str) -> None:
    """Over a wire, to the end, and with a wrong secret to a reason."""
    # the server hurries, the app doesn't: at this pace it gives a reply up after three seconds of the wall
    calls = ("run", "invoice-analysis", "--json", "--speed", "10", "--base")
    with forked_lab(*HOW, "invoice-analysis", "--json", "--clock", "scaled:100", cwd=lab.folder) as process:
        ready = listening(process)
        for name in ("token_url", "client_id", "client_secret", "scope"):
            monkeypatch.setenv(f"LAB_{name.upper()}", ready[name])
        done = lab(*calls, ready["base_url"], "--dialect", dialect)
        assert done.code == 0, done.err
        assert json.loads(done.out)["status"] == "COMPLETE"
        monkeypatch.setenv("LAB_CLIENT_SECRET", "wrong")
        refused = lab(*calls, ready["base_url"], "--dialect", dialect)
    outcome = json.loads(refused.out)
    assert (refused.code, outcome["status"]) == (1, None)
    assert outcome["why"] == "HTTP 401: invalid_client · Client authentication failed."


def test_at_another_server_the_status_is_compared_and_verdicts_are_not(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lab.folder / "own.yaml").write_text(
        "lab: 1\nname: own\ntitle: Own\nagent: {code: OWN}\nask: x\nexpect: {verdicts: {may-it: rejected}}\nsteps:\n"
        "  - {gate: may-it, asks: May it?, patience: 1h, reviewer: {after: 10s, verdict: approved}}\n"
        "  - {complete: done, output: Done.}\n"
    )
    with forked_lab(*HOW, "./own.yaml", "--json", "--clock", "scaled:100", cwd=lab.folder) as process:
        ready = listening(process)
        for name in ("token_url", "client_id", "client_secret", "scope"):
            monkeypatch.setenv(f"LAB_{name.upper()}", ready[name])
        done = lab("run", "./own.yaml", "--json", "--speed", "10", "--base", ready["base_url"])
    assert (done.code, json.loads(done.out)["expected"]) == (0, True), done.err
    assert "note: the wire doesn't say how gates end: the expected verdicts are not compared." in done.err


def test_nobody_there_is_told_in_a_sentence(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        origin = f"http://127.0.0.1:{taken.getsockname()[1]}"
    for name in ("TOKEN_URL", "CLIENT_ID", "CLIENT_SECRET", "SCOPE"):
        monkeypatch.setenv(f"LAB_{name}", f"{origin}/token" if name == "TOKEN_URL" else "x")
    done = lab("run", "invoice-analysis", "--base", origin, "--speed", "1000")
    assert done.code == 1
    assert "refused" in done.out


@each_row(
    ("host", "more", "base", "names"),
    [
        ("127.0.0.1", (), None, ("127.0.0.1",)), ("0.0.0.0", ("a.test",), None, ("a.test",)), ("::", (), None, ()),
        ("lab.test", ("b",), "https://c.test:8443/x", ("lab.test", "b", "c.test")),
    ],
)  # fmt: skip
def test_a_certificate_names_the_host_unless_it_is_every_address_and_what_clients_are_told(
    host: str, more: tuple[str, ...], base: str | None, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    certified: list[tuple[str, ...]] = []
    monkeypatch.setattr("lab.server.tls.throwaway", lambda names, known: certified.append(names))
    listen = ListenSettings(host=host, tls=TlsSettings(0, more))
    open_ports(listen, base, lambda *_: Bound(socket.socket(), "http://lab.test:1")).close()
    assert certified == [names]


@each_row(("option", "needs"), [(("--journal-repair",), "--journal"), (("--worker-timeout", "5s"), "--workers")])
def test_an_option_of_something_that_was_not_asked_for_is_refused(
    lab: Lab, option: tuple[str, ...], needs: str
) -> None:
    done = lab("serve", *option)
    assert (done.code, done.err.splitlines()[0]) == (2, f"lab: {option[0]} does nothing without {needs}.")
