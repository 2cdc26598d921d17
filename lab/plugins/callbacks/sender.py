"""Sends the callbacks of a lab: each once its instant has come, many at once, and none again that was answered."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from heapq import heappop, heappush
from itertools import count
from typing import TypeAlias

from msgspec.structs import replace
from yarl import URL

from lab.client.driver import TransportLost
from lab.client.transport import HttpTransport
from lab.clocks import ManualClock, breathe, first_of
from lab.core.clock import Millis, iso
from lab.core.exchange import Headers, Request, Response, retry_after
from lab.core.observe import Noted, Observation, Touched
from lab.jobs.callbacks import (
    RECEIVERS_KEY,
    CallbackAnswered,
    CallbackEnded,
    CallbackRegistered,
    CallbackSent,
    Receiver,
    ReceiversRecord,
    answers_of,
    receivers_of,
)
from lab.jobs.facts import id_of
from lab.mock.fact_file import NoFile
from lab.mock.service import Service
from lab.plugins.callbacks.schedule import all_tries
from lab.plugins.callbacks.wires import callback_wire
from lab.server.labs import ServedLab
from lab.server.mock_server import MockServer
from lab.server.shared.calls import tell_bug

TRY_LIMIT: Millis = 15_000
"""Real milliseconds in which a receiver has to answer: the least that the standard asks of who sends."""
END_LIMIT: Millis = 5_000
"""Real milliseconds for which the end of a lab waits for what is under way."""
MOST_AT_ONCE = 100
"""Tries that are under way at once, to all receivers; the others wait, and hold nobody else up."""
LARGEST_REPLY = 65_536
"""Bytes of a receiver's answer that are read: only its status and Retry-After count."""
_LOOKS = 100
"""Jobs that are looked at in one go."""
_MOST_LISTED = 20
Post: TypeAlias = Callable[[str, Headers, bytes], Awaitable[Response | str]]
"""Sends to a URL: the answer whatever its status, or by which name its loss is told."""


class CallbackPosts:
    """The way to receivers: a connection a try, for one that was kept may be dead, and that would be a try for nothing."""

    def __init__(self) -> None:
        self._transports: dict[str, HttpTransport] = {}

    async def post(self, url: str, headers: Headers, body: bytes) -> Response | str:
        target = URL(url, encoded=True)
        origin = str(target.origin())
        if origin not in self._transports:
            self._transports[origin] = HttpTransport(origin, origin, largest=LARGEST_REPLY)
        head = (*headers, ("connection", "close"))
        request = Request("POST", target.raw_path, target.raw_query_string, head, body)
        try:
            return await self._transports[origin].send("callback", request)
        except TransportLost as lost:
            return lost.why

    def ports(self) -> Iterator[int]:
        """From which it calls at present."""
        for transport in self._transports.values():
            yield from transport.ports

    async def close(self) -> None:
        for transport in self._transports.values():
            await transport.close()


class CallbackActor:
    """Tells the receivers of all labs behind a listener."""

    def __init__(self, server: MockServer) -> None:
        self._posts, self._senders = CallbackPosts(), dict[ServedLab, CallbackSender]()
        self._ending = set[asyncio.Task[object]]()
        server.calling = self._posts.ports

    def begin(self, lab: ServedLab) -> None:
        self._senders[lab] = CallbackSender(lab, self._posts.post)
        self._senders[lab].begin()

    def leave(self, lab: ServedLab) -> None:
        task = asyncio.ensure_future(self._senders.pop(lab).end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def end(self) -> list[str]:
        lines = [line for lab, sender in self._senders.items() for line in left_lines(lab, await sender.end())]
        await self._posts.close()
        return lines


def left_lines(lab: ServedLab, left: list[CallbackSent]) -> Iterator[str]:
    """The tries that come no more, or only once the lab goes on; the first of them one by one."""
    if left:
        many = "1 callback was" if len(left) == 1 else f"{len(left)} callbacks were"
        goes_on = ", and will be once it goes on" if _goes_on(lab) else ""
        yield f"lab: {many} still to be tried when the lab ended{goes_on}:"
    for each in left[:_MOST_LISTED]:
        when = iso(lab.service.config.epoch, each.at)
        yield f"  {each.callback} {each.status} of job {each.job}, try {each.number} at {when}"
    if len(left) > _MOST_LISTED:
        yield f"  ... and {len(left) - _MOST_LISTED} more"


def _goes_on(lab: ServedLab) -> bool:
    """Whether another process may go on with what this one holds: from its journal."""
    return not isinstance(lab.service.file, NoFile)


class CallbackSender:
    """What is due follows of jobs (`schedule`); this one looks when something may be, sends, and notes what came back."""

    def __init__(self, lab: ServedLab, post: Post) -> None:
        self._lab, self._post = lab, post
        self._service: Service = lab.service
        self._clock = lab.clock
        self._counts: dict[str, int] = {}
        """How many tries of each job were taken up."""
        self._fresh: dict[str, None] = {}
        """Jobs of which something was accepted since the last look."""
        self._due: list[tuple[Millis, str]] = []
        self._woken = asyncio.Event()
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Tell of what changes from now on."""
        self._fresh = dict.fromkeys(self._jobs())
        self._service.observers.append(self._observe)
        self._service.renewed.append(self._renewed)
        self._loop = self._task(self._run())

    async def end(self) -> list[CallbackSent]:
        """Tell no more, once what is under way is answered: the tries that are left, those that come first in front."""
        if self._loop is None:
            return []
        self._service.observers.remove(self._observe)
        self._service.renewed.remove(self._renewed)
        self._loop.cancel()
        self._loop = None
        # all that is due by now is sent, and nothing is due from now on: no try is told of that never was
        now = self._clock.now()
        for _ in self._looks(now):
            pass
        if not _goes_on(self._lab):
            self._service.note(CallbackEnded(at=now))
        if self._under_way:
            _, silent = await asyncio.wait(self._under_way, timeout=END_LIMIT / 1000)
            for task in silent:
                task.cancel()
        return sorted(self._left(now), key=lambda each: each.at)

    def _left(self, now: Millis) -> Iterator[CallbackSent]:
        """The tries behind the end, by what came of those before it."""
        service, later = self._service, self._clock.now()
        for job in self._counts:
            found, planned = service.derived(job, now), service.planned(job)
            if found is not None and planned is not None:
                plan, context = planned[0], service.context_of(planned[0], later)
                tries = all_tries(service.ledger.get, plan, found.facts, context, but_for=now)
                yield from (each for each in tries if each.at > now)

    def _task(self, work: Coroutine[object, object, None]) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        task.add_done_callback(_tell_failure)
        return task

    # When to look

    def _observe(self, observation: Observation) -> None:
        if type(observation) is Noted and observation.fact.kind == "input":
            fact, get = observation.fact, self._service.ledger.get
            job = getattr(fact, "job", None)
            if job is not None and (receivers_of(get) or receivers_of(get, job)):
                self._fresh[job] = None
                self._woken.set()
            elif job is None and isinstance(fact, CallbackRegistered):
                self._fresh |= dict.fromkeys(self._jobs())
                self._woken.set()

    def _jobs(self) -> Iterator[str]:
        """Those of which anybody is told."""
        ledger = self._service.ledger
        if receivers_of(ledger.get):
            return self._service.jobs()
        return (id_of(key) for key, _ in ledger.of(ReceiversRecord) if key != RECEIVERS_KEY)

    def _renewed(self) -> None:
        """The ledger was cleared or set back: what is under way never was, and who stands now is told of what comes now."""
        for task in self._under_way:
            task.cancel()
        self._counts.clear()
        self._due.clear()
        self._fresh = dict.fromkeys(self._jobs())
        self._woken.set()

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            for _ in self._looks(self._clock.now()):
                self._begin_work()
                await breathe()  # others are served between the looks at many jobs
                self._end_work()
            if self._due:
                await first_of(self._woken.wait(), self._clock.sleep_until(self._due[0][0]))
            else:
                await self._woken.wait()

    def _looks(self, now: Millis) -> Iterator[None]:
        """Look at all jobs of which something may be due, a hundred a step."""
        while self._due and self._due[0][0] <= now:
            self._fresh[heappop(self._due)[1]] = None
        for number in count(1):
            if not self._fresh:
                return
            self._look(self._fresh.popitem()[0], now)
            if number % _LOOKS == 0:
                yield

    def _look(self, job: str, now: Millis) -> None:
        found = self._service.derived(job, now)
        if found is None:
            return
        sent = [each for each in found.facts if isinstance(each, CallbackSent)]
        fresh, self._counts[job] = sent[self._counts.get(job, 0) :], len(sent)
        if fresh:
            self._service.tell(Touched(now, job))  # before what comes of it
        # those of an earlier process were answered, unless it died over them: then they are sent once more
        known = {(each.callback, each.number) for each in answers_of(self._service.ledger.get, job)} if fresh else ()
        for each in fresh:
            if each.fault != "lost" and (each.callback, each.number) not in known:
                self._send(each)
        if found.until is not None:
            heappush(self._due, (found.until, job))

    # One try

    def _send(self, sent: CallbackSent) -> None:
        self._begin_work()
        task = self._task(self._try(self._receiver_of(sent), sent))
        self._under_way.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._end_work()

    def _begin_work(self) -> None:
        if isinstance(self._clock, ManualClock):
            self._clock.begin_work()

    def _end_work(self) -> None:
        if isinstance(self._clock, ManualClock):
            self._clock.end_work()

    def _receiver_of(self, sent: CallbackSent) -> Receiver:
        """As it was when the try was due: it may have been changed since what it is told of."""
        get, key = self._service.ledger.get, (sent.wire, sent.receiver)
        known = (*receivers_of(get), *receivers_of(get, sent.job))
        return next(each for each in reversed(known) if each.key == key and each.since < sent.at)

    async def _try(self, receiver: Receiver, sent: CallbackSent) -> None:
        async with self._slots:
            wire = callback_wire(receiver.wire)
            assert wire is not None  # whose callbacks these are
            headers = wire.headers(receiver, sent)
            came = await self._within_limit(receiver.url, headers, sent.body)
        if self._service.planned(sent.job) is None:  # it was forgotten meanwhile, and nobody can ask about it
            return
        fact = CallbackAnswered(
            at=self._clock.now(),
            job=sent.job,
            receiver=sent.receiver,
            wire=sent.wire,
            callback=sent.callback,
            number=sent.number,
        )
        if isinstance(came, Response):
            self._service.note(replace(fact, status=came.status, retry_after=retry_after(came)))
        else:
            self._service.note(replace(fact, why=came))

    async def _within_limit(self, url: str, headers: Headers, body: bytes) -> Response | str:
        """In real time; where a client moves the clock, its own waits are of the lab's time, and so is this limit too."""
        post = asyncio.ensure_future(self._post(url, headers, body))
        waits: list[asyncio.Future[Response | str] | asyncio.Future[None]] = [post]
        if isinstance(self._clock, ManualClock):
            waits.append(asyncio.ensure_future(self._clock.sleep_until(self._clock.now() + TRY_LIMIT)))
        try:
            await asyncio.wait(waits, timeout=TRY_LIMIT / 1000, return_when=asyncio.FIRST_COMPLETED)
            return post.result() if post.done() else "timeout"
        finally:
            for each in waits:
                each.cancel()


def _tell_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and isinstance(failure := task.exception(), Exception):
        tell_bug(failure)
