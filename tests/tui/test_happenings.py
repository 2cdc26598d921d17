"""What happens, shown from polls that bring nothing new; and a line of time on which what is dull is short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.app.effects import Outcome, RunEnded, RunObservation
from lab.core.clock import passed_text
from lab.core.exchange import Request, Response
from lab.core.observe import Lost, Noted, Replied, Requested, Waiting
from lab.jobs.facts import GateDecided, JobStatus
from lab.jobs.gates import Origin
from lab.program.words import Verdict
from lab.tui.state.cursor import Spread
from lab.tui.state.reduce import Happenings
from tests.conftest import each_row
from tests.tui import play


def test_a_poll_that_shows_what_the_one_before_did_is_no_happening() -> None:
    polls = ("RUNNING", "RUNNING", "WAITING", "WAITING", "RUNNING")
    replies = [Response(200, (), play.body(word)) for word in polls]
    replies.append(Response(200, (), play.body("RUNNING", progressMessage="Counting…")))
    replies.append(Response(503, (), b""))
    happenings, got = Happenings(), []
    for x, reply in enumerate(replies, 1):
        request = Request("GET", f"/api/fusion-ai/orchestrator/agent/v2/{play.SCENARIO.agent.code}/status/{play.JOB}")
        assert not happenings.happens(Requested(x, x, "status", request))
        got.append(happenings.happens(Replied(x, x, reply)))
    assert got == [True, False, True, False, True, True, True]


OUTCOME = Outcome(None, None, None, None, None, 0, 0)
DECIDED = GateDecided(at=22_000, job=play.JOB, gate="buyer-approval", verdict=Verdict.APPROVED, by=Origin.PERSON)
STEPPED = JobStatus(at=22_000, job=play.JOB, origin="WAITING", to="WAITING", step="buyer-approval")
POLLED = Request("GET", f"/api/fusion-ai/orchestrator/agent/v2/ITEM_COMPARE_TEAM/status/{play.JOB}")


@pytest.mark.parametrize(
    ("observation", "happens"),
    [
        (Lost(22_000, 12, "reset"), True), (RunEnded(22_000, OUTCOME), True), (Noted(22_000, DECIDED), True),
        (Replied(22_000, 12, Response(503)), True), (Replied(22_000, 12, Response(200, (), play.body("WAITING"))), False),
        (Waiting(22_000, 23_000, "poll"), False), (Noted(22_000, STEPPED), False),
    ],
)  # fmt: skip
def test_decisions_failures_and_the_end_are_happenings_waits_and_what_only_the_journal_tells_are_none(
    observation: RunObservation, *, happens: bool
) -> None:
    happenings = Happenings()
    for each in (*play.waiting(), Requested(21_900, 12, "status", POLLED)):
        happenings.happens(each)
    assert happenings.happens(observation) is happens


def test_a_token_a_job_id_and_a_turn_begun_after_the_end_happen_or_do_not() -> None:
    happenings = Happenings()
    shown = [(type(each), happenings.happens(each)) for each in play.second()]
    assert [happens for kind, happens in shown if kind is Replied][:3] == [True, True, True]
    assert not any(happens for kind, happens in shown if kind is Requested)


@given(st.integers(-5, 5_000), st.lists(st.integers(0, 10**9), max_size=8), st.integers(0, 10**9))
def test_a_line_of_time_goes_forth_and_back_and_shortens_what_is_dull(start: int, more: list[int], until: int) -> None:
    happenings = sorted(start + each for each in more if start + each <= until)
    spread = Spread.of(start, happenings, until)
    shares = [spread.share(at) for at in (start, *happenings, max(until, start))]
    assert shares == sorted(shares) and shares[0] == 0
    if until > start:
        assert shares[-1] == 1 and spread.share(start - 9) == 0 and spread.share(until + 9) == 1
        assert [spread.instant(spread.share(at)) for at in happenings] == pytest.approx(happenings, abs=1)


def test_an_hour_takes_no_more_of_the_line_than_ten_seconds() -> None:
    spread = Spread.of(0, [10_000, 3_610_000], 3_620_000)
    assert [spread.share(at) for at in (0, 10_000, 1_810_000, 3_610_000)] == pytest.approx([0, 1 / 3, 1 / 2, 2 / 3])


@each_row(
    ("span", "text"),
    [
        (99, ""),
        (100, "0.1 s passed."),
        (59_999, "59.9 s passed."),
        (60_000, "1 min passed."),
        (250_400, "4 min 10 s passed."),
        (226_500_000, "62 h 55 min passed."),
        (43_200_000, "12 h passed."),
    ],
)
def test_a_duration_is_said_in_its_two_greatest_units(span: int, text: str) -> None:
    assert passed_text(span) == text
