"""What only a store in Redis can meet: an address, versions and policies, connections that are cut, a server that ends."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
import trustme

from lab.clocks import breathe
from lab.core.errors import HostError, UsageError
from lab.core.journal.numbers import Counter, counter_key
from lab.core.journal.shared import LabState, LogPlace, Snapshot, StoreLost, StoreRefused, StoreUnreadable, Synced
from lab.server.shared.folded_log import read_log
from lab.stores.address import check_prefix, store_address
from lab.stores.redis_link import check_server
from lab.stores.redis_log import RedisLog, open_store
from tests.conftest import each_row
from tests.stores.bad_link import BadLink
from tests.stores.redis_server import RedisServer, SharedRedis
from tests.stores.test_shared_store import filled, synced, used

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
    link = shared_redis.process().link
    least = "on >s3cret ~lab:* +@read +@write +@scripting +@connection +time".split()
    await link.ask("ACL", "SETUSER", "ana", *least)
    await link.ask("ACL", "SETUSER", "bob", *least, "+info")
    address = redis_url.replace("unix://", "unix://ana:s3cret@")
    store = await open_store(store_address(address), "lab")
    (note,) = store.link.notes
    assert "maxmemory-policy" in note and "s3cret" not in note
    await store.close()
    store = await open_store(store_address(address.replace("ana", "bob")), "lab")
    assert ["appendonly" in note for note in store.link.notes] == [True]
    await use_whole(store)
    await store.close()
    with pytest.raises(UsageError, match=r"refuses: .*user") as refused:
        await open_store(store_address(address.replace("s3cret", "wr0ng")), "lab")
    assert "wr0ng" not in str(refused.value)
    store = await open_store(store_address(address), "other")
    with pytest.raises(StoreRefused) as not_its_keys:
        await store.sync(LogPlace())
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


async def test_a_store_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="can't be reached") as unreachable:
        await open_store(store_address(f"unix://{tmp_path}/none"), "lab")
    assert unreachable.value.exit_code == 4


# What it keeps


async def use_whole(store: RedisLog) -> None:
    """All that a process asks of a store."""
    place = await filled(store, 1)
    assert isinstance(await store.sync(place), Synced)
    await store.keep(Snapshot(place, {"": LabState({counter_key("n"): Counter(1)})}))
    assert (await store.snapshot()).place == place
    await store.wait(0, None, 1)
    assert await store.number()
    await store.setup(b"{}")
    await store.publish([b"line"])
    assert (await store.published("")).lines[-1] == b"line"
    await store.heartbeat("other")
    await store.leave("other")
    await store.heartbeat("one")
    assert await store.processes() == ["one"]


async def test_keys_begin_with_prefix_and_tenant_and_none_ends_by_itself(redis_url: str) -> None:
    store = await open_store(store_address(redis_url), "team.1")
    try:
        await use_whole(store)
        keys = [key.decode() for key in await store.link.ask("KEYS", "team.1:*")]
        ends = {key: await store.link.ask("TTL", key) for key in keys}
    finally:
        await store.close()
    assert ends == {f"team.1:{name}": -1 for name in "exchanges log numbers processes setup snapshot".split()}


async def test_a_process_whose_heart_stopped_is_no_longer_listed(shared_redis: SharedRedis) -> None:
    store = shared_redis.process()
    await store.heartbeat("one")
    await store.link.ask("ZADD", f"{shared_redis.prefix}:processes", 1, "one")
    assert await store.processes() == []


async def test_a_snapshot_of_which_the_process_died_ends_by_itself(shared_redis: SharedRedis) -> None:
    store = shared_redis.process()
    place = await filled(store, 1)
    ask = store.link.ask

    async def dies(*command: str | bytes | int) -> object:
        assert command[0] != "EVAL", "killed"
        return await ask(*command)

    store.link.ask = dies  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="killed"):
        await store.keep(Snapshot(place, {"": LabState({counter_key("n"): Counter(1)})}))
    (half,) = await ask("KEYS", f"{shared_redis.prefix}:snapshot:*")
    assert 0 < await ask("TTL", half) <= 60 and await store.snapshot() == Snapshot()


async def test_answers_to_commands_at_once_are_not_mixed_up(shared_redis: SharedRedis) -> None:
    link = shared_redis.process().link
    answers = [link.ask("ECHO", str(number)) for number in range(300)]
    given_up = asyncio.create_task(link.ask("ECHO", "given up"))
    await breathe()
    given_up.cancel()
    assert await asyncio.gather(*answers) == [str(number).encode() for number in range(300)]
    connections = (await link.ask("INFO", "clients")).decode()
    assert int(connections.split("connected_clients:")[1].split()[0]) < 20


async def test_a_store_that_is_full_takes_no_commit_and_can_be_read(shared_redis: SharedRedis) -> None:
    store = shared_redis.process()
    place = await filled(store, 2)
    await store.link.ask("CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises(StoreRefused, match=r"refuses: .*maxmemory"):
            await store.append(place, [used("one", 3, place, 3)])
        assert await synced(store, place) == ()
        assert (await read_log(store))[0].labs[""].records == {counter_key("n"): Counter(2)}
    finally:
        await store.link.ask("CONFIG", "SET", "maxmemory", "0")
    assert await store.append(place, [used("one", 3, place, 3)])


RUBBISH: dict[str, tuple[tuple[str, ...], ...]] = {
    "a key of another type": (("SET", "log", "x"),),
    "an entry of other members": (("XADD", "log", "1-0", "x", "y"),),
    "a commit that can't be read": (("XADD", "log", "1-0", "m", "a:1", "c", "x"),),
    "a fact that no lab has": (("XADD", "log", "1-0", "m", "a:1", "c", '{"at":1,"wall":1}\n[{"type":"x","at":1}]'),),
    "a mark that is none": (("XADD", "log", "1-0", "m", "a", "c", '{"at":1,"wall":1}\n[]'),),
    "a snapshot that can't be read": (("RPUSH", "snapshot", "x"),),
    "a snapshot of other records": (("RPUSH", "snapshot", "{}", " agF2 Who{}"),),
    "a snapshot of a lab that isn't there": (("RPUSH", "snapshot", "{}", '/t/ann/1\nagF2 Counter{"value":1}'),),
    "a commit of one that isn't there": (
        ("XADD", "log", "1-0", "m", "a:1", "c", '{"at":1,"wall":1,"lab":"/t/x/1"}\n[]'),
    ),
    "a snapshot without the lab itself": (("RPUSH", "snapshot", '{"labs":{}}'),),
    "a snapshot of another type": (("SET", "snapshot", "x"),),
    "a log that begins late": (("XADD", "log", "9-0", "m", "a:1", "c", '{"at":1,"wall":1}\n[]'),),
}


@each_row("how", list(RUBBISH))
async def test_rubbish_in_a_store_is_told_and_left(how: str, redis_url: str) -> None:
    store = await open_store(store_address(redis_url), f"rubbish.{len(how)}.{how.split()[-1]}")
    for name, key, *values in RUBBISH[how]:
        await store.link.ask(name, f"{store.prefix}:{key}", *values)
    with pytest.raises(StoreUnreadable) as refused:
        await read_log(store)
    assert refused.value.exit_code == 3
    await store.close()


# When it is cut off


async def test_an_answer_that_got_lost_on_the_wire_can_be_asked_for(redis_url: str, tmp_path: Path) -> None:
    async with BadLink(redis_url.removeprefix("unix://"), tmp_path / "cut").open() as link:
        shared = SharedRedis(link.url, "cut")
        store = shared.process()
        await store.sync(LogPlace())
        link.lost.append(b":1")
        sent = used("one", 1, LogPlace(), 1)
        with pytest.raises(StoreLost, match="closed the connection"):
            await store.append(LogPlace(), [sent])
        assert await synced(store) == (sent,) and link.lost == []
        await shared.close()


async def test_who_waits_wakes_with_a_commit_or_in_time_and_keeps_nobody_who_asks(shared_redis: SharedRedis) -> None:
    one, other = shared_redis.process(), shared_redis.process()
    waiting = asyncio.create_task(other.wait(0, None, 30_000))
    await other.link.ask("PING")  # on a connection of its own
    assert not waiting.done()
    await filled(one, 1)
    assert await waiting
    assert await other.wait(0, None, 30_000), "at once: it is there"
    assert not await other.wait(1, None, 1)


DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


async def test_a_server_that_is_killed_and_started_again_has_all_that_it_took(tmp_path: Path) -> None:
    with RedisServer(*DURABLE) as server:
        store = await open_store(store_address(server.url), "lab")
        place = await filled(store, 3)
        server.kill()
        with pytest.raises(StoreLost):
            await store.sync(place)
        await asyncio.to_thread(server.start)
        assert await synced(store, place) == ()
        assert await store.append(place, [used("one", 4, place, 4)])
        await store.close()


@pytest.mark.long
async def test_a_server_that_is_gone_is_lost_within_two_seconds_and_found_again_when_it_is_back() -> None:
    time = asyncio.get_running_loop().time
    with RedisServer(*DURABLE) as server:
        store = await open_store(store_address(server.url), "lab")
        place = await filled(store, 1)
        for fail, again in ((server.kill, server.start), (server.stop, server.go_on)):
            fail()
            began = time()
            for _ in range(2):
                with pytest.raises(StoreLost, match="doesn't answer"):
                    await store.sync(place)
                assert time() - began < 4.3
            await asyncio.to_thread(again)
            assert await synced(store, place) == ()
        assert await store.append(place, [used("one", 2, place, 2)])
        await store.close()
