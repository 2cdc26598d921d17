"""The table, part by part, each in a process of its own that has a limit of time: the table always comes to its end."""

import ctypes
import faulthandler
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from tests.bench.measure import Extent, Row

_FORKING = multiprocessing.get_context("fork")
_SUBREAPER = 36
"""Linux's PR_SET_CHILD_SUBREAPER: whose parent has ended becomes a child of this process, not of init."""
_ENDING = 5
"""Seconds in which a part that was asked to end says where it stood."""


@dataclass(frozen=True)
class Part:
    """Rows that are measured together."""

    measure: Callable[[Extent], Iterable[Row]]
    limit: float = 300
    """Seconds for all of them: ten times what a quiet machine takes, for neighbours may keep it busy."""

    def limit_of(self, extent: Extent) -> float:
        return min(self.limit, 120) if extent.short else self.limit


def run(parts: Mapping[str, Part], extent: Extent) -> int:
    """Print every row; 1 if a part failed or, unless the extent is short, a goal was missed."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    missed, failed = 0, 0
    for name, part in parts.items():
        limit = part.limit_of(extent)
        receiving, sending = _FORKING.Pipe(duplex=False)
        process = _FORKING.Process(target=_measured, args=(part, extent, sending))
        process.start()
        sending.close()
        try:
            for row in _rows(receiving, limit):
                print(row.text(judged=not extent.short), flush=True)
                missed += not row.met
            process.join(_ENDING)
            trouble = f"ended with {process.exitcode}" if process.exitcode else ""
        except TimeoutError:
            process.terminate()
            process.join(_ENDING)
            trouble = f"reached its limit of {limit:g} s"
        finally:
            receiving.close()
            _end_children()
        if trouble:
            failed += 1
            print(
                f"{name}: FAILED, {trouble}; its further rows are missing, and where it stood is on stderr", flush=True
            )
    return 1 if failed or (missed and not extent.short) else 0


def _measured(part: Part, extent: Extent, sending: "Connection[Row, object]") -> None:
    faulthandler.register(signal.SIGTERM, chain=True)
    for row in part.measure(extent):
        sending.send(row)


def _rows(receiving: "Connection[object, Row]", limit: float) -> Iterator[Row]:
    end = time.monotonic() + limit
    with suppress(EOFError):
        while receiving.poll(max(0.0, end - time.monotonic())):
            yield receiving.recv()
        raise TimeoutError


def _end_children() -> None:
    """Kill whatever a part has left: its servers, wherever it put them, become children of this process as it ends."""
    while children := _children():
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> list[int]:
    return [int(pid) for each in Path("/proc/self/task").iterdir() for pid in (each / "children").read_text().split()]
