"""A recording as Markdown: what happened, how to ask it with curl, and what was answered (recordings.md §9)."""

import re
from collections.abc import Iterator

from lab.recording.exchange import RecordedExchange, events_of
from lab.recording.format.lines import Entry, Recording
from lab.recording.show.curl_lines import CurlLines
from lab.recording.show.readable import made_with, readable, readable_answer, title_of
from lab.recording.show.transcript import Openings, clock, decision_lines, fact_text

_TICKS = re.compile("`+")


def walkthrough(recording: Recording, numbered: bool = False) -> Iterator[str]:
    """The lines of the page; whatever a peer wrote stands in code, which it can't end."""
    curl = CurlLines(recording)
    yield f"# {code(title_of(recording.header))}"
    yield ""
    yield f"{code(made_with(recording.header))}. Times are those of the lab's clock."
    yield "`LAB_BASE` is whom it asks, `LAB_TOKEN_URL` where tokens are had."
    openings: Openings = {}
    facts: list[str] = []
    before: dict[str, list[str]] = {}
    for event in events_of(recording):
        if isinstance(event, Entry):
            facts += [f"{clock(event.instant)}  {fact_text(event)}", *decision_lines(event, openings)]
            continue
        yield from _facts(facts)
        facts = []
        yield from _call(event, curl, before)
    yield from _facts(facts)


def _facts(facts: list[str]) -> Iterator[str]:
    if facts:
        yield "\nThe lab noted:\n"
        yield from fenced("text", "\n".join(facts))


def _call(call: RecordedExchange, curl: CurlLines, before: dict[str, list[str]]) -> Iterator[str]:
    """The call and its answer; `before` is kept: what was asked, and answered, at that path."""
    path, command = call.request.path, list(fenced("sh", curl.line(call)))
    language, text = readable_answer(call, short=True)
    answer = list(fenced(language, text)) if call.body else []
    yield f"\n## {call.x}. {clock(call.at)} {code(call.title)}\n"
    if curl.new:
        yield f"{'; '.join(f'`{name}` stands for {code(recorded)}' for name, recorded in curl.new)}.\n"
    yield from ["The same call again."] if before.get("asked " + path) == command else command
    if call.ended is None:
        yield "\nThe recording ends before the answer."
        return
    cut = f", cut: {code(call.cut)}" if call.cut else ""
    yield f"\n{clock(call.answered_at)} **{call.status or 'nothing'}** after {call.answered_at - call.at} ms{cut}\n"
    for name, value in call.headers:
        if name in ("location", "retry-after", "www-authenticate"):
            yield f"- {code(f'{name}: {value}')}"
    yield from ["The same answer."] if answer and before.get("answered " + path) == answer else answer
    before |= {"asked " + path: command, "answered " + path: answer}


def code(text: str) -> str:
    """The text as code within a line, between more backticks than it has in a row."""
    text = readable(text).replace("\n", "\\u000a")
    ticks = "`" * (_longest(text) + 1)
    return f"{ticks} {text} {ticks}" if "`" in text or not text.strip() else f"`{text}`"


def fenced(language: str, text: str) -> Iterator[str]:
    """The text as a block of code."""
    fence = "`" * max(3, _longest(text) + 1)
    yield f"{fence}{language}"
    yield from readable(text).split("\n")
    yield fence


def _longest(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)
