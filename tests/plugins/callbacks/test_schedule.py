"""Which callbacks are due when, and with which bytes: laws over drawn jobs, and tables."""

import itertools
import json
from base64 import b64decode, b64encode
from hashlib import sha256
from hmac import digest as hmac_digest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.journal.fact import Fact
from lab.dialects.signed import key_of_secret
from lab.jobs.callbacks import CallbackEnded, CallbackRegistered, CallbackSent, Receiver, receivers_of
from lab.jobs.facts import JobForgotten
from lab.jobs.gates import Decision, Origin
from lab.jobs.program import program_of
from lab.language.shape import parsed
from lab.plugins.callbacks.schedule import LONGEST_RETRY_AFTER
from lab.plugins.callbacks.wires import OwnCallbacks
from lab.program.callbacks import STANDARD_TRIES
from lab.program.scenario import Scenario
from lab.program.words import Verdict
from tests.conftest import each_row, examples
from tests.lab_strategies import decisions_for, documents, planned
from tests.plugins.callbacks.worlds import EPOCH, SECRET, World, document, plan_of

STRIKES = ("lost", "late", "twice", "reordered", "bad-signature", "old-timestamp", "other-job", "truncated")
ANSWERS = (200, 204, 302, 410, 500, (503, 9_000), "timeout")
CALLBACKS = st.fixed_dictionaries(
    {
        "on": st.lists(st.sampled_from(["RUNNING", "WAITING", "COMPLETE", "ERROR", "CANCELLED"]), min_size=1, unique=True),
        "after": st.sampled_from(["0ms", "1ms", "2s", {"between": ["1s", "20s"]}]),
        "tries": st.lists(st.sampled_from(["0ms", "1ms", "5s", "1m"]), min_size=1, max_size=4),
        "faults": st.lists(
            st.fixed_dictionaries({"strike": st.sampled_from(STRIKES), "calls": st.sampled_from([1, 2, "1-3", "every 2"])}),
            max_size=3,
        ),
    }
)  # fmt: skip


def drawn_answer(sent: CallbackSent) -> object:
    return ANSWERS[sha256(f"{sent.callback}{sent.number}".encode()).digest()[0] % len(ANSWERS)]


@given(drawn=documents(), callbacks=CALLBACKS, seed=st.integers(0, 99), data=st.data())
@examples(60, thorough=3_000)
def test_what_follows_only_grows_at_its_end(drawn, callbacks, seed, data) -> None:
    plan = planned(program_of(parsed(Scenario, {**drawn, "callbacks": callbacks})), seed)
    world = World(plan, data.draw(decisions_for(plan)), ("one", "two"))
    world.run(drawn_answer, 200_000)
    for before, after in zip(world.looks, world.looks[1:], strict=False):
        assert after[: len(before)] == before


@given(drawn=documents(), callbacks=CALLBACKS, seed=st.integers(0, 99))
@examples(40, thorough=3_000)
def test_no_callback_is_tried_too_often_nor_after_it_was_taken(drawn, callbacks, seed) -> None:
    plan = planned(program_of(parsed(Scenario, {**drawn, "callbacks": callbacks})), seed)
    tries: dict[str, list[CallbackSent]] = {}
    answers: dict[tuple[str, int], object] = {}
    for each in World(plan).run(
        lambda sent: answers.setdefault((sent.callback, sent.number), drawn_answer(sent)), 10**6
    ):
        tries.setdefault(each.callback, []).append(each)
    for callback, sent in tries.items():
        assert [each.number for each in sent] == list(range(1, len(sent) + 1))
        assert len({each.whole for each in sent if each.fault != "other-job"}) <= 1
        assert all(each.at > each.changed for each in sent)
        for one, other in itertools.pairwise(sent):
            assert other.at > one.at
            taken = answers[callback, one.number] in (200, 204)
            assert (other.fault == "twice") == taken
        assert len(sent) <= len(callbacks["tries"]) + (sent[-1].fault == "twice")


def test_the_pauses_of_the_standard_are_the_usual_ones_each_at_most_a_tenth_longer() -> None:
    unsaid = {name: value for name, value in document(FIRST).items() if name != "callbacks"} | {"callbacks": FIRST}
    plan = planned(program_of(parsed(Scenario, unsaid)), at=0)
    sent = World(plan).run(lambda _: 500, 10**9, takes=0)
    assert len(sent) == len(STANDARD_TRIES) == 10
    pauses = [sent[0].at - sent[0].changed, *(b.at - a.at for a, b in itertools.pairwise(sent))]
    for pause, least in zip(pauses, STANDARD_TRIES, strict=True):
        assert max(1, least) <= pause <= max(1, least * 11 // 10)
    assert any(pause > least for pause, least in zip(pauses, STANDARD_TRIES, strict=True) if least)


FIRST = {"on": ["COMPLETE"]}
TABLE: list[tuple[str, dict[str, object], tuple[object, ...], list[tuple[int, int, str | None]]]] = [
    ("taken", FIRST, (204,), [(6_001, 1, None)]),
    ("every change", {}, (200, 200), [(2_001, 1, None), (6_001, 1, None)]),
    ("refused once", FIRST, (500, 200), [(6_001, 1, None), (6_001 + 7 + 5_000, 2, None)]),
    ("a redirect is no answer", FIRST, (302, 200), [(6_001, 1, None), (6_001 + 7 + 5_000, 2, None)]),
    ("nobody there", FIRST, ("refused", 200), [(6_001, 1, None), (11_008, 2, None)]),
    ("later, please", FIRST, ((429, 30_000), 200), [(6_001, 1, None), (36_008, 2, None)]),
    ("sooner than the pause", FIRST, ((429, 10), 200), [(6_001, 1, None), (11_008, 2, None)]),
    ("gone", {}, (410,), [(2_001, 1, None)]),
    ("given up", FIRST, (500, 500, 500), [(6_001, 1, None), (11_008, 2, None), (71_015, 3, None)]),
    ("lost", FIRST | {"faults": [{"strike": "lost"}]}, (), [(6_001, 1, "lost")]),
    ("late", FIRST | {"faults": [{"strike": "late"}]}, (200,), [(606_001, 1, "late")]),
    ("late by", FIRST | {"faults": [{"strike": "late", "delay": "3s"}]}, (200,), [(9_001, 1, "late")]),
    ("twice", FIRST | {"faults": [{"strike": "twice"}]}, (200, 200), [(6_001, 1, None), (7_008, 2, "twice")]),
    ("twice, then refused", FIRST | {"faults": [{"strike": "twice"}]}, (200, 500), [(6_001, 1, None), (7_008, 2, "twice")]),
    ("twice after a refusal", FIRST | {"faults": [{"strike": "twice"}]}, (500, 200, 200),
     [(6_001, 1, None), (11_008, 2, None), (12_015, 3, "twice")]),
    ("overtaken", {"faults": [{"strike": "reordered"}]}, (200, 200), [(6_001, 1, None), (7_001, 1, "reordered")]),
    ("nothing overtakes an ending", FIRST | {"faults": [{"strike": "reordered"}]}, (200,), [(6_001, 1, None)]),
    ("the second", {"faults": [{"strike": "truncated", "calls": 2}]}, (200, 500, 200),
     [(2_001, 1, None), (6_001, 1, "truncated"), (11_008, 2, None)]),
    ("at a step", {"faults": [{"strike": "bad-signature", "step": "done"}]}, (200, 200),
     [(2_001, 1, None), (6_001, 1, "bad-signature")]),
    ("of others", {"faults": [{"strike": "lost", "for": {"clients": ["eve"]}}]}, (200, 200),
     [(2_001, 1, None), (6_001, 1, None)]),
    ("for others", {"for": {"clients": ["eve"]}}, (), []),
    ("never by chance", {"faults": [{"strike": "lost", "chance": "0.0001%"}]}, (200, 200),
     [(2_001, 1, None), (6_001, 1, None)]),
    ("always by chance", {"faults": [{"strike": "lost", "chance": "100%"}]}, (), [(2_001, 1, "lost"), (6_001, 1, "lost")]),
]  # fmt: skip


@pytest.mark.parametrize(("title", "callbacks", "answers", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_what_is_sent_by_what_is_answered(title, callbacks, answers, expected, monkeypatch) -> None:
    monkeypatch.setattr("lab.plugins.callbacks.schedule._pause", lambda callbacks, place, *_: callbacks.tries[place])
    left = list(answers)
    sent = World(plan_of(callbacks)).run(lambda _: left.pop(0), 10**6)
    assert ([(each.at, each.number, each.fault) for each in sent], left) == (expected, [])


def test_what_is_sent_as_somebody_decides_is_known_before() -> None:
    world = World(plan_of(), (Decision(2_001, "boss", 0, Verdict.REJECTED, Origin.PERSON, None, "no"),))
    before, after = world.look(2_001, early=True).facts, world.look(2_001).facts
    assert [each.type for each in before] == ["job.status", "gate.opened", "callback.sent"]
    assert after[:3] == before and [each.type for each in after[3:]] == ["job.status"]


def test_a_receiver_that_asks_for_a_year_is_asked_again_after_a_day() -> None:
    sent = World(plan_of(FIRST)).run(lambda _: (503, 10**11), 10**10)
    assert sent[1].at - sent[0].at == LONGEST_RETRY_AFTER + 7


def test_a_receiver_is_told_of_what_comes_while_it_stands() -> None:
    world = World(plan_of())
    world.ledger.commit((CallbackRegistered(at=2_000, receiver="two"), CallbackEnded(at=6_000, receiver="one")))
    assert [(each.receiver, each.status) for each in world.run(lambda _: 200, 10**6)] == [
        ("one", "WAITING"), ("two", "COMPLETE"),
    ]  # fmt: skip
    world.ledger.commit((CallbackRegistered(at=9_000, receiver="two"),))
    assert [(each.name, each.since, each.until) for each in receivers_of(world.ledger.get)] == [
        ("one", 0, 6_000), ("two", 2_000, 9_000), ("two", 9_000, None),
    ]  # fmt: skip


def test_none_is_sent_once_the_job_is_forgotten() -> None:
    plan = planned(program_of(parsed(Scenario, document() | {"retention": "2s"})), at=0)
    world = World(plan)
    sent = world.run(lambda _: 500, 10**6)
    facts: tuple[Fact, ...] = world.look(10**6).facts
    assert isinstance(facts[-1], JobForgotten)
    assert [each.number for each in sent if each.status == "COMPLETE"] == [1]
    assert world.look(10**6).until is None


# Bytes


def own_signature(headers: dict[str, str], body: bytes) -> str:
    """As the standard words it: https://www.standardwebhooks.com, signature scheme."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = b64decode(SECRET.removeprefix("whsec_"))
    return "v1," + b64encode(hmac_digest(key, content, "sha256")).decode()


@each_row(("strike", "signs", "fresh", "own", "whole"), [
    ("late", True, True, True, True), ("twice", True, True, True, True), ("bad-signature", False, True, True, True),
    ("old-timestamp", True, False, True, True), ("other-job", True, True, False, True),
    ("truncated", False, True, True, False),
])  # fmt: skip
def test_what_a_fault_does_to_the_bytes(strike, signs, fresh, own, whole) -> None:
    plan = plan_of(FIRST | {"faults": [{"strike": strike}]})
    sent = World(plan).run(lambda one: 500 if one.fault else 200, 10**7)
    struck = next(each for each in sent if each.fault == strike)
    good = [each for each in sent if each.fault is None]
    for each in (struck, *good):
        receiver = Receiver(name="one", url="", secret=SECRET, since=0)
        headers = dict(OwnCallbacks().headers(receiver, each))
        assert headers["webhook-id"] == sent[0].callback and headers["webhook-id"].startswith("msg_")
        sound = each is not struck
        assert (headers["webhook-signature"] == own_signature(headers, each.body)) == (signs or sound)
        assert headers["webhook-signature"].startswith("v1,") and len(b64decode(headers["webhook-signature"][3:])) == 32
        assert (int(headers["webhook-timestamp"]) == EPOCH + each.at // 1_000) == (fresh or sound)
        assert EPOCH + each.at // 1_000 - int(headers["webhook-timestamp"]) in (0, 600)
        assert (json.loads(each.whole)["data"]["job"] == "J") == (own or sound)
        assert (each.body == each.whole.encode()) == (whole or sound)


def test_a_body_to_the_byte() -> None:
    (sent,) = World(plan_of(FIRST)).run(lambda _: 200, 10**5)
    assert sent.body == (
        b'{"type":"job.complete","timestamp":"2026-01-01T00:00:06.000Z",'
        b'"data":{"job":"J","status":"COMPLETE","team":"TOLD"}}'
    )


def test_one_without_a_secret_is_not_signed() -> None:
    world = World(plan_of(FIRST), receivers=())
    world.ledger.commit((CallbackRegistered(at=0, receiver="one"),))
    (sent,) = world.run(lambda _: 200, 10**5)
    headers = dict(OwnCallbacks().headers(receivers_of(world.ledger.get)[0], sent))
    assert sent.signature == "none" and "webhook-signature" not in headers


@each_row(("secret", "why"), [
    ("abc", "doesn't begin with whsec_"), ("whsec_äöü", "no Base64"), ("whsec_?", "no Base64"),
    ("whsec_YWJj", "of 3 bytes"), ("whsec_" + b64encode(bytes(65)).decode(), "of 65 bytes"),
])  # fmt: skip
def test_a_secret_that_is_none_is_refused(secret, why) -> None:
    with pytest.raises(ValueError, match=why):
        key_of_secret(secret)
