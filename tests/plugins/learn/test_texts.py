"""Whatever a peer wrote, a learned scenario is one, and says the same."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.language.templates import template
from lab.plugins.learn.scenario import quoted, slug
from lab.recording.redaction.stand_ins import STAND_IN
from tests.conftest import ROOT, Lab, each_row
from tests.plugins.learn.observed import canonical, complaints_of, story_in
from tests.recording.hostile import TEXTS

PIECES = st.lists(st.sampled_from(["{{", "}}", "{%", "%}", "{#", "#}", "{", "}", " ", "\n", "raw", "x", "'", '"', "é"]), max_size=12).map("".join)  # fmt: skip
SAID = "--status=status --words=RUNNING=queued --words=COMPLETE=completed --at=ask=prompt --at=says=message --at=output=output".split()
"""What has a session learned."""


@given(PIECES)
def test_a_text_as_a_template_renders_to_itself(text: str) -> None:
    assert template(quoted(text)).render({}) == text


@each_row(
    ("text", "name"),
    [("Reading the item master…", "reading-the-item-master"), ("notStarted", "not-started"), ("", ""), ("…", ""), ("Prüfe", "prufe"), ("x" * 99, "x" * 40)],
)  # fmt: skip
def test_a_text_names_a_step(text: str, name: str) -> None:
    assert slug(text) == name


def session(text: str) -> str:
    """A HAR file of a job that repeats the text wherever a scenario has texts."""
    bodies = [
        ("POST", "/jobs", {"id": "job-77123", "status": "queued"}),
        ("GET", "/jobs/job-77123", {"status": "running", "message": text[:300]}),
        ("GET", "/jobs/job-77123", {"status": "waiting", "message": f"May {text[:200]}?"}),
        ("GET", "/jobs/job-77123", {"status": "completed", "output": f"It is {text}."}),
    ]
    entries = [
        {
            "startedDateTime": f"2026-01-01T10:00:0{2 * place}Z",
            "time": 10,
            "request": {"method": method, "url": f"http://127.0.0.1{path}", "postData": {"text": json.dumps({"prompt": f"Do {text}", "note": text[:200]})}},
            "response": {"status": 200, "content": {"text": json.dumps(body)}},
        }
        for place, (method, path, body) in enumerate(bodies)
    ]  # fmt: skip
    for entry in entries[1:]:
        del entry["request"]["postData"]  # type: ignore[attr-defined]
    return json.dumps({"log": {"entries": entries}})


@pytest.mark.parametrize("text", TEXTS)
def test_hostile_texts_are_texts(lab: Lab, text: str) -> None:
    Path("calls.har").write_text(session(text), "utf-8")
    learned = lab("learn", "calls.har", *SAID)
    assert learned.code == 0, learned.err
    path = Path("calls.yaml")
    path.write_text(learned.out, "utf-8")
    assert complaints_of(path) == []
    done = lab("run", path, "--speed", "instant", "--json")
    # what looks like a stand-in gets one of its own
    written = text.replace("\ud800", "?") if not STAND_IN.search(text) else None
    output = json.loads(done.lines[-1])["output"]
    assert output.startswith("It is ") and output.endswith(".")
    if written is not None:
        assert output == f"It is {written}."


@pytest.mark.parametrize("name", ["item-comparison", "rush-hour", "three-turns", "tomorrow-s-status", "nobody-home"])
def test_a_recording_shown_as_har_is_learned_alike(lab: Lab, name: str) -> None:
    source = ROOT / "recordings" / f"{name}.rec.jsonl"
    Path(f"{name}.har").write_text(lab("show", source, "--as", "har").out, "utf-8")
    path = Path(f"{name}.yaml")
    path.write_text(lab("learn", f"{name}.har").out, "utf-8")
    assert complaints_of(path) == []
    assert lab("run", path, "--speed", "instant", "--record", "again").code == 0
    assert canonical(story_in(Path("recordings/again.rec.jsonl"))) == canonical(story_in(source))


DEEP = "[" * 40 + "]" * 40
HUGE = json.dumps(["x" * 50] * 9_000)


@pytest.mark.parametrize("value", ['"{{ 7 }}"', "NaN", "1e999", "-Infinity", DEEP, HUGE, "[" + "1," * 60_000 + "1]"])
def test_what_no_scenario_holds_is_written_otherwise(lab: Lab, value: str) -> None:
    document = json.loads(session("x"))
    first, *_, last = document["log"]["entries"]
    first["request"]["postData"]["text"] = f'{{"prompt": "Do it", "odd": {value}}}'
    last["response"]["content"]["text"] = f'{{"status": "completed", "output": {{"a": {value}}}}}'
    Path("calls.har").write_text(json.dumps(document), "utf-8")
    learned = lab("learn", "calls.har", *SAID)
    assert learned.code == 0, learned.err
    path = Path("calls.yaml")
    path.write_text(learned.out, "utf-8")
    assert complaints_of(path) == []
    output = json.loads(lab("run", path, "--speed", "instant", "--json").lines[-1])["output"]
    length = len(f'{{"a":{value}}}'.replace(", ", ",").replace("1e999", "Infinity"))
    assert len(output) == length
