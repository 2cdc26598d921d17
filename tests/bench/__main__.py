"""Print the table: goal, figure, spread, met or not. Arguments choose rows by name."""

import os
import sys
from collections.abc import Callable, Iterable
from tempfile import TemporaryDirectory

from tests.bench import limits, rows, screen, shared
from tests.bench.measure import Row
from tests.bench.parked import parked

TABLE: dict[str, Callable[[], Iterable[Row]]] = {
    "polls": rows.polls,
    "bearer": limits.bearer,
    "recording": limits.recording,
    "live_job": rows.live_job,
    "many_jobs": rows.many_jobs,
    "first_looks": limits.first_looks,
    "million": limits.million,
    "precision": limits.precision,
    "growth": limits.growth,
    "loading": limits.loading,
    "help": rows.help_,
    "first_answer": rows.first_answer,
    "first_paint": rows.first_paint,
    "screen": screen.terminal,
    "flood": screen.flood,
    "frames": screen.frames,
    "replays": rows.replays,
    "growing": rows.growing,
    "cassettes": limits.cassettes,
    "parked": parked,
    "shared_polls": shared.shared_polls,
    "workers": shared.workers,
}


def main(names: list[str]) -> int:
    """Measure; 1 if a goal was missed."""
    missed = 0
    # as installed, the modules lie compiled: a start that is measured reads them, and compiles none
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with TemporaryDirectory() as compiled, TemporaryDirectory() as config:
        os.environ["LAB_CONFIG_DIR"] = config
        os.environ["PYTHONPYCACHEPREFIX"] = compiled
        for name in names or TABLE:
            for row in TABLE[name]():
                print(row.text(), flush=True)
                missed += not row.met
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
