"""What remains of the lab without its plugins: `python -m tests.whole.without_plugins [--whole] [none | NAME ...]`.

A copy of the tree loses all plugins (`none`), then each alone, with its tests; in what remains the main commands run.
Without any, the rest of the suite runs too; with `--whole` it does without each.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.plugin import CliCommand, plugins
from lab.plugins import PLUGIN_NAMES

ROOT = Path(__file__).parents[2]
KEPT_OUT = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis")
SMOKES = (
    ("run", "item-comparison", "--speed", "instant", "--seed", "7", "--record", "smoke"),
    ("replay", "smoke", *(f"recordings/{name}.rec.jsonl" for name in ("item-comparison", "rush-hour", "bad-line"))),
    ("demo", "quick", "--plain", "--speed", "instant"),
    ("show", "smoke"),
    ("check", "scenarios"),
    ("fidelity",),
    ("openapi",),
    ("schema",),
)
"""The kernel's main job, on files."""
OF_PLUGINS = {
    "rehearse": ("rehearse", "quick", "--virtual", "--", sys.executable, "-c", "raise SystemExit(1)"),
    "report": ("report", "recordings/item-comparison.rec.jsonl"),
    "drill": ("drill", "item-comparison"),
    "simulate": ("simulate", "quick", "--jobs", "20"),
    "learn": ("learn", "recordings/item-comparison.rec.jsonl"),
}
"""A call of each command that a plugin brings; of the first any exit code below 64 will do."""


def copied(folder: Path, without: Sequence[str]) -> Path:
    """The tree without these plugins and their tests."""
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, ignore=KEPT_OUT)
    for name in without:
        shutil.rmtree(tree / "lab" / "plugins" / name)
        shutil.rmtree(tree / "tests" / "plugins" / name)
    left = [name for name in PLUGIN_NAMES if name not in without]
    listing = tree / "lab" / "plugins" / "__init__.py"
    names = f"PLUGIN_NAMES: tuple[str, ...] = {tuple(left)!r}"
    text, found = re.subn(
        r"^PLUGIN_NAMES.*$", names.replace("\\", "\\\\"), listing.read_text("utf-8"), flags=re.MULTILINE
    )
    assert found == 1
    listing.write_text(text, "utf-8")
    return tree


def python(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a Python of this environment does that imports the tree."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tree), "HOME": str(tree.parent), "LANG": "C.UTF-8"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )


def smokes(tree: Path, commands: Sequence[CliCommand]) -> Iterator[str]:
    """What of the commands that remain doesn't work, and a served lab that answers nobody."""
    for call in (*SMOKES, *(OF_PLUGINS[each.name] for each in commands if each.name in OF_PLUGINS)):
        done = python(tree, "-m", "lab", *call)
        if done.returncode >= 64 or (done.returncode and call[0] != "rehearse"):
            yield f"lab {' '.join(call)}: exit {done.returncode}\n{done.stdout[-500:]}{done.stderr[-1500:]}"
    served = python(tree, "-m", "tests.whole.served_once")
    if served.returncode:
        yield f"lab serve: {served.stdout[-500:]}{served.stderr[-1500:]}"


def suite(tree: Path) -> Iterator[str]:
    """What of the tests that remain fails; those of the whole are left out."""
    done = python(
        tree, "-m", "pytest", "tests", "--ignore=tests/whole", "--ignore=tests/judges", "-p", "no:cacheprovider"
    )
    print(done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-500:])
    if done.returncode:
        yield done.stdout[-20_000:]


def main() -> int:
    """Print what fails without which; 1 if anything does."""
    whole = "--whole" in sys.argv[1:]
    chosen = [each for each in sys.argv[1:] if each != "--whole"] or ["none", *PLUGIN_NAMES]
    failed = 0
    for name in chosen:
        without = PLUGIN_NAMES if name == "none" else (name,)
        left = [each for plugin in plugins() if plugin.name not in without for each in plugin.commands]
        with TemporaryDirectory() as folder:
            tree = copied(Path(folder), without)
            wrong = [*smokes(tree, left), *(suite(tree) if whole or name == "none" else ())]
        print(f"without {'any plugin' if name == 'none' else name}: {'failed' if wrong else 'passed'}", flush=True)
        print("".join(wrong), end="")
        failed += len(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
