"""What only a store in Redis can meet: an address, versions and policies, connections that are cut, a server that ends."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from msgspec.structs import replace

from lab.clocks import breathe
from lab.core.errors import HostError, UsageError
from lab.core.journal.fact import Key
from lab.core.journal.numbers import Counter, NumberUsed, counter_key
from lab.core.journal.shared import Committed, Conflict, StoreLost, StoreRefused, Synced
from lab.stores import loading
from lab.stores.address import check_prefix, store_address
from lab.stores.loading import RecordLoader
from lab.stores.redis_link import RedisLink, check_server
from lab.stores.redis_store import RedisStore, open_store
from lab.stores.redis_tenants import RedisTenants
from tests.conftest import each_row
from tests.stores.redis_server import RedisServer, SharedRedis
from tests.stores.test_shared_store import filled, proposal, used

# The address

SHOWN = {
    "redis://host": "redis://host",
    "redis://host:6380/3": "redis://host:6380/3",
    "rediss://ana:s3cret@host/0": "rediss://ana@host/0",
    "redis://:s3cret@[::1]:7000": "redis://[::1]:7000",
    "redis://a%40b:p%2Fw%40x@host": "redis://a%40b@host",
    "unix:///run/redis.sock": "unix:///run/redis.sock",
    "unix://ana:s3cret@/run/redis.sock?db=2": "unix://ana@/run/redis.sock?db=2",
}


@each_row("url", SHOWN)
def test_an_address_is_shown_without_its_password(url: str) -> None:
    address = store_address(url)
    assert (address.url, str(address)) == (url, SHOWN[url])
    assert "s3cret" not in repr(address)


@each_row(
    ("url", "why"),
    [
        ("host:6379", "it begins with none of"),
        ("http://host", "it begins with none of"),
        ("redis:host", "it begins with none of"),
        ("redis://", "it names no host"),
        ("redis:///0", "it names no host"),
        ("redis://host/s3cret", "no number of a database"),
        ("redis://host/-1", "no number of a database"),
        ("redis://ana:s3/cret@host", "its host or port can't be read"),
        ("redis://host:99999", "its host or port can't be read"),
        ("redis://host:s3cret", "its host or port can't be read"),
        ("redis://[::1", "its host or port can't be read"),
        ("redis://host?db=1", "there is more behind it"),
        ("redis://host/1#s3cret", "there is more behind it"),
        ("unix://", "it names no socket"),
        ("unix://run/redis.sock?x=s3cret", "there is more behind it"),
        ("unix:///run/redis.sock?db=s3cret", "db isn't the number"),
    ],
)
def test_a_url_that_names_no_store_is_refused_and_not_repeated(url: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as refused:
        store_address(url)
    assert refused.value.exit_code == 2 and "s3" not in str(refused.value)


@each_row("prefix", ["", "a b", "ä", "x" * 81, "a\n"])
def test_a_prefix_that_no_key_should_have_is_refused(prefix: str) -> None:
    with pytest.raises(UsageError):
        check_prefix(prefix)


# What it finds at the start

GOOD = {"redis_version": "7.0.0", "redis_mode": "standalone", "role": "master", "maxmemory_policy": "noeviction"}


@each_row(
    ("changed", "what"),
    [
        ({}, ""),
        ({"redis_version": "8.2"}, ""),
        ({"redis_version": "6.2.14"}, r"is redis 6\.2\.14\n.*7\.0 or later"),
        (
            {"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "8.1.1", "server_mode": "standalone"},
            "",
        ),
        (
            {"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "7.1"},
            r"is valkey 7\.1\n.*7\.2 or later",
        ),
        ({"redis_mode": "cluster"}, "its mode is cluster"),
        ({"redis_mode": "sentinel"}, "its mode is sentinel"),
        ({"role": "slave"}, "is a replica"),
        ({"maxmemory_policy": "allkeys-lru"}, "maxmemory-policy allkeys-lru"),
    ],
)
def test_a_server_that_could_lose_something_is_refused(changed: dict[str, Any], what: str) -> None:
    address = store_address("redis://:s3cret@host")
    if not what:
        assert check_server(GOOD | changed | {"aof_enabled": 1}, address) == ()
        (note,) = check_server(GOOD | changed | {"aof_enabled": 0}, address)
        assert note.startswith("the store at redis://host has appendonly no")
        return
    with pytest.raises(UsageError, match=what) as refused:
        check_server(GOOD | changed, address)
    assert "redis://host" in str(refused.value)


async def test_a_cluster_is_known_as_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])  # its usual one is every other cluster's of this machine
    cluster = "--cluster-enabled", "yes", "--cluster-port", port
    with RedisServer(*cluster) as server, pytest.raises(UsageError, match="its mode is cluster"):
        await open_store(store_address(server.url), "lab")


async def test_what_a_user_may_not_see_is_said(redis_url: str, shared_redis: SharedRedis) -> None:
    redis = shared_redis.process().link.redis
    least = "on >s3cret ~lab:* +@read +@write +@scripting +@connection +time".split()
    await redis.execute_command("ACL", "SETUSER", "ana", *least)
    await redis.execute_command("ACL", "SETUSER", "bob", *least, "+info")
    address = redis_url.replace("unix://", "unix://ana:s3cret@")
    store = await open_store(store_address(address), "lab")
    (note,) = store.link.notes
    assert "maxmemory-policy" in note and "s3cret" not in note
    await store.close()
    store = await open_store(store_address(address.replace("ana", "bob")), "lab")
    assert ["appendonly" in note for note in store.link.notes] == [True]
    await store.link.redis.delete("lab:-:state", "lab:-:commits", "lab:-:records", "lab:-:answers")
    await use_whole(store)
    await store.close()
    with pytest.raises(UsageError, match=r"refuses: .*user") as refused:
        await open_store(store_address(address.replace("s3cret", "wr0ng")), "lab")
    assert "wr0ng" not in str(refused.value)
    store = await open_store(store_address(address), "other")
    with pytest.raises(StoreRefused) as not_its_keys:
        await store.sync(0)
    assert "~PREFIX:*" in not_its_keys.value.hint
    await store.close()


async def test_a_store_that_wants_a_password_says_how_to_give_one() -> None:
    with RedisServer("--requirepass", "s3cret") as server:
        with pytest.raises(UsageError, match="needs a password") as refused:
            await open_store(store_address(server.url), "lab")
        assert "redis://:PASSWORD@HOST" in refused.value.hint


async def test_a_database_that_is_not_there_is_refused(redis_url: str) -> None:
    with pytest.raises(UsageError, match="DB index is out of range"):
        await open_store(store_address(f"{redis_url}?db=99"), "lab")


async def test_over_tls_a_store_must_have_a_certificate_that_is_trusted(
    tmp_path: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    pem = tmp_path / "server.pem"
    files = ("--tls-cert-file", pem, "--tls-key-file", pem, "--tls-ca-cert-file", tmp_path / "ca.pem")
    with RedisServer("--tls-port", str(unused_tcp_port), "--tls-auth-clients", "no", *files):
        address = store_address(f"rediss://localhost:{unused_tcp_port}")
        with pytest.raises(UsageError, match=r"refuses: .*CERTIFICATE_VERIFY_FAILED"):
            await open_store(address, "lab")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        store = await open_store(address, "lab")
        await use_whole(store)
        await store.close()


@pytest.mark.long
async def test_a_store_that_is_not_there_is_waited_for_five_seconds(tmp_path: Path) -> None:
    time = asyncio.get_running_loop().time
    began = time()
    with pytest.raises(HostError, match="can't be reached") as unreachable:
        await open_store(store_address(f"unix://{tmp_path}/none"), "lab")
    assert unreachable.value.exit_code == 4 and 4.5 < time() - began < 6


# What it keeps


async def use_whole(store: RedisStore) -> None:
    """All that a process asks of a store."""
    assert isinstance(await store.commit(used("one", 1, 0, 1)), Committed)
    assert isinstance(await store.sync(1, 1), Synced)
    assert (await store.load()).position == 1
    await store.wait(0, 1)
    await store.setup(b"{}")
    await store.publish([b"line"])
    assert (await store.published("")).lines[-1] == b"line"
    await store.heartbeat("other", "http://other")
    await store.leave("other")
    await store.heartbeat("one", "http://one")
    assert await store.processes() == {"one": "http://one"}


async def test_keys_begin_with_prefix_and_tenant_and_none_ends_by_itself_but_a_process(redis_url: str) -> None:
    store = await open_store(store_address(redis_url), "team.1")
    try:
        await use_whole(store)
        redis = store.link.redis
        ends = {key.decode(): await redis.ttl(key) async for key in redis.scan_iter("team.1:*")}
    finally:
        await store.close()
    alive = ends.pop("team.1:-:process:one")
    assert 0 < alive <= 15
    names = "answers commits exchanges processes records setup state".split()
    assert ends == {f"team.1:-:{name}": -1 for name in names}


async def test_a_process_whose_heart_stopped_is_no_longer_listed(shared_redis: SharedRedis) -> None:
    store = shared_redis.process()
    await store.heartbeat("one", "http://one")
    await store.link.redis.delete(f"{shared_redis.prefix}process:one")
    assert await store.processes() == {}
    assert await store.link.redis.exists(f"{shared_redis.prefix}processes") == 0


async def test_an_answer_that_is_forgotten_is_gone_with_the_next_commit(shared_redis: SharedRedis) -> None:
    shared_redis.remembered = 0
    store = shared_redis.process()
    await store.commit(used("one", 1, 0, 1))
    assert await store.link.redis.hgetall(f"{shared_redis.prefix}answers") == {}


async def test_what_was_deleted_while_it_was_loaded_is_gone(
    shared_redis: SharedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PIECE", 2)
    store, other = shared_redis.process(), shared_redis.process()
    fact = NumberUsed(at=0, counter="", value=1)
    await other.commit(proposal("other", 1, 0, fact, a=1, b=1, c=1))
    scan = RecordLoader._scan

    async def slow(loader: RecordLoader, found: dict[Key, Any]) -> None:
        await scan(loader, found)
        for number in range(2, 7):
            await other.commit(proposal("other", number, number - 1, fact, a=None, b=number, **{f"d{number}": number}))

    monkeypatch.setattr(RecordLoader, "_scan", slow)
    snapshot = await store.load()
    values = {"b": 6, "c": 1, **{f"d{number}": number for number in range(2, 7)}}
    records = [(counter_key(name), Counter(value)) for name, value in values.items()]
    assert (snapshot.position, list(snapshot.records.items())) == (6, records)


async def test_answers_to_calls_at_once_are_not_mixed_up(shared_redis: SharedRedis) -> None:
    store = shared_redis.process()
    await store.sync(0)
    synced = await asyncio.gather(*(store.sync(0, ordinals) for ordinals in range(1, 30)))
    firsts = [each.first for each in synced if isinstance(each, Synced)]
    taken = {
        number
        for first, ordinals in zip(firsts, range(1, 30), strict=True)
        for number in range(first, first + ordinals)
    }
    assert taken == set(range(1, sum(range(30)) + 1))


async def test_a_store_that_is_lost_is_tried_again_at_growing_pauses() -> None:
    link = RedisLink(store_address("redis://host"))
    calls: list[int] = []

    async def fail() -> None:
        calls.append(1)
        raise ConnectionResetError("reset by peer")

    pauses: list[int] = []
    for _ in range(7):
        for _ in range(2):
            with pytest.raises(StoreLost, match="the store at redis://host doesn't answer: reset by peer"):
                await link.ask(fail)
        pauses.append(link._pause)
        link._lost_until = 0
    assert (len(calls), pauses) == (7, [50, 100, 200, 400, 800, 1_000, 1_000])
    await link.ask(breathe)
    with pytest.raises(StoreLost):
        await link.ask(fail)
    assert link._pause == 50
    await link.close()


async def test_a_commit_of_many_records_is_taken_whole(shared_redis: SharedRedis) -> None:
    store = shared_redis.process()
    many = {counter_key(f"{number} \ud800"): Counter(number) for number in range(10_000)}
    assert isinstance(await store.commit(replace(used("one", 1, 0, 1), records=many)), Committed)
    assert list((await store.load()).records.items()) == list(many.items())


async def test_a_store_that_is_full_takes_no_half_of_a_commit_and_can_be_read(shared_redis: SharedRedis) -> None:
    store = shared_redis.process()
    redis = store.link.redis
    await filled(store, 2)
    await redis.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(StoreLost, match=r"refuses: .*maxmemory"):
            await store.commit(used("one", 3, 2, 3))
        synced = await store.sync(2)
        assert isinstance(synced, Synced) and synced.head == 2
        assert (await store.load()).records == {counter_key("n"): Counter(2)}
    finally:
        await redis.config_set("maxmemory", "0")
    assert isinstance(await store.commit(used("one", 3, 2, 3)), Committed)


# When it is cut off


@asynccontextmanager
async def cutting(path: str, folder: Path) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A way to the server that cuts the connection instead of giving an answer that begins with one of these."""
    cuts: list[bytes] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        above, below = await asyncio.open_unix_connection(path)

        async def upwards() -> None:
            while call := await reader.read(65_536):
                below.write(call)
            below.close()

        up = asyncio.create_task(upwards())
        while answer := await above.read(65_536):
            if cuts and cuts[0] in answer:
                cuts.pop(0)
                break
            writer.write(answer)
        up.cancel()
        below.close()
        writer.close()

    server = await asyncio.start_unix_server(connected, folder / "cut")
    yield f"unix://{folder}/cut", cuts
    server.close()


async def test_an_answer_that_got_lost_on_the_wire_is_asked_for_again(redis_url: str, tmp_path: Path) -> None:
    async with cutting(redis_url.removeprefix("unix://"), tmp_path) as (url, cuts):
        shared = SharedRedis(url, "cut:-:")
        store = shared.process()
        await store.sync(0)
        cuts += [b"taken", b"taken"]
        assert (await store.commit(used("one", 1, 0, 1))) == await store.commit(used("one", 1, 0, 1))
        synced = await store.sync(0)
        assert isinstance(synced, Synced) and len(synced.commits) == 1 and cuts == []
        await shared.close()


async def test_scripts_that_the_server_forgot_are_sent_again(shared_redis: SharedRedis) -> None:
    store = shared_redis.process()
    await filled(store, 1)
    await store.link.redis.script_flush()
    assert isinstance(await store.commit(used("one", 2, 1, 2)), Committed)


async def test_who_waits_wakes_with_a_commit_or_in_time(shared_redis: SharedRedis) -> None:
    one, other = shared_redis.process(), shared_redis.process()
    waiting = asyncio.create_task(other.wait(0, 30_000))
    await one.sync(0)
    await one.commit(used("one", 1, 0, 1))
    await waiting
    await other.wait(0, 30_000)  # at once: it is there
    await other.wait(1, 1)


DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


async def test_a_server_that_is_killed_and_started_again_costs_time_alone(tmp_path: Path) -> None:
    with RedisServer(*DURABLE) as server:
        store = await open_store(store_address(server.url), "lab")
        await filled(store, 3)
        server.kill()
        await asyncio.to_thread(server.start)
        assert isinstance(await store.commit(used("one", 3, 2, 3)), Committed), "its answer is remembered"
        assert isinstance(await store.commit(used("one", 4, 2, 3)), Conflict)
        assert isinstance(await store.commit(used("one", 4, 3, 4)), Committed)
        assert (await store.load()).position == 4
        await store.close()


@pytest.mark.long
async def test_a_server_that_is_gone_is_lost_within_two_seconds_and_found_again_when_it_is_back() -> None:
    time = asyncio.get_running_loop().time
    with RedisServer(*DURABLE) as server:
        store = await open_store(store_address(server.url), "lab")
        await filled(store, 1)
        for fail, again in ((server.kill, server.start), (server.stop, server.go_on)):
            fail()
            began = time()
            with pytest.raises(StoreLost, match="doesn't answer"):
                await store.commit(used("one", 2, 1, 2))
            assert time() - began < 2.3
            with pytest.raises(StoreLost):
                await store.sync(1)
            await asyncio.to_thread(again)
            synced: Any = None
            while synced is None:
                try:
                    synced = await store.sync(1)
                except StoreLost:
                    await asyncio.to_thread(lambda: None)
            assert synced.head == 1
        assert isinstance(await store.commit(used("one", 2, 1, 2)), Committed)
        await store.close()


@pytest.mark.long
async def test_however_many_ask_at_once_each_gets_an_answer(redis_url: str, shared_redis: SharedRedis) -> None:
    store = shared_redis.process()
    await store.commit(used("one", 1, 0, 1))
    tenants = RedisTenants(store.link, shared_redis.prefix.partition(":")[0])
    asks = (*(store.sync(0) for _ in range(300)), *(tenants.wait({"ann": 0}, {}, 1) for _ in range(300)))
    answers = await asyncio.gather(*asks)
    assert {each.head for each in answers if isinstance(each, Synced)} == {1}
    assert (await store.link.redis.info("clients"))["connected_clients"] <= 100
