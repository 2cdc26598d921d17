"""What the tenants of every shared store must do: one of each name, as many as may be, and nothing left of one that ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count

import pytest

from lab.core.journal.shared import KeptTenant, LedgerEnded, LogPlace, SharedStore, SharedTenants
from lab.server.shared.batch_loop import read_log
from lab.stores.address import store_address
from lab.stores.redis_link import open_link
from lab.stores.redis_tenants import RedisTenants
from tests.stores.memory_store import MemoryStore
from tests.stores.memory_tenants import MemoryTenants
from tests.stores.test_shared_store import filled, synced, used

_PREFIXES = (f"team{number}" for number in count())
Pair = tuple[SharedTenants, SharedTenants]


@pytest.fixture(params=["memory", "redis"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    """Two processes' accesses to the tenants of a lab that has none."""
    if request.param == "memory":
        shared = MemoryTenants(MemoryStore())
        yield shared.process(), shared.process()
        return
    address, prefix = store_address(request.getfixturevalue("redis_url")), next(_PREFIXES)
    links = [await open_link(address) for _ in range(2)]
    yield RedisTenants(links[0], prefix), RedisTenants(links[1], prefix)
    for link in links:
        await link.close()


async def born(tenants: SharedTenants, name: str, document: bytes = b"{}") -> KeptTenant:
    kept = await tenants.make(name, document, 1_000)
    assert isinstance(kept, KeptTenant)
    return kept


async def test_of_two_processes_that_make_one_at_once_both_get_the_same(pair: Pair) -> None:
    one, other = pair
    found = await asyncio.gather(
        *(born(each, "ann", b"first" if each is one else b"other") for each in (one, other) * 8)
    )
    assert len(set(found)) == 1 and found[0].document in (b"first", b"other") and found[0].wall > 0
    assert await one.find("ann") == await other.find("ann") == found[0]
    assert await one.find("bob") is None


async def test_there_are_no_more_than_may_be_at_all_processes(pair: Pair) -> None:
    found = await asyncio.gather(*(pair[n % 2].make(f"t-{n}", b"{}", 5) for n in range(12)))
    assert [each for each in found if not isinstance(each, KeptTenant)] == [5] * 7
    kept = await pair[1].all()
    assert list(kept.values()) == sorted(kept.values(), key=lambda each: int(each.birth.partition(".")[2])), "in order"
    assert set(kept.values()) == {each for each in found if isinstance(each, KeptTenant)} and len(kept) == 5
    assert [await pair[0].make(name, b"", 0) for name in kept] == [*kept.values()], "one that is there isn't made"


async def test_of_those_that_calls_make_there_are_as_many_as_may_be_whatever_commands_make(pair: Pair) -> None:
    one, other = pair
    for name in ("a", "b", "c"):
        await born(one, name)
    found = await asyncio.gather(*(pair[n % 2].make(f"t-{n}", b"{}", 1_000, 2) for n in range(6)))
    called = [f"t-{n}" for n, each in enumerate(found) if isinstance(each, KeptTenant)]
    assert [each for each in found if not isinstance(each, KeptTenant)] == [2] * 4 and len(called) == 2
    assert await one.end("a") and await other.make("u", b"{}", 1_000, 2) == 2, "a command has made that"
    assert await one.end(called[0]) and isinstance(await other.make("u", b"{}", 1_000, 2), KeptTenant)
    assert await one.make("v", b"{}", 1_000, 2) == 2 and await one.make("v", b"{}", 4, 9) == 4


async def begun(store: SharedStore) -> LogPlace:
    """Where the log of a tenant begins."""
    return (await synced(store))[0].place


async def test_each_has_commits_and_records_of_its_own(pair: Pair) -> None:
    ann, bob = [pair[0].store(name, await born(pair[0], name)) for name in ("ann", "bob")]
    await filled(ann, 3, after=await begun(ann))
    await filled(bob, 1, after=await begun(bob))
    again = pair[1].store("ann", await born(pair[1], "ann"))
    found, _ = await read_log(again)
    assert (found.place.position, len(found.records)) == (4, 1)
    await ann.publish([b"a line"])
    assert ((await again.published("")).lines, (await bob.published("")).lines) == ((b"a line",), ())


async def test_one_that_is_ended_is_ended_for_whoever_knows_it_still_and_nothing_of_it_comes_back(pair: Pair) -> None:
    one, other = pair
    kept = await born(one, "ann")
    stale, cut = one.store("ann", kept), one.store("ann", kept)
    place = await filled(stale, 3, after=await begun(stale))
    snapshot, _ = await read_log(cut)
    await cut.keep(snapshot)
    assert await other.end("ann") is True
    assert await other.end("ann") is False
    for again in (False, True):
        if again:
            fresh = other.store("ann", await born(other, "ann"))
            await filled(fresh, 3, "other", await begun(fresh))
        for call in (stale.sync(place), stale.sync(LogPlace()), read_log(cut)):
            with pytest.raises(LedgerEnded):
                await call
        with suppress(LedgerEnded):
            assert not await stale.append(place, used("one", 4, place, 4))
        if isinstance(one, RedisTenants):
            await stale.publish([b"late"])
            await cut.keep(snapshot)
            keys = await one._link.ask("KEYS", f"{one._prefix}:ann:*")
            assert len(keys) == (1 if again else 0), keys
    assert (await fresh.published("")).lines == ()
    assert (await born(other, "ann")).birth != kept.birth


async def test_it_is_known_which_are_there_no_longer(pair: Pair) -> None:
    one, other = pair
    births = {name: (await born(one, name)).birth for name in ("ann", "bob", "cy")}
    assert await one.ended(births) == []
    await other.end("ann")
    await other.end("bob")
    assert await one.ended(births) == ["ann", "bob"]
    await born(other, "ann")
    assert await one.ended({"ann": births["ann"], "cy": births["cy"]}) == ["ann"]
    assert not await one.ended({}), "nobody is asked about"


async def test_who_waits_for_commits_of_several_is_woken_by_any(pair: Pair) -> None:
    one, other = pair
    kept = {name: await born(other, name) for name in ("ann", "bob", "cy")}
    _, bob, cy = (other.store(name, each) for name, each in kept.items())
    place = await filled(bob, 1, after=await begun(bob))
    mine, his, hers = (one.store(name, each) for name, each in kept.items())
    waiting = asyncio.ensure_future(mine.wait({mine: (1, None), his: (2, None), hers: (1, "")}, 20_000))
    await bob.append(place, used("one", 2, place, 2))
    assert await asyncio.wait_for(waiting, 10) == {his}
    assert await mine.wait({hers: (0, None)}, 20_000) == {hers}, "one that stands nowhere yet"
    assert await mine.wait({mine: (1, "")}, 1) == set()
    waiting = asyncio.ensure_future(mine.wait({mine: (1, ""), hers: (1, "")}, 20_000))
    await cy.publish([b"a line"])
    assert await asyncio.wait_for(waiting, 10) == {hers}
    assert await mine.wait({hers: (1, (await cy.published("")).after)}, 1) == set()
