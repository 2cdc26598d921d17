"""How the first of several workers asks the others, whatever one that died has left behind."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from lab.server.shared import worker_links
from lab.server.shared.worker_links import WorkerLinks, answer_first


def pair() -> tuple[socket.socket, socket.socket]:
    """What the process that starts the workers holds: they get descriptors of it."""
    return socket.socketpair()


@asynccontextmanager
async def answering(sock: socket.socket, answer: Callable[[bytes], bytes]) -> AsyncIterator[None]:
    """A worker at that end."""

    async def respond(question: bytes) -> bytes:
        return answer(question)

    task = asyncio.create_task(answer_first(sock.dup().detach(), respond))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_links, "WORKER_ANSWERS_WITHIN", 50)


async def test_each_answers_for_itself() -> None:
    pairs = {2: pair(), 3: pair()}
    links = WorkerLinks({number: asking.detach() for number, (asking, _) in pairs.items()})
    async with answering(pairs[2][1], lambda question: b"two " + question), answering(pairs[3][1], bytes.upper):
        assert await links.ask(b"who") == {2: b"two who", 3: b"WHO"}
        assert await links.ask(b"") == {2: b"two ", 3: b""}
    assert await links.ask(b"who") == {2: None, 3: None}
    async with answering(pairs[3][1], bytes.title):
        assert await links.ask(b"who") == {2: None, 3: b"Who"}
    links.close()
    for _, far in pairs.values():
        far.close()


@pytest.mark.parametrize("left", [b"7 an old answer\n", b"7 half an ans", b"no number\n\n"])
async def test_what_a_worker_before_has_left_answers_nothing(left: bytes) -> None:
    asking, far = pair()
    link = WorkerLinks({2: asking.detach()})
    far.send(left)
    async with answering(far, bytes.upper):
        answers = [(await link.ask(b"who"))[2] for _ in range(2)]
        assert answers == [None if left.endswith(b"ans") else b"WHO", b"WHO"]
    link.close()
    far.close()


async def test_one_that_asks_anew_is_not_given_the_answers_of_before() -> None:
    asking, far = pair()
    first, count = WorkerLinks({2: asking.dup().detach()}), iter(range(9))
    assert await first.ask(b"before") == {2: None}
    first.close()
    async with answering(far, lambda question: b"%b %d" % (question, next(count))):
        link = WorkerLinks({2: asking.detach()})
        assert await link.ask(b"now") == {2: b"now 1"}
    link.close()
    far.close()


async def test_one_that_fails_at_a_question_answers_the_next() -> None:
    asking, far = pair()
    bugs: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: bugs.append(context["exception"]))
    links, questions = WorkerLinks({2: asking.detach()}), iter([ZeroDivisionError()])

    def answer(question: bytes) -> bytes:
        for bug in questions:
            raise bug
        return question

    async with answering(far, answer):
        assert [await links.ask(b"who") for _ in range(2)] == [{2: None}, {2: b"who"}]
    assert [type(bug) for bug in bugs] == [ZeroDivisionError]
    links.close()
    far.close()
