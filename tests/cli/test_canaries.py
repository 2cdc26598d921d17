"""Secrets of a client and of the lab itself, in every position of a call: none on a screen, in a log, a file or an export."""

import json
import signal
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, quote_plus, urlsplit

import pytest

from tests.conftest import THOROUGH, Lab
from tests.forked import forked_lab
from tests.recording.shipped import written
from tests.recording.sigkill import Caller, listening

TEAM = "/api/fusion-ai/orchestrator/agent/v2/ITEM_COMPARE_TEAM"
ASK = "Compare M1000034 of org IMO and M1000040 of Org SBI"
SETTINGS = """\
accounts:
  clients: [{id: demo, secret: "lab-canary/own+secret:0&Q"}]
  users: [{name: jane, password: "lab-canary/jane+word:1&Q"}]
"""
OWN = ("lab-canary/own+secret:0&Q", "lab-canary/jane+word:1&Q")
KINDS = (
    "key", "cookie", "basic", "proxy", "form", "assertion", "query", "deep", "login", "path", "bearer", "broken", "nested", "header",
)  # fmt: skip
CANARIES = {kind: f"{sha256(kind.encode()).hexdigest()[:9]}/{kind}+seen:&Z" for kind in KINDS}
"""What a client sends as a secret, each in its own position; of many that begin alike not all are looked for (§5)."""


def pair(name: str, secret: str) -> str:
    return f"Basic {b64encode(f'{name}:{secret}'.encode()).decode()}"


def writings(secret: str) -> Iterator[str]:
    """How it may be found: as it is, percent-encoded, in JSON or HTML, in base64."""
    yield from {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), secret.replace("&", "&amp;")}
    for pack in (b64encode, urlsafe_b64encode):
        yield pack(secret.encode()).decode().rstrip("=")


def found_in(text: str, secrets: tuple[str, ...]) -> list[str]:
    """The secrets that can be read in a text."""
    return [secret for secret in secrets if any(written in text for written in writings(secret))]


def client(ready: dict[str, str]) -> list[str]:
    """A client that puts each canary where secrets stand, then all of them where none should; what was answered."""
    caller = Caller(1, ready)
    caller.log_in()
    c = CANARIES
    head = {"Content-Type": "application/json"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    token = urlsplit(ready["token_url"]).path
    # where secrets stand
    sent = [
        ("GET", f"{TEAM}/status/none", caller.token, None, {"X-Api-Key": c["key"], "Cookie": f"sid={c['cookie']}; a=b"}),
        ("GET", f"{TEAM}/status/none", caller.token, None, {"Proxy-Authorization": pair("p", c["proxy"]), "X-My-Token": c["header"]}),
        ("POST", token, pair("demo", c["basic"]), "grant_type=client_credentials", form),
        ("POST", token, pair("demo", OWN[0]), f"grant_type=password&username=jane&password={quote_plus(c['form'])}", form),
        ("POST", token, pair("demo", OWN[0]), f"grant_type=x&client_assertion={quote_plus(c['assertion'])}", form),
        ("GET", f"{TEAM}/status/none?access_token={quote(c['query'], safe='')}", caller.token, None, {}),
        ("POST", f"{TEAM}/invokeAsync", caller.token, json.dumps({"message": ASK, "parameters": {"a": {"b": [{"apiToken": c["deep"]}]}}}), head),
        ("POST", f"{TEAM}/invokeAsync", caller.token, f'{{"message": "x", "password": "{c["broken"]}", ', head),
        ("POST", f"{TEAM}/invokeAsync", caller.token, json.dumps({"message": json.dumps({"secret": c["nested"]})}), head),
        ("GET", f"{TEAM}/status/none", f"Bearer {c['bearer']}", None, {}),
        ("POST", f"{TEAM}/invokeAsync", caller.token, json.dumps({"message": f"see https://u:{quote(c['login'], safe='')}@x.example/"}), head),
        ("GET", f"{TEAM}/status/none", caller.token, None, {"X-Api-Key": c["path"]}),
    ]  # fmt: skip
    # and then where nobody looks for one by its name
    everything = " ".join((*CANARIES.values(), *OWN, *(b64encode(x.encode()).decode() for x in CANARIES.values())))
    packed = urlsafe_b64encode(everything.encode()).decode()
    sent += [
        ("POST", f"{TEAM}/invokeAsync", caller.token, json.dumps({"message": f"{ASK} {everything} {packed}"}), head),
        ("POST", f"{TEAM}x/invokeAsync", caller.token, json.dumps({"mesage": everything}), {**head, "User-Agent": f"me ({everything})"}),
        *(("GET", f"/nowhere/{quote(each, safe='')}?x={quote_plus(each)}", caller.token, None, {}) for each in (*CANARIES.values(), *OWN)),
        *(("GET", f"{TEAM}/status/{quote(each, safe='')}", caller.token, None, {}) for each in (*CANARIES.values(), *OWN)),
    ]  # fmt: skip
    answers = [json.dumps(caller.ask(*each)) for each in sent]
    job = caller.ask("POST", f"{TEAM}/invokeAsync", caller.token, json.dumps({"message": ASK}), head)["jobId"]
    answers.append(json.dumps(caller.ask("GET", f"{TEAM}/status/{job}", caller.token)))
    caller.connection.close()
    return [*answers, caller.token.removeprefix("Bearer ")]


SAID = ("journal", "calls", "jobs", "health", "faults", "scenarios")


def control(ready: dict[str, str], paths: tuple[str, ...] = SAID) -> str:
    """What the control plane says of it."""
    connection, said = HTTPConnection(urlsplit(ready["control_url"]).netloc, timeout=20), []
    head = {"Authorization": f"Bearer {ready['control_token']}"}
    for path in paths:
        connection.request("GET", f"/_lab/{path}", headers=head)
        said.append(connection.getresponse().read().decode())
    connection.close()
    return "\n".join(said)


HOW = ("--json", "--port", "0")


def recorded_day(lab: Lab, paths: tuple[str, ...] = SAID) -> tuple[str, dict[str, str]]:
    """`day`, a recording of such a client of a lab that is served: its token, and what control plane and log said."""
    (lab.folder / "lab.yaml").write_text(SETTINGS)
    how = (*HOW, "--record", "day", "--settings", "lab.yaml")
    with forked_lab("serve", "item-comparison", *how, cwd=lab.folder) as process:
        ready = listening(process)
        *_, token = client(ready)
        said = {"control": control(ready, paths)}
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        said["log"] = process.stdout.read() + process.stderr.read()
    return token, said


@pytest.mark.long
def test_no_secret_leaves_the_lab_but_in_answers_to_its_client(lab: Lab, runtime: Path) -> None:
    token, said = recorded_day(lab)
    said |= {str(each): each.read_text() for each in (lab.folder / "recordings").rglob("*") if each.is_file()}
    said |= exported(lab)
    with forked_lab("serve", "--from", "day", *HOW, "--latency", "none", cwd=lab.folder) as process:
        *_, token_again = client(listening(process))  # it has no settings, so it knows no accounts
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 1
        said["playback"] = process.stderr.read()
    secrets = (*CANARIES.values(), *OWN, token, token.rpartition(".")[2], token_again)
    assert {name: leaked for name, text in said.items() if (leaked := found_in(text, secrets))} == {}
    assert len(said) > 8 and all(len(text) > 10 for name, text in said.items() if name != "log")


def exported(lab: Lab) -> dict[str, str]:
    """The recording in every form in which a command prints or writes it."""
    said = {}
    for kind in ("text", "har", "md", "html", "cast"):
        said[kind] = lab("show", "day", "--as", kind).out
    said["play"] = lab("play", "day", "--plain").out
    # what differs is told with both sides of it
    lines = [json.loads(line) for line in (lab.folder / "recordings" / "day.rec.jsonl").read_text().splitlines()]
    (lab.folder / "other.rec.jsonl").write_bytes(
        written([{**line, "s": 418, "body": {}} if line["k"] == "res" and "body" in line else line for line in lines])
    )
    for form in ("text", "github") if THOROUGH else ("github",):
        done = lab("replay", "./other.rec.jsonl", "day", "--format", form, "--out", "junit=replay.xml")
        assert (done.code, done.lines[-1]) == (1, "1 passed, 1 failed")
        said[f"replay {form}"] = done.out + done.err
    done = lab("check", "recordings/day.rec.jsonl")
    said["check"] = done.out + done.err
    said["replay.xml"] = (lab.folder / "replay.xml").read_text()
    return said
