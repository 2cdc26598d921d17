"""What a person reads of a recording in Markdown and on a page: calls in a few words, bodies on lines, all harmless."""

import json

from lab.core.exchange import Json
from lab.core.logtext import harmless_text
from lab.core.refusal import Refusal
from lab.dialects import client_of, wires
from lab.dialects.sse import events_in
from lab.recording.exchange import RecordedExchange
from lab.recording.format.lines import Body, Enc, Header
from lab.recording.redaction.bodies import form_fields, plain_body
from lab.recording.show.transcript import clock_and_version, event_lines

LONGEST_SHOWN = 65_536
"""Characters of a body on a page."""
_WIDEST = 120


def readable(text: str) -> str:
    """The text with its line feeds; what doesn't show, or commands a log of CI, is written as JSON has it."""
    return harmless_text(text, lines=True)


def on_one_line(text: str) -> str:
    """The same with blanks for its line feeds."""
    return readable(text).replace("\n", " ")


def readable_request(call: RecordedExchange) -> str:
    """The body that was sent, the fields of a form one on each line."""
    headers, body = call.request.headers, plain_body(call.request.headers, call.request.body)
    if (fields := form_fields(headers, body)) is not None:
        return _cut("\n".join(f"{name} = {said}" for name, said in fields))
    return _on_lines(body)


def readable_answer(call: RecordedExchange, *, short: bool = False) -> tuple[str, str]:
    """The body that came, behind its language: `json`, `text`; a stream event by event, with the instants of their times.

    `short`: of a job's body only the members that say something new.
    """
    body = plain_body(call.headers, call.body, cut=call.cut is not None)
    events = event_lines(call.at, call.response.times, body, short=short) if call.response is not None else []
    language = "json" if body.enc is Enc.JSON else "text"
    return language, _cut("\n".join(events)) if events else _on_lines(body, short=short)


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


def news_of(call: RecordedExchange) -> str:
    """On one line what an answer says of its job, or why it refuses; nothing where it does neither."""
    client, response, seen = client_of(call.route), call.response, call.seen
    if client is None or response is None or not call.whole or (call.route not in client.calls and call.status < 300):
        return ""
    parts: list[str] = []
    if seen is not None:
        many = len(events_in(response.body)) if call.streamed else 0
        parts = [f"{many} event{'s' if many > 1 else ''}"] if many else []
        asks = seen.question.text if seen.question is not None else None
        parts += [seen.word, *(text for text in (asks, seen.progress, seen.error, seen.output) if text)]
    elif call.status >= 300 or isinstance(call.answer, Refusal):
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
