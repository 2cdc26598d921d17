"""What a process of a shared lab publishes of its exchanges: by one writer after the other, so that none remembers all."""

from collections import deque

import msgspec
import pytest

from lab.clocks import ManualClock
from lab.core.exchange import Request
from lab.core.observe import Noted, Observation, Replied, Requested
from lab.core.reply import Reply
from lab.identity.records import EXPIRED_FOR
from lab.mock.batches import BatchedService
from lab.recording.redaction.relayed import digest_of_value
from lab.server.shared import published_exchanges
from lab.server.shared.published_exchanges import ExchangeWriters, ObservedAt, PublishedExchange
from tests.wire_peer import read, service, status, token_request

LOGIN = token_request("client_credentials")


class Publisher:
    """A process, and what it publishes; each of its writers writes three exchanges."""

    def __init__(self) -> None:
        self.service = BatchedService(service().config)
        self.pending: deque[ObservedAt] = deque()
        self.writers = ExchangeWriters(self.service, ManualClock(), "p")
        self.service.observers.append(self._observe)

    def _observe(self, observation: Observation) -> None:
        if isinstance(observation, Requested | Replied | Noted):
            self.pending.append(ObservedAt(observation, 0, 0))

    def begin(self, request: Request, now: int = 0) -> Reply:
        batch = self.service.attempt([lambda now: self.service.serve(request, now)], now)
        self.service.accept(batch)
        (reply,) = batch.results
        assert isinstance(reply, Reply)
        return reply

    def end(self, reply: Reply, now: int = 0) -> None:
        self.service.tell(Replied(now, reply.x, reply.response))

    async def call(self, request: Request, now: int = 0) -> tuple[Reply, PublishedExchange]:
        self.end(reply := self.begin(request, now), now)
        (published,) = await self.published()
        return reply, published

    async def published(self) -> list[PublishedExchange]:
        found: list[PublishedExchange] = []
        while self.pending:
            found += [
                msgspec.json.decode(line, type=PublishedExchange) async for line in self.writers.lines(self.pending)
            ]
        return found

    @property
    def known(self) -> set[str]:
        return set(self.writers._writers[-1]._tape.redactor.secrets.values.values())


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Publisher:
    monkeypatch.setattr(published_exchanges, "EXCHANGES_KEPT", 3)
    return Publisher()


async def test_a_writer_that_has_written_enough_makes_room_for_one_that_knows_what_is_still_good(
    publisher: Publisher,
) -> None:
    bearer = str(read((await publisher.call(LOGIN))[0].response)["access_token"])
    poll = status(bearer, "none")
    found = [(await publisher.call(poll))[1] for _ in range(5)]
    assert [each.writer for each in found] == [0, 0, 1, 1, 1]
    assert {each.source for each in found} == {"p/0", "p/1"}
    for each in found:
        assert bearer not in "".join(each.lines)
        assert list(each.digests.values()) == [digest_of_value(bearer)], "by which others know whose it is"


async def test_what_is_under_way_is_written_to_its_end_by_who_began_it(publisher: Publisher) -> None:
    long = publisher.begin(LOGIN)
    tokens = [str(read((await publisher.call(LOGIN))[0].response)["access_token"]) for _ in range(4)]
    publisher.end(long)
    (late,) = await publisher.published()
    assert late.writer == 0 and len(late.lines) == 2
    assert len(publisher.writers._writers) == 1, "and then that one is gone"
    first = str(read(long.response)["access_token"])
    assert {first, *tokens} <= publisher.known


async def test_what_is_forgotten_is_no_longer_known(publisher: Publisher) -> None:
    later = 3_600_000 + EXPIRED_FOR
    old = str(read((await publisher.call(LOGIN))[0].response)["access_token"])
    assert old in publisher.known
    for now in range(later, later + 3):
        await publisher.call(LOGIN, now)
    assert old not in publisher.known


async def test_of_many_writers_that_wait_the_oldest_gives_up(publisher: Publisher) -> None:
    waiting = []
    for _ in range(20):
        waiting.append(publisher.begin(LOGIN))
        for _ in range(2):
            await publisher.call(LOGIN)
    assert len(publisher.writers._writers) == 8
    for reply in waiting:
        publisher.end(reply)
    assert 7 <= len(await publisher.published()) < 20
