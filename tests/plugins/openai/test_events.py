"""What becomes of a response as events: whenever they are asked for, the same ones."""

import json

from hypothesis import given
from hypothesis import strategies as st

from lab.dialects.sse import events_in
from tests.conftest import each_row, examples
from tests.plugins.openai.peer import CLAIM, ENDS, GATE, PAY, READ, Peer, approval, error

MESSAGE = [
    "output_item.added", "content_part.added", "output_text.delta", "output_text.delta", "output_text.done",
    "content_part.done", "output_item.done",
]  # fmt: skip
BEGUN = ["created", "queued", "in_progress"]
PAID = CLAIM | {"steps": [PAY, {"complete": "done", "output": "Paid {{ match.sum }}.\nDone: fine"}]}


def types(events):
    assert [each["sequence_number"] for each in events] == [*range(len(events))]
    return [each["type"].removeprefix("response.") for each in events]


def test_a_stream_is_these_bytes():
    peer = Peer()
    answer = peer.post(stream=True)
    assert answer.header("content-type") == "text/event-stream"
    blocks = answer.body.decode().split("\n\n")
    assert blocks.pop() == "" and len(blocks) == 6
    for number, block in enumerate(blocks):
        event, data = block.split("\n")
        body = json.loads(data.removeprefix("data: "))
        assert event == f"event: {body['type']}"
        assert data.startswith(f'data: {{"type":"{body["type"]}","sequence_number":{number},')
    (job,) = peer.mock.jobs()
    look = peer.look(f"resp_{job}", 2_000)
    assert blocks[4] == (
        'event: response.output_item.done\ndata: {"type":"response.output_item.done","sequence_number":4,"output_index":0,'
        f'"item":{json.dumps(look["output"][0], separators=(",", ":"))}}}'
    )
    assert (
        answer.times == (0, 0, 0, 2_000, 2_000, 2_000)
        and json.loads(blocks[5].partition("data: ")[2])["response"] == look
    )


def test_a_message_comes_line_by_line_and_adds_up():
    events = events_in(Peer(PAID).post(stream=True).body)
    assert types(events) == [*BEGUN, *MESSAGE, "completed"]
    text = "Paid 42.\nDone: fine"
    assert "".join(each.get("delta", "") for each in events) == text == events[-4]["text"]
    assert events[3]["item"]["content"] == [] and events[3]["item"]["status"] == "in_progress"
    assert events[-1]["response"]["output"] == [events[-2]["item"]]
    assert {each["response"]["id"] for each in events if "response" in each} == {events[0]["response"]["id"]}
    assert [each["response"]["status"] for each in events[:3]] == ["queued", "queued", "in_progress"]


def test_without_background_nothing_is_queued():
    events = events_in(Peer(PAID).post(stream=True, background=False).body)
    assert types(events)[:2] == ["created", "in_progress"] and events[0]["response"]["status"] == "in_progress"


def test_a_failure_is_the_last_event():
    events = events_in(Peer(CLAIM | {"steps": [READ, {"error": "no", "text": "Broken."}]}).post(stream=True).body)
    assert types(events) == [*BEGUN, "failed"] and events[-1]["response"]["error"]["message"] == "Broken."


def test_an_answer_is_streamed_as_a_response_of_its_own():
    peer = Peer()
    first, question = peer.at_gate()
    events = events_in(peer.post(approval(question), 5_000, previous_response_id=first, stream=True).body)
    assert types(events) == [*BEGUN, *MESSAGE, "completed"]
    second = events[0]["response"]["id"]
    assert second != first and peer.events(second, 30_000) == events == peer.events(second, 6_000)


@given(st.integers(-1, 14), st.integers(0, 40_000))
@examples(30, thorough=300)
def test_whoever_comes_back_misses_nothing_and_hears_nothing_twice(behind, now):
    peer = Peer(PAID)
    events = events_in(peer.post(stream=True).body)
    created = events[0]["response"]["id"]
    assert peer.events(created, now, behind) == events[behind + 1 :]
    assert peer.events(created, now) == events


def test_events_of_a_response_that_was_answered_end_with_its_question():
    peer = Peer()
    first = events_in(peer.post(stream=True).body)
    created, question = first[0]["response"]["id"], first[-1]["response"]["output"][0]["id"]
    peer.create(approval(question), 5_000, previous_response_id=created)
    assert peer.events(created, 20_000) == first


def test_a_stream_goes_on_while_people_elsewhere_decide():
    elsewhere = GATE | {"channel": "EMAIL", "patience": "10s", "verdicts": {"timed-out": "done"}}
    answer = Peer(CLAIM | {"steps": [READ, elsewhere, *ENDS]}).post(stream=True)
    assert types(events_in(answer.body))[-1] == "completed" and answer.times[-1] == 12_000


@each_row(("output", "more"), [("Half.", ["output_item.added", "output_item.done"]), (None, [])])
def test_the_stream_of_a_response_that_is_cancelled_just_ends(output, more):
    cancel = {"takes": "1s"} | ({} if output is None else {"output": output})
    peer = Peer(CLAIM | {"cancel": cancel, "steps": [PAY, {"complete": "done", "output": "Paid."}]})
    created = events_in(peer.post(stream=True).body)[0]["response"]["id"]
    peer.cancel(created, 1_000)
    found = [each for each in types(peer.events(created, 1_500)) if "text" not in each and "part" not in each]
    assert found == [*BEGUN, *more]
    assert peer.look(created, 2_000)["status"] == "cancelled"


def test_only_what_was_created_with_events_has_any():
    peer = Peer()
    answer = peer.send("GET", f"/v1/responses/{peer.create()['id']}?stream=true")
    assert answer.status == 400 and error(answer)["param"] == "stream"
    assert peer.send("GET", f"/v1/responses/{peer.create()['id']}?stream=false").status == 200


@each_row("behind", ["x", "1.5", "", "--1"])
def test_what_was_heard_last_is_a_number(behind):
    peer = Peer(PAID)
    created = events_in(peer.post(stream=True).body)[0]["response"]["id"]
    answer = peer.send("GET", f"/v1/responses/{created}?stream=true&starting_after={behind}")
    assert answer.status == 400 and error(answer)["param"] == "starting_after"
