"""What a person reads of a recording in Markdown and on a page: calls in a few words, bodies on lines, all harmless."""

import json

from lab.core.exchange import Json
from lab.core.logtext import harmless_text
from lab.core.refusal import Refusal
from lab.dialects import client_of, wires
from lab.dialects.client import Seen
from lab.dialects.sse import events_in, has_events
from lab.recording.format.lines import Body, Enc, Header
from lab.recording.show.transcript import clock_and_version, event_lines
from lab.recording.tape.observed import answer_of
from lab.recording.tape.recorded_calls import RecordedCall, fields_of

LONGEST_SHOWN = 65_536
"""Characters of a body on a page."""
_WIDEST = 120


def readable(text: str) -> str:
    """The text with its line feeds; what doesn't show, or commands a log of CI, is written as JSON has it."""
    return harmless_text(text, lines=True)


def on_one_line(text: str) -> str:
    """The same with blanks for its line feeds."""
    return readable(text).replace("\n", " ")


def readable_request(call: RecordedCall) -> str:
    """The body that was sent, the fields of a form one on each line."""
    if (fields := fields_of(call.req.headers, call.req.body)) is not None:
        return _cut("\n".join(f"{name} = {said}" for name, said in fields))
    return _on_lines(call.req.body)


def readable_answer(call: RecordedCall, *, short: bool = False) -> str:
    """The body that came; a stream event by event, with the instants of their times.

    `short`: of a job's body only the members that say something new.
    """
    res = call.res
    if res is None:
        return ""
    events = event_lines(res.body, res, call.req, short=short)
    return _cut("\n".join(events)) if events else _on_lines(res.body, short=short)


def _on_lines(body: Body, *, short: bool = False) -> str:
    value: Json = body.value
    if body.enc is not Enc.JSON:
        return _cut(value if isinstance(value, str) else "")
    if short and isinstance(value, dict):
        for wire in wires():
            value = dict(wire.marks.worth_showing(value))
    return _cut(json.dumps(value, indent=2, ensure_ascii=False))


def _cut(text: str) -> str:
    """The text, readable; a long one is cut, which is said."""
    return readable(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}\n… ({len(text)} characters)")


def news_of(call: RecordedCall, *, local: bool = False) -> str:
    """On one line what an answer says of its job, or why it refuses; nothing where it does neither."""
    route, response = answer_of(call.req, call.res, local=local)
    client = client_of(route)
    if response is None or client is None or (route not in client.calls and response.status < 300):
        return ""
    seen = client.understand(route, response) if route in client.calls else None
    parts: list[str] = []
    if isinstance(seen, Seen):
        many = len(events_in(response.body)) if has_events(response) else 0
        parts = [f"{many} event{'s' if many > 1 else ''}"] if many else []
        asks = seen.question.text if seen.question is not None else None
        parts += [seen.word, *(text for text in (asks, seen.progress, seen.error, seen.output) if text)]
    elif response.status >= 300 or isinstance(seen, Refusal):
        parts = [client.explain(response).removeprefix(f"HTTP {response.status}").lstrip(": ")]
    text = " · ".join(parts)
    return on_one_line(text[:_WIDEST]) + ("…" if len(text) > _WIDEST else "")


def title_of(header: Header) -> str:
    """What was recorded, in a few words."""
    return on_one_line(" ".join(one.name for one in header.scenarios or ()) or header.source)


def made_with(header: Header) -> str:
    """Seed, clock and version, in one line."""
    seed = f"seed {header.seed}, " if header.seed is not None else ""
    return on_one_line(f"{seed}{clock_and_version(header)}")
