"""The curl lines of `lab show --as md`: they ask the same again, whatever a peer wrote, and hold no secret."""

import json
import re
import shutil
import subprocess
from base64 import b64decode
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from msgspec.structs import replace

from lab.core.exchange import Headers
from lab.identity.clients import DEMO
from lab.recording.exchange import exchanges_of
from lab.recording.format.lines import Recording, Req, Res
from lab.recording.format.reader import read
from lab.recording.redaction.stand_ins import STAND_IN
from lab.recording.show.curl_lines import CurlLines
from lab.recording.show.shell import curl_line
from tests.cli.test_serve import listening
from tests.forked import forked_lab
from tests.recording.hostile import ASTRAY, TEXTS, astray, hostile
from tests.recording.test_codec import SHIPPED

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="there is no sh")
STUB = """\
curl() {
  for word in "$@"; do
    case $word in @-) printf %s "=" >&3; base64 | tr -d '\\n' >&3;; *) printf %s "$word" >&3;; esac
    printf '\\0' >&3
  done
  printf 'END\\0' >&3
}
"""
"""What stands in the place of curl: it tells its words, and the content that comes through a pipe."""
BEGINNING = ["-g", "--proto", "=http,https"]
"""The first words of each line."""


def lines_of(recording: Recording) -> tuple[list[str], dict[str, str]]:
    """The lines of all calls, and what their variables stand for."""
    writer = CurlLines(recording)
    lines: list[str] = []
    names: dict[str, str] = {}
    for call in exchanges_of(recording):
        lines.append(writer.line(call))
        names |= dict(writer.new)
    return lines, names


def words_of(lines: list[str], names: dict[str, str], folder: Path) -> list[list[str]]:
    """The words of each command, by a shell that has the variables and no curl."""
    words = folder / "words"
    variables = {name: f"<{name}>" for name in (*names, "LAB_BASE", "LAB_TOKEN_URL")}
    script = "\n".join((f"exec 3>{words}", STUB, *lines))
    done = subprocess.run(["sh"], input=script.encode(), env=variables | {"PATH": "/usr/bin:/bin"}, capture_output=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    text = words.read_bytes().decode(errors="surrogateescape")
    calls = [call.split("\0")[:-1] for call in text.split("END\0")[:-1]]
    assert all(call[:3] == BEGINNING for call in calls)
    return [call[3:] for call in calls]


@pytest.mark.parametrize("path", SHIPPED, ids=[path.name.partition(".")[0] for path in SHIPPED])
def test_the_lines_of_a_recording_hold_neither_secret_nor_job(path: Path) -> None:
    recording = read(path.read_bytes())
    lines, names = lines_of(recording)
    assert len(lines) == len(list(recording.of(Req)))
    assert not any(STAND_IN.search(line) for line in lines)
    assert len(set(names.values())) == len(names)
    jobs = {str(fact.get("job")) for fact in recording.facts("job.accepted")}
    paths = [req.path for req in recording.of(Req)]
    assert not any(job in line for line in lines for job in jobs)
    assert {key for key in names.values() if key in jobs} == {job for job in jobs if any(job in path for path in paths)}


@pytest.mark.parametrize("path", ASTRAY)
def test_what_could_lead_to_another_server_is_a_comment(path: str, tmp_path: Path) -> None:
    lines, names = lines_of(astray(path))
    assert lines == ["# not to be asked again: what it asks for is no path of a server"]
    assert words_of(lines, names, tmp_path) == []


@pytest.mark.parametrize("text", TEXTS)
def test_whatever_a_peer_wrote_is_sent_again_and_nothing_of_it_obeyed(text: str, tmp_path: Path) -> None:
    lines, names = lines_of(hostile(text))
    shown = "\n".join(lines).splitlines()
    assert all(line.isprintable() for line in shown) and "##" not in "".join(shown)
    assert not any(line.lstrip().startswith("::") for line in shown)
    calls = words_of(lines, names, tmp_path)
    assert len(calls) == 5 and all("<LAB_BASE>/a/" in call[0] + call[2] for call in calls)
    bodies = [b64decode(call[-1][1:]) if call[-1].startswith("=") else call[-1].encode() for call in calls[:4]]
    if "lab-" in text:
        sent = "<secret> <token> <token_2> <LAB_CLIENT_SECRET> <LAB_BASE> <usercode>"
        assert (json.loads(bodies[0])["message"], bodies[1].decode()) == (sent, sent)
    else:
        assert json.loads(bodies[0])["message"] == text
        assert not text or bodies[1] == text.encode("utf-8", "surrogatepass")  # an empty body is none
        fields = parse_qsl(bodies[2].decode(), keep_blank_values=True, errors="surrogatepass")
        assert fields == [("note", text), (text, "x")]
    assert bodies[3] == b"\xff\x00x'"


@pytest.mark.parametrize("name", ["@/etc/passwd", "-K", "a: b", "a\nb", "é", ""])
def test_a_header_whose_name_curl_would_read_otherwise_is_left_out(name: str, tmp_path: Path) -> None:
    headers: Headers = ((name, "x"), ("x-kept", "@y"))
    line = curl_line("GET", "http://h/", headers, None, lambda _, value: [(False, value)])
    expected = ["http://h/", "-H", "x-kept: @y"]
    words = words_of([line], {}, tmp_path)[0]
    assert words == (["http://h/", "-H", "-K: x", *expected[1:]] if name == "-K" else expected)


@pytest.mark.parametrize("name", ["@/etc/passwd", "a@b", "", "-d", "a b"])
def test_a_field_whose_name_curl_would_read_otherwise_is_sent_encoded(name: str, tmp_path: Path) -> None:
    kind = (("content-type", "application/x-www-form-urlencoded"),)
    line = curl_line("POST", "http://h/", kind, [(name, "@x&y"), ("b", "2")], lambda _, value: [(False, value)])
    *words, option, body = words_of([line], {}, tmp_path)[0]
    assert words == ["http://h/", "-H", "content-type: application/x-www-form-urlencoded"]
    assert option == "--data-raw" and parse_qsl(body, keep_blank_values=True) == [(name, "@x&y"), ("b", "2")]


def test_a_body_that_is_too_long_for_an_argument_comes_through_a_pipe(tmp_path: Path) -> None:
    line = curl_line("POST", "http://h/", (), "%é" * 100_000, lambda _, value: [(False, value), (True, "token")])
    *words, body = words_of([line], {"token": ""}, tmp_path)[0]
    assert words == ["http://h/", "-H", "content-type:", "--data-binary"]
    assert b64decode(body[1:]).decode() == "%é" * 100_000 + "<token>"


def test_variables_are_numbered_and_stay_what_they_are() -> None:
    recording = hostile("x")
    calls = [replace(call, request=replace(call.request, path="/a", query="")) for call in exchanges_of(recording)]
    writer, found = CurlLines(recording), []
    for call, token in zip(calls, ("T1", "T2", "T1"), strict=False):
        bearer = (("authorization", f"Bearer lab-{token}-token"),)
        line = writer.line(replace(call, request=replace(call.request, headers=bearer)))
        found.append((re.findall(r"\$(token\w*)", line), writer.new))
    assert found == [
        (["token"], [("token", "lab-T1-token")]),
        (["token_2"], [("token_2", "lab-T2-token")]),
        (["token"], []),
    ]


@pytest.mark.long
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_filled_in_and_asked_of_a_lab_the_lines_get_the_same_statuses(tmp_path: Path) -> None:
    recording = read(next(path for path in SHIPPED if path.name.startswith("item-comparison")).read_bytes())
    ports = ("--port", "0", "--control-port", "0")
    variables = {"PATH": "/usr/bin:/bin", "LAB_CLIENT_SECRET": DEMO.secret}
    writer, statuses = CurlLines(recording), []
    with forked_lab("serve", "item-comparison", "--json", "--seed", "42", *ports, cwd=tmp_path) as process:
        ready = listening(process)
        variables |= {"LAB_BASE": ready["base_url"], "LAB_TOKEN_URL": ready["token_url"]}
        for call in exchanges_of(recording)[:4]:
            line = writer.line(call).replace("curl ", "curl -s -w '\\n%{http_code}' ", 1)
            done = subprocess.run(["sh"], input=line, env=variables, capture_output=True, text=True, check=True)
            body, _, status = done.stdout.rpartition("\n")
            statuses.append(int(status))
            given = json.loads(body)
            variables |= {
                name: given[key] for name, key in (("token", "access_token"), ("job", "jobId")) if key in given
            }
    assert statuses == [res.status for res in recording.of(Res)][:4]
