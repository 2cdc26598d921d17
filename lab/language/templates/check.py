"""What a template may hold: an allow-list of nodes, filters, tests and names, walked before anything is compiled."""

import re
from typing import cast

from jinja2 import TemplateSyntaxError, nodes

from lab.language.templates.bounds import NO_ANSWER, TEMPLATE_NAMES, LookedUp, TemplateError, TemplateFault
from lab.program.words import Verdict, nearest

FILTERS = frozenset({
    "abs", "capitalize", "count", "default", "d", "dictsort", "escape", "e", "first", "float", "groupby",
    "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr",
    "replace", "reverse", "round", "safe", "select", "selectattr", "sort", "string", "striptags", "sum",
    "title", "tojson", "trim", "truncate", "unique", "upper", "urlencode", "wordcount",
})  # fmt: skip
"""The filters that a template may use: none pads, repeats, fetches attributes or draws."""
TESTS = frozenset({
    "boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "gt", "integer",
    "iterable", "le", "lower", "lt", "mapping", "ne", "none", "number", "odd", "sequence", "string", "true",
    "undefined", "upper",
})  # fmt: skip
"""The tests that a template may use after `is`."""
MOST_NESTED = 64

_MEANT = {
    "filter": {
        "len": "length", "size": "length", "str": "string", "text": "string", "uppercase": "upper", "toupper": "upper",
        "touppercase": "upper", "lowercase": "lower", "tolower": "lower", "tolowercase": "lower", "json": "tojson",
        "dumps": "tojson", "stringify": "tojson", "strip": "trim", "number": "float", "tofixed": "round",
        "format": "round(2)", "substring": "truncate",
    },
    "test": {
        "==": "eq", "sameas": "eq", "!=": "ne", ">": "gt", "greaterthan": "gt", ">=": "ge", "<": "lt", "lessthan": "lt",
        "<=": "le", "null": "none", "bool": "boolean", "int": "integer", "str": "string", "text": "string",
    },
}  # fmt: skip
"""What people call filters and tests elsewhere."""
_NAMED = {
    "map": (0, "filter", "map('upper')"),
    "select": (0, "test", "select('gt', 500)"),
    "reject": (0, "test", "reject('gt', 500)"),
    "selectattr": (1, "test", "selectattr('price', 'gt', 500)"),
    "rejectattr": (1, "test", "rejectattr('price', 'gt', 500)"),
}
"""At which argument a filter is told the name of another, or of a test, and how that is written."""
_VERDICTS = tuple(map(str, Verdict))
_VALUES = (
    nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos, nodes.Concat,
    nodes.List, nodes.Tuple, nodes.Dict,
)  # fmt: skip
"""What is surely neither true nor false."""
_ELEMENTS = frozenset({"first", "last", "max", "min", "default", "d"})
"""Filters that may give true or false: one of their values as it is."""
_PLAIN = (
    *_VALUES, nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.Const, nodes.Pair, nodes.Keyword,
    nodes.Slice, nodes.Operand, nodes.CondExpr, nodes.Not, nodes.And, nodes.Or,
)  # fmt: skip
_WORDS: dict[type[nodes.Node], str] = {
    nodes.Assign: "set", nodes.AssignBlock: "set", nodes.CallBlock: "call", nodes.FilterBlock: "filter",
    nodes.FromImport: "from", nodes.Scope: "autoescape",
}  # fmt: skip
"""Tags whose nodes are called otherwise."""
_UNFINISHED = "an expression ends with }}, a tag with %}"
_MISREAD = (
    (r"unexpected char '&'", "& is no operator here", "write and"),
    (r"got '\|'", "| stands before the name of a filter", "write or, if that is meant by ||"),
    (r"unexpected char '!'", "! is no operator here", "write not, or != to compare"),
    (r"unexpected char '\?'", "? is no operator here", "write A if CONDITION else B"),
    (r"unexpected char '([\u2018-\u201f])'", r"\1 is no quote here", "write '…'"),
    (r"unexpected char '(.)'", r"\1 has no meaning here", "text in an expression stands in quotes"),
    (r"(?:got|unexpected) '='", "= compares nothing", "write == to compare, >= or <="),
    (r"unexpected '>'", "unexpected >", "write != for unlike"),
    (r"unexpected '\}', expected '(.)'", r"a \1 is missing", _UNFINISHED),
    (r"unexpected '\}'", "a lone }", _UNFINISHED),
    (r"unexpected '([\])])'", r"a lone \1", "nothing is open that it could close"),
    (r"expected token ':', got '\}'", "{{ within {{", "a name within an expression stands without braces"),
    (r"end of template, expected", "an expression is never closed", _UNFINISHED),
    (r"end of comment", "{# is never closed", "a comment ends with #}"),
    (r"unknown tag 'els(?:e|)if'", "unknown tag else if", "write {% elif … %}"),
    (r"unknown tag '(\w+)'.*innermost.* '(\w+)'", r"unknown tag \1", r"{% \2 … %} ends with {% end\2 %}"),
    (r"unknown tag '(end\w+)'", r"{% \1 %} closes nothing", ""),
    (r"innermost.* '(\w+)'", r"{% \1 … %} is never closed", r"end it with {% end\1 %}"),
    (r"expected an expression", "there is no expression", "write a name, as {{ message }}"),
    (r"unexpected 'end of|token 'name', got", "the expression breaks off", "a name or a value is missing"),
    (
        r"expected token 'end of .*', got '(.+)'",
        r"\1 stands where the expression should have ended",
        r"join texts with ~, write tags as {% if … %}, and quotes in '…' as \\'",
    ),
)
"""By words of Jinja's: what it is, and what to do, in which \\1 is what the words name."""


def syntax_error(error: TemplateSyntaxError) -> TemplateError:
    """What Jinja says of a text that it can't read, in words of what its author did."""
    message = error.message or "wrong syntax"
    message = message[:1].lower() + message[1:].rstrip(".")
    for words, what, hint in _MISREAD:
        if found := re.search(words, message):
            return TemplateError((TemplateFault(error.lineno, found.expand(what), found.expand(hint)),))
    return TemplateError((TemplateFault(error.lineno, message),))


def check_template(tree: nodes.Template, known: frozenset[str]) -> LookedUp:
    """The paths that a template looks up, with their lines; TemplateError if it holds anything not allowed.

    `known` are the names that it may use.
    """
    walk = _Walk(known)
    walk.visit(tree, frozenset(), 0)
    if walk.faults:
        raise TemplateError(tuple(sorted(walk.faults, key=lambda fault: fault.line)), tuple(walk.looked_up))
    return tuple(walk.looked_up)


def only_expression(tree: nodes.Template) -> nodes.Expr | None:
    """The expression that is all of a template."""
    match tree.body:
        case [nodes.Output(nodes=[node])] if not isinstance(node, nodes.TemplateData):
            return node
        case _:
            return None


def no_truth(node: nodes.Expr) -> TemplateFault | None:
    """What is wrong with a condition that surely gives neither true nor false."""
    match node:
        case nodes.Const():
            truth = isinstance(node.value, bool)
        case nodes.Filter():
            truth = node.name in _ELEMENTS
        case _:
            truth = not isinstance(node, _VALUES)
    hint = "compare it, as {{ parameters.amount > 1000 }}"
    if isinstance(node, nodes.Tuple):
        hint = "numbers have no comma: write 1000, and between two conditions and"
    return None if truth else TemplateFault(1, NO_ANSWER, hint)


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


class _Walk:
    """One passage over a parsed template: `scope` are the loop variables in force."""

    def __init__(self, known: frozenset[str]) -> None:
        self.known = known
        self.faults: list[TemplateFault] = []
        self.looked_up: list[tuple[int, tuple[str, ...]]] = []

    def fault(self, node: nodes.Node, what: str, hint: str = "") -> None:
        self.faults.append(TemplateFault(node.lineno or 1, what, hint))

    def visit(self, node: nodes.Node, scope: frozenset[str], depth: int) -> None:
        if depth > MOST_NESTED:
            if not any(fault.what.startswith("nested") for fault in self.faults):
                self.fault(node, f"nested more than {MOST_NESTED} deep", "split the expression")
            return
        if getattr(node, "dyn_args", None) is not None or getattr(node, "dyn_kwargs", None) is not None:
            self.fault(node, "arguments can't be unpacked with *")
        children = list(node.iter_child_nodes())
        match node:
            case nodes.For():
                self._loop(node, scope, depth)
                return
            case nodes.Name() | nodes.Getattr() | nodes.Getitem():
                path = plain_path(node)
                part = getattr(node, "attr", None) or getattr(getattr(node, "arg", None), "value", None)
                for private in (each for each in path[1:] or (part,) if isinstance(each, str) and each[:1] == "_"):
                    self.fault(node, f"a name may not begin with _: {private}")
                if path:
                    self._root(node, path, scope)
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
                self._known(node, "test", node.name)
            case _ if not isinstance(node, _PLAIN):
                word = _WORDS.get(type(node), type(node).__name__.lower())
                word = "**" if word == "pow" else f"{{% {word} %}}" if isinstance(node, nodes.Stmt) else word
                self.fault(node, f"{word} is not allowed here")
                return
        for child in children:
            self.visit(child, scope, depth + 1)

    def _loop(self, node: nodes.For, scope: frozenset[str], depth: int) -> None:
        # a Name is what a loop has for one variable, a Tuple for several
        targets = frozenset(
            name.name for name in nodes.Tuple([cast(nodes.Expr, node.target)], "store").find_all(nodes.Name)
        )
        for name in sorted(targets):
            if name in self.known or name in ("loop", "range") or name.startswith("_"):
                self.fault(node, f"a loop variable may not be called {name}")
        self.visit(node.iter, scope, depth + 1)
        if node.test is not None:
            self.visit(node.test, scope | targets, depth + 1)
        for child in node.body:
            self.visit(child, scope | targets | {"loop"}, depth + 1)
        for child in node.else_:
            self.visit(child, scope, depth + 1)

    def _root(self, node: nodes.Node, path: tuple[str, ...], scope: frozenset[str]) -> None:
        name = path[0]
        if name in scope:
            if path == ("loop",):
                self.fault(node, "loop is asked what it counts, as loop.index")
        elif name in self.known:
            self.looked_up.append((node.lineno, path))
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
            name = _meant("filter", called)
            hint = f"write it as a filter: … | {name}" if name in FILTERS else "filters do it, as {{ message | upper }}"
            hint = f"write {called} without ()" if called in self.known else hint
            self.fault(node, "nothing may be called but range", hint)
        elif node.kwargs:
            self.fault(node, "range takes no named arguments")

    def _filter(self, node: nodes.Filter) -> None:
        self._known(node, "filter", node.name)
        place, kind, written = _NAMED.get(node.name, (len(node.args), "", ""))
        match node.args[place : place + 1]:
            case [nodes.Const(value=str() as name)]:
                self._known(node, kind, name)
            case [_]:
                self.fault(node, f"{node.name} takes the name of a {kind} in quotes there", f"as {written}")

    def _known(self, node: nodes.Node, kind: str, word: str) -> None:
        known = FILTERS if kind == "filter" else TESTS
        if word in known:
            return
        meant = _meant(kind, word)
        near = f"did you mean {meant}?" if meant else nearest(word, known)
        hint = f"{near} {kind}s: {' '.join(sorted(known))}".lstrip()
        if kind == "test" and word.lower().removeprefix("is_") == "in":
            hint = "ask without a test, as {{ x in [1, 2] }}; of a list, {% for x in xs if x in [1, 2] %}"
        self.fault(node, f"unknown {kind} {word}", hint)

    def _verdicts(self, node: nodes.Compare) -> None:
        """What a verdict is compared with is one that exists, or null."""
        sides = [node.expr, *(operand.expr for operand in node.ops if operand.op in ("eq", "ne", "in", "notin"))]
        if not any(path[:1] == ("decisions",) and path[-1] == "verdict" for path in map(plain_path, sides)):
            return
        for side in sides:
            for each in side.items if isinstance(side, nodes.List | nodes.Tuple) else [side]:
                if isinstance(each, nodes.Const) and isinstance(each.value, str) and each.value not in _VERDICTS:
                    near = nearest(each.value.lower().replace("_", "-"), _VERDICTS)
                    self.fault(node, f"there is no verdict {each.value}", near or f"verdicts: {', '.join(_VERDICTS)}")


def _meant(kind: str, word: str) -> str:
    """The filter or test that somebody means by a word; empty where none is near."""
    plain = word.lower().replace("_", "")
    plain = plain.removeprefix("is") if kind == "test" else plain
    return plain if plain in (FILTERS if kind == "filter" else TESTS) else _MEANT[kind].get(plain, "")
