"""`lab show --as html`: one page, with all that was recorded, in which nothing of a peer is more than text."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from lab.program.words import duration_text
from lab.recording.format.lines import Enc, Req, Res
from lab.recording.format.reader import read
from lab.recording.show.readable import LONGEST_SHOWN
from lab.recording.show.timeline_page import MOST_EVENTS, lanes_of, ticks, timeline_page
from tests.conftest import UNLIKE, each_row, few_of, name_of
from tests.recording.dialect_sessions import SESSIONS, recorded
from tests.recording.hostile import TEXTS, hostile
from tests.recording.test_codec import GOLDEN, SHIPPED

ATTRIBUTES = frozenset("lang charset name content http-equiv id class style title href role aria-label".split())
TAGS = frozenset(
    "html meta title style main h1 h2 h3 div span a u details summary time b pre code p article table tr td".split()
)
"""None of them loads or runs anything."""


class Reader(HTMLParser):
    """Collects tags, attributes and the texts of `pre`; complains of what the page's own template hasn't."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.texts: list[str] = []
        self._in_pre = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        for name, value in attrs:
            assert name in ATTRIBUTES and value is not None
            if name == "style":
                assert re.fullmatch(r"(left|width):[0-9.]+%(;width:[0-9.]+%)?", value)
            self.links += [value] if name == "href" else []
            self.ids += [value] if name == "id" else []
        self._in_pre = tag == "pre"
        self.texts += [""] if self._in_pre else []

    def handle_endtag(self, tag: str) -> None:
        self._in_pre = False

    def handle_data(self, data: str) -> None:
        if self._in_pre:
            self.texts[-1] += data


@pytest.mark.parametrize("path", few_of(SHIPPED, UNLIKE, name_of), ids=[name_of(path) for path in SHIPPED])
def test_a_page_has_each_call_and_no_address_of_elsewhere(path: Path) -> None:
    recording = read(path.read_bytes())
    page = timeline_page(recording)
    found = Reader(page)
    calls = [f"x{line.x}" for line in recording.of(Req)]
    facts = sorted({f"n{line.n + 1}" for line in recording.facts()})
    assert sorted(found.ids) == sorted(calls + facts) and found.links[: len(calls)] == [f"#{call}" for call in calls]
    assert set(found.links) == {f"#{call}" for call in calls}
    assert "default-src 'none'" in page and "<script" not in page and "url(" not in page and "@import" not in page
    assert max(map(len, found.texts)) <= LONGEST_SHOWN + 30


def test_all_of_an_answer_is_on_the_page() -> None:
    found = Reader(timeline_page(read(GOLDEN.read_bytes())))
    answers = [json.loads(text) for text in found.texts if text.startswith("{")]
    assert answers[0] == {"access_token": "lab-T1-token", "token_type": "Bearer", "expires_in": 3600}


@each_row("text", TEXTS)
def test_what_a_peer_wrote_is_nothing_but_text(text: str) -> None:
    page = timeline_page(hostile(text))
    assert all(line.isprintable() for line in page.splitlines())
    assert "##[" not in page and "##vso" not in page
    found = Reader(page)
    assert [each for each in found.ids if each[0] == "x"] == [f"x{x}" for x in range(1, 6)]
    assert found.links[:5] == [f"#x{x}" for x in range(1, 6)]
    bodies = [json.loads(part)["message"] for part in found.texts if part.startswith("{\n")]
    assert bodies == [text, text]


def test_a_lane_is_a_job_from_its_acceptance_on() -> None:
    recording = read(GOLDEN.read_bytes())
    ((title, spans),) = lanes_of(recording.facts(), 20_000)
    assert title == "EXPENSES #1"
    assert [(each.at, each.until, each.kind, each.label) for each in spans][:3] == [
        (125, 5_000, "run", "RUNNING"),
        (5_000, 9_000, "wait", "manager"),
        (9_000, 20_000, "run", "pay"),
    ]
    assert spans[-1].kind == "mark" and "manager: approved by person" in spans[-1].title


@each_row("until", [1, 7, 999, 60_000, 3_600_000, 86_400_000 * 3, 86_400_000 * 400])
def test_an_axis_has_a_few_marks_however_long_it_is(until: int) -> None:
    found = ticks(until)
    assert found[0] == 0 and len({duration_text(at) for at in found}) == len(found)
    assert 1 <= len(found) <= 8 and all(at <= 0.95 * until for at in found)


def test_a_page_that_no_browser_would_show_with_ease_is_cut_and_says_so() -> None:
    recording = hostile("x")
    note = next(recording.facts())
    long = replace(recording, lines=[note] * (MOST_EVENTS + 1))
    page = timeline_page(long)
    assert page.count('class="fact"') == MOST_EVENTS and "The rest is left out" in page
    assert "The rest is left out" not in timeline_page(replace(recording, lines=[note] * MOST_EVENTS))


def test_a_recording_of_which_no_rule_says_anything_has_no_report() -> None:
    assert "What the client did" not in timeline_page(read(GOLDEN.read_bytes()))


def test_an_answer_that_was_cut_stands_there_as_it_came() -> None:
    recording = hostile("x")
    request, *_ = recording.lines
    cut = Res(n=2, t=0, x=1, status=200, cut="truncated", headers=(), enc=Enc.TEXT, value='{"a":1}')
    found = Reader(timeline_page(replace(recording, lines=[request, cut])))
    assert found.texts[-2:] == ['{"a":1}', "truncated"]


def test_a_stream_is_told_event_by_event() -> None:
    page = timeline_page(read(recorded(SESSIONS["invokeStream"])[0]))
    found = Reader(page)
    (first, *_) = [text for text in found.texts if text.startswith("+00:00.000  data: ")]
    assert [line.partition("  data: ")[0] for line in first.splitlines()] == ["+00:00.000", "+00:03.000", "+00:03.000"]
    assert "2 events · WAITING · May it be shared?" in page and ">COMPLETE · Shared.<" in page
    assert page.count('class="event"') == 3


def test_what_was_said_before_is_told_by_the_call_that_said_it_and_a_page_is_small() -> None:
    recording = read(next(path for path in SHIPPED if path.name.startswith("month-end")).read_bytes())
    page = timeline_page(recording)
    found = Reader(page)
    long = [text for text in found.texts if len(text) > 80]
    assert len(set(long)) == len(long) and page.count("the same as") > 200
    assert len(page.encode()) < 300_000
