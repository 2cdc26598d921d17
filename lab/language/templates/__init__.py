"""Texts from templates: look-ups and choices compiled here, the rest in Jinja2's sandbox, strict about names, bounded in work.

A template is read and checked once (`template`), rendered as often as wanted (`Template.render`), and gives the
same text for the same names. `{{ data.supplier.name }}`, a look-up and nothing else, is most of what authors write, and
`{% if decisions.boss.verdict == 'approved' %} … {% else %} … {% endif %}` is what they write next: a text of such, and a
condition that is one look-up, is read here, and loads no Jinja. Anything else, what is wrong too, goes to Jinja's sandbox:
`check` walks what it has parsed and complains, `filters` runs it. Both roads give the same text and the same failures.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TypeAlias, cast

from msgspec import Struct

from lab.language.templates.bounds import (
    DATA_NAMES,
    NO_ANSWER,
    TEMPLATE_NAMES,
    TEXT_TOO_LARGE,
    TIMELESS_NAMES,
    Budget,
    LookedUp,
    Lookup,
    RenderFailure,
    TemplateError,
    TemplateFault,
    as_text,
    fitting,
    look_up,
    shown_text,
    unpooled,
    within,
    without_lone_tags,
)
from lab.program.steps import LARGEST_OUTPUT
from lab.program.words import Verdict

_LATER_NAMES = frozenset({"decisions", "delegates"})
"""Those that tell of what comes after a job's acceptance."""

_VERDICTS = frozenset(map(str, Verdict))
_MARKS = ("{{", "{%", "{#")
_TEXT = r"""'[^'\\\n]*'|"[^"\\\n]*\""""
_PATH = rf"""[A-Za-z]\w*(?:\.[A-Za-z_]\w*|\[(?:0|[1-9]\d{{0,5}}|{_TEXT})\]){{0,15}}"""
_LOOK_UP = re.compile(rf"\{{\{{\s*({_PATH})\s*\}}\}}", re.ASCII)
"""An expression that looks something up and does nothing else, spelt as Jinja reads it too."""
_TAG = re.compile(rf"\{{%\s*(?:if\s+({_PATH})(?:\s*([=!]=)\s*({_TEXT}))?|(else|endif))\s*%\}}", re.ASCII)
"""A tag of a choice: by one look-up, or by what it is compared with; `[4]` where it is no `if`."""
_MARK = re.compile(r"\{[{%]")
_PART = re.compile(r"""(\w+)|\[(?:(\d+)|(?:'([^']*)'|"([^"]*)"))\]""", re.ASCII)


class _Choice(Struct, frozen=True):
    """What is written if a look-up gives what it is to be, and what otherwise."""

    path: Lookup
    equal: bool
    text: str | None
    """What it is to be, or if not `equal` what it isn't; None: anything that is true."""
    chosen: "list[_Segment]"
    otherwise: "list[_Segment]"


_Segment: TypeAlias = str | Lookup | _Choice


class _Checked(Struct, frozen=True, eq=False):
    """A text that was read and checked."""

    text: str
    looked_up: LookedUp

    @property
    def decided_later(self) -> bool:
        """Whether it looks at decisions, or at what delegates hand back."""
        return any(path[0] in _LATER_NAMES for _, path in self.looked_up)


class Template(_Checked, frozen=True, eq=False):
    """A checked template; made by `template`."""

    _write: Callable[[Mapping[str, object]], object] | None = None

    @property
    def plain(self) -> bool:
        """True if the text holds no template syntax: it renders to itself."""
        return self._write is None

    def render(self, names: Mapping[str, object], budget: Budget | None = None) -> str:
        """The text for these names; RenderFailure for an unknown name, a wrong type, too much work or size.

        Of `names` nothing is asked for but what the text looks at.
        """
        return self.text if self._write is None else cast(str, within(budget, self._write, names))


class Expression(_Checked, frozen=True, eq=False):
    """A text that is one `{{ expression }}`, checked: it gives a value, and no text of it."""

    _find: Callable[[Mapping[str, object]], object]
    path: tuple[str, ...] = ()
    """What it looks up, if it does nothing else: `("parameters", "amount")`."""

    def value(self, names: Mapping[str, object], budget: Budget | None = None) -> object:
        """Its value for these names; RenderFailure as `Template.render`."""
        return within(budget, self._find, names)

    def holds(self, names: Mapping[str, object], budget: Budget | None = None) -> bool:
        """Whether it is true for these names; RenderFailure also for a value that is neither true nor false."""
        return unpooled(lambda: within(budget, self._answer, names))

    def _answer(self, names: Mapping[str, object]) -> bool:
        found = self._find(names)
        if not isinstance(found, bool):
            raise RenderFailure(f"{shown_text(found)} {NO_ANSWER}")
        return found


@lru_cache(maxsize=4096)
def template(text: str) -> Template:
    """The template that `text` spells; TemplateError, with every fault, for what is not allowed."""
    return _template(text, TEMPLATE_NAMES) if any(mark in text for mark in _MARKS) else Template(text, ())


@lru_cache(maxsize=4096)
def timeless_template(text: str) -> Template:
    """The same without `now`: what a delegate hands back, for a condition may look at it."""
    return _template(text, TIMELESS_NAMES)


@lru_cache(maxsize=4096)
def condition(text: str) -> Expression:
    """The condition that `text` spells: one expression without `now`, true or false; TemplateError for anything else."""
    found = _expression(text, TIMELESS_NAMES, is_condition=True)
    if found is None:
        hint = f"{{{{ {text.strip()} }}}}" if "{" not in text and len(text) <= 40 else ""
        hint = f"write {hint}" if hint else "write one expression, as {{ parameters.amount > 1000 }}"
        raise TemplateError((TemplateFault(1, "is no condition", hint),))
    return found


@lru_cache(maxsize=4096)
def derivation(text: str) -> Expression | Template:
    """What makes a value of others: one expression, or a text with some; TemplateError for what is not allowed."""
    return _expression(text, DATA_NAMES) or _template(text, DATA_NAMES)


def _template(text: str, known: frozenset[str]) -> Template:
    if (read := _segments(text, known)) is not None:
        return Template(text, read[0], partial(_written, read[1]))
    from lab.language.templates import check, filters  # they load Jinja

    tree = check.syntax_tree(text)
    looked_up = check.check_template(tree, known)
    return Template(text, looked_up, filters.compiled(tree, looked_up))


def _expression(text: str, known: frozenset[str], *, is_condition: bool = False) -> Expression | None:
    """The expression that is all of a text; None if the text is anything else. A condition gives true or false."""
    source = text.strip()
    match _segments(source, known):
        case looked_up, [tuple() as path]:
            return Expression(text, looked_up, partial(look_up, path), looked_up[0][1])
        case _, _:
            return None
    from jinja2 import nodes

    from lab.language.templates import check, filters

    tree = check.syntax_tree(source)
    match tree.body:
        case [nodes.Output(nodes=[node])] if not isinstance(node, nodes.TemplateData):
            looked_up = check.check_template(tree, known)
            if is_condition and (fault := check.no_truth(node)):
                raise TemplateError((fault,), looked_up)
            return Expression(text, looked_up, filters.compiled(tree, looked_up, node), check.plain_path(node))
    return None


def _segments(text: str, known: frozenset[str]) -> tuple[LookedUp, list[_Segment]] | None:
    """What a text looks up, and its parts, if it only looks up what it may, and chooses by that; None for any other."""
    if "{#" in text or "\r" in text:
        return None
    text = without_lone_tags(text)
    looked_up: list[tuple[int, tuple[str, ...]]] = []

    def path_in(found: re.Match[str]) -> Lookup | None:
        parts = (each.groups() for each in _PART.finditer(found[1]))
        path = tuple(int(number) if number else name or one or two or "" for name, number, one, two in parts)
        looked_up.append((1 + text.count("\n", 0, found.start(1)), tuple(map(str, path))))
        return path if path[0] in known else None

    segments: list[_Segment] = []
    around: list[tuple[list[_Segment], _Choice]] = []
    """Of the choices that are open, where each stands."""
    place = 0
    while (mark := _MARK.search(text, place)) is not None:
        segments += [text[place : mark.start()]] if mark.start() > place else []
        if (found := (_LOOK_UP if mark[0] == "{{" else _TAG).match(text, mark.start())) is None:
            return None
        place = found.end()
        word = found[4] if mark[0] == "{%" else None
        if word is None:
            if (path := path_in(found)) is None:
                return None
            if mark[0] == "{{":
                segments.append(path)
            else:
                compared = found[3][1:-1] if found[3] else None
                if (
                    compared is not None
                    and path[0] == "decisions"
                    and path[-1] == "verdict"
                    and compared not in _VERDICTS
                ):
                    return None
                around.append((segments, _Choice(path, found[2] != "!=", compared, [], [])))
                segments = around[-1][1].chosen
        elif not around or (word == "else" and segments is around[-1][1].otherwise):
            return None
        elif word == "else":
            segments = around[-1][1].otherwise
        else:
            segments, choice = around.pop()
            segments.append(choice)
    if around:
        return None
    if place < len(text):
        segments.append(text[place:])
    return tuple(looked_up), segments


def _written(segments: list[_Segment], names: Mapping[str, object]) -> str:
    pieces = list[str]()
    _write(pieces, LARGEST_OUTPUT, segments, names)
    return fitting("".join(pieces))


def _write(pieces: list[str], room: int, segments: list[_Segment], names: Mapping[str, object]) -> int:
    """Add the pieces of a text that may have so many characters; how many more it may have then."""
    for each in segments:
        if isinstance(each, _Choice):
            found = look_up(each.path, names)
            holds = bool(found) if each.text is None else (found == each.text) is each.equal
            room = _write(pieces, room, each.chosen if holds else each.otherwise, names)
            continue
        pieces.append(piece := each if isinstance(each, str) else as_text(look_up(each, names)))
        if (room := room - len(piece)) < 0:
            raise RenderFailure(TEXT_TOO_LARGE)
    return room
