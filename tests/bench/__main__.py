"""Print the table: goal, figure, spread, met or not. Arguments choose parts by name; `--short` shows that each runs."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.bench import limits, rows, screen, shared, starts
from tests.bench.measure import Extent
from tests.bench.parked import parked
from tests.bench.table import Part, run

MANY_JOBS = 900
"""Seconds for parts that first have to make so many."""

TABLE = {
    "polls": Part(rows.polls),
    "shipped": Part(rows.shipped),
    "bearer": Part(limits.bearer),
    "recording": Part(limits.recording),
    "live_job": Part(rows.live_job, MANY_JOBS),
    "many_jobs": Part(rows.many_jobs, MANY_JOBS),
    "first_looks": Part(limits.first_looks, MANY_JOBS),
    "million": Part(limits.million, MANY_JOBS),
    "precision": Part(limits.precision),
    "growth": Part(limits.growth),
    "loading": Part(limits.loading),
    "help": Part(starts.help_),
    "first_answer": Part(starts.first_answer),
    "first_paint": Part(starts.first_paint),
    "restart": Part(starts.restart, MANY_JOBS),
    "simulation": Part(starts.simulation, MANY_JOBS),
    "screen": Part(screen.terminal),
    "flood": Part(screen.flood),
    "output": Part(screen.output),
    "frames": Part(screen.frames),
    "replays": Part(rows.replays),
    "growing": Part(rows.growing),
    "cassettes": Part(limits.cassettes),
    "parked": Part(parked),
    "shared_polls": Part(shared.shared_polls),
    "workers": Part(shared.workers),
}


def main(argv: list[str]) -> int:
    """Measure; 1 if a part failed or, unless short, a goal was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(TABLE))
    parser.add_argument("--short", action="store_true", help="few rounds and small sizes: judges no figure")
    chosen = parser.parse_args(argv)
    if unknown := [name for name in chosen.parts if name not in TABLE]:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(TABLE)}")
    # as installed, the modules lie compiled: a start that is measured reads them, and compiles none
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as folder:
        for name, variable in (("config", "LAB_CONFIG_DIR"), ("compiled", "PYTHONPYCACHEPREFIX"), ("kept", "TMPDIR")):
            Path(folder, name).mkdir()
            os.environ[variable] = f"{folder}/{name}"
        # what a part that was cut off has written goes with the folder
        tempfile.tempdir = os.environ["TMPDIR"]
        return run({name: TABLE[name] for name in chosen.parts or TABLE}, Extent(chosen.short))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
