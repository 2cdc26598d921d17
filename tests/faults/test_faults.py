"""Which fault strikes a call: the first that fits, of those that count it."""

import json
from functools import partial

from lab.core.exchange import Response
from lab.core.journal.holds import ExchangeReleased
from lab.core.reply import Reply
from lab.dialects import FUSION
from lab.faults.model import Judgement, Place, Rule, judge, left_of, processed, released, rules_on, strike
from lab.faults.substitutes import altered, altered_part
from lab.identity.endpoints.issuing import odd_grant
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.language.shape import parsed
from lab.program.faults import Fault
from tests.conftest import each_row
from tests.language.test_fault_document import document


def listed(*faults: str) -> tuple[Rule, ...]:
    return rules_on(program_of(parse_scenario(document(*faults), "a.yaml")), ("status",))


def judged(found: tuple[Rule, ...], place: Place, calls: int = 1) -> list[str | None]:
    """Which fault strikes each of so many calls at one place."""
    counts: dict[str, int] = {}
    struck: list[str | None] = []
    for _ in range(calls):
        done: Judgement = judge(found, lambda rule: counts.get(rule.counter, 0), place, 7)
        counts.update({rule.counter: value for rule, value in done.counted})
        struck.append(done.struck.name if done.struck else None)
    return struck


def test_the_first_in_the_list_that_fits_strikes_and_all_of_them_count() -> None:
    found = listed("route: status, calls: 2, answer: 503", "route: status, calls: 1-3, strike: reset")
    assert judged(found, Place("J"), 4) == ["status-reset", "status-503", "status-reset", None]


@each_row(
    ("place", "struck"),
    [
        (Place("J", 5_000, 2, "w"), "status-503"),
        (Place("J", 4_999, 2, "w"), None),
        (Place("J", 5_000, 1, "w"), None),
        (Place("J", 5_000, 2, "end"), None),
    ],
)
def test_a_fault_heeds_job_time_turn_and_step(place: Place, struck: str | None) -> None:
    assert judged(listed("route: status, after: 5s, turn: 2, step: w, answer: 503"), place) == [struck]


@each_row(
    ("fault", "place", "struck"),
    [
        ("client: J", Place("J"), True),
        ("client: J", Place("K"), False),
        ("client: J", Place(""), False),
        ("user: ann", Place("J", user="ann"), True),
        ("user: ann", Place("J"), False),
        ("user: ann", Place("ann"), False),
        ("user: ann, client: J", Place("K", user="ann"), False),
        ("scenario: a", Place("J", scenario="a"), True),
        ("scenario: a", Place("J", scenario="b"), False),
        ("scenario: a", Place("J"), False),
    ],
)
def test_a_fault_heeds_who_calls_and_what_the_job_plays(fault: str, place: Place, struck: bool) -> None:
    assert (judged(listed(f"route: status, {fault}, answer: 503"), place) == ["status-503"]) is struck


def test_the_worked_example_of_the_module_holds() -> None:
    rules = listed(
        "route: status, calls: 2, answer: 503",
        "route: status, calls: 1-3, strike: reset",
        "route: status, calls: 1, step: end, delay: 5s",
    )
    counts: dict[str, int] = {}
    polls: list[tuple[list[int], int | None]] = []
    for step in ("w", "w", "end", "end"):
        done = judge(rules, lambda rule: counts.get(rule.counter, 0), Place("J", 0, 1, step), 7)
        counts.update({rule.counter: value for rule, value in done.counted})
        polls.append(
            ([rules.index(rule) for rule, _ in done.counted], rules.index(done.struck) if done.struck else None)
        )
    assert polls == [([0, 1], 1), ([0, 1], 0), ([1, 2], 1), ([], None)]


def test_calls_that_do_not_fit_are_not_counted() -> None:
    found = listed("route: status, step: w, calls: 2, answer: 503")
    assert judge(found, lambda rule: 0, Place("J", 0, 1, "end"), 7).counted == ()


@each_row(
    ("what", "served"),
    [
        ({"answer": 503}, False), ({"strike": "reset"}, False), ({"strike": "truncate"}, False),
        ({"strike": "stall"}, False), ({"expire_token": True}, False), ({"redirect": "same"}, False), ({"strike": "close"}, True),
        ({"strike": "slow-body"}, True), ({"delay": "1s"}, True), ({"status_word": "X"}, True),
        ({"odd_body": True}, True), ({"omit": ["a"]}, True), ({"lose_reply": True}, True),
        ({"lose_reply": True, "answer": 504}, True), ({"lose_reply": True, "strike": "hang"}, True),
    ],
)  # fmt: skip
def test_which_struck_requests_are_served_all_the_same(what: dict[str, object], served: bool) -> None:
    assert processed(parsed(Fault, {"route": "invoke", **what})) == served


REPLY = Response(200, (("content-type", "application/json"),), '{"a":"é€"}'.encode())
STREAM = ((10, b"data: one\n\n"), (20, b"data: two\n\n"))


def test_a_body_is_cut_between_two_letters() -> None:
    for size in range(len(REPLY.body)):
        body = strike("truncate", Reply(Response(200, (), REPLY.body[: size + 1])), 0).response.body
        assert REPLY.body.startswith(body) and len(body) <= (size + 1) // 2
        body.decode()


def test_the_parts_of_a_stream_that_leave() -> None:
    half = strike("truncate", Reply(REPLY, parts=partial(iter, STREAM)), 5)
    assert list(half.pieces() or ()) == [(10, b"data: one\n\n")] and half.strike is None
    slow = list(strike("slow-body", Reply(REPLY, parts=partial(iter, STREAM)), 5).pieces() or ())
    assert [when for when, _ in slow] == [10 + 100 * place for place in range(22)]
    assert b"".join(part for _, part in slow) == b"data: one\n\ndata: two\n\n"
    late = list(strike("slow-body", Reply(REPLY, parts=partial(iter, STREAM)), 50).pieces() or ())
    assert [when for when, _ in late] == [50 + 100 * place for place in range(22)]
    assert (strike("garbage", Reply(REPLY, parts=partial(iter, STREAM)), 5).pieces() or ())[0][0] == 5


def test_what_has_left_of_a_reply_that_was_cut() -> None:
    assert left_of(REPLY, 0, 0) == Response(0)
    assert left_of(REPLY, 200, 3).body == b'{"a'
    assert left_of(REPLY, 200, None).body == b""


def test_an_odd_grant_is_legal_and_says_less() -> None:
    fault = parsed(Fault, {"route": "token", "odd_body": True, "omit": ["expires_in"]})
    grant = b'{"access_token":"T","token_type":"Bearer","expires_in":3600,"scope":"s"}'
    odd = json.loads(altered(fault, Response(200, (), grant), odd_grant).body)
    assert odd["token_type"] == "bearer" and odd["access_token"] == "T"
    assert not {"scope", "expires_in"} & set(odd)
    assert next(iter(odd)) != "access_token"


def test_events_of_a_stream_are_altered_one_by_one() -> None:
    fault = parsed(Fault, {"route": "stream", "status_word": "QUEUED"})
    part = b'data: {"status":"WAITING","output":null}\n\ndata: [DONE]\n\n'
    assert altered_part(fault, part, FUSION.alter) == b'data: {"status":"QUEUED","output":null}\n\ndata: [DONE]\n\n'


def test_what_a_hand_lets_go_leaves_as_it_settled_and_keeps_its_planned_latency() -> None:
    later = Reply(Response(0), 80, settles=lambda: (500, Response(200, (("a", "b"),), b"done")))
    hand = Response(503, (("c", "d"),), b"by hand")
    fact = ExchangeReleased(at=0, hold=1, c=1, how="edit", edited=("status", "body"))
    edited = released(later, fact, hand, 0)
    assert (edited.latency, edited.response, edited.settles) == (80, Response(503, (("a", "b"),), b"by hand"), None)
    assert released(later, ExchangeReleased(at=0, hold=1, c=1, how="go"), hand, 0) is later
    gone = released(later, ExchangeReleased(at=0, hold=1, c=1, how="drop"), hand, 0)
    assert gone.latency == 80 and gone.strike is not None and gone.strike.cut == "truncated"


def test_an_edit_of_status_or_body_leaves_whole_whatever_a_fault_would_have_done() -> None:
    half = strike("stall", Reply(Response(200, (), b"0123456789")), 0)
    assert half.edited(("headers",), Response(0, (("a", "b"),))).strike == half.strike
    for names in (("status",), ("body",)):
        assert half.edited(names, Response(500, (), b"all of it")).strike is None
