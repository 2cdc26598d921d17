"""What several folders of tests share."""

import gc
import io
import os
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache, wraps
from inspect import iscoroutinefunction, signature
from pathlib import Path
from typing import Any, TypeVar

import pytest
from _pytest.mark import ParameterSet
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, settings

from lab.cli.console import Console
from lab.cli.main import run_command

ROOT = Path(__file__).parents[1]

THOROUGH = os.environ.get("LAB_THOROUGH") == "1"
"""A long run: laws are tried on many examples. Otherwise on as many as fit into a suite of a minute."""

# Where no bytecode may be written, every process that the tests start compiles the whole lab anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# the lab is told nothing that whoever runs the tests has set for a lab of their own; the tests are told how to run
for _name in [each for each in os.environ if each.startswith("LAB_") and each not in ("LAB_THOROUGH", "LAB_GOLDEN")]:
    del os.environ[_name]

# Laws are held to their content; how long one example takes says more of the machine's neighbours.
settings.register_profile("lab", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=10)
settings.register_profile("thorough", settings.get_profile("lab"), max_examples=400)
settings.load_profile("thorough" if THOROUGH else "lab")


def examples(few: int, *, thorough: int) -> settings:
    """The number of examples of a law that is costly to try, or that needs more of them than others."""
    return settings(max_examples=thorough if THOROUGH else few)


Cell = TypeVar("Cell")


def each_row(
    names: str | Sequence[str], table: Iterable[Any], *, ids: Iterable[str] | Callable[[Any], str] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """As `pytest.mark.parametrize`, in one test: a row takes what it says, not what pytest and a worker do for each test.

    Each row that fails is told with its values, or by its id; what is no failure but a fault ends the test at its row.
    What a fixture gives is one for all.
    """
    words, rows = (names.split(", ") if isinstance(names, str) else [*names]), [*table]
    ids_of_rows = rows if ids is None else [*map(ids, rows)] if callable(ids) else [*ids]
    assert rows and not any(isinstance(row, ParameterSet) for row in rows), "parametrize can mark a row; this can't"

    @contextmanager
    def tried(failed: list[BaseException], place: int) -> Iterator[dict[str, object]]:
        row = rows[place]
        try:
            yield dict(zip(words, row if len(words) > 1 else (row,), strict=True))
        except BaseException as fault:
            fault.add_note(f"row {place + 1}: {ids_of_rows[place]!r}")
            if not isinstance(fault, AssertionError | pytest.fail.Exception):
                raise
            failed.append(fault)
        if failed and place == len(rows) - 1:
            raise BaseExceptionGroup(f"{len(failed)} of {len(rows)} rows failed", failed)

    def folded(test: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(test)
        def whole(**fixtures: object) -> None:
            failed: list[BaseException] = []
            for place in range(len(rows)):
                with tried(failed, place) as values:
                    test(**values, **fixtures)

        @wraps(test)
        async def awaited(**fixtures: object) -> None:
            failed: list[BaseException] = []
            for place in range(len(rows)):
                with tried(failed, place) as values:
                    await test(**values, **fixtures)

        before, table_test = signature(test), awaited if iscoroutinefunction(test) else whole
        rest = [each for name, each in before.parameters.items() if name not in words]
        vars(table_test)["__signature__"] = before.replace(parameters=rest)
        return table_test

    return folded


def name_of(recording: Path) -> str:
    """That by which `lab` finds it."""
    return recording.name.partition(".")[0]


def few_of(cells: Iterable[Cell], kept: Container[str], name: Callable[[Cell], str] = str) -> list[object]:
    """The cells of a matrix, of which those kept, by name, are tried by the suite: the others go the same way and are long."""
    return [cell if name(cell) in kept else pytest.param(cell, marks=pytest.mark.long) for cell in cells]


UNLIKE = ("heavy-load", "wrong-badge", "bad-line", "three-turns", "rejected-discount")
"""The shipped scenarios that differ most: a body of megabytes, no job at all, faults, turns, a gate."""

UNLIKE_SHORT = UNLIKE[1:]
"""The same for what takes long with a body of megabytes, and is tried with one elsewhere."""

LONGEST = ("testing", "tui")
"""The folders with the longest tests."""


def pytest_pycollect_makeitem(collector: pytest.Collector, obj: object) -> list[pytest.Item] | None:
    """Leave out the long ones before each of their examples becomes a test: they are a third of all."""
    marked = any(mark.name == "long" for mark in getattr(obj, "pytestmark", ()))
    return [] if marked and collector.config.getoption("markexpr") == "not long" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests: what is done last, when the workers share the rest, should be short."""
    items.sort(key=lambda item: item.path.parent.name not in LONGEST)


def pytest_configure() -> None:
    """Keep the garbage collector from looking, again and again, at what is imported and collected, of which all stays."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Let the garbage collector look at what tests make, seldom, and no more at what was imported for them.

    It took an eighth of the suite's time.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(200_000, 20, 100)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Let a worker send one report of a test that passed, of six messages that it otherwise sends of each.

    They took a twentieth of the suite's time. What `--durations` lists is sent all the same; JUnit's XML needs all.
    """
    if not hasattr(item.config, "workerinput") or item.config.getoption("xmlpath", None):
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed or report.duration >= 0.005:
            item.ihook.pytest_runtest_logreport(report=report)
    return True


@pytest.fixture(autouse=True, scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders of the tests' own for what runs and for what a person prefers, for the processes that they start too."""
    folder = tmp_path_factory.mktemp("runtime")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("LAB_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))
        yield folder


@pytest.fixture(autouse=True, scope="session")
def signatures() -> None:
    """RS256 signs the same bytes the same way each time: what hundreds of tests sign is signed once.

    So it is with scenarios: three of four were parsed before.
    """
    from jwt.algorithms import RSAAlgorithm

    from lab.identity import keys
    from lab.language import parse

    RSAAlgorithm.sign = cache(RSAAlgorithm.sign)
    load_library = keys.load_library

    def load_once() -> None:
        if not keys._library:
            load_library()
            keys._library[:] = map(lru_cache(1 << 14), keys._library)

    keys.load_library = load_once
    parse.parse_with_locations = _parsed_once(parse.parse_with_locations)


def _parsed_once(parse: Callable[..., object]) -> Callable[..., object]:
    """Keeps what came of a text; a text that names files is read each time, and a refusal is thought of anew."""
    kept = lru_cache(256)(parse)

    def parsed(text: str | bytes, file: str, *, stem: str | None = None, reader: object = None) -> object:
        return parse(text, file, stem=stem, reader=reader) if reader else kept(text, file, stem=stem)

    return parsed


@dataclass
class Called:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@dataclass
class Lab:
    """`lab`, called in this process in a folder of its own, where `scenarios/` are the shipped ones."""

    folder: Path
    calls: list[Called] = field(default_factory=list)

    def __call__(self, *argv: str | Path) -> Called:
        out, err = io.StringIO(), io.StringIO()
        code = run_command([str(word) for word in argv], Console(out, err))
        return Called(code, out.getvalue(), err.getvalue())


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Commands as a user calls them, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    return Lab(tmp_path)
