"""A receiver that is changed while it is told of a job: nothing is lost, nothing is told anew, what is left goes where it listens now."""

from itertools import pairwise

from lab.core.journal.ledger import MemoryLedger
from lab.jobs.callbacks import CallbackAnswered, CallbackEnded, CallbackRegistered, receivers_of, standing
from lab.recording.format.snapshot import snapshot
from tests.plugins.callbacks.receivers import receiving
from tests.plugins.callbacks.test_recorded import Shop
from tests.plugins.callbacks.test_schedule import own_signature
from tests.plugins.callbacks.test_sending import invoked, notifying
from tests.plugins.callbacks.worlds import SECRET, World, plan_of

OTHER = "whsec_" + "b3Ro" * 8


def change(at: int, **more: str) -> CallbackRegistered:
    return CallbackRegistered(at=at, receiver="one", **{"url": "http://y", "secret": OTHER, **more})  # type: ignore[arg-type]


def test_what_is_left_goes_where_it_listens_now_signed_by_its_secret_of_now() -> None:
    with receiving(lambda _: (500, {})) as old, receiving() as new:
        with notifying(old, {"on": ["COMPLETE"]}) as world:
            invoked(world)
            world.sleep(8)
            now = world.clock.now()
            world.call(world.service.note, CallbackRegistered(at=now, receiver="notify", url=new.url, secret=OTHER))
            world.sleep(600)
            assert [each.status for each in world.facts(CallbackAnswered)] == [500, 204]
        (before,), (after,) = old.came, new.came
        assert before.body == after.body and before.headers["webhook-id"] == after.headers["webhook-id"]
        for came, secret in ((before, SECRET), (after, OTHER)):
            assert came.headers["webhook-signature"] == own_signature(came.headers, came.body, secret)


def test_a_receiver_that_ends_and_one_of_its_name_that_comes_later_are_two() -> None:
    world = World(plan_of({"on": ["WAITING"]}))
    ends = CallbackEnded(at=2_500, receiver="one")
    world.ledger.commit((ends, change(2_500)))
    assert [each.number for each in world.run(lambda _: 500, 10**6)] == [1]
    assert [each.began for each in receivers_of(world.ledger.get)] == [0, 2_500]


def test_a_change_changes_nothing_that_was_sent_and_its_faults_count_on() -> None:
    plan = plan_of({"faults": [{"strike": "bad-signature", "calls": "1"}]})
    alone, changed = World(plan), World(plan)
    for at in (0, 2_000, 3_000, 6_000):  # at the instants of both changes too, and of the first registration
        changed.ledger.commit((change(at),))
    sent = [each.run(lambda one: 500 if one.fault else 200, 10**6) for each in (alone, changed)]
    assert sent[0] == sent[1] and [each.fault for each in sent[0]] == ["bad-signature", None, None]
    for looks in (alone.looks, changed.looks):
        assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(looks))


def test_changed_ones_stand_where_they_were_and_are_told_again_as_they_are() -> None:
    shop = Shop({})
    for at, name in ((0, "one"), (1, "two"), (1, "one"), (1, "two"), (2, "three")):
        shop.service.note(CallbackRegistered(at=at, receiver=name, url="http://x", secret=SECRET, members={"at": at}))
    shop.service.note(CallbackEnded(at=2, receiver="two"))
    known = receivers_of(shop.service.ledger.get)
    assert [(each.name, each.since, each.began, each.until) for each in known] == [
        ("one", 0, 0, 1), ("one", 1, 0, None), ("two", 1, 1, 1), ("two", 1, 1, 2), ("three", 2, 2, None),
    ]  # fmt: skip
    assert [each.name for each in standing(shop.service.ledger.get)] == ["one", "three"]
    folded = MemoryLedger()
    folded.commit(snapshot(shop.service, 3))
    assert receivers_of(folded.get) == known
