"""What can't be read is told with its place; what can is read in every form that a writer has."""

import json
from base64 import b64encode
from gzip import compress
from pathlib import Path

import pytest

from lab.files.recordings import LONGEST_JSON, LONGEST_YAML
from lab.plugins.learn.reading import ObservedCalls, observed_in
from tests.conftest import ROOT, Lab, each_row


def observed(text: str) -> ObservedCalls:
    return observed_in(text.encode(), "x")


ENTRY = {
    "startedDateTime": "2026-01-01T10:00:00.250+02:00",
    "request": {"method": "get", "url": "https://api.example.com/jobs/1"},
    "response": {"status": 200},
}
"""The least that is an entry."""


def document(**changed: object) -> str:
    return json.dumps({"log": {"entries": [ENTRY, ENTRY | changed]}})


BROKEN = {
    "not json": ('{"log": {\n  "entries": [,]}}', "Expecting value: line 2 column 15"),
    "another document": ('{"a": 1}', "neither a recording, nor HAR, nor a cassette"),
    "no list": ('{"log": {"entries": {}}}', "Expected `array`, got `object` - at `$.log.entries`"),
    "no url": (document(request={"method": "GET"}), "$.log.entries[1].request: it has no method, or no URL"),
    "a status in words": (document(response={"status": "ok"}), "at `$.log.entries[1].response.status`"),
    "no time": (document(startedDateTime="yesterday"), "$.log.entries[1].startedDateTime: 'yesterday' is no ISO 8601 time"),
    "no base64": (document(response={"status": 200, "content": {"text": "é", "encoding": "base64"}}), "$.log.entries[1].response: the text is no base64"),
    "another encoding": (document(response={"status": 200, "content": {"text": "x", "encoding": "zip"}}), "$.log.entries[1].response: the encoding 'zip' is unknown"),
    "too deep": ('{"a":' + "[" * 100_000, "it nests too deep"),
    "no yaml": ("interactions:\n- request: {\n  a", "nor a cassette of plain values: while parsing"),
    "a tab": ("interactions:\n\t- a", "line 2, column 1"),
    "an object": ("interactions:\n- request: !!python/object/apply:os.system ['true']\n", "could not determine a constructor for the tag 'tag:yaml.org,2002:python/object/apply:os.system' in \"<unicode string>\", line 2, column 12"),
    "an object of Ruby": ("http_interactions:\n- !ruby/object:Gem {}\n", "could not determine a constructor for the tag"),
    "no cassette": ("a: 1\n", "neither a recording, nor HAR, nor a cassette"),
    "a list": ("- 1\n", "nor a cassette of plain values: Expected `object`"),
    "nothing": ("", "nor a cassette of plain values: Expected `object`"),
    "no method": ("interactions:\n- request: {uri: /x}\n  response: {status: 200}\n", "$.interactions[0].request: it has no method, or no URL"),
    "no status": ("interactions:\n- request: {uri: /x, method: GET}\n  response: {status: {code: fine}}\n", "Expected `int`, got `str` - at `$.interactions[0].response.status.code`"),
    "no base64 in a body": ("interactions:\n- request: {uri: /x, method: GET}\n  response: {status: 200, body: {base64_string: é}}\n", "$.interactions[0].response: the text is no base64"),
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(BROKEN))
def test_a_broken_file_is_told_with_its_place(lab: Lab, what: str) -> None:
    text, said = BROKEN[what]
    Path("broken.txt").write_text(text, "utf-8")
    done = lab("learn", "broken.txt")
    assert (done.code, done.out) == (3, "")
    assert said in done.err
    assert "broken.txt" in done.err and "Traceback" not in done.err


def test_bytes_that_are_no_text_are_told_with_their_line(lab: Lab) -> None:
    Path("broken.har").write_bytes(b'{"log":\n\xff')
    done = lab("learn", "broken.har")
    assert (done.code, "broken.har:2: the file is not UTF-8" in done.err) == (3, True)


def test_a_file_that_is_not_there_is_wrong_usage(lab: Lab) -> None:
    assert lab("learn", "nowhere.har").code == 2


def test_a_recording_that_is_torn_is_read_to_its_last_line(lab: Lab) -> None:
    data = (ROOT / "recordings" / "item-comparison.rec.jsonl").read_bytes()
    Path("torn.rec.jsonl").write_bytes(data[: len(data) * 2 // 3])
    done = lab("learn", "torn.rec.jsonl")
    assert done.code == 0
    assert "not-observed  # not observed: the calls end before the job does" in done.out


@pytest.mark.parametrize("empty", ['{"log": {"entries": []}}', "interactions: []\n", document()])
def test_a_file_without_a_poll_is_wrong_usage(lab: Lab, empty: str) -> None:
    Path("empty.har").write_text(empty, "utf-8")
    done = lab("learn", "empty.har")
    assert (done.code, "holds no poll" in done.err) == (2, True)


def test_a_member_of_har_that_is_null_is_one_that_is_not_there() -> None:
    nothing = {"headers": None, "cookies": None}
    request = ENTRY["request"] | nothing | {"postData": {"text": None, "params": None, "encoding": None}}  # type: ignore[operator]
    found = observed(
        document(request=request | {"url": "/x"}, response={"status": 0, "content": None, "_error": None} | nothing)
    )
    (call,) = (call for call in found.calls if call.request.path == "/x")
    assert (call.request.headers, call.request.body, call.response, call.cut) == ((), b"", None, "reset")


def test_headers_are_named_in_lower_case_with_cookies_and_without_those_of_http_2() -> None:
    pairs = [{"name": name, "value": "x"} for name in (":path", "Accept", "X-A")]
    request = ENTRY["request"] | {"url": "/x", "headers": pairs, "cookies": [{"name": "a", "value": "1"}]}  # type: ignore[operator]
    (call,) = (call for call in observed(document(request=request)).calls if call.request.path == "/x")
    assert call.request.headers == (("accept", "x"), ("x-a", "x"), ("cookie", "a=1"))


def test_times_are_read_with_their_offsets_and_in_their_order() -> None:
    early, late = (
        ENTRY | {"startedDateTime": "2026-01-01T08:00:00Z"},
        ENTRY | {"startedDateTime": "2026-01-01T09:00:01.5+01:00"},
    )
    found = observed(json.dumps({"log": {"entries": [late, early]}}))
    calls, epoch = found.calls, found.epoch
    assert [call.at for call in calls] == [0, 1500]
    assert epoch == 1_767_254_400
    assert calls[0].title == "GET /jobs/1" and calls[0].body == b""


@pytest.mark.parametrize("form", ["har", "cassette"])
def test_a_file_of_one_long_line_is_learned(lab: Lab, form: str) -> None:
    filler = "x" * 9_000_000
    steps = [
        ("POST", "/jobs", '{"id": "job-7"}'),
        ("GET", "/jobs/job-7", '{"status": "running"}'),
        ("GET", "/a.js", filler),
        ("GET", "/jobs/job-7", '{"status": "done"}'),
    ]
    if form == "har":
        entries = [
            {
                **ENTRY,
                "request": {"method": method, "url": path},
                "response": {"status": 200, "content": {"text": text}},
            }
            for method, path, text in steps
        ]
        document: object = {"log": {"entries": entries}}
    else:
        calls = [
            {"request": {"method": method, "uri": path}, "response": {"status": 200, "body": {"string": text}}}
            for method, path, text in steps
        ]
        document = {"version": 1, "interactions": calls}
    Path("calls.txt").write_text(json.dumps(document))
    done = lab("learn", "calls.txt", "--status=status", "--words=COMPLETE=done")
    assert (done.code, "complete: done" in done.out) == (0, True)


@pytest.mark.parametrize(("start", "most"), [(b'{"log": ', LONGEST_JSON), (b"interactions:\n", LONGEST_YAML)])
def test_a_file_that_is_too_long_is_refused_unread(lab: Lab, start: bytes, most: int) -> None:
    with Path("long.txt").open("wb") as file:
        file.write(start)
        file.truncate(most + 1)
    done = lab("learn", "long.txt")
    assert (done.code, f"longer than {most} bytes" in done.err) == (3, True)


BODY = b'{"status": "done"}'
BODIES = {
    "text": 'string: \'{"status": "done"}\'',
    "bytes": f"string: !!binary {b64encode(BODY).decode()}",
    "bytes of Ruby": f"string: !binary {b64encode(BODY).decode()}",
    "base64": f"{{base64_string: {b64encode(BODY).decode()}}}",
    "gzip": f"string: !!binary {b64encode(compress(BODY)).decode()}",
}


@each_row("form", sorted(BODIES))
def test_a_body_is_read_however_it_is_written(form: str) -> None:
    value = BODIES[form] if BODIES[form].startswith("{") else f"{{{BODIES[form]}}}"
    text = (
        "interactions:\n- request: {uri: /x, method: get}\n"
        f"  response: {{status: {{code: 200}}, headers: {{Content-Encoding: [gzip]}}, body: {value}}}\n"
    )
    assert [call.body for call in observed(text).calls] == [BODY]


@pytest.mark.parametrize(("second", "timed"), [("Thu, 01 Jan 2026 10:00:30 GMT", True), ("soon", False)])
def test_a_cassette_without_times_is_told_so(second: str, timed: bool) -> None:
    text = "interactions:\n" + "".join(
        f"- request: {{uri: /x, method: GET}}\n  response: {{status: 200, headers: {{Date: ['{date}']}}}}\n"
        for date in ("Thu, 01 Jan 2026 10:00:00 GMT", second)
    )
    found = observed(text)
    assert (found.timed, [call.at for call in found.calls]) == (timed, [0, 30_000] if timed else [1_000, 2_000])


def test_calls_of_one_second_keep_their_order() -> None:
    dates = ["Thu, 01 Jan 2026 10:00:00 GMT"] * 3 + ["Thu, 01 Jan 2026 10:00:02 GMT"]
    text = "interactions:\n" + "".join(
        f"- request: {{uri: /{place}, method: GET}}\n  response: {{status: 200, headers: {{Date: ['{date}']}}}}\n"
        for place, date in enumerate(dates)
    )
    found = observed(text)
    assert [(call.title, call.at) for call in found.calls] == [
        ("GET /0", 0),
        ("GET /1", 1),
        ("GET /2", 2),
        ("GET /3", 2_000),
    ]


def test_a_har_file_has_times_however_short_it_is() -> None:
    entries = [ENTRY, ENTRY | {"startedDateTime": "2026-01-01T10:00:00.650+02:00"}]
    found = observed(json.dumps({"log": {"entries": entries}}))
    assert (found.timed, [call.at for call in found.calls]) == (True, [250, 650])
