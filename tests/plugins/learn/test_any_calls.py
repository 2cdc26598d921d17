"""Whatever was recorded of a polled API, what is learned of it is a scenario, without a complaint, that a run ends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.app.effects import Outcome
from lab.jobs.lint import lint
from lab.jobs.program import program_of
from lab.language.parse import parse_with_locations
from lab.plugins.learn.command import learn
from lab.plugins.learn.foreign import parse_terms
from lab.plugins.learn.reading import observed_in
from lab.program.words import Status
from tests.conftest import examples
from tests.recording.joined import Joined, config

TEXTS = st.text(max_size=30) | st.sampled_from(
    ["{{ x }}", "It is A-17.", "no", "a: b", "- x", "# x", "50%", "\t", "denied"]
)
WORDS = st.sampled_from(["queued", "running", "waiting", "completed", "failed", "resting"]) | TEXTS.filter(bool)
BODIES = st.fixed_dictionaries(
    {"status": WORDS},
    optional={
        "message": TEXTS, "output": TEXTS.filter(lambda text: not text or text.strip()) | st.lists(TEXTS, max_size=3) | st.dictionaries(TEXTS, TEXTS, max_size=3),
        "error": st.none() | TEXTS | st.fixed_dictionaries({"message": TEXTS}), "progress": st.integers(),
    },
)  # fmt: skip
ANSWERS = st.one_of(
    st.tuples(st.just(200), BODIES.map(json.dumps)),
    st.tuples(st.sampled_from([0, 200, 204, 301, 400, 401, 404, 409, 418, 429, 500, 503, 599]), st.sampled_from(["", "{}", "<html>", '{"a": 1', "[]", "busy"])),
)  # fmt: skip
GAPS = st.sampled_from([0, 1, 999, 3_000, 70_000, 4_000_000, 10**12])
HEADERS = st.sampled_from(
    [
        [],
        [{"name": "Retry-After", "value": "3"}],
        [{"name": "Retry-After", "value": "é"}],
        [{"name": "Retry-After", "value": "Thu, 01 Jan 2026 10:00:00 GMT"}],
    ]
)
CALLS = st.lists(st.tuples(GAPS, st.integers(0, 30_000), ANSWERS, HEADERS), max_size=12)
ASKED = st.dictionaries(
    st.sampled_from(["prompt", "n", "odd 'name'", "x-y", "secret"]), TEXTS | st.integers() | st.booleans()
)


def file_of(sent: dict[str, object], calls: list[tuple[int, int, tuple[int, str], list[object]]]) -> bytes:
    at, entries = 0, []
    begin = (0, 100, (202, json.dumps({"id": "job-77123", "status": "queued"})), [])
    for place, (gap, took, (status, body), headers) in enumerate((begin, *calls)):
        at += gap
        path = "/jobs/job-77123" if place else "/jobs"
        request = {"method": "GET" if place else "POST", "url": f"https://api.example.com{path}"}
        if not place:
            request["postData"] = {"text": json.dumps(sent)}
        entries.append({
            "startedDateTime": f"{1970 + at // 31_536_000_000 + 50:04}-01-01T{at // 3_600_000 % 24:02}:{at // 60_000 % 60:02}:{at // 1000 % 60:02}Z",
            "time": took, "request": request, "response": {"status": status, "headers": headers, "content": {"text": body}},
        })  # fmt: skip
        at += took
    return json.dumps({"log": {"entries": entries}}).encode("utf-8", "replace")


def meanings(calls: list[tuple[int, int, tuple[int, str], list[object]]]) -> dict[str, Status]:
    """What each word means that is seen: anything."""
    words = {json.loads(body)["status"].strip() for *_, (_, body), _ in calls if '"status": ' in body}
    return {word: [*Status][len(word) % 4] for word in words} | {"queued": Status.RUNNING, "completed": Status.COMPLETE}


@pytest.mark.long
@examples(30, thorough=600)
@given(ASKED, CALLS)
def test_a_learned_scenario_is_one_and_its_run_ends(
    sent: dict[str, object], calls: list[tuple[int, int, tuple[int, str], list[object]]]
) -> None:
    last = (3_000, 50, (200, '{"status": "completed", "output": "done"}'), [])
    observed = observed_in(file_of(sent, [*calls, last]), "calls.har")
    said = parse_terms("status", (), ("ask=prompt", "says=message", "output=output", "error=error"))
    said = replace(said, words=meanings(calls))
    text = learn(observed, "calls", "calls.har", said)
    scenario, locations = parse_with_locations(text, "calls.yaml")
    assert lint(scenario, "calls.yaml", locations) == ()
    outcome: Outcome = Joined(config(program=program_of(scenario))).play()
    assert outcome.status is not None or scenario.faults
