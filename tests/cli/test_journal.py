"""`lab serve --journal`: what was acknowledged outlives the process, whichever way that ends."""

import json
import signal
import socket
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE
from urllib.error import HTTPError
from urllib.parse import quote_plus, urlencode

import jwt
import pytest

from lab.core.clock import LAST_WALL
from lab.recording.format.journal_lines import read_journal
from tests.conftest import Lab
from tests.forked import ForkedLab, forked_lab
from tests.journals import rewrite, texts
from tests.server.conftest import lines_in

SCENARIO = """\
lab: 1
name: slow
title: Slow
agent: {code: SLOW_TEAM}
ask: x
steps:
  - work: think
    takes: 1h
  - complete: done
    output: As it was.
"""
API = "/api/fusion-ai/orchestrator/agent/v2/SLOW_TEAM"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "slow.yaml").write_text(SCENARIO)
    return tmp_path


@pytest.fixture
def port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class Server:
    """A lab in a process of its own, and what its clients say."""

    process: ForkedLab
    ready: dict[str, str]

    def fetch(self, path: str, body: bytes | None = None, **head: str) -> dict[str, object]:
        headers = {name.replace("_", "-"): value for name, value in head.items()}
        request = urllib.request.Request(self.ready["base_url"] + path, data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=20) as got:
            answer: dict[str, object] = json.load(got)
        return answer

    def token(self) -> str:
        pair = f"{quote_plus(self.ready['client_id'])}:{quote_plus(self.ready['client_secret'])}"
        form = urlencode({"grant_type": "client_credentials", "scope": self.ready["scope"]}).encode()
        login = f"Basic {b64encode(pair.encode()).decode()}"
        return str(self.fetch("/oauth2/v1/token", form, authorization=login)["access_token"])

    def invoke(self, token: str) -> str:
        body = json.dumps({"message": "x"}).encode()
        bearer = f"Bearer {token}"
        return str(
            self.fetch(f"{API}/invokeAsync", body, authorization=bearer, content_type="application/json")["jobId"]
        )

    def status(self, token: str, job: str) -> dict[str, object]:
        return self.fetch(f"{API}/status/{job}", authorization=f"Bearer {token}")

    def control(self, path: str, **command: object) -> dict[str, object]:
        head = {"Authorization": f"Bearer {self.ready['control_token']}", "Content-Type": "application/json"}
        body = json.dumps(command).encode() if command or path.endswith("reset") else None
        request = urllib.request.Request(f"{self.ready['control_url']}/_lab/{path}", data=body, headers=head)
        with urllib.request.urlopen(request, timeout=20) as got:
            answer: dict[str, object] = json.load(got)
        return answer

    def end(self, tenant: str) -> None:
        """Have the control plane end it."""
        head = {"Authorization": f"Bearer {self.ready['control_token']}"}
        url = f"{self.ready['control_url']}/_lab/tenants/{tenant}"
        with urllib.request.urlopen(urllib.request.Request(url, headers=head, method="DELETE"), timeout=20):
            pass

    def journal(self) -> list[dict[str, object]]:
        """The lines that the control plane shows."""
        head = {"Authorization": f"Bearer {self.ready['control_token']}"}
        request = urllib.request.Request(f"{self.ready['control_url']}/_lab/journal", headers=head)
        with urllib.request.urlopen(request, timeout=20) as got:
            return lines_in(got.read())

    def kill(self) -> None:
        self.process.kill()


@contextmanager
def serving(folder: Path, port: int, *argv: str) -> Iterator[Server]:
    call = ("serve", "slow", *argv, "--json", "--journal", "day.journal", "--port", str(port))
    with forked_lab(*call, cwd=folder) as process:
        line = process.stdout.readline()
        yield Server(process, json.loads(line) if line else {})


def refused(folder: Path, port: int, *argv: str) -> tuple[int, str]:
    """The exit code and the words of a start that comes to nothing."""
    with serving(folder, port, *argv) as server:
        assert not server.ready
        return server.process.wait(), server.process.stderr.read()


def test_clients_go_on_with_their_tokens_and_jobs_after_a_kill(folder: Path, port: int) -> None:
    with serving(folder, port) as server:
        token = server.token()
        jobs = [server.invoke(token) for _ in range(3)]
        looks = [server.status(token, job) for job in jobs]
        kid = server.control("tokens", do="rotate")["why"]
        server.kill()
    assert S_IMODE((folder / "day.journal").stat().st_mode) == 0o600
    with serving(folder, port) as server:
        assert [server.status(token, job) for job in jobs] == looks
        more = server.invoke(token)
        assert more not in jobs and server.token() != token
        assert jwt.get_unverified_header(server.token())["kid"] == kid != jwt.get_unverified_header(token)["kid"]
        server.kill()
    with serving(folder, port) as server:
        assert server.status(token, more)["status"] == "RUNNING"
        assert len(server.control("jobs")["jobs"]) == 4  # type: ignore[arg-type]


def test_nothing_that_was_acknowledged_is_lost_whenever_the_process_dies(folder: Path, port: int) -> None:
    accepted: list[tuple[str, str]] = []
    for start in range(3):
        with serving(folder, port) as server:
            for token, job in accepted:
                assert server.status(token, job)["status"] == "RUNNING"
            token = server.token()
            accepted += [(token, server.invoke(token)) for _ in range(5 * start + 3)]
            # one more is under way, answered or not, when the process dies
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as peer:
                head = f"POST {API}/invokeAsync HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                peer.sendall(
                    f'{head}Content-Type: application/json\r\nContent-Length: 15\r\n\r\n{{"message":"x"}}'.encode()
                )
                server.kill()
    with serving(folder, port) as server:
        assert len({job for _, job in accepted}) == len(accepted) == 24
        assert all(server.status(token, job)["status"] == "RUNNING" for token, job in accepted)


@pytest.mark.parametrize("calls", [24, pytest.param(2_500, marks=pytest.mark.long)])
def test_a_disk_without_room_refuses_before_anything_is_acknowledged_until_there_is_some(
    folder: Path, port: int, calls: int
) -> None:
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("no other process can be given a limit here")
    accepted, refused = [], []
    with serving(folder, port) as server:
        token = server.token()
        accepted.append(server.invoke(token))
        assert server.process.pid is not None
        room = (folder / "day.journal").stat().st_size + 100 * calls  # for a third of them
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        for _ in range(calls):
            try:
                accepted.append(server.invoke(token))
            except HTTPError as fault:
                refused.append((fault.code, fault.headers["retry-after"], json.loads(fault.read())["message"]))
        why = "The lab can't write: The journal takes no line: File too large."
        assert {*refused} == {(503, "1", why)}
        with pytest.raises(HTTPError) as not_ready:
            server.control("ready")
        assert (not_ready.value.code, json.loads(not_ready.value.read())["status"]) == (503, "store-refuses")
        assert server.control("health")["status"] == "red"
        assert server.status(token, accepted[0])["status"] == "RUNNING"
        infinite = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, infinite)
        accepted.append(server.invoke(token))
        began, refuses, takes = (server.process.stderr.readline() for _ in range(3))  # nobody has to call for it
        assert began.startswith("began") and "The journal takes no line: " in refuses
        assert takes == "lab: the journal takes writes again.\n"
        server.control("ready")
        assert server.control("health")["status"] == "ok"
        server.kill()
        assert server.process.stderr.read() == ""
    assert len(refused) > calls // 3 and len(accepted) > calls // 5
    with serving(folder, port) as server:
        known = [job["job"] for job in server.control(f"jobs?limit={calls}")["jobs"]]  # type: ignore[attr-defined]
        assert sorted(known) == sorted(accepted)
        assert server.invoke(token) not in accepted


def test_a_manual_clock_that_began_anew_is_taken_up_so(folder: Path, port: int) -> None:
    with serving(folder, port, "--clock", "manual") as server:
        server.invoke(server.token())
        server.control("clock", advance="2h")
        (folder / "scenarios" / "slow.yaml").write_text(SCENARIO.replace("As it was.", "Edited."))
        while b'"scenario.loaded"' not in (folder / "day.journal").read_bytes():
            assert server.process.poll() is None
        assert server.control("reset")["now"] == 0
        clock = server.control("clock")
        token = server.token()
        job = server.invoke(token)
        server.kill()
    with serving(folder, port, "--clock", "manual") as server:
        assert server.control("clock") == clock
        assert [line.get("type") for line in server.journal()] == [None, "token.granted", "job.accepted"]
        assert server.status(token, job)["status"] == "RUNNING"
        server.control("clock", advance="1h")
        assert server.status(server.token(), job)["output"] == "Edited."
        assert len(server.control("jobs")["jobs"]) == 1  # type: ignore[arg-type]


def test_a_clock_that_was_set_beyond_all_dates_is_told(folder: Path, port: int) -> None:
    options = ("--clock", "manual", "--epoch", str(LAST_WALL - 1))
    with serving(folder, port, *options) as server:
        server.control("clock", advance="1s")
        server.kill()
    rewrite(folder / "day.journal", b'"at":1000', b'"at":1001')
    code, why = refused(folder, port, *options)
    assert code == 3 and "day.journal: its clock stands beyond 9900-01-01T00:00:00.000Z" in why


def test_an_epoch_that_was_named_stays(folder: Path, port: int) -> None:
    with serving(folder, port, "--clock", "manual", "--epoch", "1000000000") as server:
        server.control("clock", advance="2h")
        server.control("reset")
        assert server.control("clock")["epoch"] == 1_000_000_000


def test_a_torn_line_is_cut_and_the_lab_goes_on(folder: Path, port: int) -> None:
    with serving(folder, port) as server:
        token = server.token()
        job = server.invoke(token)
        server.kill()
    journal = folder / "day.journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'0badcafe [{"type":"job.acc')
    with serving(folder, port) as server:
        assert server.status(token, job)["status"] == "RUNNING"
        assert journal.read_bytes() == whole


def test_lab_time_passes_while_a_lab_with_a_real_clock_is_down(folder: Path, port: int) -> None:
    with serving(folder, port) as server:
        server.token()
        server.kill()
    journal = folder / "day.journal"
    epoch = json.loads(texts(journal)[0])["epoch"]
    # the same as if the lab had begun, and gone down, a hundred seconds earlier
    rewrite(journal, b'"epoch":%d' % epoch, b'"epoch":%d' % (epoch - 100))
    with serving(folder, port) as server:
        assert 100_000 <= int(str(server.control("clock")["now"])) < 200_000


@pytest.mark.parametrize("clock", ["manual", "scaled:1000"])
def test_another_clock_goes_on_from_the_last_fact(folder: Path, port: int, clock: str) -> None:
    with serving(folder, port, "--clock", clock) as server:
        if clock == "manual":
            server.control("clock", advance="10m")
        token = server.token()
        server.invoke(token)
        server.kill()
    history = read_journal((folder / "day.journal").read_bytes(), "day").history
    with serving(folder, port, "--clock", clock) as server:
        now = int(str(server.control("clock")["now"]))
        assert now == history.now == 600_000 if clock == "manual" else history.now <= now < history.now + 20_000_000


def test_a_decision_and_a_way_back_are_kept(folder: Path, port: int) -> None:
    with serving(folder, port, "--clock", "manual") as server:
        token = server.token()
        first = server.invoke(token)
        server.control("clock", advance="1s")
        second = server.invoke(token)
        server.control("reset", to=500)
        server.kill()
    with serving(folder, port, "--clock", "manual") as server:
        assert server.control("clock")["now"] == 500
        assert [each["job"] for each in server.control("jobs")["jobs"]] == [first]  # type: ignore[attr-defined]
        again = server.invoke(token)
        assert again == second, "what was undone never happened, so its number is given again"
        server.control("reset", to=0)
        assert [each["job"] for each in server.control("jobs")["jobs"]] == [first]  # type: ignore[attr-defined]


@pytest.mark.long
def test_an_edit_outlives_the_process_and_older_jobs_keep_what_they_began_with(folder: Path, port: int) -> None:
    with serving(folder, port, "--clock", "manual") as server:
        token = server.token()
        old = server.invoke(token)
        (folder / "scenarios" / "slow.yaml").write_text(SCENARIO.replace("As it was.", "Edited."))
        assert any(line.startswith("loaded slow") for line in iter(server.process.stderr.readline, ""))
        server.control("clock", advance="1s")
        new = server.invoke(token)
        server.kill()
    with serving(folder, port, "--clock", "manual") as server:
        server.control("clock", advance="59m")
        server.control("clock", advance="2m")
        token = server.token()
        assert [server.status(token, job)["output"] for job in (old, new)] == ["As it was.", "Edited."]


def test_a_second_process_is_kept_off_the_file(folder: Path, port: int) -> None:
    with serving(folder, port) as server:
        code, words = refused(folder, 0)
        assert code == 4 and "is in use by another lab" in words
        assert server.token()


def test_another_lab_is_refused_with_every_difference(folder: Path, port: int) -> None:
    with serving(folder, port, "--seed", "7") as server:
        server.kill()
    before = (folder / "day.journal").read_bytes()
    (folder / "scenarios" / "slow.yaml").write_text(SCENARIO.replace("As it was.", "Edited."))
    (folder / "scenarios" / "more.yaml").write_text(SCENARIO.replace("slow", "more").replace("SLOW", "MORE"))
    code, words = refused(folder, port, "more", "--seed", "8", "--clock", "manual")
    assert code == 2
    for difference in ("seed 7, now 8", "clock real, now manual", "scenario slow ", "scenario more not served, now "):
        assert difference in words
    assert (folder / "day.journal").read_bytes() == before


@pytest.mark.parametrize(
    ("option", "difference"),
    [
        (("--reviewer", "person"), "reviewer script, now person"),
        (("--set", "waiting_output=message"), "waiting_output as it is by default, now message"),
    ],
)
def test_what_older_jobs_answers_depend_on_is_refused_too(
    folder: Path, port: int, option: tuple[str, str], difference: str
) -> None:
    with serving(folder, port) as server:
        server.kill()
    code, words = refused(folder, port, *option)
    assert code == 2 and difference in words
    with serving(folder, port) as server:
        server.kill()


def test_another_issuer_is_refused(folder: Path, port: int) -> None:
    with serving(folder, port, "--profile", "rfc") as server:
        server.kill()
    code, words = refused(folder, 0, "--profile", "rfc")
    assert code == 2 and "issuer http://127.0.0.1:" in words and "give --port or --base" in words


def test_a_file_that_is_no_journal_is_left_as_it_is(lab: Lab) -> None:
    for name, content, code in (
        ("notes.txt", b"my notes\n", 3),
        ("start.txt", b"my notes", 3),
        ("cut.txt", b"{}\n", 3),
    ):
        Path(name).write_bytes(content)
        called = lab("serve", "item-comparison", "--journal", name)
        assert called.code == code and "no journal of a lab" in called.err
        assert Path(name).read_bytes() == content
    Path("real.journal").touch()
    Path("link.journal").symlink_to("real.journal")
    for name in ("link.journal", "scenarios", "nowhere/day.journal"):
        called = lab("serve", "item-comparison", "--journal", name)
        assert called.code == 2 and called.err.startswith(f"lab: {name}")


@pytest.mark.long
@pytest.mark.parametrize(
    ("was", "instead", "said"),
    [
        ('"ordinal":1', '"ordinal":-1', ":3: the line can't be read: ordinal is -1"),
        ('"ordinal":1', '"ordinal":0', ":3: the line can't be read: ordinal is 0"),
        ('"until":', '"until":99999999999999', ":2: the line can't be read: until is 99999999999999"),
        ('"type":"job.accepted"', '"type":"job.of_a_newer_lab"', ":3: the line can't be read: 'job.of_a_newer_lab'"),
    ],
)
def test_what_no_lab_of_this_version_has_written_is_refused_with_its_line_and_never_cut(
    folder: Path, port: int, was: str, instead: str, said: str
) -> None:
    with serving(folder, port, "--clock", "manual") as server:
        server.invoke(server.token())
        server.kill()
    rewrite(folder / "day.journal", was.encode(), instead.encode())
    before = (folder / "day.journal").read_bytes()
    ended, words = refused(folder, port, "--clock", "manual", "--journal-repair")
    assert ended == 3 and said in words and "Traceback" not in words
    assert (folder / "day.journal").read_bytes() == before


def test_a_damaged_journal_ends_the_start_with_its_line_and_a_repair_cuts_it_there(folder: Path, port: int) -> None:
    with serving(folder, port, "--clock", "manual") as server:
        token = server.token()
        jobs = [server.invoke(token) for _ in range(4)]
        server.kill()
    journal = folder / "day.journal"
    whole = journal.read_bytes().splitlines(keepends=True)
    damaged = b"".join([*whole[:3], *whole[4:]])  # header, token, first job; not the second
    journal.write_bytes(damaged)
    ended, words = refused(folder, port, "--clock", "manual")
    assert ended == 3 and "day.journal:4: the checksum doesn't fit" in words
    assert "--journal-repair cuts there: 2 lines, " in words and journal.read_bytes() == damaged
    with serving(folder, port, "--clock", "manual", "--journal-repair") as server:
        assert journal.read_bytes() == b"".join(whole[:3])
        assert [each["job"] for each in server.control("jobs")["jobs"]] == jobs[:1]  # type: ignore[attr-defined]
        assert server.status(token, jobs[0])["status"] == "RUNNING"
        server.kill()
        said = server.process.stderr.read()
    assert "cut day.journal at line 4" in said and f"and 2 jobs {jobs[2]} {jobs[3]};" in said
    with serving(folder, port, "--clock", "manual") as server:
        assert server.invoke(token) == jobs[1], "its number is given again"


def test_a_tape_beside_a_journal_begins_with_what_lives(folder: Path, port: int) -> None:
    with serving(folder, port, "--clock", "manual") as server:
        token = server.token()
        job = server.invoke(token)
        server.kill()
    with serving(folder, port, "--clock", "manual", "--record", "./again") as server:
        server.status(token, job)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait() == 0
    types = [line.get("type") for line in lines_in((folder / "again.rec.jsonl").read_bytes())]
    assert types[1:3] == ["token.granted", "job.accepted"]
    assert "number.used" not in types
