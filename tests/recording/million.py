"""A session of very many polls, recorded to disk, read and replayed: `python -m tests.recording.million FILE [POLLS]`.

A million by default, which are some 2 GB; FILE is left there, and taken as it is if it is there already. Prints how long
each took, and the most memory of the process that reads and replays; exit 1 if that was a GiB, or something differs.
"""

import json
import sys
import time
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from subprocess import run

from lab.core.clock import INSTANT_EPOCH, Millis
from lab.core.exchange import Request
from lab.core.observe import Replied
from lab.core.version import __version__
from lab.files.growing_files import TapeFile
from lab.files.recordings import open_recording
from lab.jobs.program import Program, program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.recording.format.reader import read
from lab.recording.replay.replay import replay
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests.bench.mock import invoke_request, status_request, token_request

POLLS = 1_000_000
OF_A_JOB = 10_000
PAUSE: Millis = 1_000
"""Of the lab's clock, between two polls."""
MOST = 1024
"""MiB that reading and replaying may take."""
TEXT = """
lab: 1
name: long-day
title: A long day
agent: {code: LONG_DAY}
ask: Read the orders of today
token: {lifetime: 12h}
steps:
  - work: read
    takes: {between: [40m, 60m]}
    says: WORDS of {{ job.id }}
  - work: check
    takes: {between: [40m, 60m]}
    says: WORDS of {{ job.id }}, again
  - complete: done
    output: All of it. WORDS
""".replace("WORDS", "Another order was read, and nothing in it was new; " * 25)


def scenario() -> Program:
    """A job that is polled some 10,000 times, and says a good kilobyte each time."""
    return program_of(parse_scenario(TEXT, "long-day.yaml"))


def record(path: Path, polls: int) -> None:
    """Job after job, each polled every second."""
    config = Config((scenario(),), Switches(), 42, INSTANT_EPOCH)
    mock, file, now = Service(config), TapeFile(path), 0
    tape = Tape(mock, file.write, recording_header(config, lab=__version__), sync=file.sync)
    mock.observers.append(tape)

    def ask(request: Request) -> dict[str, object]:
        reply = mock.serve(request, now)
        mock.tell(Replied(now, reply.x, reply.response, reply.latency))
        body: dict[str, object] = json.loads(reply.response.body)
        return body

    for poll in range(polls):
        if poll % OF_A_JOB == 0:
            token = str(ask(token_request())["access_token"])
            job = str(ask(invoke_request(mock, token))["jobId"])
        ask(status_request(mock, token, job))
        now += PAUSE
    tape.close(now)
    assert tape.dead is None, tape.dead
    file.close()


def replayed(path: Path) -> bool:
    """Read it and replay it; print the figures."""
    begun = time.perf_counter()
    recording = read(open_recording(path), path.name)
    read_in = time.perf_counter() - begun
    result = replay(recording, (scenario(),), name=path.name)
    took = time.perf_counter() - begun - read_in
    most = getrusage(RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        f"{result.text()}\nread in {read_in:.0f} s, {result.exchanges:,} exchanges replayed in {took:.0f} s: "
        f"{result.exchanges / took:,.0f} a second; {most:.0f} MiB at most\n"
    )
    return result.passed and most < MOST


def main(path: Path, polls: int) -> int:
    """Record, unless it is there; replay in a process of its own, whose memory is measured."""
    if not path.exists():
        begun = time.perf_counter()
        record(path, polls)
        sys.stdout.write(f"{path.stat().st_size / 1e6:,.0f} MB recorded in {time.perf_counter() - begun:.0f} s\n")
        sys.stdout.flush()
        return run([sys.executable, "-m", "tests.recording.million", str(path)], check=False).returncode
    return int(not replayed(path))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else POLLS))
