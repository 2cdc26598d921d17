"""A large file costs in proportion to its length, and a signal ends the command whatever it is at."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, process_time

import pytest

from lab.plugins.learn.command import learn
from lab.plugins.learn.foreign import foreign_story, parse_terms
from lab.plugins.learn.reading import ObservedCalls, observed_in

ARGUMENTS = "--status=status", "--words=RUNNING=queued", "--words=COMPLETE=done", "--at=ask=prompt"
SAID = parse_terms("status", ("RUNNING=queued", "COMPLETE=done"), ("ask=prompt",))


def exchanges(jobs: int) -> Iterator[tuple[str, str, object, object]]:
    """Jobs of one organisation, each polled twice, with a session and a page of rows of its own."""
    for job in range(jobs):
        name = f"job-{100_000 + job}"
        yield "POST", "/jobs", {"prompt": f"Do {name}"}, {"id": name, "org": "org-12", "status": "queued"}
        yield "GET", f"/orgs/org-12/jobs/{name}", None, {"id": name, "org": "org-12", "status": "running"}
        rows = [{"id": f"r{job}x{row}", "sessionId": f"s-{job:06}-{row:06}", "by": "org-12"} for row in range(8)]
        yield "GET", f"/rows?page={job}", None, rows
        yield "GET", f"/orgs/org-12/jobs/{name}", None, {"id": name, "org": "org-12", "status": "done", "output": name}


def har(jobs: int) -> bytes:
    entries = []
    for place, (method, path, sent, came) in enumerate(exchanges(jobs)):
        time = f"2026-01-01T{place // 3600 % 24:02}:{place // 60 % 60:02}:{place % 60:02}.{place // 86_400:03}Z"
        cookie = {"name": "Cookie", "value": f"sid={place:012}"}
        request = {"method": method, "url": f"https://api.example.com{path}", "headers": [cookie]}
        if sent is not None:
            request["postData"] = {"text": json.dumps(sent)}
        response = {"status": 200, "content": {"text": json.dumps(came)}}
        entries.append({"startedDateTime": time, "time": 20, "request": request, "response": response})
    return json.dumps({"log": {"entries": entries}}).encode()


def seconds(work: Callable[[ObservedCalls], object], jobs: int) -> float:
    """Of this process's own, for so many jobs; the best of two."""
    observed, took = observed_in(har(jobs), "x"), []
    for _ in range(2):
        start = process_time()
        work(observed)
        took.append(process_time() - start)
    return min(took)


@pytest.mark.long
def test_eight_times_the_calls_take_eight_times_as_long() -> None:
    def work(observed: ObservedCalls) -> None:
        assert "complete: done" in learn(observed, "x", "x.har", SAID)

    seconds(work, 10)  # patterns are compiled, modules imported
    assert seconds(work, 1_200) < 3 * 8 * max(seconds(work, 150), 0.02)


@pytest.mark.long
def test_so_does_finding_which_calls_belong_together_though_all_name_one_organisation() -> None:
    def work(observed: ObservedCalls) -> None:
        assert foreign_story(observed.calls, SAID).turns[0].message == "Do job-100000"

    assert seconds(work, 4_000) < 3 * 8 * seconds(work, 500)


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM kills there")
@pytest.mark.parametrize("after", [1.0, 4.0, 8.0])
def test_a_signal_ends_it_within_a_second(tmp_path: Path, after: float) -> None:
    file = tmp_path / "large.har"
    file.write_bytes(har(12_000))
    learning = subprocess.Popen(
        [sys.executable, "-m", "lab", "learn", str(file), *ARGUMENTS],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with suppress(subprocess.TimeoutExpired):
            assert learning.wait(after) == 0  # on a faster machine it is done by then
            return
        learning.send_signal(signal.SIGTERM)
        start = monotonic()
        assert learning.wait(10) == 130
        assert monotonic() - start < 1
    finally:
        learning.kill()
