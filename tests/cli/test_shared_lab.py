"""`lab serve --ledger`: what the processes of a lab agree on, and what is refused."""

import asyncio
import logging
from pathlib import Path

import pytest

from lab.cli.serve import shared_lab as shared_lab_module
from lab.cli.serve.settings import LedgerSettings
from lab.cli.serve.shared_lab import SharedSetup, adopted, agree, shared_lab
from lab.cli.setup import Setup, make_setup
from lab.core.errors import HostError, UsageError
from lab.core.journal.fact import LedgerCleared
from lab.core.journal.numbers import NumberUsed
from lab.core.journal.shared import Commit, LogPlace, StoreUnreadable
from lab.settings import ClockSettings, MockSettings, SwitchSettings
from lab.stores.address import store_address
from lab.stores.redis_link import open_link
from lab.stores.redis_log import open_store
from tests.conftest import Lab
from tests.stores.memory_store import START_WALL, MemoryStore
from tests.stores.redis_server import RedisServer

SCENARIO = "lab: 1\nname: one\ntitle: One\nagent: {code: ONE}\nask: go\nsteps:\n  - {complete: done, output: Done.}\n"
SETTINGS = """\
accounts:
  clients:
    - {id: acme, secret: lab-secret-of-acme}
limits: {jobs: 7}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.yaml").write_text(SCENARIO)
    return tmp_path


def setup_of(folder: Path, **more: object) -> Setup:
    """A process's setup, as its command line says."""
    return make_setup(MockSettings(scenarios=str(folder), **more))  # type: ignore[arg-type]


def switches(*flags: tuple[str, str], file: str | None = None) -> SwitchSettings:
    return SwitchSettings(flags=flags, file=file)


async def agreed(shared: MemoryStore, setup: Setup, *, clock_said: bool = False) -> SharedSetup:
    return await agree(shared.process(), setup, "memory://test (prefix lab)", clock_said=clock_said)


async def test_the_first_process_draws_what_the_others_take(folder: Path) -> None:
    shared = MemoryStore()
    first = await agreed(
        shared, setup_of(folder, clock=ClockSettings("scaled", "20"), switches=switches(("pod", "acme-two")))
    )
    shared.advance(60_000)
    later = setup_of(folder)
    second = await agreed(shared, later)
    assert second == first and first.epoch == START_WALL // 1000
    setup = adopted(later, second)
    assert (setup.config.seed, setup.config.epoch) == (first.seed, first.epoch)
    assert (setup.clock.mode, setup.clock.factor) == ("scaled", "20")
    assert setup.config.switches.pod == "acme-two"


async def test_who_says_the_same_as_the_first_is_welcome(folder: Path) -> None:
    shared = MemoryStore()
    clock, more = (
        ClockSettings("manual"),
        {"seed": 7, "epoch": 1_800_000_000, "reviewer": "person", "base": "https://lab.example"},
    )
    first = await agreed(shared, setup_of(folder, clock=clock, **more), clock_said=True)
    assert await agreed(shared, setup_of(folder, clock=clock, **more), clock_said=True) == first


@pytest.mark.parametrize(
    ("more", "difference"),
    [
        ({"seed": 8}, "seed 7, now 8"),
        ({"epoch": 1}, f"epoch {START_WALL // 1000}, now 1"),
        ({"clock": ClockSettings("manual")}, "clock real, now manual"),
        ({"reviewer": "person"}, "reviewer script, now person"),
        ({"base": "https://lab.example"}, "base none, now https://lab.example"),
        ({"switches": switches(("pod", "other"))}, "pod acme-test, now other"),
        ({"switches": switches(("profile", "rfc"))}, "profile oci, now rfc"),
    ],
)
async def test_who_says_otherwise_ends_and_names_both_values(
    folder: Path, more: dict[str, object], difference: str
) -> None:
    shared = MemoryStore()
    await agreed(shared, setup_of(folder, seed=7))
    await shared.process().heartbeat("first")
    with pytest.raises(UsageError) as refused:
        await agreed(shared, setup_of(folder, **more), clock_said=True)
    named = difference.partition(" ")[0]
    found = refused.value.what.partition("begun otherwise: ")[2].removesuffix(".").split("; ")
    assert difference in found
    assert found == [difference] or named == "profile", "nothing else is"


async def test_limits_accounts_and_scenarios_are_agreed_on(folder: Path) -> None:
    shared = MemoryStore()
    (folder / "lab.yaml.settings").write_text(SETTINGS)
    with_file = setup_of(folder, switches=switches(file=str(folder / "lab.yaml.settings")))
    first = await agreed(shared, with_file)
    await shared.process().heartbeat("first")
    setup = adopted(setup_of(folder), await agreed(shared, setup_of(folder)))
    assert setup.limits.jobs == setup.config.most_jobs == 7
    assert [each.id for each in setup.config.clients] == ["acme", "demo"]
    (folder / "other.settings").write_text(SETTINGS.replace("acme", "emca").replace("7", "8"))
    (folder / "two.yaml").write_text(SCENARIO.replace("one", "two").replace("ONE", "TWO"))
    (folder / "one.yaml").write_text(SCENARIO.replace("Done.", "Over."))
    with pytest.raises(UsageError) as refused:
        await agreed(shared, setup_of(folder, switches=switches(file=str(folder / "other.settings"))))
    for each in ("limits.jobs 7, now 8", "clients acme, demo, now emca, demo", "scenario one ",
                 "scenario two not served, now "):  # fmt: skip
        assert each in refused.value.what
    assert "lab-secret" not in refused.value.what and first.clients[0].secret not in refused.value.what


async def test_another_version_of_the_lab_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = MemoryStore()
    await agreed(shared, setup_of(folder))
    await shared.process().heartbeat("first")
    monkeypatch.setattr("lab.cli.serve.shared_lab.__version__", "99")
    with pytest.raises(UsageError, match=r"lab \S+, now 99"):
        await agreed(shared, setup_of(folder))
    shared.document = b'{"format":"lab.shared"}'
    with pytest.raises(StoreUnreadable, match="can't be read by this one"):
        await agreed(shared, setup_of(folder))


async def test_the_profile_rfc_needs_an_issuer_that_all_share(folder: Path) -> None:
    shared = MemoryStore()
    rfc = setup_of(folder, switches=switches(("profile", "rfc")))
    with pytest.raises(UsageError, match="Give all of them the same --base"):
        adopted(rfc, await agreed(shared, rfc))


async def test_a_lab_that_is_empty_and_served_by_nobody_is_set_up_anew(folder: Path) -> None:
    shared = MemoryStore()
    first = await agreed(shared, setup_of(folder))
    fact = NumberUsed(at=0, counter="a", value=1)
    assert shared.take(LogPlace(), Commit(1, "one", 1, 0, shared.wall, (fact,)))
    (folder / "one.yaml").write_text(SCENARIO.replace("Done.", "Over."))
    with pytest.raises(UsageError):
        await agreed(shared, setup_of(folder))
    cleared = LedgerCleared(at=0, by="control")
    assert shared.take(shared.commits[-1].place, Commit(2, "one", 2, 0, shared.wall, (cleared,)))
    shared.advance(5_000)
    second = await agreed(shared, setup_of(folder))
    assert second.scenarios != first.scenarios
    assert (second.seed, second.epoch, second.began) == (first.seed, first.epoch, first.began), "instants go on"
    assert second == await agreed(shared, setup_of(folder))


async def test_a_lab_that_was_served_before_waits_for_its_store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_lab_module, "OPENS_WITHIN", 0)
    with RedisServer() as server:
        ledger, setup = LedgerSettings(url=server.url), setup_of(folder)
        async with shared_lab(ledger, setup_of(folder, seed=7)) as lab:
            document, setup_before = lab.document, lab.agreed
        server.kill()
        with pytest.raises(HostError, match="can't be reached"):
            async with shared_lab(ledger, setup):
                pass
        said = asyncio.Event()
        monkeypatch.setattr(logging.getLogger("lab"), "error", lambda *_: said.set())

        async def joined() -> SharedSetup:
            async with shared_lab(ledger, setup, agreed=document) as lab:
                await lab.store.heartbeat("another")
                return lab.agreed

        joining = asyncio.create_task(joined())
        async with asyncio.timeout(20):
            await said.wait()
            await asyncio.to_thread(server.start)
            assert await joining == setup_before, "though a store without a disk begins anew"
            with pytest.raises(UsageError, match="seed 7, now 8"):
                async with shared_lab(ledger, setup_of(folder, seed=8), agreed=document):
                    pass


async def test_a_user_who_may_not_use_the_prefix_is_told_what_it_takes(folder: Path) -> None:
    with RedisServer() as server:
        store = await open_store(store_address(server.url), "lab")
        rights = "on >s3cret ~lab:* +@read +@write +@scripting +@connection +time +info".split()
        await store.link.ask("ACL", "SETUSER", "ana", *rights)
        await store.close()
        ledger = LedgerSettings(url=server.url.replace("unix://", "unix://ana:s3cret@"), prefix="other")
        with pytest.raises(UsageError, match="refuses: ") as refused:
            async with shared_lab(ledger, setup_of(folder)):
                pass
        assert "~PREFIX:*" in refused.value.hint


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--record", "x"), "--ledger can't be used with --record"),
        (("--journal", "x"), "--ledger can't be used with --journal"),
        (("--from", "x"), "--ledger can't be used with --from"),
    ],
)
def test_what_a_shared_lab_does_not_know_is_refused(lab: Lab, options: tuple[str, str], what: str) -> None:
    called = lab("serve", "item-comparison", "--ledger", "redis://:hush@127.0.0.1:1/0", *options)
    assert called.code == 2 and what in called.err and "hush" not in called.err


def test_a_prefix_is_for_a_shared_lab(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    called = lab("serve", "item-comparison", "--ledger-prefix", "x")
    assert called.code == 2 and "--ledger-prefix needs --ledger" in called.err
    monkeypatch.setenv("LAB_LEDGER", "http://hush@x")
    called = lab("serve", "item-comparison", "--ledger-prefix", "x")
    assert called.code == 2 and "the store's URL can't be used" in called.err and "hush" not in called.err


@pytest.mark.parametrize(
    "command", [("XADD", "lab:log", "1-0", "x", "y"), ("SET", "lab:log", "x"), ("SET", "lab:setup", "x")]
)
def test_rubbish_in_the_store_is_exit_3_with_a_sentence(lab: Lab, command: tuple[str, ...]) -> None:
    with RedisServer() as server:

        async def litter() -> None:
            link = await open_link(store_address(server.url))
            await link.ask(*command)
            await link.close()

        asyncio.run(litter())
        called = lab("serve", "item-comparison", "--port", "0", "--ledger", server.url)
    assert called.code == 3 and "can't" in called.err and "--ledger-prefix" in called.err, called.err
