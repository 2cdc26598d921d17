"""The environment that templates run in: numbers for operators, filters that are weighed, pieces that are counted.

Three bounds hold whatever a template does. The work of a rendering is charged to a `Budget`: one unit for each
passage of a loop, operator, filter and element looked at, one for each 16 characters. No text made on the way, and no
rendered text, is larger than an output may be. No number is larger than 10^15.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import cast

from jinja2 import StrictUndefined, Undefined, nodes, pass_context
from jinja2.runtime import Context as Names
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from lab.language.templates.bounds import Budget, fitting
from lab.language.templates.filters import (
    OWN,
    Numeric,
    arithmetic,
    as_number,
    as_shown,
    as_text,
    elements,
    limited_range,
)
from lab.language.templates.vocabulary import FILTERS, TESTS

BUDGET = "_budget"
"""Where a rendering's budget stands among its names; templates can't name it."""

_LOOP = frozenset({
    "index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0", "previtem",
    "nextitem",
})  # fmt: skip
_TEXT_FILTERS = frozenset({
    "capitalize", "e", "escape", "lower", "replace", "safe", "string", "striptags", "title", "trim",
    "truncate", "upper", "urlencode", "wordcount",
})  # fmt: skip


def budget_of(context: Names) -> Budget:
    """The budget of the rendering that `context` belongs to."""
    budget = context.parent[BUDGET]
    assert isinstance(budget, Budget)
    return budget


def _concrete(value: object, budget: Budget) -> object:
    """A value that may be looked at again: what a generator yields, as a list."""
    if not isinstance(value, Iterator):
        return value
    elements: list[object] = []
    for element in value:
        budget.charge(1)
        elements.append(element)
    return elements


def _metered(name: str, filter_: Callable[..., object]) -> Callable[..., object]:
    """The filter, charged for what it takes and held to what it may give."""
    passed = getattr(getattr(filter_, "jinja_pass_arg", None), "name", None)

    @pass_context
    def metered(context: Names, value: object, *arguments: object, **named: object) -> object:
        budget = budget_of(context)
        value = _concrete(value, budget)
        if not isinstance(value, Undefined):
            budget.weigh(value)
        if name in _TEXT_FILTERS:
            value = as_text(value)
        front: tuple[object, ...] = ()
        if passed is not None:
            front = (
                {"context": context, "eval_context": context.eval_ctx, "environment": context.environment}[passed],
            )
        result = _concrete(filter_(*front, value, *arguments, **named), budget)
        if isinstance(result, list) and name in FILTERS:
            budget.charge(len(result))
        return fitting(result) if isinstance(result, str) else result

    return metered


class Unknown(StrictUndefined):
    """What is not there: any use but `is defined` and `default` says so."""

    @property
    def _undefined_message(self) -> str:
        return self._undefined_hint or f"there is no {self._undefined_name} here"


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's environment with our filters, tests, operators and look-ups."""

    intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%", "**"])
    intercepted_unops = frozenset("+-")

    def __init__(self) -> None:
        super().__init__(
            undefined=Unknown, finalize=as_shown, autoescape=False, keep_trailing_newline=True, cache_size=0
        )
        theirs: dict[str, Callable[..., object]] = dict(self.filters)
        self.filters = {name: _metered(name, OWN.get(name, theirs[name])) for name in FILTERS}
        self.filters |= {"_loop": _metered("_loop", elements), "_weighed": _metered("_weighed", lambda value: value)}
        self.filters["_concat"] = self.filters["join"]
        self.tests = {name: test for name, test in self.tests.items() if name in TESTS}
        self.globals = {"range": limited_range}

    def call_binop(self, context: Names, operator: str, left: object, right: object) -> Numeric:
        """The operators' hook."""
        budget_of(context).charge(1)
        return arithmetic(operator, left, right)

    def call_unop(self, context: Names, operator: str, arg: object) -> Numeric:
        """The hook of `-` and `+` in front of a number."""
        value = as_number(arg)
        return -value if operator == "-" else value

    def getattr(self, obj: object, attribute: str) -> object:
        """`obj.attribute`: a key, or what loops and groups offer. Methods don't exist here."""
        if isinstance(obj, LoopContext):
            return getattr(obj, attribute) if attribute in _LOOP else self.undefined(obj=obj, name=attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: object, argument: object) -> object:
        """`obj[argument]`: a key, an index, or undefined."""
        if isinstance(obj, Undefined):
            str(obj)  # raises its own error, which names what is missing
        if isinstance(obj, tuple) and argument in ("grouper", "list") and hasattr(obj, "_fields"):
            return obj[("grouper", "list").index(argument)]
        try:
            if isinstance(obj, Mapping):
                return obj[argument]
            if isinstance(obj, str | list | tuple) and isinstance(argument, int):
                return obj[argument]
        except (LookupError, TypeError):
            pass  # an unhashable key is as unknown as any other
        return self.undefined(obj=obj, name=str(argument))


class Metering(NodeTransformer):
    """Puts our own filters into a checked tree where Jinja would loop, compare, cut or concatenate unseen."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        node.iter = _filtered("_loop", node.iter)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        node.expr = _filtered("_weighed", node.expr)
        for operand in node.ops:
            operand.expr = _filtered("_weighed", operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _filtered("_weighed", node.node)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _filtered("_concat", nodes.List(node.nodes, lineno=node.lineno, environment=node.environment))


def _filtered(name: str, node: nodes.Node) -> nodes.Filter:
    return nodes.Filter(
        cast(nodes.Expr, node), name, [], [], None, None, lineno=node.lineno, environment=node.environment
    )
