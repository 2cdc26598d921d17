"""Figures of a checkout, to be compared before and after: `python -m tests.house.figures [CHECKOUT]`."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.house.source import LONGEST_FUNCTION, MOST_PARAMETERS, Package

HERE = Path(__file__).parents[2]
CALLS = Path(__file__).with_name("calls.py")
NOT_COUNTED = ("lab/dialects/a2a/", "lab/files/journal")
"""What came new: its lines aren't counted among those that were to become fewer."""
JOBS = ("lab/jobs/",)
FORMER_JOBS = tuple(f"lab/core/{name}" for name in ("gates.py", "plan.py", "timeline.py", "lint.py", "journal/"))
"""Where jobs stood before they had a room."""


def figures(checkout: Path) -> Iterator[tuple[str, object]]:
    """What is counted, by name."""
    package = Package(checkout)
    texts = {package.files[name]: text for name, text in package.texts.items()}
    sizes = {path: len(text.splitlines()) for path, text in texts.items()}
    counted = [path for path in sizes if not str(path.relative_to(checkout)).startswith(NOT_COUNTED)]
    source = "\n".join(texts.values())
    twice = [places for places in package.public().values() if len(places) > 1]
    classes = [places for places in twice if any(is_class for _, is_class in places)]
    largest = max(sizes, key=lambda path: sizes[path])
    room = JOBS if (checkout / "lab" / "jobs").is_dir() else FORMER_JOBS
    jobs = [path for path in sizes if str(path.relative_to(checkout)).startswith(room)]

    yield "files", len(sizes)
    yield "lines", sum(sizes.values())
    yield "lines without dialects/a2a and the journal file", sum(sizes[path] for path in counted)
    yield "median module", round(median(sizes.values()))
    yield "largest module", f"{sizes[largest]} ({largest.relative_to(checkout)})"
    yield f"functions over {LONGEST_FUNCTION} lines", len(package.long_functions())
    yield f"functions with over {MOST_PARAMETERS} parameters", len(package.wide_functions())
    yield "classes whose public name is defined twice", len(classes)
    yield "functions and constants whose public name is", len(twice) - len(classes)
    yield "`told`", len(re.findall(r"\btold\b", source))
    yield "`case _`", len(re.findall(r"^\s*case _(?: if .*)?:", source, re.MULTILINE))
    yield "`assert_never`", len(re.findall(r"\bassert_never\(", source))
    yield "`fmt: skip`", package.unformatted()
    yield "files in a circle", len(package.circle())
    yield "comment lines in 100 lines of jobs/", _comments(jobs, texts, sizes)
    yield from _run(checkout).items()


def _comments(paths: list[Path], texts: dict[Path, str], sizes: dict[Path, int]) -> float:
    """Lines that begin with #, and lines of docstrings beyond the first."""
    found = 0
    for path in paths:
        found += sum(line.lstrip().startswith("#") for line in texts[path].splitlines())
        for node in ast.walk(ast.parse(texts[path])):
            if (
                isinstance(node, ast.Expr)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            ):
                found += len([line for line in node.value.value.strip().splitlines()[1:] if line.strip()])
    return round(100 * found / sum(sizes[path] for path in paths), 1)


def _run(checkout: Path) -> dict[str, object]:
    """What is counted while the mock of that checkout runs, in a process that imports it and nothing of this one."""
    done = subprocess.run(
        [sys.executable, CALLS, checkout], cwd=checkout, env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        return {"calls": f"can't be counted: {done.stderr.strip().splitlines()[-1]}"}
    counted: dict[str, object] = json.loads(done.stdout)
    return counted


def main() -> None:
    """Print them."""
    checkout = Path(sys.argv[1] if len(sys.argv) > 1 else HERE).resolve()
    for name, value in figures(checkout):
        print(f"{name:<48}  {value}")


if __name__ == "__main__":
    main()
