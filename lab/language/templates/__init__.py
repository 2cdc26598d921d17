"""Texts from templates: Jinja2 in a sandbox of our own, strict about names and bounded in work and size.

A template is read and checked once (`template`), rendered as often as wanted (`Template.render`), and gives the
same text for the same names. Jinja's own sandbox stops neither CPU nor memory, so `check` walks the parsed
template against an allow-list and `sandbox` counts what rendering does.

A line that holds one tag or comment (`{% for … %}`) and nothing else leaves no line behind; all else stands as
written, the final newline too.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from jinja2 import Template as Compiled
from jinja2 import TemplateSyntaxError, nodes
from msgspec import Struct

from lab.language.templates.bounds import Budget, RenderFailure, bounded, fitting
from lab.language.templates.check import (
    DATA_NAMES,
    LATER_NAMES,
    TEMPLATE_NAMES,
    TIMELESS_NAMES,
    LookedUp,
    TemplateError,
    TemplateFault,
    check_template,
    plain_path,
)
from lab.language.templates.filters import shown_text
from lab.language.templates.sandbox import BUDGET, Metering, Sandbox, Unknown
from lab.language.templates.syntax import syntax_fault

_MARKS = ("{{", "{%", "{#")
_ALONE = re.compile(
    r"^[ \t]*(\{%(?:(?!%\}).)*?|\{#(?:(?!#\}).)*?)([-+]?[%#]\})[ \t]*\n",
    re.MULTILINE,
)
_ENVIRONMENT = Sandbox()
NO_ANSWER = "is neither true nor false"
"""How a failure ends that is a condition's own."""
_VALUE = "value"
"""Under which name an expression leaves its value."""
_SHOWN = 40
"""Characters of a condition in a hint."""
_NO_TRUTHS = (
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Neg,
    nodes.Pos,
    nodes.Concat,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
)
"""What is surely neither true nor false."""
_ELEMENTS = frozenset({"first", "last", "max", "min", "default", "d"})
"""Filters that may give true or false: one of their values as it is."""


class _Checked(Struct, frozen=True, eq=False):
    """A text that was read and checked."""

    text: str
    looked_up: LookedUp

    @property
    def decided_later(self) -> bool:
        """Whether it looks at decisions, or at what delegates hand back."""
        return any(path[0] in LATER_NAMES for _, path in self.looked_up)


class Template(_Checked, frozen=True, eq=False):
    """A checked template; made by `template`."""

    _compiled: Compiled | None

    @property
    def plain(self) -> bool:
        """True if the text holds no template syntax: it renders to itself."""
        return self._compiled is None

    def render(self, names: Mapping[str, object], budget: Budget | None = None) -> str:
        """The text for these names; RenderFailure for an unknown name, a wrong type, too much work or size."""
        if self._compiled is None:
            return self.text
        try:
            context = self._compiled.new_context({**names, BUDGET: budget or Budget()})
            return "".join(bounded(self._compiled.root_render_func(context)))
        except RenderFailure:
            raise
        except Exception as error:  # whatever a template provokes is its author's fault, not ours
            raise RenderFailure(f"{error}" or type(error).__name__) from error


@lru_cache(maxsize=4096)
def template(text: str) -> Template:
    """The template that `text` spells; TemplateError, with every fault, for what is not allowed."""
    if not any(mark in text for mark in _MARKS):
        return Template(text, (), None)
    return _template(text, TEMPLATE_NAMES)


@lru_cache(maxsize=4096)
def timeless_template(text: str) -> Template:
    """The same without `now`: what a delegate hands back, for a condition may look at it."""
    return _template(text, TIMELESS_NAMES)


def _template(text: str, known: frozenset[str]) -> Template:
    tree = _parsed(text)
    looked_up = check_template(tree, known)
    return Template(text, looked_up, _compiled(tree))


def _compiled(tree: nodes.Template) -> Compiled:
    try:
        code = _ENVIRONMENT.compile(Metering().visit(tree))
    except Exception as error:
        # the walk has passed it, so what is left is Python refusing the generated code: too long, too deep
        raise TemplateError((TemplateFault(1, "the template is too complex"),)) from error
    return Compiled.from_code(_ENVIRONMENT, code, _ENVIRONMENT.make_globals(None))


class Expression(_Checked, frozen=True, eq=False):
    """A text that is one `{{ expression }}`, checked: it gives a value, and no text of it."""

    _compiled: Compiled
    path: tuple[str, ...] = ()
    """What it looks up, if it does nothing else: `("parameters", "amount")`."""

    def value(self, names: Mapping[str, object], budget: Budget | None = None) -> object:
        """Its value for these names; RenderFailure as `Template.render`."""
        try:
            context = self._compiled.new_context({**names, BUDGET: budget or Budget()})
            for _ in self._compiled.root_render_func(context):
                pass
            found = context.vars[_VALUE]
            if isinstance(found, Unknown):
                str(found)  # raises its own error, which names what is missing
            return found
        except RenderFailure:
            raise
        except Exception as error:  # as in Template.render
            raise RenderFailure(f"{error}" or type(error).__name__) from error

    def holds(self, names: Mapping[str, object]) -> bool:
        """Whether it is true for these names; RenderFailure also for a value that is neither true nor false."""
        found = self.value(names)
        if not isinstance(found, bool):
            raise RenderFailure(f"{shown_text(found)} {NO_ANSWER}")
        return found


@lru_cache(maxsize=4096)
def condition(text: str) -> Expression:
    """The condition that `text` spells: one expression without `now`, true or false; TemplateError for anything else."""
    found = _expression(text, TIMELESS_NAMES)
    if found is None:
        hint = "write one expression, as {{ parameters.amount > 1000 }}"
        hint = f"write {{{{ {text.strip()} }}}}" if "{" not in text and len(text) <= _SHOWN else hint
        fault = TemplateFault(1, "is no condition", hint)
        raise TemplateError((fault,))
    expression, node = found
    if _no_truth(node):
        hint = "compare it, as {{ parameters.amount > 1000 }}"
        hint = (
            "numbers have no comma: write 1000, and between two conditions and"
            if isinstance(node, nodes.Tuple)
            else hint
        )
        fault = TemplateFault(1, NO_ANSWER, hint)
        raise TemplateError((fault,), expression.looked_up)
    return expression


@lru_cache(maxsize=4096)
def derivation(text: str) -> Expression | Template:
    """What makes a value of others: one expression, or a text with some; TemplateError for what is not allowed."""
    found = _expression(text, DATA_NAMES)
    return found[0] if found is not None else _template(text, DATA_NAMES)


def _no_truth(node: nodes.Expr) -> bool:
    """Whether an expression surely gives neither true nor false."""
    match node:
        case nodes.Const():
            return not isinstance(node.value, bool)
        case nodes.Filter():
            return node.name not in _ELEMENTS
        case _:
            return isinstance(node, _NO_TRUTHS)


def _expression(text: str, known: frozenset[str]) -> tuple[Expression, nodes.Expr] | None:
    """The expression that is all of a text, and its root; None if the text is anything else."""
    tree = _parsed(text.strip())
    match tree.body:
        case [nodes.Output(nodes=[node])] if not isinstance(node, nodes.TemplateData):
            looked_up = check_template(tree, known)
            # what is assigned at the top of a template stands among its variables once it has been rendered
            tree.body = [nodes.Assign(nodes.Name(_VALUE, "store", lineno=1), node, lineno=1)]
            tree.set_environment(_ENVIRONMENT)
            return Expression(text, looked_up, _compiled(tree), plain_path(node)), node
        case _:
            return None


def _parsed(text: str) -> nodes.Template:
    try:
        return _ENVIRONMENT.parse(_alone(text))
    except TemplateSyntaxError as error:
        raise TemplateError((syntax_fault(error.message or "wrong syntax", error.lineno),)) from error
    except RecursionError as error:
        raise TemplateError((TemplateFault(1, "the template is nested too deeply"),)) from error
    except (ValueError, ArithmeticError) as error:
        raise TemplateError((TemplateFault(1, f"the template can't be read: {error}"),)) from error


def _alone(text: str) -> str:
    # The newline goes inside the tag, where it means nothing: so no line is left over, and every line keeps its number.
    return text if "raw" in text else _ALONE.sub(r"\1\n\2", text)
