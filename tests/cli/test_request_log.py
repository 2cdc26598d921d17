"""A line a request, and no credential in it."""

import io
import json
import signal
from pathlib import Path
from threading import Event

import pytest

from lab.cli.console import Console
from lab.cli.logs.background import MOST_WAITING
from lab.cli.logs.request_log import PIPE_PART, RequestLog
from lab.clocks import ManualClock
from lab.core.exchange import Request, Response
from lab.core.journal.fact import LabMade
from lab.core.journal.shell import RequestMalformed
from lab.core.observe import Noted, Observer, Replied, Requested
from lab.mock.service import Service
from lab.recording.format.reader import read
from lab.recording.tape.header import config_of
from lab.server.labs import Labs, ServedLab
from tests.cli.test_playback import RECORDING
from tests.cli.test_serve import HOW, fetch, listening
from tests.conftest import each_row
from tests.forked import forked_lab

WALL = 1_800_000_000_000
"""Milliseconds since 1970."""


def wall_nanos() -> int:
    return WALL * 1_000_000 + 999_999


@pytest.fixture(autouse=True)
def standing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real time, as the wall's, stands."""
    for module in ("lab.server.backlog", "lab.cli.logs.request_log"):
        monkeypatch.setattr(f"{module}.real_micros", lambda: 7)


def traced(requested: Requested) -> str:
    return f"{requested.x:032x}"


def observed(log: RequestLog, scenario: str | None = None, tenant: str | None = None) -> Observer:
    """What is told of a mock that is logged."""
    service = Service(config_of(read(Path(RECORDING).read_bytes()), ()))
    log.observe(service, scenario, traced, tenant)
    return service.tell


def answer(observer: Observer, x: int, path: str = "/status", cut: str | None = None) -> None:
    head = (("authorization", "Bearer s3cret"),)
    observer(Requested(1_250, x, "status", Request("GET", path, "token=s3cret", head, b"s3cret")))
    observer(Replied(1_290, x, Response(0 if cut else 200, (), b"s3cret"), cut=cut))


@each_row("form", ["text", "json"])
def test_a_line_says_what_was_asked_and_holds_no_credential(form: str) -> None:
    err = io.StringIO()
    log = RequestLog(form, Console(io.StringIO(), err), wall_nanos)  # type: ignore[arg-type]
    answer(observed(log), 1)
    answer(observed(log, "bad-line", "ann"), 2, "/a\x1b[2J\n::error::" + "b" * 500, cut="reset")
    assert err.getvalue() == ""
    log.close()
    first, second = err.getvalue().splitlines()
    assert "s3cret" not in err.getvalue() and "\x1b" not in second and len(second) < 420
    if form == "text":
        assert first == f"     1.250 #1 GET /status 200 40 ms 6 B trace {1:032x}"
        assert " ann bad-line #2 GET /a" in second and second.endswith(f" --- 40 ms 6 B cut: reset trace {2:032x}")
        return
    whole = {
        "t": 1250,
        "w": WALL,
        "x": 1,
        "method": "GET",
        "path": "/status",
        "route": "status",
        "trace": f"{1:032x}",
        "status": 200,
        "ms": 40,
        "bytes": 6,
    }
    assert json.loads(first) == whole
    assert (json.loads(second)["tenant"], json.loads(second)["scenario"]) == ("ann", "bad-line")
    assert json.loads(second)["cut"] == "reset"


@each_row(
    ("form", "line"),
    [
        ("text", "     1.250 malformed: bad-head, 7 B"),
        ("json", '{"t":1250,"w":1800000000000,"malformed":"bad-head","bytes":7}'),
    ],
)
def test_what_was_no_request_has_a_line(form: str, line: str) -> None:
    err = io.StringIO()
    log = RequestLog(form, Console(io.StringIO(), err), wall_nanos)  # type: ignore[arg-type]
    observed(log)(Noted(1_250, RequestMalformed(at=1_250, c=3, what="bad-head", bytes=7)))
    log.close()
    assert err.getvalue() == f"{line}\n"


@each_row(
    ("form", "lines"),
    [
        (
            "text",
            [
                "     0.000 tenant ann: begin",
                "     0.007 tenant ann: reset",
                "     0.000 tenant ann: reset",
                "     0.000 tenant ann: end",
            ],
        ),
        (
            "json",
            [
                f'{{"t":{at},"w":{WALL},"tenant":"ann","command":"{command}"}}'
                for at, command in ((0, "begin"), (7, "reset"), (0, "reset"), (0, "end"))
            ],
        ),
    ],
)
def test_what_is_done_to_a_tenant_has_a_line(form: str, lines: list[str]) -> None:
    err = io.StringIO()
    log = RequestLog(form, Console(io.StringIO(), err), wall_nanos)  # type: ignore[arg-type]
    service = Service(config_of(read(Path(RECORDING).read_bytes()), ()))
    labs, tenant = (
        Labs(ServedLab(Service(service.config), ManualClock())),
        ServedLab(service, ManualClock(), birth=LabMade(at=0, place="/t/ann")),
    )
    log.follow(labs)
    labs.watch(tenant)
    service.reset(7)
    service.restart(1)
    for leaver in labs.leavers:
        leaver(tenant)
    log.close()
    assert err.getvalue().splitlines() == lines


def test_what_nobody_reads_in_time_is_counted_and_holds_nobody_up() -> None:
    read, lines = Event(), list[str]()

    class Slow(io.StringIO):
        def write(self, text: str) -> int:
            read.wait(20)
            lines.append(text)
            return len(text)

    log = RequestLog("text", Console(io.StringIO(), Slow()))
    observer = observed(log)
    for x in range(MOST_WAITING + 7):
        answer(observer, x)
    log.look()
    answer(observer, MOST_WAITING + 8)
    read.set()
    log.close()
    *pieces, note = lines
    assert "".join(pieces).count("#") == MOST_WAITING and max(map(len, pieces)) <= PIPE_PART
    assert [note] == ["note: stderr is read slowly: 8 requests were not logged.\n"]


def test_serve_logs_every_mock_behind_its_listener_if_asked(tmp_path: Path) -> None:
    well_known = "/.well-known/openid-configuration"
    for form in ("json", None):
        argv = (*HOW, "item-comparison", "--json", *(("--log", form) if form else ()))
        with forked_lab(*argv, cwd=tmp_path) as process:
            base = listening(process)["base_url"]
            fetch(f"{base}{well_known}?secret=s3cret", {})
            fetch(f"{base}/scenario/item-comparison{well_known}", {})
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
            lines = [json.loads(line) for line in process.stderr.read().splitlines()]
        found = [(each.get("scenario"), each["path"], each["status"]) for each in lines]
        chosen = [(None, well_known, 200), ("item-comparison", well_known, 200)]
        assert found == (chosen if form else [])
