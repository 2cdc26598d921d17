"""A large file costs in proportion to its length, and a signal ends the command whatever it is at."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, process_time

import pytest

from lab.plugins.learn.command import learn
from lab.plugins.learn.foreign import ForeignTerms
from lab.plugins.learn.traffic import observed_in


def exchanges(jobs: int) -> Iterator[tuple[str, str, object, object]]:
    """Jobs of one organisation, each polled twice, with a session and a page of rows of its own."""
    for job in range(jobs):
        name = f"job-{100_000 + job}"
        yield "POST", "/orgs/org-12/jobs", {"prompt": f"Do {name}"}, {"id": name, "org": "org-12", "status": "queued"}
        yield "GET", f"/orgs/org-12/jobs/{name}", None, {"id": name, "org": "org-12", "status": "running"}
        rows = [{"id": f"r{job}x{row}", "sessionId": f"s-{job:06}-{row:06}", "by": "org-12"} for row in range(8)]
        yield "GET", f"/orgs/org-12/rows?page={job}", None, rows
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


def seconds(jobs: int) -> float:
    """Of this process's own, for so many jobs; the best of two."""
    data, took = har(jobs), []
    for _ in range(2):
        start = process_time()
        assert "complete: done" in learn(observed_in(data, "x", lambda digest: b""), "x", "x.har", ForeignTerms()).text
        took.append(process_time() - start)
    return min(took)


@pytest.mark.long
def test_eight_times_the_calls_take_eight_times_as_long() -> None:
    seconds(10)  # patterns are compiled, modules imported
    assert seconds(1_200) < 3 * 8 * max(seconds(150), 0.02)


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM kills there")
@pytest.mark.parametrize("after", [1.0, 2.0, 4.0])
def test_a_signal_ends_it_within_a_second(tmp_path: Path, after: float) -> None:
    file = tmp_path / "large.har"
    file.write_bytes(har(12_000))
    learning = subprocess.Popen(
        [sys.executable, "-m", "lab", "learn", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with pytest.raises(subprocess.TimeoutExpired):
        learning.wait(after)
    learning.send_signal(signal.SIGTERM)
    start = monotonic()
    try:
        assert learning.wait(10) == 130
    finally:
        learning.kill()
    assert monotonic() - start < 1
