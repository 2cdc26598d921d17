"""Rules D where nothing is wrong: no finding, and no pass either where there was no occasion."""

from dataclasses import dataclass
from functools import partial

import pytest
from msgspec.structs import replace

from lab.plugins.rehearsal.report.failures import requests_expected
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.judge import ClientReport, RuleVerdict
from lab.recording.format.lines import Res
from tests.conftest import each_row
from tests.plugins.rehearsal.report.good import Plain
from tests.plugins.rehearsal.report.rehearsal import Rehearsal
from tests.plugins.rehearsal.report.together import Together, judged
from tests.plugins.rehearsal.report.zoo import BUSY, DoublePoll, worked
from tests.plugins.rehearsal.report.zoo_failures import (
    REFUSED,
    AsksForATokenOnce,
    Dies,
    FailsItsOwnWay,
    Following,
    Storm,
    UnknownForEver,
)

PASS, NOT_EXERCISED = RuleVerdict.PASS, RuleVerdict.NOT_EXERCISED


def failed(found: ClientReport) -> list[str]:
    return [each.rule.id for each in found.with_verdict(RuleVerdict.FAIL)]


def verdict(found: ClientReport, rule: str) -> RuleVerdict:
    return next(each.verdict for each in found.findings if each.rule.id == rule)


@dataclass
class SixSeconds(FailsItsOwnWay):
    """The same long pause after each failure."""

    pauses: tuple[int, ...] = (6_000,)


@dataclass
class AtOnce(FailsItsOwnWay):
    """No pause after a failure."""

    pauses: tuple[int, ...] = (0,)


@pytest.mark.parametrize(
    ("rehearsal", "rule", "expected"),
    [
        pytest.param(Rehearsal(REFUSED, SixSeconds), "D1", PASS, id="a long pause needn't grow"),
        pytest.param(
            Rehearsal(worked("60s", "route: status, calls: 2, answer: 503, retry_after: {date: 60s}, delay: 20s"), Plain),
            "C1", PASS, id="a date is waited for from the answer on, however late that came",
        ),
        pytest.param(Rehearsal(BUSY, Plain), "D1", NOT_EXERCISED, id="Retry-After is C1's"),
        pytest.param(
            Rehearsal(worked("60s", "route: status, calls: 2-20, answer: 503, retry_after: 0s"), AtOnce),
            "D6", NOT_EXERCISED, id="who is told to come back at once sends no storm",
        ),
        pytest.param(
            Rehearsal(worked("60s", "route: status, calls: 2-15, answer: 503"), Storm),
            "D6", NOT_EXERCISED, id="a short stretch is no storm",
        ),
        pytest.param(
            Rehearsal(worked("60s", "route: status, calls: 1-5, answer: 404"), UnknownForEver),
            "D7", PASS, id="a job may stay unknown for a while",
        ),
        pytest.param(
            Rehearsal(worked("60s", "route: status, calls: every 1, answer: 404"), Plain),
            "D7", PASS, id="who has tried may give up an unknown job",
        ),
        pytest.param(
            Rehearsal(worked("60s", "route: status, calls: 2, redirect: other"), Dies),
            "D8", PASS, id="who doesn't go to another origin shows it nothing",
        ),
        pytest.param(
            Rehearsal(worked("60s", "route: status, calls: 2, redirect: same"), Dies),
            "D8", NOT_EXERCISED, id="who follows no redirect follows none wrongly",
        ),
        pytest.param(
            Rehearsal(worked("60s", "route: token, calls: every 1, answer: 503"), Plain),
            "D1", PASS, id="who has tried may give up a token",
        ),
    ],
)  # fmt: skip
def test_what_is_no_breach_is_none(rehearsal: Rehearsal, rule: str, expected: RuleVerdict) -> None:
    found = judged(rehearsal.day())
    assert failed(found) == []
    assert verdict(found, rule) is expected


def test_who_went_on_before_at_the_same_may_end_at_a_deadline() -> None:
    queued = worked("9h", "route: status, calls: every 1, status_word: QUEUED_V2")
    for deadline, found in ((90_000, []), (20_000, ["C11"])):
        assert failed(judged(Rehearsal(queued, partial(Plain, deadline=deadline)).day())) == found


def test_a_failed_token_request_is_tried_again() -> None:
    fails_once = worked("60s", "route: token, calls: 1, answer: 503")
    assert failed(judged(Rehearsal(fails_once, AsksForATokenOnce).day())) == ["D1"]


@each_row(
    ("strike", "route", "rules"),
    [("hang", "status", ["D3", "D5"]), ("stall", "status", ["D4", "D5"]), ("hang", "token", ["D3", "D5"])],
)
def test_who_waits_until_the_server_has_enough_and_stops_then_has_no_time_out_and_sends_nothing_again(
    strike: str, route: str, rules: list[str]
) -> None:
    once = Dies if route == "status" else AsksForATokenOnce
    struck = worked("60s", f"route: {route}, calls: 1, strike: {strike}")
    assert failed(judged(Rehearsal(struck, partial(once, answer_within=10**9)).day())) == rules


def test_polls_that_overlap_are_no_retry_in_haste() -> None:
    assert failed(judged(Rehearsal(worked("60s", "route: status, calls: 1-2, answer: 429"), DoublePoll).day())) == [
        "C9"
    ]


def test_another_message_is_no_retry() -> None:
    lab = Together(worked("20s", "route: invoke, calls: 1-2, answer: 503"))
    one, two, three = (Plain(lab, turns=(text,), start=400 * n, c=n) for n, text in enumerate(("one", "two", "three")))
    two.tokens = three.tokens = one.tokens
    found = judged(lab.play(one.story(), two.story(), three.story()))
    assert failed(found) == []
    assert verdict(found, "D1") is NOT_EXERCISED


def test_who_is_not_answered_by_a_slow_server_is_told_nothing_by_it() -> None:
    slow = worked("60s").replace("status: 100ms", "status: 90s")
    assert failed(judged(Rehearsal(slow, Dies).day())) == []


def test_a_lab_that_ends_is_nobodys_failure() -> None:
    day = Rehearsal(worked("60s", "route: status, calls: 2, strike: reset"), Dies).day()
    last = max(line.n for line in day.lines if isinstance(line, Res))
    lines = [replace(line, cut="shutdown") if line.n == last else line for line in day.lines]
    assert failed(judged(day)) == ["D3"]
    assert failed(judged(replace(day, lines=lines))) == []


@each_row(
    ("lasted", "requests"),
    [(0, 1), (2_999, 1), (3_000, 2), (9_000, 3), (44_999, 4), (45_000, 5), (93_000, 6), (153_000, 7), (213_000, 8)],
)
def test_the_own_app_sends_so_many_requests_while_all_fail(lasted: int, requests: int) -> None:
    assert requests_expected(lasted) == requests


def test_who_is_at_another_origin_without_a_name_is_who_was_redirected() -> None:
    lab = Together(worked("60s", "route: status, calls: 2, redirect: other"))
    leaves, stays = Following(lab, agent="one/1", c=1), Plain(lab, agent="two/1", c=2, start=3_000)
    histories = histories_of(lab.play(leaves.story(), stays.story()), over=True)
    assert [(each.client, len(each.elsewhere)) for each in histories] == [("demo (one/1)", 1), ("demo (two/1)", 0)]
