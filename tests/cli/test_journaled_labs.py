"""`lab serve --journal` of several labs: tenants, and what clients chose, are there again at the next start."""

import errno
import gc
import json
import os
import weakref
from io import StringIO
from pathlib import Path
from urllib.error import HTTPError

import pytest
from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.serve import state_journal
from lab.cli.serve.served_labs import ServedLabs
from lab.cli.serve.state_journal import StateJournal
from lab.clocks import real_millis
from lab.core.errors import UsageError
from lab.core.exchange import Request
from lab.core.journal.shared import StoreRefused
from lab.dialects.router import ROUTER
from lab.files import growing_files
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.mock.service import Service
from lab.server.labs import LabChoice, LabRefused, LabWish, ServedLab
from lab.settings import ClockSettings, MockSettings
from tests.cli.test_journal import Server, folder, port, refused, serving
from tests.cli.test_journal_disk import Disk, FullDisk
from tests.cli.test_tenants import TEAM, loaded
from tests.conftest import each_row
from tests.server.conftest import SCOPE

__all__ = ["folder", "port"]
TENANTS = ("--tenants", "2")
PLACES = ("", "/t/ann", "/scenario/slow", "/t/ann/scenario/slow")


class At:
    """A client of one of the labs of a server."""

    def __init__(self, server: Server, place: str) -> None:
        self.server, self.place = server, place
        self.token = str(self._fetch(server.token))
        self.job = ""

    def _fetch(self, call: object, *args: str) -> object:
        ready = self.server.ready
        self.server.ready = {**ready, "base_url": ready["base_url"] + self.place}
        try:
            return call(*args)  # type: ignore[operator]
        finally:
            self.server.ready = ready

    def invoke(self) -> str:
        self.job = str(self._fetch(self.server.invoke, self.token))
        return self.job

    def status(self, server: Server) -> int:
        self.server = server
        try:
            self._fetch(server.status, self.token, self.job)
        except HTTPError as fault:
            return fault.code
        return 200


def test_every_lab_goes_on_with_its_tokens_and_jobs_after_a_kill(folder: Path, port: int) -> None:
    with serving(folder, port, *TENANTS) as server:
        clients = [At(server, place) for place in PLACES]
        jobs = [client.invoke() for client in clients for _ in range(2)]
        bob = server.control("tenants", name="bob", seed=2**62)
        server.kill()
    names = ["", ".t.ann", ".scenario.slow", ".t.ann.scenario.slow", ".t.bob"]
    assert sorted(path.name for path in folder.glob("day*")) == sorted(f"day.journal{name}" for name in names)
    with serving(folder, port, *TENANTS) as server:
        assert [client.status(server) for client in clients] == [200] * 4
        listed = server.control("tenants")["tenants"]
        assert [(each["name"], each["seed"]) for each in listed][1:] == [("bob", 2**62)]  # type: ignore[attr-defined]
        assert listed[0]["name"] == "ann"  # type: ignore[index]
        assert server.control("tenants", name="bob")["control_token"] == bob["control_token"]
        more = [client.invoke() for client in clients]
        assert not {*more} & {*jobs}, "no number is used twice"
        with pytest.raises(HTTPError, match="503"):
            [At(server, f"/t/{name}") for name in ("cy", "dan")]  # ann counts still as one that a call has made
        server.kill()
        said = server.process.stderr.read()
    assert "day.journal at " in said and ": 2 jobs, and 4 labs beside it" in said


def test_one_that_was_ended_stays_so_and_made_again_it_is_another(folder: Path, port: int) -> None:
    with serving(folder, port, *TENANTS, "--clock", "manual") as server:
        first = At(server, "/t/ann")
        first.invoke()
        assert At(server, "/t/ann/scenario/slow").invoke()
        server.end("ann")
        assert [*folder.glob("day.journal.*")] == []
        server.kill()
    with serving(folder, port, *TENANTS, "--clock", "manual") as server:
        assert first.status(server) == 404 and server.control("tenants") == {"tenants": []}
        second = At(server, "/t/ann")
        second.invoke()
        assert (first.status(server), second.status(server)) == (401, 200)
        assert second.token != first.token and second.job != first.job
        server.kill()
    with serving(folder, port, *TENANTS, "--clock", "manual") as server:
        assert (first.status(server), second.status(server)) == (401, 200)


def test_a_clock_and_a_reset_of_a_tenant_are_taken_up_and_no_other_s(folder: Path, port: int) -> None:
    with serving(folder, port, *TENANTS, "--clock", "manual") as server:
        ann, chosen, usual = (At(server, place) for place in ("/t/ann", "/t/ann/scenario/slow", ""))
        for client in (ann, chosen, usual):
            client.invoke()
        server.control("t/ann/clock", advance="2h")
        server.kill()
    with serving(folder, port, *TENANTS, "--clock", "manual") as server:
        assert [server.control(f"{place}clock")["now"] for place in ("t/ann/", "")] == [7_200_000, 0]
        assert server.control("t/ann/scenario/slow/jobs")["jobs"][0]["status"] == "COMPLETE"  # type: ignore[index]
        server.control("t/ann/reset")
        server.kill()
    with serving(folder, port, *TENANTS, "--clock", "manual") as server:
        assert server.control("t/ann/clock")["now"] == 0
        assert not (folder / "day.journal.t.ann.scenario.slow").exists()
        assert [client.status(server) for client in (ann, chosen, usual)] == [401, 401, 200]


def test_a_reset_that_can_not_be_kept_is_refused_and_gives_nothing_up(folder: Path, port: int) -> None:
    with serving(folder, port, *TENANTS, "--clock", "manual") as server:
        ann, chosen = (At(server, place) for place in ("/t/ann", "/t/ann/scenario/slow"))
        for client in (ann, chosen):
            client.invoke()
        (folder / "day.journal").unlink()
        until = real_millis() + 20_000
        while server.control("health")["status"] == "ok":
            assert real_millis() < until
        assert server.control("health")["why"] == "The journal takes no line: somebody has removed it."
        with pytest.raises(HTTPError, match="503"):
            server.control("t/ann/reset")
        with pytest.raises(HTTPError, match="503"):
            server.end("ann")
        assert [client.status(server) for client in (ann, chosen)] == [200, 200]
        assert ann.invoke() and (folder / "day.journal.t.ann.scenario.slow").exists()


def test_a_damage_in_one_s_file_ends_the_start_and_a_repair_cuts_that(folder: Path, port: int) -> None:
    with serving(folder, port, *TENANTS) as server:
        ann = At(server, "/t/ann")
        ann.invoke()
        server.kill()
    journal = folder / "day.journal.t.ann"
    journal.write_bytes(journal.read_bytes().replace(b'"job.accepted"', b'"job.acceqted"'))
    code, said = refused(folder, port, *TENANTS)
    assert code == 3 and "day.journal.t.ann:3: the checksum doesn't fit" in said
    with serving(folder, port, *TENANTS, "--journal-repair") as server:
        assert ann.status(server) == 404
        server.kill()
        assert "cut day.journal.t.ann at line 3" in server.process.stderr.read()


def test_a_new_journal_begins_anew_though_files_of_others_lie_beside_it(folder: Path, port: int) -> None:
    with serving(folder, port, *TENANTS) as server:
        ann = At(server, "/t/ann")
        ann.invoke()
        server.kill()
    (folder / "day.journal").unlink()
    with serving(folder, port, *TENANTS) as server:
        assert server.control("tenants") == {"tenants": []} and ann.status(server) == 404
        again = At(server, "/t/ann")
        again.invoke()
        server.kill()
    with serving(folder, port, *TENANTS) as server:
        assert again.status(server) == 200
        assert len(server.control("t/ann/jobs")["jobs"]) == 1  # type: ignore[arg-type]


class Start:
    """One process of a lab with a journal, without a listener."""

    def __init__(self, folder: Path, *choices: LabChoice) -> None:
        settings = MockSettings(scenarios=str(folder), clock=ClockSettings("manual"), seed=7, epoch=1_800_000_000)
        self.err = StringIO()
        console = Console(StringIO(), self.err)
        self.journal = StateJournal(settings, str(folder / "day.journal"), console)
        setup = self.journal.resume(loaded(folder))
        usual = ServedLab(Service(setup.config), setup.clock)
        self.journal.attach(usual.service, usual.clock)
        self.labs = ServedLabs(setup, console, usual, most=9, choices=choices, journal=self.journal)

    def invoke(self, lab: ServedLab) -> str:
        sent = token_request(DEMO.id, DEMO.secret, SCOPE)
        token = json.loads(lab.service.serve(sent, 0).response.body)["access_token"]
        head = (("authorization", f"Bearer {token}"), ("content-type", "application/json"))
        reply = lab.service.serve(Request("POST", ROUTER.path("invoke", code=TEAM), "", head, b'{"message":"go"}'), 0)
        return str(json.loads(reply.response.body)["jobId"])


async def test_where_one_s_file_takes_nothing_its_calls_alone_are_refused_and_the_lab_is_red(tmp_path: Path) -> None:
    start = Start(tmp_path)
    ann, bob = [await start.labs.make(LabWish(name)) for name in ("ann", "bob")]
    kept = start.invoke(ann)
    (tmp_path / "day.journal.t.ann").unlink()
    start.journal.look()
    with pytest.raises(StoreRefused, match="The journal of /t/ann takes no line: somebody has removed it"):
        start.invoke(ann)
    assert start.labs.usual.calls.trouble == ann.calls.trouble != bob.calls.trouble is None
    assert start.invoke(bob) and start.invoke(start.labs.usual) and kept
    assert start.journal.close() == 4


async def test_none_is_made_that_nothing_can_keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Start(tmp_path)
    (tmp_path / "day.journal.t.ann").write_text("my notes\n")
    with pytest.raises(StoreRefused, match=r"/t/ann can't have a journal: .*ann:1: this is no journal"):
        await start.labs.make(LabWish("ann"))
    with monkeypatch.context() as full:
        full.setattr(growing_files, "os", FullDisk())
        with pytest.raises(StoreRefused, match="No space left"):
            await start.labs.make(LabWish("bob"))
        with pytest.raises(LabRefused) as refusal:
            start.labs.choose(start.labs.usual, "brief")
        assert refusal.value.refusal.status == 503
    assert not start.labs.named and not start.labs.usual.chosen
    assert (await start.labs.make(LabWish("bob"))).service.config.making == ""
    start.journal.close()
    assert (tmp_path / "day.journal.t.ann").read_text() == "my notes\n"
    again = Start(tmp_path)
    assert list(again.labs.named) == ["bob"]
    again.journal.close()


async def test_half_of_the_descriptors_are_left_to_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_journal, "descriptors", lambda: 4)
    start = Start(tmp_path)
    await start.labs.make(LabWish("ann"))
    start.labs.choose(start.labs.usual, "brief")
    with pytest.raises(StoreRefused, match=r"/t/bob can't have a journal: 2 have one, half of .* \(ulimit -n\)"):
        await start.labs.make(LabWish("bob"))
    assert await start.labs.end("ann")
    await start.labs.make(LabWish("bob"))
    start.journal.close()


async def test_an_edit_is_taken_up_by_all_and_by_one_that_could_not_at_the_next_start(tmp_path: Path) -> None:
    start = Start(tmp_path)
    ann = await start.labs.make(LabWish("ann"))
    brief = start.labs.choose(ann, "brief")
    (tmp_path / "day.journal.t.ann").unlink()
    start.journal.look()
    edited = replace(start.labs.usual.service.config.scenarios[0], digest="e" * 64)
    start.labs.load(edited)
    digests = [each.service.config.scenarios[0].digest[0] for each in (start.labs.usual, ann, brief)]
    assert (digests[0], digests[2]) == ("e", "e") and digests[1] != "e"
    assert "lab: /t/ann goes on with brief as it was: The journal of /t/ann takes no line" in start.err.getvalue()
    start.journal.close()


def test_what_was_chosen_and_is_offered_no_more_is_a_difference(tmp_path: Path) -> None:
    loaded(tmp_path)
    program = loaded(tmp_path).config.scenarios[0]
    drill = LabChoice("a-drill", lambda: program, lambda: program.scenario)
    start = Start(tmp_path, drill)
    job = start.invoke(start.labs.choose(start.labs.usual, "a-drill"))
    start.journal.close()
    again = Start(tmp_path, drill)
    assert list(again.labs.usual.chosen["a-drill"].service.jobs()) == [job]
    again.journal.close()
    with pytest.raises(UsageError, match="was begun otherwise: /scenario/a-drill can't be chosen now"):
        Start(tmp_path)


class NoRoomFor(Disk):
    """A disk that takes no line with this in it."""

    def __init__(self, text: bytes) -> None:
        super().__init__({})
        self.text = text

    def write(self, file: int, data: bytes) -> int:
        if self.text in data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(file, data)


@each_row("line", [b"lab.journal", b"lab.made"])
async def test_one_that_had_no_room_is_made_once_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: bytes
) -> None:
    folder = tmp_path / line.decode()
    folder.mkdir()
    start = Start(folder)
    for _ in range(2):
        with monkeypatch.context() as full:
            full.setattr(growing_files, "os", NoRoomFor(line))
            with pytest.raises(StoreRefused, match="No space left"):
                await start.labs.make(LabWish("ann"))
            with pytest.raises(LabRefused, match="No space left"):
                start.labs.choose(start.labs.usual, "brief")
    start.journal.close()
    assert [each.name for each in folder.glob("*.journal*")] == ["day.journal"]
    again = Start(folder)
    assert not again.labs.named and not again.labs.usual.chosen, "nobody was told that they are there"
    assert again.invoke(await again.labs.make(LabWish("ann")))
    assert again.invoke(again.labs.choose(again.labs.usual, "brief"))
    assert again.journal.trouble is None
    again.journal.close()


async def test_nothing_stays_in_memory_of_one_that_was_ended(tmp_path: Path) -> None:
    start = Start(tmp_path)
    service = weakref.ref((await start.labs.make(LabWish("ann"))).service)
    await start.labs.make(LabWish("bob"))
    await start.labs.end("ann")
    gc.collect()
    assert service() is None
    start.journal.close()
