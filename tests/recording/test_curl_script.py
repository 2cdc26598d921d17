"""`lab show --as curl`: a script that asks the same again, whatever a peer wrote, without a secret in it."""

import json
import re
import shutil
import subprocess
from base64 import b64decode
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from msgspec.structs import replace

from lab.core.exchange import Json
from lab.files.recordings import read_blob
from lab.recording.format.lines import Recording, Req, Res
from lab.recording.format.reader import read
from lab.recording.show.curl_script import curl_script
from tests.cli.test_serve import listening
from tests.forked import forked_lab
from tests.recording.hostile import ASTRAY, TEXTS, astray, hostile, no_blob
from tests.recording.test_codec import GOLDEN, SHIPPED

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="there is no sh")
STUB = """\
curl() {
  for word in "$@"; do
    case $word in @*) printf %s "=" >&3; base64 "${word#@}" | tr -d '\\n' >&3;; *) printf %s "$word" >&3;; esac
    printf '\\0' >&3
  done
  printf 'END\\0' >&3; printf 200
}
"""
"""What the script calls in the place of curl: it tells its words, and the content of a file that one names."""
NEEDED = re.compile(r'^: "\$\{(LAB_[A-Z0-9_]+):\?has to be set: ([^}]*)\}"$', re.MULTILINE)


def script_of(recording: Recording, path: Path | None = None) -> str:
    return "\n".join(curl_script(recording, partial(read_blob, path) if path else no_blob)) + "\n"


def calls_of(script: str, folder: Path) -> list[list[str]]:
    """The words of each call, by a shell that has the variables and no curl; those that all calls have left out."""
    words = folder / "words"
    variables = {name: f"<{name}>" for name, _ in NEEDED.findall(script)}
    done = subprocess.run(["sh", "-c", f"exec 3>{words}\n{STUB}{script}"], env=variables | {"PATH": "/usr/bin:/bin"}, capture_output=True)  # fmt: skip
    assert done.stderr == b""
    text = words.read_bytes().decode(errors="surrogateescape")
    return [call.split("\0")[11:-1] for call in text.split("END\0")[:-1]]


def test_the_script_of_a_recording_is_this() -> None:
    script = script_of(read(GOLDEN.read_bytes()))
    assert script == GOLDEN.with_name("expense-approval.sh").read_text("utf-8")


@pytest.mark.long
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_asked_of_a_lab_it_gets_the_same_statuses(tmp_path: Path) -> None:
    recording = read(next(path for path in SHIPPED if path.name.startswith("item-comparison")).read_bytes())
    clock, ports = ("--clock", "scaled:100"), ("--port", "0", "--control-port", "0")
    with forked_lab("serve", "item-comparison", "--json", "--seed", "42", *ports, *clock, cwd=tmp_path) as process:
        base = listening(process)["base_url"]
        variables = {"LAB_BASE": base, "LAB_SPEED": "100", "LAB_CLIENT_SECRET": "lab-secret-a:b/c+d%e"}
        done = subprocess.run(
            ["sh"],
            input=script_of(recording),
            env=variables | {"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
    assert (done.returncode, done.stdout.splitlines()) == (0, [f"{one.x}: {one.status}" for one in recording.of(Res)])


@pytest.mark.parametrize("path", SHIPPED, ids=[path.name.partition(".")[0] for path in SHIPPED])
def test_a_script_asks_what_was_asked_and_needs_but_the_secrets_of_clients(path: Path) -> None:
    recording = read(path.read_bytes())
    script = script_of(recording, path)
    assert "«" not in script
    assert [int(x) for x in re.findall(r"^call ([0-9]+) ", script, re.MULTILINE)] == [
        one.x for one in recording.of(Req)
    ]
    assert {kind.partition(":")[0] for _, kind in NEEDED.findall(script)} <= {"client"}


@pytest.mark.parametrize("path", ASTRAY)
def test_what_could_lead_to_another_server_is_a_comment(path: str, tmp_path: Path) -> None:
    script = script_of(astray(path))
    assert "# 1 isn't asked: what it asks for is no path of a server" in script.splitlines()
    assert calls_of(script, tmp_path) == []


@pytest.mark.parametrize(
    ("base", "line"),
    [
        ("http://127.0.0.1:9", "LAB_BASE=${LAB_BASE:-http://127.0.0.1:9}"),
        ("https://localhost/x", "LAB_BASE=${LAB_BASE:-https://localhost/x}"),
        ("https://pod.example", ': "${LAB_BASE:?has to be set: recorded at https://pod.example}"'),
        ("http://127.0.0.1.pod.example", ': "${LAB_BASE:?has to be set: recorded at http://127.0.0.1.pod.example}"'),
        *[
            (odd, "LAB_BASE=${LAB_BASE:-http://127.0.0.1:8080}")
            for odd in ("-K/tmp", "file:///etc", "http://a@b", "http://a b", "http://a\n-K", "http://a?", "", 7, None)
        ],
    ],
)
def test_secrets_go_to_no_server_that_a_recording_names_by_itself(base: Json, line: str) -> None:
    recording = hostile("x")
    header = replace(recording.header, settings={**recording.header.settings, "base": base})
    assert line in script_of(replace(recording, header=header)).splitlines()


@pytest.mark.parametrize("text", TEXTS)
def test_whatever_a_peer_wrote_is_sent_again_and_nothing_of_it_obeyed(text: str, tmp_path: Path) -> None:
    script = script_of(hostile(text))
    assert all(line.isprintable() for line in script.splitlines()) and "##" not in script
    assert not any(line.lstrip().startswith("::") for line in script.splitlines())
    calls = calls_of(script, tmp_path)
    bodies = [b64decode(call[-1][1:]) if call[-1].startswith("=") else call[-1].encode() for call in calls[:4]]
    if "«" in text:
        sent = "«token:T1» <LAB_TOKEN> <LAB_CLIENT_SECRET> http://127.0.0.1:8080 1001"
        assert (json.loads(bodies[0])["message"], bodies[1].decode()) == (sent, sent)
    else:
        assert json.loads(bodies[0])["message"] == text
        assert bodies[1] == text.encode("utf-8", "surrogatepass")
        fields = parse_qsl(bodies[2].decode(), keep_blank_values=True, errors="surrogatepass")
        assert fields == [("note", text), (text, "x")]
    assert bodies[3] == b"\xff\x00x'"
