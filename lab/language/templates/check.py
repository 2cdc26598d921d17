"""What a template may hold: an allow-list of nodes, filters, tests and names, walked before anything is compiled."""

import re
from collections.abc import Collection
from typing import cast

from jinja2 import TemplateSyntaxError, nodes

from lab.language.templates.bounds import (
    NO_ANSWER,
    TEMPLATE_NAMES,
    LookedUp,
    TemplateError,
    TemplateFault,
    without_lone_tags,
)
from lab.language.templates.filters import FILTERS, SANDBOX, TESTS
from lab.program.words import Verdict, nearest

MOST_NESTED = 64

_MEANT = {
    "len": "length", "size": "length", "str": "string", "text": "string", "uppercase": "upper", "lowercase": "lower",
    "json": "tojson", "dumps": "tojson", "stringify": "tojson", "strip": "trim", "number": "float", "tofixed": "round",
    "format": "round(2)", "substring": "truncate", "null": "none", "bool": "boolean",
}  # fmt: skip
"""What people call filters and tests elsewhere."""
_NO_NAMES = {"null": "write none", "nil": "write none", "range": "it is called with a number, as range(3)"}
_NAMED = {"map": (0, "filter"), **dict.fromkeys(("select", "reject"), (0, "test"))}
_NAMED |= dict.fromkeys(("selectattr", "rejectattr"), (1, "test"))
"""At which argument a filter is told the name of another, or of a test."""
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
    (r"(?:got|unexpected) '([=>])'", r"\1 compares nothing here", "compare by == != < <= > >="),
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
    (
        r"expected an expression|unexpected 'end of|token 'name', got",
        "a name is missing",
        "write one, as {{ message }}",
    ),
    (
        r"expected token 'end of .*', got '(.+)'",
        r"\1 stands where the expression should have ended",
        r"join texts with ~, write tags as {% if … %}, and quotes in '…' as \\'",
    ),
)
"""By words of Jinja's: what it is, and what to do, in which \\1 is what the words name."""


def syntax_tree(text: str) -> nodes.Template:
    """The tree of a text; TemplateError if Jinja can't read it, in words of what its author did.

    A line that holds one tag or comment (`{% for … %}`) and nothing else leaves no line behind; all else stands as
    written, the final newline too.
    """
    try:
        return SANDBOX.parse(without_lone_tags(text))
    except TemplateSyntaxError as error:
        message = (error.message or "wrong syntax").rstrip(".")
        fault = TemplateFault(error.lineno, message[:1].lower() + message[1:])
        for words, what, hint in _MISREAD:
            if found := re.search(words, fault.what):
                fault = TemplateFault(error.lineno, found.expand(what), found.expand(hint))
                break
        raise TemplateError((fault,)) from error
    except RecursionError as error:
        raise TemplateError((TemplateFault(1, "the template is nested too deeply"),)) from error
    except (ValueError, ArithmeticError) as error:
        raise TemplateError((TemplateFault(1, f"the template can't be read: {error}"),)) from error


def check_template(tree: nodes.Template, known: frozenset[str]) -> LookedUp:
    """The paths that a template looks up, with their lines; TemplateError if it holds anything not allowed.

    `known` are the names that it may use.
    """
    walk = _Walk(known)
    walk.visit(tree, frozenset(), 0)
    if walk.faults:
        raise TemplateError(tuple(sorted(walk.faults, key=lambda fault: fault.line)), tuple(walk.looked_up))
    return tuple(walk.looked_up)


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
            fault = TemplateFault(node.lineno or 1, f"nested more than {MOST_NESTED} deep", "split the expression")
            raise TemplateError((fault,), tuple(self.looked_up))
        children = list(node.iter_child_nodes())
        match node:
            case nodes.For():
                self._loop(node, scope, depth)
                return
            case nodes.Name() | nodes.Getattr() | nodes.Getitem() if path := plain_path(node):
                self._root(node, path, scope)
                return
            case nodes.Getattr() | nodes.Getitem():
                pass
            case nodes.Call():
                self._call(node)
                children.remove(node.node)
            case nodes.Filter():
                self._known(node, "filter", node.name)
                place, kind = _NAMED.get(node.name, (len(node.args), ""))
                match node.args[place : place + 1]:
                    case [nodes.Const(value=str() as name)]:
                        self._known(node, kind, name)
            case nodes.Test():
                self._known(node, "test", node.name)
            case nodes.Compare():
                self._verdicts(node)
            case nodes.Mod(left=nodes.Const(value=str())):
                hint = "write {{ x | round(2) }} for two places, and ~ to join texts"
                self.fault(node, "% formats no text here", hint)
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
        for name in sorted(targets & {*self.known, "loop", "range"}):
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
            return
        self.looked_up += [(node.lineno, path)] if name in self.known else ()
        listed = f"known here: {' '.join(sorted(self.known))}"
        if name in TEMPLATE_NAMES - self.known:
            self.fault(node, f"{name} is not known here", listed)
        elif name not in self.known:
            hint = _NO_NAMES.get(name) or nearest(name, self.known | scope) or listed
            self.fault(node, f"unknown name {name}", hint)

    def _call(self, node: nodes.Call) -> None:
        called = node.node.name if isinstance(node.node, nodes.Name) else getattr(node.node, "attr", "")
        if called != "range" or not isinstance(node.node, nodes.Name):
            name = _meant(called, FILTERS)
            hint = f"write it as a filter: … | {name}" if name in FILTERS else "filters do it, as {{ message | upper }}"
            hint = f"write {called} without ()" if called in self.known else hint
            self.fault(node, "nothing may be called but range", hint)

    def _known(self, node: nodes.Node, kind: str, word: str) -> None:
        known = FILTERS if kind == "filter" else TESTS
        if word not in known:
            meant = _meant(word, known)
            near = f"did you mean {meant}?" if meant else nearest(word, known)
            self.fault(node, f"unknown {kind} {word}", f"{near} {kind}s: {' '.join(sorted(known))}".lstrip())

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


def _meant(word: str, known: Collection[str]) -> str:
    """The filter or test that somebody means by a word; empty where none is near."""
    whole = word.lower().replace("_", "")
    plain = whole.removeprefix("to" if whole[:2] == "to" else "is")
    found = _MEANT.get(whole, _MEANT.get(plain, plain))
    return found if found.partition("(")[0] in known else ""
