"""`lab show --as har`: valid HAR 1.2 of whatever was recorded, with all that the recording says."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace
from yarl import URL

from lab.recording.exchange import exchanges_of
from lab.recording.format.codec import fact_document, line_members
from lab.recording.format.lines import Enc, Recording, Req, Res
from lab.recording.format.reader import read
from lab.recording.har import HarLog
from lab.recording.redaction.stand_ins import HERE
from lab.recording.show.har import LAB_ORIGIN, har
from tests.conftest import UNLIKE_SHORT, each_row, few_of, name_of
from tests.recording.har_schema import HAR
from tests.recording.hostile import ASTRAY, TEXTS, astray, hostile
from tests.recording.test_codec import GOLDEN, SHIPPED

VALID = Draft202012Validator(HAR)


def har_of(recording: Recording) -> Any:
    log = json.loads("\n".join(har(recording)))
    assert [error.message for error in VALID.iter_errors(log)] == []
    return log["log"]


@pytest.mark.parametrize("path", few_of(SHIPPED, UNLIKE_SHORT, name_of), ids=[name_of(path) for path in SHIPPED])
def test_a_shipped_recording_is_valid_har_with_every_call_and_every_fact(path: Any) -> None:
    recording = read(path.read_bytes())
    log = har_of(recording)
    assert [fact_document(fact) for fact in recording.facts()] == log["_lab"]["facts"]
    requests, replies = list(recording.of(Req)), {line.x: line for line in recording.of(Res)}
    assert [(one["_lab"]["n"], one["_lab"]["x"]) for one in log["entries"]] == [(one.n, one.x) for one in requests]
    assert [one["response"]["status"] for one in log["entries"]] == [replies[one.x].status for one in requests]
    for entry in log["entries"]:
        assert entry["time"] == sum(entry["timings"].values())


def test_an_entry_says_what_was_sent_and_what_came() -> None:
    token, invoke = har_of(read(GOLDEN.read_bytes()))["entries"][:2]
    assert token["startedDateTime"] == "2026-01-01T00:00:00.000Z"
    assert {one["name"]: one["value"] for one in token["request"]["postData"]["params"]}[
        "grant_type"
    ] == "client_credentials"
    assert token["response"]["content"]["size"] == -1  # a token stood there, whose length isn't known
    assert json.loads(invoke["request"]["postData"]["text"]) and invoke["request"]["bodySize"] > 0
    assert invoke["request"]["url"].startswith("http://127.0.0.1:8080/api/")
    assert invoke["response"]["statusText"] == "Accepted"


@each_row("path", ASTRAY)
def test_no_url_names_a_server_that_was_not_asked(path: str) -> None:
    request = har_of(astray(path))["entries"][0]["request"]
    assert request["url"].startswith("http://127.0.0.1:8080/")
    assert URL(request["url"]).parts == ("/", path)


_IN_LAB = ("w", "l", "flags", "in", "judged", "by", "held", "cut", "sent", "raw")
"""Members of lines for which HAR has no word."""
ODD = Req(
    n=1, t=5, w=7, x=1, c=3, flags=("b", "a"), took=2, judged=(True, {"a": 1}), method="POST", url="/a?b=1",
    enc=Enc.JSON, value={"a": 1.5}, raw="0" * 64,
)  # fmt: skip
HALF = Res(
    n=2, t=25, w=31, x=1, status=200, by="shell", latency=0, first=4, cut="truncated", sent=3, enc=Enc.TEXT, value="{}}",
    raw="1" * 64,
)  # fmt: skip


def test_what_har_has_no_word_for_stands_in_a_member_of_ours() -> None:
    recorded = [read(path.read_bytes()) for path in SHIPPED if not path.name.startswith("heavy-load")]
    by_hand = replace(hostile("x"), lines=[ODD, HALF, replace(ODD, n=3, x=2, listener="decoy", w=None, flags=())])
    for recording in (*recorded, by_hand):
        replies = {line.x: line for line in recording.of(Res)}
        for entry, req in zip(har_of(recording)["entries"], recording.of(Req), strict=True):
            ours = [{"n": line.n} | _beyond(line) for line in (req, replies.get(req.x)) if line is not None]
            assert entry["_lab"] == {"x": req.x} | ours[0] | ({"reply": ours[1]} if ours[1:] else {})
    one, other = har_of(by_hand)["entries"]
    assert (one["request"]["bodySize"], one["response"]["bodySize"]) == (-1, 3)
    assert (one["time"], one["timings"], one["connection"]) == (20, {"send": 0, "wait": 4, "receive": 16}, "3")
    assert (other["response"]["status"], other["response"]["bodySize"], other["time"]) == (0, 0, 0)
    assert other["request"]["url"].startswith("http://127.0.0.1:8080/") is False


def _beyond(line: Req | Res) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(json.dumps(line_members(line)))
    return {name: value for name, value in members.items() if name in _IN_LAB}


def test_a_long_body_is_there_whole() -> None:
    path = next(path for path in SHIPPED if path.name.startswith("heavy-load"))
    recording = read(path.read_bytes())
    texts = [one["response"]["content"].get("text", "") for one in har_of(recording)["entries"]]
    assert max(map(len, texts)) > 5_000_000 and isinstance(json.loads(max(texts, key=len)), dict)


def test_calls_stand_in_the_order_of_their_requests_also_one_without_a_reply() -> None:
    recording = hostile("x")
    first, _, reply, *others = recording.lines
    crossed = replace(recording, lines=[first, *others, reply])
    assert [one["_lab"]["x"] for one in har_of(crossed)["entries"]] == [1, 2, 3, 4, 5]
    lost = har_of(replace(recording, lines=[first, *others]))["entries"]
    assert [one["response"]["status"] for one in lost] == [0, 200, 200, 200, 200]


@each_row("text", TEXTS)
def test_no_text_of_a_peer_makes_it_invalid_or_commands_a_terminal(text: str) -> None:
    lines = list(har(hostile(text)))
    assert all(line.isprintable() for line in lines)
    entry, *_, binary, _ = har_of(hostile(text))["entries"]
    shown = text.replace("http://lab.invalid", "http://127.0.0.1:8080")
    assert json.loads(entry["request"]["postData"]["text"])["message"] == shown
    assert binary["response"]["content"]["encoding"] == "base64"


@pytest.mark.parametrize(
    "path", [*few_of(SHIPPED, UNLIKE_SHORT, name_of), None], ids=[*(name_of(path) for path in SHIPPED), "hostile"]
)
def test_what_is_written_is_read_by_the_same_model(path: Path | None) -> None:
    recording = read(path.read_bytes()) if path is not None else hostile("x")
    log = msgspec.json.decode("".join(har(recording)), type=dict[str, HarLog])["log"]
    here = json.dumps(recording.header.settings.get("base", LAB_ORIGIN)).strip('"')
    for entry, call in zip(log.entries, exchanges_of(recording), strict=True):
        asks, answer, sent = entry.request, entry.response, call.request
        assert (asks.method, asks.url.removeprefix(here)) == (sent.method, sent.target)
        assert (asks.fields, answer.fields, answer.status) == (sent.headers, call.headers, call.status)
        bodies = [content.data if content else b"" for content in (asks.post_data, answer.content)]
        assert bodies == [each.replace(HERE.encode(), here.encode()) for each in (sent.body, call.body)]
        assert (entry.time, entry.connection) == (call.answered_at - call.at, str(call.connection))
