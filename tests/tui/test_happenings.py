"""What happens, told from polls that bring nothing new; and a line of time on which what is dull is short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.app.effects import Outcome, RunEnded, RunObservation
from lab.core.clock import passed_text
from lab.core.exchange import Request
from lab.core.observe import Lost, Noted, Replied, Requested, Waiting
from lab.jobs.facts import GateDecided, JobStatus
from lab.jobs.gates import Origin
from lab.program.words import Verdict
from lab.tui.state.cursor import Spread
from lab.tui.state.journal import JournalState, changes
from lab.tui.state.reduce import happens
from tests.conftest import each_row
from tests.tui import play


def happenings(script: play.Script) -> list[bool]:
    """Of each observation, whether something happens to the run with it."""
    state, got = JournalState(own=True), []
    for each in script.observations:
        state, (change,) = changes(state, each)
        got.append(happens(each, change.before, change.after))
    return got


def test_a_poll_that_shows_what_the_one_before_did_is_no_happening() -> None:
    script = play.Script()
    script.token(0)
    script.first(130)
    polls = [play.body(word) for word in ("RUNNING", "RUNNING", "WAITING", "WAITING", "RUNNING")]
    polls.append(play.body("RUNNING", progressMessage="Counting…"))
    for at, each in enumerate(polls, 1):
        script.poll(1_000 * at, each, 40)
    script.poll(9_000, b"", 40, status=503)
    replied = [
        got for got, each in zip(happenings(script), script.observations, strict=True) if isinstance(each, Replied)
    ]
    assert replied == [True, True, False, False, True, False, True, True, True], "the token, the job, then polls"


DECIDED = GateDecided(at=1, job=play.JOB, gate="g", verdict=Verdict.APPROVED, by=Origin.PERSON)
STEPPED = JobStatus(at=9_000, job=play.JOB, origin="RUNNING", to="RUNNING", step="reason")
OUTCOME = Outcome(None, None, None, None, None, 0, 0)


@each_row(
    ("observation", "expected"),
    [
        (Lost(9_000, 9, "reset"), True), (RunEnded(9_000, OUTCOME), True), (Noted(9_000, DECIDED), True),
        (Noted(9_000, replace(DECIDED, job="another")), False), (Waiting(9_000, 9_002, "poll"), False),
        (Requested(9_000, 9, "status", Request("GET", "/")), False), (Noted(9_000, STEPPED), False),
    ],
)  # fmt: skip
def test_decisions_failures_and_the_end_are_happenings_and_waits_are_none(
    observation: RunObservation, *, expected: bool
) -> None:
    script = play.Script()
    script.observations = [*play.running(), observation]
    assert happenings(script)[-1] is expected


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
