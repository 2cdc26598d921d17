"""Jinja's sandbox as templates run in it: filters and operators that keep the places of numbers, and count their steps.

Three bounds hold whatever a template does. What it takes is spent of a `Budget`, in steps that are the same everywhere:
for each passage of a loop what stands in its body, for each look-up, operator, filter and test its price, and for what
these look at one step an element, or for each 16 characters. No text made on the way is larger than an output may be.
No number made is larger than 10^15.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import partial
from math import isfinite
from typing import TypeAlias, cast

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, nodes, pass_context, pass_environment
from jinja2 import Template as Compiled
from jinja2.filters import do_float, do_int, make_attrgetter
from jinja2.runtime import Context as Names
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from lab.language.templates.bounds import (
    LookedUp,
    RenderFailure,
    TemplateError,
    TemplateFault,
    as_text,
    check_size,
    fitting,
    json_text,
    member_of,
    pooled,
    shown_text,
    spend,
    text_within_size,
    weigh,
    within,
)
from lab.language.templates.check import FILTERS, TESTS, syntax_error

BIGGEST = 10**15
"""The largest number that an operator takes or gives."""
RANGE = 1000
"""The longest `range`."""
BY_ZERO = "division by zero"
NO_NUMBER = "finds no number in"
"""What `int` and `float` say of a value that is none, where no default is given."""
_CALL, _OPERATION, _LOOK_UP = 8, 8, 2
"""Steps of a filter or test, of an operator, of a look-up: a step is a quarter of a microsecond or so."""

Numeric: TypeAlias = int | float | Decimal

_NUMBERS = (int, float, Decimal)
_NOTHING = object()
"""Stands where no default is given."""
_VALUE = "value"
"""Under which name an expression leaves its value."""
_ALONE = re.compile(r"^[ \t]*(\{%(?:(?!%\}).)*?|\{#(?:(?!#\}).)*?)([-+]?[%#]\})[ \t]*\n", re.MULTILINE)
"""A line that holds one tag or comment and nothing else."""
_TEXT_FILTERS = frozenset(
    "capitalize e escape lower replace safe string striptags title trim truncate upper urlencode wordcount".split()
)
_SLOW_FILTERS = frozenset("striptags title urlencode wordcount".split())
"""Those that take more than the others, a step for each character."""
_SORTING_FILTERS = frozenset("dictsort groupby sort".split())
_NUMBER_TESTS = frozenset("divisibleby even odd".split())
_SHALLOW = frozenset("count d default defined first last length list none undefined".split())
"""Filters and tests that look at no element, or at each only to pass it on."""
_EXACT = Context(prec=28, rounding=ROUND_HALF_EVEN)


def as_number(value: object) -> Numeric:
    """The value, if it is a number within bounds; RenderFailure if not."""
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        str(value)  # what is undefined raises its own error, which names what is missing
        hint = "; join texts with ~" + (", and make numbers of them by | int or | float" * isinstance(value, str))
        raise RenderFailure(f"operators take numbers only{hint}")
    if not -BIGGEST <= value <= BIGGEST:
        raise RenderFailure("a number is larger than 10^15")
    return value


def arithmetic(operator: str, left: object, right: object) -> Numeric:
    """The result of an operator; a float is converted by its text, so 21.40 + 1.5 is 22.90."""
    spend(_OPERATION)
    one, other = as_number(left), as_number(right)
    if other == 0 and operator in ("/", "//", "%"):
        raise RenderFailure(BY_ZERO)
    calculate = ImmutableSandboxedEnvironment.default_binop_table[operator]
    if isinstance(one, int) and isinstance(other, int):
        return as_number(calculate(one, other))
    with localcontext(_EXACT):
        return as_number(calculate(Decimal(str(one)), Decimal(str(other))))


@pass_environment
def _join(environment: "Sandbox", value: Iterable[object], d: object = "", attribute: str | None = None) -> str:
    """The texts of the elements, or of their `attribute`, with `d` between them."""
    texts = [as_text(element) for element in map(make_attrgetter(environment, attribute), value)]
    gap = as_text(d)
    check_size(sum(map(len, texts)) + len(gap) * (len(texts) - 1))
    return gap.join(texts)


def _replace(value: str, old: object, new: object, count: int | None = None) -> str:
    """The text with each `old` as `new`, the first `count` only if that is given."""
    before, after = as_text(old), as_text(new)
    times = min(value.count(before), len(value) + 1 if count is None or count < 0 else count)
    check_size(len(value) + times * (len(after) - len(before)))
    return str(value).replace(before, after, times)


def _round(value: object, precision: int = 0, method: str = "common") -> Numeric:
    """The number with `precision` places, -9 to 9; halves go away from zero; or `ceil`, `floor`."""
    modes = {"common": "ROUND_HALF_UP", "ceil": "ROUND_CEILING", "floor": "ROUND_FLOOR"}
    if method not in modes:
        raise RenderFailure("round goes by 'common', 'ceil' or 'floor'")
    if not -9 <= precision <= 9:
        raise RenderFailure("round takes -9 to 9 places")
    exact = Decimal(str(as_number(value)))
    result = exact.quantize(Decimal(1).scaleb(-precision), modes[method], _EXACT)
    return result if precision > 0 else int(result)


def _number_in(
    name: str, convert: Callable[..., object], value: object, default: object = _NOTHING, *base: int
) -> object:
    """The number in a value; RenderFailure if there is none and no default."""
    number = convert(value, None, *base)
    if number is not None and not (isinstance(number, float) and not isfinite(number)):
        return number
    if default is _NOTHING:  # a 0 that nobody wrote would let an amount of 1,250.00 pass as a small one
        raise RenderFailure(f"{name} {NO_NUMBER} {shown_text(value)}")
    return default


@pass_environment
def _sum(environment: "Sandbox", value: Iterable[object], attribute: str | None = None, start: Numeric = 0) -> Numeric:
    """The sum of the numbers, or of their `attribute`, places kept."""
    result = start
    for element in map(make_attrgetter(environment, attribute), value):
        result = arithmetic("+", result, element)
    return result


def _tojson(value: object, indent: int | None = None) -> str:
    """The value as JSON, on lines of their own its parts if it is indented, by 1 to 8."""
    if indent is not None and not 1 <= indent <= 8:
        raise RenderFailure("tojson indents by 1 to 8")
    return json_text(value, indent or 0)


def _range(*bounds: int) -> list[int]:
    """`range` as a list, 1000 long at most."""
    if len(range(*bounds)) > RANGE:
        raise RenderFailure(f"range is longer than {RANGE}")
    return [*range(*bounds)]


def _passages(value: object, steps: int) -> list[object]:
    """What a loop passes over, each time for so many steps."""
    if not isinstance(value, Iterable):
        counted = ": write range(…) to count" if isinstance(value, _NUMBERS) else ""
        raise RenderFailure(f"a loop passes over a list, and this is {shown_text(value)}{counted}")
    passages = list(value)
    spend(steps * len(passages))
    return passages


_OWN: dict[str, Callable[..., object]] = {
    "float": partial(_number_in, "float", do_float), "int": partial(_number_in, "int", do_int), "join": _join,
    "replace": _replace, "round": _round, "safe": as_text, "string": as_text, "sum": _sum, "tojson": _tojson,
    "_passages": _passages, "_weighed": lambda value: value,
}  # fmt: skip
"""Filters that are ours because Jinja's are unbounded, lose places, or give 0 for what is no number."""


def _counted(name: str, function: Callable[..., object]) -> Callable[..., object]:
    """The filter or test, its steps spent before it looks at anything, and held to what it may give."""
    passed = getattr(getattr(function, "jinja_pass_arg", None), "name", None)
    by_character = name in _SLOW_FILTERS or name in FILTERS - _TEXT_FILTERS - {"tojson"}

    @pass_context
    def counted(context: Names, value: object, *arguments: object, **named: object) -> object:
        spend(_CALL)
        if name in _TEXT_FILTERS:
            value = as_text(value)
        if name in _NUMBER_TESTS:
            as_number(value)  # the % of a text formats
        if name not in _SHALLOW:
            for each in (value, *arguments, *named.values()):
                if by_character and isinstance(each, str):
                    spend(len(each))
                weigh(each)
        if name in _SORTING_FILTERS and isinstance(value, Sized):
            spend(len(value) * len(value).bit_length() >> 1)
        front = {
            "context": (context,), "eval_context": (context.eval_ctx,), "environment": (context.environment,), None: (),
        }[passed]  # fmt: skip
        result = function(*front, value, *arguments, **named)
        if isinstance(result, Iterator):
            result = list(result)  # what a filter yields may be looked at again
        if isinstance(result, list) and name != "_passages":
            spend(len(result))
        elif isinstance(result, str) and name not in _SHALLOW:
            spend(len(result) >> 4)
            fitting(result)
        return result

    return counted


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
            undefined=Unknown, finalize=as_text, autoescape=False, keep_trailing_newline=True, cache_size=0
        )
        filters: dict[str, Callable[..., object]] = {name: self.filters[name] for name in FILTERS}
        self.filters = {name: _counted(name, each) for name, each in (filters | _OWN).items()}
        self.tests = {name: _counted(name, cast(Callable[..., object], self.tests[name])) for name in TESTS}
        self.globals = {"range": _range}

    def call_binop(self, context: Names, operator: str, left: object, right: object) -> Numeric:
        """The operators' hook."""
        return arithmetic(operator, left, right)

    def call_unop(self, context: Names, operator: str, arg: object) -> Numeric:
        """The hook of `-` and `+` in front of a number."""
        value = as_number(arg)
        return -value if operator == "-" else value

    def getattr(self, obj: object, attribute: str) -> object:
        """`obj.attribute`: a key, or what loops and groups offer. Methods may be looked up and not called."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: object, argument: object) -> object:
        """`obj[argument]`: a key, an index, or undefined."""
        spend(_LOOK_UP)
        if isinstance(obj, Undefined):
            str(obj)  # raises its own error, which names what is missing
        if isinstance(obj, LoopContext | tuple) and isinstance(argument, str):
            spend(_CALL)
            return super().getattr(obj, argument)
        found = member_of(obj, argument, _NOTHING)
        return self.undefined(obj=obj, name=str(argument)) if found is _NOTHING else found


_SANDBOX = Sandbox()


class _Counting(NodeTransformer):
    """Puts filters that count into a checked tree where Jinja would loop, compare, cut or concatenate unseen."""

    def visit(self, node: nodes.Node, *_: object, **__: object) -> nodes.Node:
        node = self.generic_visit(node)
        match node:
            case nodes.For():
                passage = sum(map(_size, (*node.body, *([node.test] if node.test is not None else ()))))
                node.iter = _filtered("_passages", node.iter, nodes.Const(1 + passage))
            case nodes.Compare():
                for side in cast(list[nodes.Operand], [node, *node.ops]):
                    if not isinstance(side.expr, nodes.Const):
                        side.expr = _filtered("_weighed", side.expr)
            case nodes.Getitem(arg=nodes.Slice()):
                return _filtered("_weighed", node)
            case nodes.Concat():
                return _filtered("join", nodes.List(node.nodes))
        return node


def _filtered(name: str, node: nodes.Node, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(cast(nodes.Expr, node), name, list(arguments), [], None, None)


def _size(node: nodes.Node) -> int:
    """The nodes of a tree; of a loop within it, whose passages are counted by themselves, not those of its body."""
    inner = [node.iter, *node.else_] if isinstance(node, nodes.For) else node.iter_child_nodes()
    return 1 + sum(map(_size, inner))


def parsed(text: str) -> nodes.Template:
    """The tree of a text; TemplateError if Jinja can't read it.

    A line that holds one tag or comment (`{% for … %}`) and nothing else leaves no line behind; all else stands as
    written, the final newline too.
    """
    # the newline goes inside the tag, where it means nothing: so no line is left over, and every line keeps its number
    text = text if "raw" in text else _ALONE.sub(r"\1\n\2", text)
    try:
        return _SANDBOX.parse(text)
    except TemplateSyntaxError as error:
        raise syntax_error(error) from error
    except RecursionError as error:
        raise TemplateError((TemplateFault(1, "the template is nested too deeply"),)) from error
    except (ValueError, ArithmeticError) as error:
        raise TemplateError((TemplateFault(1, f"the template can't be read: {error}"),)) from error


def writer(tree: nodes.Template, looked_up: LookedUp) -> Callable[[Mapping[str, object]], str]:
    """What writes the text of a checked template."""
    compiled = _compiled(tree)
    return lambda names: text_within_size(compiled.root_render_func(_context(compiled, looked_up, names)))


def finder(tree: nodes.Template, node: nodes.Expr, looked_up: LookedUp) -> Callable[[Mapping[str, object]], object]:
    """What finds the value of the expression that is all of a checked template."""
    # what is assigned at the top of a template stands among its variables once it has been rendered
    tree.body = [nodes.Assign(nodes.Name(_VALUE, "store"), node)]
    compiled = _compiled(tree)

    def find(names: Mapping[str, object]) -> object:
        context = _context(compiled, looked_up, names)
        text_within_size(compiled.root_render_func(context))
        value = context.vars[_VALUE]
        if isinstance(value, Undefined):
            str(value)  # raises its own error, which names what is missing
        return value

    return find


def _compiled(tree: nodes.Template) -> Compiled:
    _Counting().visit(tree)
    tree.set_environment(_SANDBOX)
    tree.set_lineno(1)
    try:
        # what Jinja finds out while it compiles is paid for by nobody's rendering
        code = pooled(None, lambda: within(None, lambda _: _SANDBOX.compile(tree), {}))
    except RenderFailure as error:
        # the walk has passed it, so what is left is Python refusing the generated code: too long, too deep
        raise TemplateError((TemplateFault(1, "the template is too complex"),)) from error
    return Compiled.from_code(_SANDBOX, code, _SANDBOX.make_globals(None))


def _context(compiled: Compiled, looked_up: LookedUp, names: Mapping[str, object]) -> Names:
    """Of the names those that a template looks up, for they may be made when they are asked for."""
    seen = ((root, member_of(names, root, _NOTHING)) for root in {path[0]: None for _, path in looked_up})
    return compiled.new_context({root: value for root, value in seen if value is not _NOTHING})
