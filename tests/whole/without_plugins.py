"""What remains of the lab without its plugins: `python -m tests.whole.without_plugins [--whole] [none | NAME ...]`.

Copies of the tree lose all plugins (`none`), then each alone, with its tests. In what remains the kernel's main commands
run, and all that the plugins that are left declare; what the others declared is refused in a sentence. Without any, the
rest of the suite runs too; with `--whole` it does without each.
"""

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from time import perf_counter

from lab.options import names_in
from lab.plugin import Plugin, plugins
from lab.plugins import PLUGIN_NAMES

ROOT = Path(__file__).parents[2]
KEPT_OUT = shutil.ignore_patterns(".git", ".venv*", ".*_cache", ".hypothesis")
OF_THE_WHOLE = ("tests/whole", "tests/judges", "tests/house/test_sizes.py")
"""Tests that speak of all plugins: of what documents and shipped files say of them, how large each is."""
LONGEST, LONGEST_SUITE = 120, 1_200
"""Seconds that a command may take, and the suite."""
SMOKE = "../smoke.rec.jsonl"
"""Beside the tree, whose tests know which recordings it has."""
SMOKES = (
    ("run", "item-comparison", "--speed", "instant", "--seed", "7", "--record", "../smoke"),
    ("replay", SMOKE, *(f"recordings/{name}.rec.jsonl" for name in ("item-comparison", "rush-hour", "bad-line"))),
    ("demo", "quick", "--plain", "--speed", "instant"),
    ("play", SMOKE, "--plain"),
    ("check", "scenarios"),
    ("fidelity",),
    ("openapi",),
    ("schema",),
    ("--help",),
)
"""The kernel's main job, on files."""
OF_COMMANDS = {
    "rehearse": ("rehearse", "quick", "--virtual", "--", sys.executable, "-c", "raise SystemExit(1)"),
    "report": ("report", "recordings/item-comparison.rec.jsonl"),
    "drill": ("drill", "item-comparison"),
    "simulate": ("simulate", "quick", "--jobs", "20"),
    "learn": ("learn", "recordings/item-comparison.rec.jsonl"),
    "mcp": ("mcp",),
}
"""A call of each command that a plugin brings."""
FINDINGS = {"rehearse": 1}
"""The exit code of a call that isn't 0: its client does nothing."""


def copied(folder: Path, without: Sequence[str]) -> Path:
    """The tree without these plugins and their tests."""
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, ignore=KEPT_OUT)
    for name in without:
        shutil.rmtree(tree / "lab" / "plugins" / name)
        shutil.rmtree(tree / "tests" / "plugins" / name)
    left = tuple(name for name in PLUGIN_NAMES if name not in without)
    listing = tree / "lab" / "plugins" / "__init__.py"
    text, found = re.subn(r"(?m)^(PLUGIN_NAMES[^=]*= )\([^)]*\)", rf"\g<1>{left!r}", listing.read_text("utf-8"))
    assert found == 1
    listing.write_text(text, "utf-8")
    return tree


class Tree:
    """What remains, and what a Python of this environment does that imports it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(path),
            "HOME": str(path.parent),
            "LANG": "C.UTF-8",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments], cwd=self.path, env=self._environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def done(self, *arguments: str, within: float = LONGEST) -> tuple[int | None, str, str]:
        """Exit code, None where it takes too long, and what it prints."""
        with self.start(*arguments) as process:
            try:
                out, err = process.communicate(timeout=within)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                return None, out, f"{err}\nIt took longer than {within} s."
            return process.returncode, out, err

    def called(self, calls: Sequence[Sequence[str]]) -> Iterator[tuple[Sequence[str], int | None, str, str]]:
        """The same of calls of the lab, in one process: what isn't there is found missing by whichever comes to it."""
        _, out, err = self.done("-m", "tests.whole.called", *map(json.dumps, calls))
        ended = [json.loads(line) for line in out.splitlines()]
        for call, (code, said, complaint) in zip(calls, ended, strict=False):
            yield call, code, said, complaint
        for call in calls[len(ended) :][:1]:  # it took the others along
            yield call, None, "", err


def smokes(tree: Tree, left: Sequence[Plugin], gone: Sequence[Plugin]) -> Iterator[str]:
    """What doesn't work of what is left, and what isn't refused of what is gone."""
    for call, code, out, err in tree.called([*calls_of(left)]):
        if code != FINDINGS.get(call[0], 0):
            yield f"lab {' '.join(call)}: exit {code}\n{out[-500:]}{err[-1500:]}"
    options = {name for plugin in left for addition in plugin.additions for name in names_in(addition.asks)}
    for extra in ((), ("--drills", "quick")) if "--drills" in options else ((),):
        code, out, err = tree.done("-m", "tests.whole.served_once", *extra)
        if code:
            yield f"lab serve {' '.join(extra)}: {out[-500:]}{err[-1500:]}"
    if "--web" in options:
        yield from page(tree)
    for call, code, out, err in tree.called([*calls_of_gone(gone)]):
        if code != 2 or "Traceback" in err:
            yield f"lab {' '.join(call)}: exit {code}, though nothing does it\n{out[-500:]}{err[-1500:]}"


def calls_of(left: Sequence[Plugin]) -> Iterator[tuple[str, ...]]:
    """The kernel's, and one of each command, form and wire of the plugins."""
    yield from SMOKES
    for plugin in left:
        if plugin.name in PLUGIN_NAMES:
            yield from (OF_COMMANDS[each.name] for each in plugin.commands)
        yield from (("show", SMOKE, "--as", form.word) for form in plugin.forms)
        yield from (("run", "quick", "--speed", "instant", "--dialect", wire.name) for wire in plugin.wires)


def calls_of_gone(gone: Sequence[Plugin]) -> Iterator[tuple[str, ...]]:
    for plugin in gone:
        yield from ((each.name,) for each in plugin.commands)
        yield from ((each.command, name) for each in plugin.additions for name in names_in(each.asks))
        yield from (("show", SMOKE, "--as", form.word) for form in plugin.forms)
        yield from (("run", "quick", "--speed", "instant", "--dialect", wire.name) for wire in plugin.wires)


def page(tree: Tree) -> Iterator[str]:
    """The screen in a browser, up to the line that says where it is."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tree.start("-m", "lab", "demo", "--web", str(port)) as process:
        end = Timer(LONGEST, process.kill)
        end.start()
        assert process.stdout is not None
        said = process.stdout.readline()
        process.terminate()
        _, err = process.communicate()
        end.cancel()
    if "in a browser" not in said:
        yield f"lab demo --web: {said}{err[-1500:]}"


def suite(tree: Tree) -> Iterator[str]:
    """What of the tests that remain fails; those of the whole are left out."""
    left_out = (f"--ignore={each}" for each in OF_THE_WHOLE)
    code, out, err = tree.done(
        "-m", "pytest", "tests", *left_out, "-p", "no:cacheprovider", "--tb=short", within=LONGEST_SUITE
    )
    print(f"  the suite: {(out.strip() or err.strip() or 'nothing').splitlines()[-1]}", flush=True)
    if code:
        yield f"{out[out.find('= FAILURES') :][-20_000:]}{err[-1500:]}"


def verdict(name: str, *, whole: bool) -> bool:
    """Whether all is well without that plugin, or without any; prints what isn't."""
    without, begun = PLUGIN_NAMES if name == "none" else (name,), perf_counter()
    left = [each for each in plugins() if each.name not in without]
    gone = [each for each in plugins() if each.name in without]
    with TemporaryDirectory() as folder:
        tree = Tree(copied(Path(folder), without))
        wrong = [*smokes(tree, left, gone), *(suite(tree) if whole or name == "none" else ())]
    said = f"{len(wrong)} failed" if wrong else "passed"
    took = f"{perf_counter() - begun:.0f} s"
    print("\n".join((f"without {'any plugin' if name == 'none' else name}: {said} in {took}", *wrong)), flush=True)
    return not wrong


def main() -> int:
    """Print what fails without which; 1 if anything does."""
    whole = "--whole" in sys.argv[1:]
    chosen = [each for each in sys.argv[1:] if each != "--whole"] or ["none", *PLUGIN_NAMES]
    if unknown := set(chosen) - {"none", *PLUGIN_NAMES}:
        print(f"There is no plugin {', '.join(sorted(unknown))}. There are {', '.join(PLUGIN_NAMES)}, or none.")
        return 2
    suites = [each for each in chosen if whole or each == "none"]
    found = [verdict(each, whole=whole) for each in suites]  # a suite takes all cores
    with ThreadPoolExecutor(2) as pool:
        found += pool.map(lambda each: verdict(each, whole=whole), [each for each in chosen if each not in suites])
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
