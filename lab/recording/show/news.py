"""What calls of a recording come to, for who reads it: what an answer says that is new, a stream event by event."""

from lab.core.refusal import Refusal
from lab.dialects import client_of
from lab.dialects.client import Seen
from lab.dialects.sse import events_in, has_events
from lab.recording.format.lines import Body, Enc
from lab.recording.show.readable import readable, readable_body
from lab.recording.show.transcript import event_lines
from lab.recording.tape.observed import answer_of
from lab.recording.tape.recorded_calls import RecordedCall

_WIDEST = 120


def news_of(call: RecordedCall, *, local: bool = False) -> str:
    """On one line what an answer says of its job, or why it refuses; nothing where it does neither."""
    route, response = answer_of(call.req, call.res, local=local)
    client = client_of(route)
    if response is None or client is None or (route not in client.calls and response.status < 300):
        return ""
    seen = client.understand(route, response) if route in client.calls else None
    if isinstance(seen, Seen):
        asks = seen.question.text if seen.question is not None else None
        parts = [seen.word, *(text for text in (asks, seen.progress, seen.error, seen.output) if text)]
        if has_events(response) and (events := len(events_in(response.body))):
            parts.insert(0, f"{events} event{'s' if events > 1 else ''}")
    elif response.status >= 300 or isinstance(seen, Refusal):
        parts = [client.explain(response).removeprefix(f"HTTP {response.status}").lstrip(": ")]
    else:
        parts = []
    text = " · ".join(parts)
    return readable(text[:_WIDEST]).replace("\n", " ") + ("…" if len(text) > _WIDEST else "")


def readable_answer(call: RecordedCall, body: Body, *, short: bool = False) -> str:
    """An answer on lines: a stream event by event, with the instants of their times."""
    if call.res is None or not (events := event_lines(body, call.res, call.req, short=short)):
        return readable_body(body, short=short)
    return readable_body(Body(Enc.TEXT, "\n".join(events)))
