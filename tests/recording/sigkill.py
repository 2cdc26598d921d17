"""SIGKILLs of a lab under load, at random moments: `python -m tests.recording.sigkill [KILLS]`, 200 by default.

The lab records and keeps a journal; one client or three note every reply that came whole. Their messages are of every
length at which something else is done with a body: none, short ones, and to either side of what is redacted elsewhere.
What is left must be an open or torn recording in which every call stands that brought a fact, and of the others all but
those of the last moment; that is repaired, that twice is as once, and that replays; and the next start on the journal must
know every job and token. Exit 1 at the first kill after which one of that isn't so.
"""

import json
import sys
from base64 import b64encode
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from random import Random
from signal import SIGTERM
from tempfile import TemporaryDirectory
from threading import Thread
from time import monotonic, sleep
from urllib.parse import quote_plus, urlencode, urlsplit

from msgspec import Struct

from lab.files.scenarios import load_scenario
from lab.recording.format.lines import FileState, Recording, Req, Res
from lab.recording.format.reader import read
from lab.recording.format.repair import repair
from lab.recording.replay.replay import replay
from tests.forked import ForkedLab, forked_lab

SCENARIO = """\
lab: 1
name: hasty
title: Hasty
agent: {code: HASTY}
ask: x
latency: {status: {between: [0ms, 20ms]}}
data: {payer: {fake: company}}
steps:
  - work: think
    takes: {between: [20ms, 200ms]}
  - gate: agree
    asks: May {{ data.payer }}?
    patience: 1h
    reviewer: {after: 50ms, verdict: approved}
  - complete: done
    output: "{{ message }}"
"""
TEAM = "/api/fusion-ai/orchestrator/agent/v2/HASTY"
RANK = ("RUNNING", "WAITING", "COMPLETE")
CLIENTS = (1, 3)
SIZES = (0, 1_000, 63_000, 65_000, 300_000, (1 << 20) - 100)
"""Characters of a message beside its first word: the longest is as long as a body may be."""
LONGEST = 1.5
"""Seconds from the first answer to the kill, at most."""
MOMENT = 1.0
"""Seconds before the kill in which a call that brought no fact, or the line of a reply, may be lost: 50 ms, and some for
a machine that has other things to do."""
_MARK = "x-mark"


class Whole(Struct, frozen=True):
    """A reply that came whole to its client."""

    mark: str
    """What its request had in a header of its own."""
    status: int
    body: dict[str, object]
    brought: bool
    """Whether it began something, so that its line was there before it was answered."""
    at: float
    """When it was there."""


class Caller(Thread):
    """A client on one connection, which asks for a token and plays jobs until nobody answers any more."""

    def __init__(self, number: int, ready: dict[str, str], sizes: Sequence[int] = SIZES) -> None:
        """`sizes`: how long its messages are, in turn."""
        super().__init__(daemon=True)
        self._sizes = sizes
        self.whole: list[Whole] = []
        self.token = ""
        self.jobs: dict[str, str] = {}
        """The status that each showed last."""
        self.refused: str | None = None
        """An answer that no client of this kind is to get."""
        self._ready, self._number = ready, number
        self.connection = HTTPConnection(urlsplit(ready["base_url"]).netloc, timeout=20)

    def run(self) -> None:
        try:
            self.log_in()
            for turn in count(1):
                job = self.begin(f"Turn {turn} " + "of it " * (self._sizes[turn % len(self._sizes)] // 6))
                while self.poll(job) != "COMPLETE":
                    pass
        except (OSError, HTTPException, ValueError):  # it was killed
            pass
        except KeyError:
            self.refused = str(self.whole[-1])
        finally:
            self.connection.close()

    def log_in(self) -> None:
        pair = ":".join(quote_plus(self._ready[each]) for each in ("client_id", "client_secret"))
        form = urlencode({"grant_type": "client_credentials", "scope": self._ready["scope"]})
        head = {"Content-Type": "application/x-www-form-urlencoded"}
        login = f"Basic {b64encode(pair.encode()).decode()}"
        answer = self.ask("POST", urlsplit(self._ready["token_url"]).path, login, form, head)
        self.token = f"Bearer {answer['access_token']}"

    def begin(self, message: str) -> str:
        body, head = json.dumps({"message": message}), {"Content-Type": "application/json"}
        job = str(self.ask("POST", f"{TEAM}/invokeAsync", self.token, body, head)["jobId"])
        self.jobs[job] = "RUNNING"
        return job

    def poll(self, job: str) -> str:
        word = self.jobs[job] = str(self.ask("GET", f"{TEAM}/status/{job}", self.token)["status"])
        return word

    def ask(
        self, method: str, path: str, login: str, body: str | None = None, head: dict[str, str] | None = None
    ) -> dict[str, object]:
        mark = f"{self._number}-{len(self.whole)}"
        self.connection.request(method, path, body, {**(head or {}), "Authorization": login, _MARK: mark})
        with self.connection.getresponse() as reply:
            answer: dict[str, object] = json.loads(reply.read())
        self.whole.append(Whole(mark, reply.status, answer, method == "POST", monotonic()))
        return answer


def listening(process: ForkedLab) -> dict[str, str]:
    line = process.stdout.readline()
    assert line, process.stderr.read()
    ready: dict[str, str] = json.loads(line)
    return ready


def lost(recording: Recording, caller: Caller, killed: float) -> list[str]:
    """What a client was answered, and the recording doesn't say."""
    requests = {dict(line.headers).get(_MARK): line.x for line in recording.of(Req)}
    replies = {line.x: line.status for line in recording.of(Res)}
    jobs = {fact.text("job") for fact in recording.facts("job.accepted")}
    old = {each.mark for each in caller.whole if each.at < killed - MOMENT}
    due = [each for each in caller.whole if each.brought or each.mark in old]
    gone = [f"request {each.mark}" for each in due if each.mark not in requests]
    answered = [each for each in caller.whole if each.mark in requests and each.mark in old]
    gone += [f"reply {each.mark}" for each in answered if replies.get(requests[each.mark]) != each.status]
    # of the others none is there behind one that isn't
    there = [each.mark in requests for each in caller.whole]
    gone += ["a request before others"] if there != sorted(there, reverse=True) else []
    return gone + [f"job {job}" for job in caller.jobs if job not in jobs]


def kill_once(
    folder: Path, chance: Random, clients: int = CLIENTS[-1], sizes: Sequence[int] = SIZES
) -> tuple[FileState, int, int]:
    """Kill one; the state of its recording, how many replies came whole, and jobs. AssertionError if anything is amiss."""
    (folder / "scenarios").mkdir(exist_ok=True)
    (folder / "scenarios" / "hasty.yaml").write_text(SCENARIO)
    how = ("serve", "hasty", "--json", "--port", "0", "--journal", "lab.journal")
    with forked_lab(*how, "--record", "day", cwd=folder) as process:
        ready = listening(process)
        callers = [Caller(number, ready, sizes) for number in range(clients)]
        for caller in callers:
            caller.start()
        sleep(chance.uniform(0, LONGEST))
        process.kill()
        killed = monotonic()
    for caller in callers:
        caller.join()
        assert caller.refused is None, caller.refused
    path = folder / "recordings" / "day.rec.jsonl"
    data = path.read_bytes()
    found = read(data, path.name)
    assert found.state in (FileState.OPEN, FileState.TORN), found.state
    assert not (gone := [each for caller in callers for each in lost(found, caller, killed)]), gone
    mended, _ = repair(data, path.name)
    assert repair(mended, path.name) == (mended, 0)
    scenario = load_scenario("hasty", folder / "scenarios")
    whole = read(mended, path.name)
    assert whole.state is FileState.CLOSED
    if any(True for _ in whole.of(Res)):
        result = replay(whole, [scenario], name=path.name)
        assert result.passed, result.text()
    with forked_lab(*how, "--record", "next", cwd=folder) as process:
        resumed(listening(process), callers)
        process.send_signal(SIGTERM)
        assert process.wait() == 0, process.stderr.read()
    return found.state, sum(len(each.whole) for each in callers), sum(len(each.jobs) for each in callers)


def resumed(ready: dict[str, str], callers: list[Caller]) -> None:
    """The next start knows every token and job, and none has gone back."""
    for number, caller in enumerate(callers):
        again = Caller(number, ready)
        again.token, again.jobs = caller.token, dict(caller.jobs)
        for job, word in caller.jobs.items():
            now = again.poll(job)
            assert now in RANK[RANK.index(word) :], (job, word, now)
        again.connection.close()


def main(kills: int) -> int:
    """Kill so many."""
    states, replies, jobs, chance = dict.fromkeys((FileState.OPEN, FileState.TORN), 0), 0, 0, Random(kills)
    for number in range(1, kills + 1):
        with TemporaryDirectory() as folder:
            try:
                # all sizes in turn, or one of them alone
                size = number % (len(SIZES) + 1)
                sizes = SIZES[size : size + 1] or SIZES
                state, whole, begun = kill_once(Path(folder), chance, CLIENTS[number % len(CLIENTS)], sizes)
            except AssertionError as amiss:
                sys.stdout.write(f"kill {number}: {amiss}\n")
                return 1
        states[state] += 1
        replies, jobs = replies + whole, jobs + begun
    shown = ", ".join(f"{number} {state}" for state, number in states.items())
    sys.stdout.write(f"{kills} kills: {shown}; {jobs} jobs and {replies} replies came whole, none is missing\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
