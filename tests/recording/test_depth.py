"""How deep a value may nest: beyond that a body is recorded as text, and nothing that reads it runs out of stack."""

import json
import re
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from lab.core.errors import RecordingError
from lab.core.exchange import Request
from lab.core.jsontext import DEEPEST_VALUE, value_or_none
from lab.recording.format.lines import Enc
from lab.recording.format.reader import read
from lab.recording.redaction.bodies import body_of, bytes_of
from lab.recording.redaction.redactor import Redactor
from lab.recording.redaction.stand_ins import KnownSecrets
from lab.tui.state import clean
from tests.cli.test_replay import resealed
from tests.conftest import Lab, each_row
from tests.recording.joined import SCENARIO, Joined, config

COMMANDS = (
    ("replay",), ("play", "--plain"), ("check",), ("fidelity",),
    *(("show", "--as", kind) for kind in ("text", "html", "har", "md")),
)  # fmt: skip
"""Those of the kernel that read a recording."""


def nested(levels: int) -> bytes:
    return b"[" * levels + b"1" + b"]" * levels


@each_row(("levels", "enc"), [(1, Enc.JSON), (DEEPEST_VALUE, Enc.JSON), (DEEPEST_VALUE + 1, Enc.TEXT), (520, Enc.TEXT)])
def test_a_body_that_nests_deeper_is_recorded_as_text_and_comes_back(levels: int, enc: Enc) -> None:
    raw = nested(levels)
    body = body_of((("content-type", "application/json"),), raw, Redactor(KnownSecrets()), oauth=False, reply=False)
    assert (body.enc, bytes_of(body, {})) == (enc, raw)
    assert (value_or_none(raw) is None) is (enc is Enc.TEXT)
    assert clean.body(raw, "application/json") == raw.decode()
    part = urlsafe_b64encode(b'{"a":%s}' % raw).decode().rstrip("=")
    assert bool(clean.claims(f"e30.{part}.x")) is (levels < DEEPEST_VALUE)


@pytest.fixture
def deep(lab: Lab) -> Path:
    """A recording of a client that sends, and of a server that answers, what nests deeper; the scenario beside it."""
    (lab.folder / "own").mkdir()
    (lab.folder / "own" / "expense-approval.yaml").write_text(SCENARIO)
    joined = Joined(config())
    joined.play()
    kind = ("content-type", "application/json")
    for path in ("/api/fusion-ai/orchestrator/agent/v2/EXPENSES/invokeAsync", "/oauth2/v1/token", "/nowhere"):
        joined.ask(Request("POST", path, headers=(kind,), body=nested(600)))
    joined.tape.close(joined.now)
    file = lab.folder / "day.rec.jsonl"
    file.write_bytes(joined.data)
    return file


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_client_sent_is_read_by_every_command(lab: Lab, deep: Path, command: tuple[str, ...]) -> None:
    folder = ("--scenarios", "own") if command[0] in ("replay", "play", "check") else ()
    assert_reads_what_a_client_sent(lab, deep, (*command, *folder))


def assert_reads_what_a_client_sent(lab: Lab, deep: Path, command: tuple[str, ...]) -> None:
    assert nested(600) in deep.read_bytes()
    assert lab(command[0], deep, *command[1:]).code == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_server_answered_is_read_by_every_command(lab: Lab, deep: Path, command: tuple[str, ...]) -> None:
    assert_reads_what_a_server_answered(lab, deep, command)


def assert_reads_what_a_server_answered(lab: Lab, deep: Path, command: tuple[str, ...]) -> None:
    """As a capture has it: in a poll, an object all the same."""
    said = b'{"status":"RUNNING","output":' + nested(600) + b"}"
    text = json.dumps(said.decode()).encode()
    lines = [
        re.sub(rb'"enc":"json","body":.*', b'"enc":"text","body":' + text.replace(b"\\", b"\\\\") + b"}", line)
        if b'"k":"res"' in line else line
        for line in deep.read_bytes().split(b"\n")
    ]  # fmt: skip
    deep.write_bytes(resealed(b"\n".join(lines)))
    assert text in deep.read_bytes()
    assert lab(command[0], deep, *command[1:]).code in (0, 1, 2, 5)


NO_LAB_WRITES = ((nested(900), "nests deeper"), (b"-1e99999", "too large a number"))


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (nested(DEEPEST_VALUE - 1), ""),
        (nested(DEEPEST_VALUE), "nests deeper"),
        (nested(90_000), "nests"),
        (b"1e308", ""),
        *NO_LAB_WRITES,
    ],
)
def test_a_line_that_no_lab_writes_is_refused_by_every_command(lab: Lab, deep: Path, member: bytes, said: str) -> None:
    write_member(deep, member)
    if not said or len(member) > 1_000:
        assert bool(said) is bool(refused(deep))
        return
    for command in COMMANDS:
        assert_refuses(lab, deep, command, said)


def write_member(deep: Path, member: bytes) -> None:
    """Into a body of the recording, whose digest is right."""
    head, mark, rest = deep.read_bytes().partition(b'"enc":"json","body":')
    deep.write_bytes(resealed(head + mark + b'{"a":' + member + b',"b":' + rest.replace(b"}\n", b"}}\n", 1)))


def assert_refuses(lab: Lab, deep: Path, command: tuple[str, ...], said: str) -> None:
    called = lab(command[0], deep, *command[1:])
    assert called.code == 3, command
    assert said in called.err + called.out


def refused(file: Path) -> str:
    try:
        read(file.read_bytes())
    except RecordingError as error:
        return error.what
    return ""
