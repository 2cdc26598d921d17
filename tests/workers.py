"""Tests in several processes that share one collection: they are forked once all tests are known.

So none of them imports the lab, reads the tests and collects them anew, which in a fresh clone took a seventh of the
suite's time. What waits for a socket or a process leaves its core to another: there may be more of them than cores.
"""

import os
import signal
import sys
import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from multiprocessing import Pipe, RawArray
from multiprocessing.connection import Connection, wait
from typing import NoReturn

import pytest
from _pytest.runner import runtestprotocol

AT_A_TIME = 24
"""The most tests that a worker takes at once; they are of one folder, and what its tests share is made seldom."""
FORKS = sys.platform.startswith("linux")
"""Windows has no such thing, and what macOS itself brings may break in a process that was forked."""

_reports: Connection | None = None
"""Where a worker sends its reports; None in the process that started it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    # pytest keeps short options in small letters to itself and to those who come by this door
    said = "run the tests in so many processes; 0: in this one"
    parser.getgroup("workers")._addoption("-n", dest="workers", type=int, default=0, metavar="COUNT", help=said)


class Queue:
    """Numbers that several processes take, each of them once, until there are no more: they lie in a pipe."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._pipe, end = os.pipe()
        os.set_blocking(end, False)  # more than a pipe holds is an error, no wait for ever
        os.write(end, b"".join(number.to_bytes(2) for number in numbers))
        os.close(end)

    def __iter__(self) -> Iterator[int]:
        while number := os.read(self._pipe, 2):
            yield int.from_bytes(number)


def batches_of(items: Sequence[pytest.Item]) -> list[range]:
    """The places of the tests that a worker takes at once."""
    batches = []
    for _, tests in groupby(range(len(items)), key=lambda place: items[place].path.parent):
        places = [*tests]
        batches += [range(first, min(first + AT_A_TIME, places[-1] + 1)) for first in places[::AT_A_TIME]]
    return batches


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Hand the tests to workers, and take what they report as if it had happened here."""
    option, batches = session.config.option, batches_of(session.items)
    workers = min(option.workers, len(batches))
    if workers < 2 or not FORKS or option.collectonly or option.usepdb or session.testsfailed:
        return None
    queue, running = Queue(range(len(batches))), dict[Connection, tuple[int, int]]()
    at_work = RawArray("I", workers)  # the place of each one's test, for the case that it dies of it
    session.config._tmp_path_factory.getbasetemp()
    session.config.pluginmanager.getplugin("capturemanager").read_global_capture()  # or each would say it again
    try:
        for worker in range(workers):
            reports, end = Pipe(duplex=False)
            if not (pid := os.fork()):
                deque((other.close() for other in running), maxlen=0)
                _work(session, (batches[number] for number in queue), end, worker, at_work)
            end.close()
            running[reports] = worker, pid
        while running:
            for reports in wait([*running]):
                try:
                    _take(session, reports.recv())
                except EOFError:
                    worker, pid = running.pop(reports)
                    if code := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
                        session.shouldfail = f"a worker ended with {code} in {session.items[at_work[worker]].nodeid}"
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
    finally:
        deque(queue, maxlen=0)  # what nobody began isn't begun
        for reports, (_, pid) in running.items():
            reports.close()  # who is asked to end waits for no reader
            os.kill(pid, signal.SIGINT)
            os.waitpid(pid, 0)
    return True


def _take(session: pytest.Session, said: dict[str, object] | str) -> None:
    """A report; a text is what ended a worker that is no test's failure."""
    if isinstance(said, str):
        session.shouldfail = said
        return
    hook = session.config.hook
    hook.pytest_runtest_logreport(report=hook.pytest_report_from_serializable(config=session.config, data=said))


def _work(
    session: pytest.Session, batches: Iterable[range], reports: Connection, worker: int, at_work: Sequence[int]
) -> NoReturn:
    """What a worker does, until nothing is left; nothing of what its parent does at its end."""
    global _reports
    _reports, code = reports, 1
    try:
        capture, folders = session.config.pluginmanager.getplugin("capturemanager"), session.config._tmp_path_factory
        capture.stop_global_capturing()  # which goes into a file that all would share
        capture.start_global_capturing()
        folders._basetemp = folders._basetemp / f"worker{worker}"
        folders._basetemp.mkdir(0o700)
        places = (place for batch in batches for place in batch)
        place = next(places, None)
        while place is not None:
            at_work[worker] = place
            following = next(places, None)
            item, nextitem = session.items[place], None if following is None else session.items[following]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
            place = following
        code = 0
    except BaseException:  # noqa: BLE001 (whatever it is, the one who started this tells of it)
        reports.send(traceback.format_exc())
    finally:
        os._exit(code)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Send one report of a test that passed, of the three there are, from a worker.

    What `--durations` lists is sent all the same; JUnit's XML needs all.
    """
    if _reports is None:
        return None
    every, hook = item.config.getoption("xmlpath", None), item.config.hook
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if every or report.when == "call" or not report.passed or report.duration >= 0.005:
            _reports.send(hook.pytest_report_to_serializable(config=item.config, report=report))
    return True
