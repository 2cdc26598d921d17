"""When a rule has no occasion: what can't be told is never passed."""

from dataclasses import dataclass

import msgspec

from lab.core.clock import Millis
from lab.dialects.base import Decide
from lab.identity.clients import DEMO, Client
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.judge import RuleVerdict, report_on
from lab.program.words import Verdict
from tests.conftest import each_row
from tests.plugins.rehearsal.report.good import WIRE, Keyed, Plain, Steps
from tests.plugins.rehearsal.report.good_kinds import Crowd
from tests.plugins.rehearsal.report.rehearsal import Kind, Rehearsal
from tests.plugins.rehearsal.report.together import Came, judged
from tests.plugins.rehearsal.report.zoo import APPROVAL, worked
from tests.plugins.rehearsal.report.zoo_messages import KEYS
from tests.plugins.rehearsal.report.zoo_tokens import USUAL, TokenPerCall, short_token


@each_row(("client", "verdict"), [(DEMO, RuleVerdict.PASS), (Client("b", "lab-secret-b"), RuleVerdict.NOT_EXERCISED)])
def test_how_a_secret_is_encoded_is_judged_where_its_characters_are_known(client: Client, verdict: RuleVerdict) -> None:
    found = judged(Rehearsal(USUAL, Plain, client=client).day())
    assert [each.verdict for each in found.findings if each.rule.id == "A8"] == [verdict]


def test_how_long_a_token_was_good_is_not_judged_under_another_clock() -> None:
    history = histories_of(Rehearsal(USUAL, TokenPerCall).day(), over=True)
    for exact, verdict in ((True, RuleVerdict.FAIL), (False, RuleVerdict.NOT_EXERCISED)):
        found = report_on({"day": [msgspec.structs.replace(each, exact=exact) for each in history]})
        assert [each.verdict for each in found.findings if each.rule.id == "A1"] == [verdict]


@each_row(
    ("rule", "fault", "kind", "apart"),
    [
        ("A5", "calls: 1-3, answer: 403", Plain, 100),
        ("B4", "calls: 1, lose_reply: true", Plain, 100),
        ("B4", "calls: 3, lose_reply: true", Plain, 700),
        ("B5", "calls: 1-9, lose_reply: true", Keyed, 100),
        ("B6", "calls: 1-3, answer: 400", Plain, 100),
    ],
)
def test_messages_that_are_the_same_at_once_are_no_retries(rule: str, fault: str, kind: Kind, apart: int) -> None:
    day = Rehearsal(worked("30s", f"route: invoke, {fault}"), kind, crowd=4, apart=apart, switches=KEYS).day()
    assert rule not in [each.rule.id for each in judged(day).with_verdict(RuleVerdict.FAIL)]


def test_a_token_of_which_nobody_says_how_long_it_is_good_may_be_used_until_it_is_refused() -> None:
    day = Rehearsal(short_token("150s", "route: token, calls: 1-9, omit: [expires_in]"), Plain).day()
    found = {each.rule.id: each.verdict for each in judged(day).findings}
    assert (found["A2"], found["A4"]) == (RuleVerdict.NOT_EXERCISED, RuleVerdict.PASS)


@each_row("answer", ["401, error: invalid_client", "503", "200, body: html"])
def test_a_run_that_gets_no_further_token_is_no_job_given_up(answer: str) -> None:
    text = APPROVAL.replace("70s", "10m") + "token: {lifetime: 60s, renewed: true}\nfaults:\n"
    found = judged(Rehearsal(f"{text}  - {{route: token, calls: 2-9, answer: {answer}}}\n", Plain).day())
    assert found.with_verdict(RuleVerdict.FAIL) == ()


@dataclass
class SecondLater(Plain):
    """The second of two jobs is polled later; good."""

    def pace(self) -> Millis:
        return 8_000 if self.c == 2 and not self.answers else super().pace()


@each_row("latency", ["100ms", "0ms"])
def test_a_token_fetched_for_one_that_was_refused_meanwhile_is_for_no_older_one(latency: str) -> None:
    text = (
        worked(
            "7s",
            "route: status, step: run, calls: 1, answer: 401, delay: 12s",
            "route: status, step: later, calls: 1, answer: 401",
            "route: status, step: later, calls: 3, answer: 401",
            "route: token, calls: 3, answer: 503",
        )
        .replace("  - {complete", "  - {work: later, takes: 60s}\n  - {complete")
        .replace("100ms", latency)
    )
    day = judged(Rehearsal(text, SecondLater, crowd=2, apart=0).day())
    assert {each.rule.id: each.verdict for each in day.findings}["A3"] is RuleVerdict.PASS


def test_who_is_answered_when_no_token_is_to_be_had_any_more_stops_rightly() -> None:
    asks = worked(
        "60s",
        "route: invoke, calls: 2, delay: 20s",
        "route: status, calls: 1, expire_token: true",
        "route: token, calls: 2, answer: 403",
    )
    day = judged(Rehearsal(asks, Crowd, crowd=2).day())
    assert [each.rule.id for each in day.with_verdict(RuleVerdict.FAIL)] == []


@dataclass
class Deciding(Plain):
    """Approves what it is asked, and looks at once what came of it."""

    approves: bool = False

    def poll(self, job: str) -> Steps[Came]:
        came = yield from super().poll(job)
        seen = self.job_in(came, "status")
        self.approves = seen is not None and seen.question is not None
        if seen is not None and seen.question is not None:
            opening = seen.question.opening or ""
            decision = Decide(team=self.team, job=job, opening=opening, verdict=Verdict.APPROVED)
            yield from self.call(WIRE.ask(decision)[1])
        return came

    def pace(self) -> Millis:
        return 0 if self.approves else super().pace()


def test_who_decides_may_look_at_once() -> None:
    day = judged(Rehearsal(APPROVAL, Deciding).day())
    assert [each.rule.id for each in day.with_verdict(RuleVerdict.FAIL)] == []
