"""A stream is recorded with its whole body once it has ended, and replays equal."""

import json

from lab.core.exchange import Request, text_of
from lab.core.observe import Replied
from lab.dialects.router import ROUTER
from lab.identity.records import TokenRecord, grants_in
from lab.recording.format.lines import Enc, Res
from lab.recording.format.reader import read
from lab.recording.redaction.bodies import body_of
from lab.recording.redaction.redactor import redactor_of
from lab.recording.replay.replay import replay
from tests.recording.joined import Joined, config, scenario


def taped(*, edit: tuple[bytes, bytes] = (b"", b"")) -> bytes:
    """A chat up to its gate, the decision over the same route, and the rest."""
    joined = Joined(config(scripted=False))
    joined.play_until_accepted()
    token = next(grants_in(joined.service.ledger, TokenRecord, joined.now))[0]
    sent = {"message": "Taxi, é 42", "conversationId": "talk-1"}
    for _ in range(2):
        body = text_of(sent).encode()
        headers = (("authorization", f"Bearer {token}"), ("content-type", "application/json"))
        request = Request("POST", ROUTER.path("chat", code="EXPENSES"), headers=headers, body=body)
        reply = joined.service.serve(request, joined.now)
        response, joined.now = reply.whole(joined.now)
        joined.service.tell(Replied(joined.now, reply.x, response, reply.latency))
        events = [json.loads(line[6:]) for line in response.body.split(b"\n\n") if line.startswith(b"data: {")]
        node = next((event["waitingNodeDetails"] for event in events if "waitingNodeDetails" in event), None)
        if node is not None:
            resume = {"messageInstanceId": node["callbackToken"], "userResponse": "APPROVE_ACTION"}
            sent = {"message": "", "jobId": events[0]["jobId"], "resumeInput": resume}
    joined.tape.close(joined.now, "closed")
    return joined.data.replace(*edit) if edit[0] else joined.data


def test_a_stream_is_recorded_whole_and_replays_equal() -> None:
    data = taped()
    recording = read(data, "chat")
    streams = [line for line in recording.lines if isinstance(line, Res) and line.body.enc is Enc.TEXT]
    assert len(streams) == 2
    assert all(str(line.body.value).endswith("data: [DONE]\n\n") for line in streams)
    result = replay(recording, (scenario(),))
    assert result.passed, result.text()
    assert result.again() == data


def test_a_changed_event_is_a_divergence() -> None:
    from hashlib import sha256

    data = taped()
    changed = data.replace(b'\\"finishReason\\":\\"stop\\"', b'\\"finishReason\\":\\"stip\\"')
    assert changed != data
    head, _, _ = changed.rpartition(b'"sha256":"')
    head += b'"sha256":"'
    result = replay(read(head + sha256(head).hexdigest().encode() + b'"}\n', "chat"), (scenario(),))
    assert not result.passed
    assert "stip" in result.text() and "stop" in result.text()


def test_what_stands_under_a_secrets_name_in_one_event_hides_nothing_of_the_next() -> None:
    events = b'data: {"callbackToken":null}\n\ndata: {"password":"correct horse"}\n\ndata: {"finishReason":"wait"}\n\n'
    kept = body_of((("content-type", "text/event-stream"),), events, redactor_of(config()), oauth=False, reply=True)
    text = str(kept.value)
    assert text.count("data: ") == 3 and "horse" not in text and text.endswith('data: {"finishReason":"wait"}\n\n')
