"""How large each room is, and how large it is to become."""

import ast
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tests.house.source import Package

MOST_LINES = 74_512
"""Of `lab/`, all files of Python together but those of `LIMITS`: the number shrinks.

550 lines and 290 statements came with what wires need that have calls without a team, cancel jobs, list them, and answer
later; 8 and 5 draw an answer that was only acknowledged, 35 and 20 play back jobs that go on under another id,
10 and 6 answer a look before any recorded one as a look, 6 and 5 learn turns that are named by another id. 50 lines and 6 statements came
with what `lab mcp` asks of the kernel: a page's section, a lab that is served beside something else, a command as a
process, sentences of an error. 450 and 220 came with the words and facts of callbacks, what plugins do beside a served
lab, and a manual clock that stands while somebody else is called; 280 and 130 with what the report and drills ask of who
is called back; 110 and 70 with callbacks on the screen. 420 and 240 came with exchanges that can be held on their way,
their facts, what a replay makes of these, and what a plugin's key may ask and show. 585 and 330 came with receivers that
clients register by their wire: commands, rules and facts of them, the port by which a wire tells them, and what acts on
what follows of jobs in any served lab. 15 and 10 came with what the report says of who doesn't listen, and of a message that
is said elsewhere.
"""
MOST_STATEMENTS = 43_284
"""The same in statements, docstrings apart: so nothing is won by longer lines, fewer comments or no docstrings."""
LIMITS: Mapping[str, int] = {
    "plugins/a2a": 1_400 + 139, "plugins/mcp_tasks": 900, "plugins/openai": 700 + 218, "plugins/callbacks": 876,
    "plugins/mcp_server": 550, "plugins/breakpoints": 412,
}  # fmt: skip
"""In lines, of plugins that are new or grow: what each may have; how two wires tell receivers counts as callbacks do."""
GOALS: Mapping[str, int] = {
    "core": 1_900, "language": 3_300, "jobs": 2_700, "identity": 2_100, "faults": 550, "dialects": 2_300, "mock": 1_700,
    "app": 460, "recording": 4_700, "server": 4_300, "cli": 3_500, "tui": 9_400, "testing": 1_050,
    "plugins/rehearsal": 3_400, "plugins/learn": 1_400, "plugins/capture": 900, "plugins/simulate": 900,
    "plugins/tenants": 350, "plugins/shared": 600, "plugins/phone": 330, "plugins/web": 90, "plugins/metrics": 130,
    **LIMITS, "kernel": 38_000, "all": 48_500,
}  # fmt: skip
"""In lines, by room: what each is to have at most in the end. `server` counts clocks, client and files too."""
_WITH = {"clocks": "server", "client": "server", "files": "server", "stores": "server", "settings": "cli"}


class Size(NamedTuple):
    """How much stands in some modules."""

    files: int
    lines: int
    statements: int

    def __add__(self, other: "Size") -> "Size":  # type: ignore[override]  # sums, where a tuple would join
        return Size(*(mine + its for mine, its in zip(self, other, strict=True)))


def statements_in(tree: ast.Module) -> int:
    """The statements of a module, docstrings apart."""
    return sum(isinstance(node, ast.stmt) and not _is_docstring(node) for node in ast.walk(tree))


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def room_of(module: str) -> str:
    """The room of a module: its first name below `lab`, of a plugin `plugins/NAME`."""
    parts = module.split(".")[1:]
    if parts[:1] == ["plugins"] and len(parts) > 1:
        return f"plugins/{parts[1]}"
    return _WITH.get(parts[0], parts[0]) if parts else "lab"


def sizes(package: Package) -> dict[str, Size]:
    """By room; `kernel` is all that is no plugin and not `testing`, `all` is everything."""
    found: dict[str, Size] = {}
    for module, tree in package.trees.items():
        size = Size(1, len(package.texts[module].splitlines()), statements_in(tree))
        room = room_of(module)
        for name in (room, "all", *(() if room.startswith("plugins") or room == "testing" else ("kernel",))):
            found[name] = found.get(name, Size(0, 0, 0)) + size
    return found


def table(package: Package) -> Iterator[str]:
    """A line a room: lines beside the goal, statements, files."""
    found = sizes(package)
    yield f"{'room':<20} {'lines':>7} {'goal':>7} {'statements':>11} {'files':>6}"
    totals = ("kernel", "all")
    for room in (*sorted((each for each in found if each not in totals), key=lambda each: -found[each].lines), *totals):
        files, lines, statements = found[room]
        yield f"{room:<20} {lines:>7} {GOALS.get(room, ''):>7} {statements:>11} {files:>6}"
