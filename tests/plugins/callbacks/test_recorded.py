"""Callbacks on a tape: told, replayed to the byte, told again where a tape begins late; and many of them, twice the same."""

import asyncio
from hashlib import sha256

import pytest

from lab.clocks import ManualClock
from lab.core.exchange import Headers, Request, Response
from lab.core.journal.fact import Fact
from lab.core.observe import Noted, Replied
from lab.jobs.callbacks import CallbackAnswered, CallbackRegistered, CallbackSent
from lab.jobs.program import program_of
from lab.language.shape import parsed
from lab.mock.config import Config
from lab.mock.service import Service
from lab.plugins.callbacks.sender import CallbackSender
from lab.program.scenario import Scenario
from lab.program.switches import Switches
from lab.recording.format.lines import Entry
from lab.recording.format.reader import read
from lab.recording.format.snapshot import snapshot
from lab.recording.replay.replay import replay
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from lab.server.labs import ServedLab
from tests.plugins.callbacks.worlds import EPOCH, SECRET, document
from tests.wire_peer import invoke, token

FAULTS = [
    {"strike": strike, "chance": "9%"}
    for strike in ("lost", "late", "twice", "reordered", "bad-signature", "old-timestamp", "other-job", "truncated")
]
ALL_KINDS = {"after": {"between": ["1ms", "3s"]}, "tries": ["0s", "2s", "9s"], "faults": FAULTS}


class Shop:
    """A lab with a sender, no socket: what is posted is remembered, and answered by its hash."""

    receiver = CallbackRegistered(at=0, receiver="notify", url="http://127.0.0.1:1/", secret=SECRET)

    def asks(self, bearer: str) -> Request:
        """What begins a job."""
        return invoke(bearer, b'{"message":"go"}', "TOLD")

    def __init__(self, callbacks: dict[str, object] = ALL_KINDS, *, seed: int = 42, late: bool = False) -> None:
        self.program = program_of(parsed(Scenario, document(callbacks)))
        self.config = Config((self.program,), Switches(), seed, EPOCH)
        self.service, self.clock = Service(self.config), ManualClock()
        self.posted: list[tuple[str, Headers, bytes]] = []
        self.facts: list[Fact] = []
        self.lines: list[bytes] = []
        self.service.observers.append(lambda each: self.facts.append(each.fact) if isinstance(each, Noted) else None)
        if not late:
            self.record()

    def record(self) -> None:
        began = self.clock.now()
        header = recording_header(self.config, lab="0.1.0", t=began)
        self.tape = Tape(self.service, self.lines.append, header)
        self.tape.restate(snapshot(self.service, began), began)
        self.service.observers.append(self.tape)

    async def post(self, url: str, headers: Headers, body: bytes) -> Response | str:
        self.posted.append((url, headers, body))
        named = dict(headers)
        lot = sha256(f"{named['webhook-id']} {named['webhook-timestamp']}".encode()).digest()[0]
        return "timeout" if lot < 20 else Response(500 if lot < 60 else 204)

    def run(self, jobs: int, until: int, begin_late: int | None = None) -> bytes:
        async def work() -> None:
            self.service.note(self.receiver)
            sender = CallbackSender(ServedLab(self.service, self.clock), self.post)
            sender.begin()
            bearer = token(self.service)
            for number in range(jobs):
                reply = self.service.serve(self.asks(bearer), now := self.clock.now())
                self.service.tell(Replied(now, reply.x, reply.whole(now)[0], reply.latency))
                await self.clock.advance_to(self.clock.now() + 10)
                if number == begin_late:
                    self.record()
            await self.clock.advance_to(until)
            await sender.end()

        asyncio.run(work())
        self.tape.close(self.clock.now())
        return b"".join(self.lines)


@pytest.mark.parametrize("jobs", [100, pytest.param(5_200, marks=pytest.mark.long)])
def test_many_callbacks_of_all_kinds_are_the_same_twice(jobs: int) -> None:
    one, other = Shop(), Shop()
    tapes = [each.run(jobs, 3_000_000) for each in (one, other)]
    assert tapes[0] == tapes[1]
    assert one.posted == other.posted
    assert one.facts == other.facts
    kinds = {each.fault for job in one.service.jobs() for each in _sent(one, job)}
    assert kinds == {None, *(str(each["strike"]) for each in FAULTS)}
    callbacks = {each.callback for job in one.service.jobs() for each in _sent(one, job)}
    assert len(callbacks) == 2 * jobs
    # each try that isn't lost was posted once, and answered once
    tries = [
        (each.callback, each.number) for job in one.service.jobs() for each in _sent(one, job) if each.fault != "lost"
    ]
    answered = [(each.callback, each.number) for each in one.facts if isinstance(each, CallbackAnswered)]
    assert sorted(tries) == sorted(answered) and len(one.posted) == len(tries) == len(set(tries))


def _sent(shop: Shop, job: str) -> list[CallbackSent]:
    found = shop.service.derived(job, shop.clock.now())
    assert found is not None
    return [each for each in found.facts if isinstance(each, CallbackSent)]


@pytest.mark.parametrize("begin_late", [None, 0, 7])
def test_what_is_recorded_replays_and_posts_nothing(begin_late: int | None) -> None:
    shop = Shop(late=begin_late is not None)
    tape = shop.run(20, 2_000_000, begin_late)
    posted = len(shop.posted)
    found = replay(read(tape), (shop.program,))
    assert found.differences == () and found.facts > 40
    assert found.again() == tape and len(shop.posted) == posted
    recording = read(tape)
    sent_lines = [line for line in recording.lines if isinstance(line, Entry) and line.type == "callback.sent"]
    assert len(sent_lines) > 40 if begin_late is None else sent_lines


def test_no_recording_holds_a_secret_or_where_the_receiver_is() -> None:
    tape = Shop().run(3, 100_000)
    assert SECRET.encode() not in tape and b"127.0.0.1:1/" not in tape and b"lab-S1-secret" in tape


def test_a_changed_schedule_is_a_difference() -> None:
    shop = Shop()
    tape = shop.run(3, 2_000_000)
    other = program_of(parsed(Scenario, document({**ALL_KINDS, "tries": ["0s", "3s", "9s"]})))
    found = replay(read(tape), (other,))
    assert found.differences and "callback.sent" in str(found.differences[0])
