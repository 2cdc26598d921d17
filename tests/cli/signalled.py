"""A signal at each instant of a start: `python -m tests.cli.signalled [STARTS]`, so many `lab serve` in all."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

ROOT = Path(__file__).parents[2]
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
ENDED_WITHIN = 20
"""Seconds in which one that was asked to end has ended."""
AT_ONCE = 2
_COMMAND = (sys.executable, "-m", "lab", "serve", "item-comparison", "--port", "0", "--json")


def started() -> subprocess.Popen[str]:
    return subprocess.Popen(
        _COMMAND, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def duration() -> float:
    """Milliseconds from the start to where it listens."""
    begun = time.perf_counter()
    with started() as process:
        assert process.stdout is not None and process.stdout.readline()
        taken = (time.perf_counter() - begun) * 1_000
        process.terminate()
        process.wait(ENDED_WITHIN)
    return taken


def struck(number: signal.Signals, after: float) -> str:
    """What became of a start to which a signal came after so many ms."""
    with started() as process:
        Event().wait(after / 1_000)
        os.kill(process.pid, number)
        try:
            process.communicate(timeout=ENDED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            return "runs on"
        return f"ended, {process.returncode}"


def table(instants: Iterable[float]) -> Iterator[tuple[signal.Signals, Counter[str]]]:
    """For each signal, how the starts ended to which it came at these instants."""
    instants = [*instants]
    # whoever is started by a shell in the background has SIGINT ignored, and so has all that it starts
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for number in SIGNALS:
                yield number, Counter(threads.map(struck, [number] * len(instants), instants))
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    each = (int(sys.argv[1]) if len(sys.argv) > 1 else 1_000) // len(SIGNALS)
    whole = sorted(duration() for _ in range(3))[1] * AT_ONCE
    print(f"a start takes {whole:.0f} ms beside another; a signal every {whole / each:.1f} ms", flush=True)
    for number, found in table(whole * place / each for place in range(each)):
        ended = sum(count for how, count in found.items() if how.startswith("ended"))
        print(f"{number.name}: {found.total()} tried, {ended} ended: {dict(found)}", flush=True)
