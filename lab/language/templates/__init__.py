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
from lab.language.templates.check import TEMPLATE_NAMES, LookedUp, TemplateError, TemplateFault, check_template
from lab.language.templates.sandbox import BUDGET, Metering, Sandbox

_MARKS = ("{{", "{%", "{#")
_ALONE = re.compile(
    r"^[ \t]*(\{%(?:(?!%\}).)*?|\{#(?:(?!#\}).)*?)([-+]?[%#]\})[ \t]*\n",
    re.MULTILINE,
)
_ENVIRONMENT = Sandbox()


class Template(Struct, frozen=True, eq=False):
    """A checked template; made by `template`."""

    text: str
    looked_up: LookedUp
    _compiled: Compiled | None

    @property
    def plain(self) -> bool:
        """True if the text holds no template syntax: it renders to itself."""
        return self._compiled is None

    def render(self, names: Mapping[str, object]) -> str:
        """The text for these names; RenderFailure for an unknown name, a wrong type, too much work or size."""
        if self._compiled is None:
            return self.text
        try:
            context = self._compiled.new_context({**names, BUDGET: Budget()})
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
    tree = _parsed(text)
    looked_up = check_template(tree)
    try:
        code = _ENVIRONMENT.compile(Metering().visit(tree))
    except Exception as error:
        # the walk has passed it, so what is left is Python refusing the generated code: too long, too deep
        raise TemplateError((TemplateFault(1, "the template is too complex"),)) from error
    return Template(text, looked_up, Compiled.from_code(_ENVIRONMENT, code, _ENVIRONMENT.make_globals(None)))


def _parsed(text: str) -> nodes.Template:
    try:
        return _ENVIRONMENT.parse(_alone(text))
    except TemplateSyntaxError as error:
        raise TemplateError((TemplateFault(error.lineno, _sentence(error.message or "wrong syntax")),)) from error
    except RecursionError as error:
        raise TemplateError((TemplateFault(1, "the template is nested too deeply"),)) from error
    except (ValueError, ArithmeticError) as error:
        raise TemplateError((TemplateFault(1, f"the template can't be read: {error}"),)) from error


def _alone(text: str) -> str:
    # The newline goes inside the tag, where it means nothing: so no line is left over, and every line keeps its number.
    return text if "raw" in text else _ALONE.sub(r"\1\n\2", text)


def _sentence(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")
