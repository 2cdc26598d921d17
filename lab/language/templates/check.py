"""What a template may hold: an allow-list of nodes, filters, tests and names, walked before anything is compiled."""

from collections.abc import Iterator
from typing import TypeAlias

from jinja2 import nodes
from msgspec import Struct

from lab.language.templates.vocabulary import FILTERS, TESTS, filter_near, hint_of_filter, hint_of_test
from lab.program.words import Verdict, nearest

TEMPLATE_NAMES = frozenset(
    {
        "message",
        "match",
        "parameters",
        "data",
        "decisions",
        "delegates",
        "user",
        "client",
        "job",
        "turn",
        "conversation",
        "now",
    }
)
"""The names that a template may use."""
TIMELESS_NAMES = TEMPLATE_NAMES - {"now"}
"""Those that a condition may use: where a job goes doesn't depend on when somebody began it."""
LATER_NAMES = frozenset({"decisions", "delegates"})
"""Those that tell of what comes after a job's acceptance."""
DATA_NAMES = frozenset({"data", "row"})
"""Those that a value may use which is made of others."""

_VERDICTS = tuple(map(str, Verdict))
_NAMED = {
    "map": (0, "filter"),
    **dict.fromkeys(("select", "reject"), (0, "test")),
    **dict.fromkeys(("selectattr", "rejectattr"), (1, "test")),
}
"""At which argument a filter is told the name of another, or of a test."""
_NAMED_AS = {
    "map": "map('upper')",
    **{name: f"{name}('gt', 500)" for name in ("select", "reject")},
    **{name: f"{name}('price', 'gt', 500)" for name in ("selectattr", "rejectattr")},
}
_LIKENESS = ("eq", "ne", "in", "notin")
FILTERS_IN_A_ROW = 4
LOOPS = 2
MOST_NESTED = 64

_PLAIN = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.Const, nodes.List, nodes.Tuple, nodes.Dict,
    nodes.Pair, nodes.Keyword, nodes.Slice, nodes.Compare, nodes.Operand, nodes.CondExpr, nodes.Concat, nodes.Add,
    nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Not, nodes.And, nodes.Or, nodes.Neg, nodes.Pos,
)  # fmt: skip
_WORDS: dict[type[nodes.Node], str] = {
    nodes.Assign: "{% set %}",
    nodes.AssignBlock: "{% set %}",
    nodes.Macro: "{% macro %}",
    nodes.CallBlock: "{% call %}",
    nodes.FilterBlock: "{% filter %}",
    nodes.With: "{% with %}",
    nodes.Block: "{% block %}",
    nodes.Extends: "{% extends %}",
    nodes.Include: "{% include %}",
    nodes.Import: "{% import %}",
    nodes.FromImport: "{% from %}",
    nodes.ScopedEvalContextModifier: "{% autoescape %}",
    nodes.Pow: "**",
}


LookedUp: TypeAlias = tuple[tuple[int, tuple[str, ...]], ...]
"""LookedUp that a template looks up, with their lines: `(2, ("data", "supplier"))`; cut short where a part is computed."""


class TemplateFault(Struct, frozen=True):
    """One thing that a template may not do; `line` counts from 1 within its text."""

    line: int
    what: str
    hint: str = ""


class TemplateError(ValueError):
    """A text is not a template that the lab renders; carries every fault, and the paths as `Template.looked_up`."""

    def __init__(self, faults: tuple[TemplateFault, ...], looked_up: LookedUp = ()) -> None:
        super().__init__("; ".join(f"line {fault.line}: {fault.what}" for fault in faults))
        self.faults = faults
        self.line = faults[0].line
        self.looked_up = looked_up


def check_template(tree: nodes.Template, known: frozenset[str] = TEMPLATE_NAMES) -> LookedUp:
    """The paths that the template looks up, with their lines; TemplateError if it holds anything not allowed.

    `known` are the names that it may use.
    """
    walk = _Walk(known)
    walk.visit(tree, frozenset(), 0, 0)
    if walk.faults:
        raise TemplateError(tuple(sorted(walk.faults, key=lambda fault: fault.line)), tuple(walk.looked_up))
    return tuple(walk.looked_up)


class _Walk:
    """One passage over a parsed template: `scope` are the loop variables in force, `loops` the loops around."""

    def __init__(self, known: frozenset[str]) -> None:
        self.known = known
        self.faults: list[TemplateFault] = []
        self.looked_up: list[tuple[int, tuple[str, ...]]] = []

    def fault(self, node: nodes.Node, what: str, hint: str = "") -> None:
        self.faults.append(TemplateFault(node.lineno, what, hint))

    def visit(self, node: nodes.Node, scope: frozenset[str], loops: int, depth: int) -> None:
        if depth > MOST_NESTED:
            if not any(fault.what.startswith("nested") for fault in self.faults):
                self.fault(node, f"nested more than {MOST_NESTED} deep", "split the expression")
            return
        children = list(node.iter_child_nodes())
        match node:
            case nodes.For():
                self._loop(node, scope, loops, depth)
                return
            case nodes.Name() | nodes.Getattr() | nodes.Getitem():
                self._path(node, scope, loops, depth)
                return
            case nodes.Call():
                self._call(node)
                children = [*node.args, *node.kwargs]
            case nodes.Filter():
                self._filter(node)
            case nodes.Compare():
                self._verdicts(node)
            case nodes.Mod(left=nodes.Const(value=str())):
                self.fault(
                    node, "% formats no text here", "write {{ x | round(2) }} for two places, and ~ to join texts"
                )
            case nodes.Test():
                self._test(node, node.name)
                self._no_stars(node, node.dyn_args, node.dyn_kwargs)
            case _ if not isinstance(node, _PLAIN):
                self.fault(node, f"{_WORDS.get(type(node), type(node).__name__.lower())} is not allowed here")
                return
        for child in children:
            self.visit(child, scope, loops, depth + 1)

    def _loop(self, node: nodes.For, scope: frozenset[str], loops: int, depth: int) -> None:
        if loops >= LOOPS:
            self.fault(node, f"loops stand at most {LOOPS} deep")
            return
        if node.recursive:
            self.fault(node, "a recursive loop is not allowed")
        targets = frozenset(name.name for name in _names(node.target))
        for name in sorted(targets):
            if name in self.known or name in ("loop", "range") or name.startswith("_"):
                self.fault(node, f"a loop variable may not be called {name}")
        self.visit(node.iter, scope, loops, depth + 1)
        if node.test is not None:
            self.visit(node.test, scope | targets, loops, depth + 1)
        for child in node.body:
            self.visit(child, scope | targets | {"loop"}, loops + 1, depth + 1)
        for child in node.else_:
            self.visit(child, scope, loops, depth + 1)

    def _path(self, node: nodes.Expr, scope: frozenset[str], loops: int, depth: int) -> None:
        parts: list[str] = []
        current: nodes.Node = node
        links = 0
        while isinstance(current, nodes.Getattr | nodes.Getitem):
            links += 1
            match current:
                case nodes.Getattr(attr=str(name)):
                    parts.insert(0, name)
                case nodes.Getitem(arg=nodes.Const(value=str() | int() as value)):
                    parts.insert(0, str(value))
                case nodes.Getitem(arg=argument):
                    parts.clear()
                    self.visit(argument, scope, loops, depth + links)
            current = current.node
        for part in parts:
            if part.startswith("_"):
                self.fault(node, f"a name may not begin with _: {part}")
        if isinstance(current, nodes.Name):
            self._root(current, tuple(parts), scope)
        else:
            self.visit(current, scope, loops, depth + links + 1)

    def _root(self, node: nodes.Name, parts: tuple[str, ...], scope: frozenset[str]) -> None:
        name = node.name
        if name == "loop" and name in scope and not parts:
            self.fault(node, "loop is asked what it counts, as loop.index")
        if name in scope:
            return
        if name in self.known:
            self.looked_up.append((node.lineno, (name, *parts)))
        elif name == "range":
            self.fault(node, "range is called with a number, as range(3)")
        else:
            listed = f"known here: {' '.join(sorted(self.known))}"
            listed = "write none" if name in ("null", "nil") else listed
            if name in TEMPLATE_NAMES:
                self.fault(node, f"{name} is not known here", listed)
            else:
                self.fault(node, f"unknown name {name}", nearest(name, self.known | scope) or listed)

    def _call(self, node: nodes.Call) -> None:
        called = node.node.name if isinstance(node.node, nodes.Name) else getattr(node.node, "attr", "")
        if called != "range" or not isinstance(node.node, nodes.Name):
            name = filter_near(called)
            hint = f"write it as a filter: … | {name}" if name in FILTERS else "filters do it, as {{ message | upper }}"
            hint = f"write {called} without ()" if called in self.known else hint
            self.fault(node, "nothing may be called but range", hint)
        elif node.kwargs:
            self.fault(node, "range takes no named arguments")
        self._no_stars(node, node.dyn_args, node.dyn_kwargs)

    def _filter(self, node: nodes.Filter) -> None:
        if node.name not in FILTERS:
            self.fault(node, f"unknown filter {node.name}", hint_of_filter(node.name))
        self._named(node)
        self._no_stars(node, node.dyn_args, node.dyn_kwargs)
        row = 0
        current: nodes.Node | None = node
        while isinstance(current, nodes.Filter):
            row += 1
            current = current.node
        if row == FILTERS_IN_A_ROW + 1:
            self.fault(node, f"at most {FILTERS_IN_A_ROW} filters in a row")

    def _verdicts(self, node: nodes.Compare) -> None:
        """What a verdict is compared with is one that exists, or null."""
        sides = [node.expr, *(operand.expr for operand in node.ops if operand.op in _LIKENESS)]
        if not any(path[:1] == ("decisions",) and path[-1] == "verdict" for path in map(plain_path, sides)):
            return
        listed = (
            each for side in sides for each in (side.items if isinstance(side, nodes.List | nodes.Tuple) else [side])
        )
        for each in listed:
            if isinstance(each, nodes.Const) and isinstance(each.value, str) and each.value not in _VERDICTS:
                near = nearest(each.value.lower().replace("_", "-"), _VERDICTS)
                self.fault(node, f"there is no verdict {each.value}", near or f"verdicts: {', '.join(_VERDICTS)}")

    def _test(self, node: nodes.Node, name: str) -> None:
        if name not in TESTS:
            self.fault(node, f"unknown test {name}", hint_of_test(name))

    def _named(self, node: nodes.Filter) -> None:
        """The filter or test that a filter is told the name of, as `select('gt', 500)`: nothing but a text names one."""
        place, kind = _NAMED.get(node.name, (len(node.args), ""))
        if len(node.args) <= place:
            return
        named = node.args[place]
        if not isinstance(named, nodes.Const) or not isinstance(named.value, str):
            self.fault(node, f"{node.name} takes the name of a {kind} in quotes there", f"as {_NAMED_AS[node.name]}")
        elif kind == "test":
            self._test(node, named.value)
        elif named.value not in FILTERS:
            self.fault(node, f"unknown filter {named.value}", hint_of_filter(named.value))

    def _no_stars(self, node: nodes.Node, *stars: nodes.Expr | None) -> None:
        if any(star is not None for star in stars):
            self.fault(node, "arguments can't be unpacked with *")


def plain_path(node: nodes.Node) -> tuple[str, ...]:
    """What an expression looks up that does nothing else, no part of it computed; empty for any other."""
    match node:
        case nodes.Name():
            return (node.name,)
        case nodes.Getattr(attr=str() as part) | nodes.Getitem(arg=nodes.Const(value=str() | int() as part)):
            before = plain_path(node.node)
            return (*before, str(part)) if before else ()
        case _:
            return ()


def _names(target: nodes.Node) -> Iterator[nodes.Name]:
    if isinstance(target, nodes.Name):
        yield target
    yield from target.find_all(nodes.Name)
