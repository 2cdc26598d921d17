"""Jinja's sandbox as templates run in it: filters and operators that keep the places of numbers, and count their steps.

Three bounds hold whatever a template does. What it takes is spent of a `Budget`, in steps that are the same everywhere:
for each passage of a loop what stands in its body, for each look-up, operator, filter and test its price, and for what
these look at one step an element, or for each 16 characters. No text made on the way is larger than an output may be.
No number made is larger than 10^15.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import partial
from math import isfinite
from typing import TypeAlias, cast

from jinja2 import StrictUndefined, Undefined, nodes, pass_context, pass_environment
from jinja2.filters import do_float, do_int, make_attrgetter
from jinja2.runtime import Context as Names
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer
from msgspec import Struct

from lab.language.templates.bounds import (
    LookedUp,
    RenderFailure,
    TemplateError,
    TemplateFault,
    as_text,
    fitting,
    json_text,
    member_of,
    shown_text,
    spend,
    text_within_size,
    weigh,
)

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


# Filters and tests


class Price(Struct, frozen=True):
    """What a filter or test spends, beside a call, before it begins."""

    takes: Callable[[object], object] = lambda value: value
    """What is made of the value first."""
    weighs: bool = True
    """Whether it looks at all of what it is given: a step an element, or for 16 characters."""
    each: bool = False
    """Whether it takes longer of a text: a step for each character."""
    sorts: bool = False


_PASSES = Price(weighs=False)
FILTERS: Mapping[str, Price] = {
    **dict.fromkeys("count d default first last length list tojson".split(), _PASSES),
    **dict.fromkeys("capitalize e escape lower replace safe string trim truncate upper".split(), Price(as_text)),
    **dict.fromkeys("striptags title urlencode wordcount".split(), Price(as_text, each=True)),
    **dict.fromkeys(
        "abs float int items join map max min reject rejectattr reverse round select selectattr sum unique".split(),
        Price(each=True),
    ),
    **dict.fromkeys("dictsort groupby sort".split(), Price(each=True, sorts=True)),
}
"""Those that a template may use: none pads, repeats, fetches attributes or draws."""
TESTS: Mapping[str, Price] = {
    **dict.fromkeys("defined none undefined".split(), _PASSES),
    **dict.fromkeys("divisibleby even odd".split(), Price(as_number)),  # the % of a text formats
    **dict.fromkeys(
        "!= < <= == > >= boolean eq equalto false float ge greaterthan gt in integer iterable le lessthan lower lt mapping "
        "ne number sequence string true upper".split(),
        Price(),
    ),
}
"""Those that it may use after `is`."""


def _counted(function: Callable[..., object], price: Price) -> Callable[..., object]:
    """The filter or test, its steps spent before it looks at anything, and held to what it may give."""
    passed = getattr(getattr(function, "jinja_pass_arg", None), "name", None)

    @pass_context
    def counted(context: Names, value: object, *arguments: object, **named: object) -> object:
        spend(_CALL)
        value = price.takes(value)
        for each in (value, *arguments, *named.values()) if price.weighs else ():
            if price.each and isinstance(each, str):
                spend(len(each))
            elif price.sorts and isinstance(each, list | tuple | Mapping):
                spend(len(each) * len(each).bit_length() >> 1)
            weigh(each)
        front = {
            "context": (context,), "eval_context": (context.eval_ctx,), "environment": (context.environment,), None: (),
        }[passed]  # fmt: skip
        result = function(*front, value, *arguments, **named)
        if isinstance(result, Iterator):
            result = list(result)  # what a filter yields may be looked at again
        if isinstance(result, list):
            spend(len(result))
        elif isinstance(result, str):
            spend(len(result) >> 4)
            fitting(result)
        return result

    return counted


@pass_environment
def _join(environment: "Sandbox", value: Iterable[object], d: object = "", attribute: str | None = None) -> str:
    """The texts of the elements, or of their `attribute`, with `d` between them."""
    return text_within_size(map(as_text, map(make_attrgetter(environment, attribute), value)), as_text(d))


def _replace(value: str, old: object, new: object, count: int = -1) -> str:
    """The text with each `old` as `new`, the first `count` only if that is given."""
    return text_within_size(value.split(as_text(old), count), as_text(new))


def _round(value: object, precision: int = 0, method: str = "common") -> Numeric:
    """The number with `precision` places, -9 to 9; halves go away from zero; or `ceil`, `floor`."""
    modes = {"common": "ROUND_HALF_UP", "ceil": "ROUND_CEILING", "floor": "ROUND_FLOOR"}
    if method not in modes or not -9 <= precision <= 9:
        raise RenderFailure("round takes -9 to 9 places, and 'common', 'ceil' or 'floor'")
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
        result = environment.call_binop(None, "+", result, element)
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
    passages = value if isinstance(value, Collection) else list(value)
    spend(abs(steps) * len(passages))  # who calls this by a name that is computed gains nothing
    return list(passages)


def _weighed(value: object) -> object:
    """What is looked at as a whole."""
    spend(_CALL)
    weigh(value)
    return value


_OWN: dict[str, Callable[..., object]] = {
    "float": partial(_number_in, "float", do_float), "int": partial(_number_in, "int", do_int), "join": _join,
    "replace": _replace, "round": _round, "safe": as_text, "string": as_text, "sum": _sum, "tojson": _tojson,
}  # fmt: skip
"""Filters that are ours because Jinja's are unbounded, lose places, or give 0 for what is no number."""


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
        super().__init__(undefined=Unknown, finalize=as_text, keep_trailing_newline=True, cache_size=0)
        jinja = {**cast(dict[str, Callable[..., object]], self.filters), **_OWN}
        self.filters = {name: _counted(jinja[name], price) for name, price in FILTERS.items()}
        self.filters |= {"_passages": _passages, "_weighed": _weighed}
        tests = cast(dict[str, Callable[..., object]], self.tests)
        self.tests = {name: cast(Callable[..., bool], _counted(tests[name], price)) for name, price in TESTS.items()}
        self.globals = {"range": _range}

    def call_binop(self, context: Names | None, operator: str, left: object, right: object) -> Numeric:
        """The result of an operator; a float is converted by its text, so 21.40 + 1.5 is 22.90."""
        spend(_OPERATION)
        one, other = as_number(left), as_number(right)
        if other == 0 and operator in ("/", "//", "%"):
            raise RenderFailure(BY_ZERO)
        calculate = self.binop_table[operator]
        if isinstance(one, int) and isinstance(other, int):
            return as_number(calculate(one, other))
        with localcontext(_EXACT):
            return as_number(calculate(Decimal(str(one)), Decimal(str(other))))

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


SANDBOX = Sandbox()


# A checked tree, compiled


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
    return nodes.Filter(cast(nodes.Expr, node), name, [*arguments], [], None, None)


def _size(node: nodes.Node) -> int:
    """The nodes of a tree; of a loop within it, whose passages are counted by themselves, not those of its body."""
    inner = [node.iter, *node.else_] if isinstance(node, nodes.For) else node.iter_child_nodes()
    return 1 + sum(map(_size, inner))


def compiled(
    tree: nodes.Template, looked_up: LookedUp, only: nodes.Expr | None = None
) -> Callable[[Mapping[str, object]], object]:
    """What writes the text of a checked template, or finds the value of the expression that is all of it."""
    if only is not None:  # what is assigned at the top of a template stands among its variables once it was rendered
        tree.body = [nodes.Assign(nodes.Name(_VALUE, "store"), only)]
    _Counting().visit(tree)
    tree.set_lineno(1)
    try:
        code = SANDBOX.from_string(tree)
    except Exception as error:
        # the walk has passed it, so what is left is Python refusing the generated code: too long, too deep
        raise TemplateError((TemplateFault(1, "the template is too complex"),)) from error
    roots = {path[0]: None for _, path in looked_up}

    def render(names: Mapping[str, object]) -> object:
        # of the names those that a template looks up, for they may be made when they are asked for
        seen = ((root, member_of(names, root, _NOTHING)) for root in roots)
        context = code.new_context({root: value for root, value in seen if value is not _NOTHING})
        text = text_within_size(code.root_render_func(context))
        value = text if only is None else context.vars[_VALUE]
        if isinstance(value, Undefined):
            str(value)  # raises its own error, which names what is missing
        return value

    return render
