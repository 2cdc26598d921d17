"""What is wrong with a text that is no YAML, and what to do: odd blanks, quotes, colons, columns.

The parser says where it could not go on; what people did stands there or before: so the line is looked at, too.
"""

import re
from collections.abc import Sequence

import yaml

from lab.language.complaints import Position

QUOTE_BRACES = 'put the whole text in quotes: "{{ … }}"'
_SAME_COLUMN = "the keys of one mapping begin in the same column"
_HINTS = (
    ("tab character", "indent with blanks, not tabs"),
    ("unknown escape character", "in \"…\" a \\ begins an escape: put the text in '…', or write \\\\"),
    ("cannot start any token", "text that begins with {} stands in quotes"),
    ("mapping values are not allowed", "text that holds a colon and a blank stands in quotes"),
    ("alphabetic or numeric character", "text that begins with * or & stands in quotes"),
    ("could not find expected ':'", "a key ends with a colon; text of several lines begins with |"),
    ("block", _SAME_COLUMN),
    ("indentation", _SAME_COLUMN),
)
"""What to do about a syntax error, by words of the parser's; `{}` is the character at which it stopped."""
_BARE_BRACES = re.compile(r"(?:^\s*|:\s+|-\s+|[\[,{]\s*)\{\{[^}]*\}\}")
"""A text that begins with `{{` and not with a quote."""
_ODD_BLANK = re.compile("^[^'\"#]*?(?:^|[ :-])([\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff])")
"""A blank that YAML takes for a letter, where one stands that means something."""
_ENDED_TEXT = re.compile(r"""(?:^|[:,\[{-])\s*(?:"(?:\\.|[^"\\])*"|'(?:''|[^'])*')\s*$""")
"""A text in quotes, to its end."""
_LONGEST = 1000
"""How much of a line is looked at for one."""
_QUOTES_WITHIN = {
    '"': "write \\\" for a quote in it, or put the text in '…'",
    "'": "write '' for a quote in it, or put the text in \"…\"",
}
_ODD_QUOTE = re.compile("(?:[:-] +|[\\[{,] *)([\u2018-\u201f\u00ab\u00bb])")
_GLUED = re.compile(r"\s*(?:- +)?([\w-]+):((?!//)[^\s:].*)")
"""A key with no blank behind its colon: YAML reads it as the beginning of a text."""
_FEW = 5
"""How many lines above an error such a key is looked for."""
_BARE_KEY = re.compile(r"\s*(?:- +)?[^\s:'\"{\[][^:'\"{\[]*")


def yaml_fault(problem: str, error: yaml.MarkedYAMLError, lines: Sequence[str]) -> tuple[Position, str, str]:
    """Where a syntax error is, what it is, and what to do about it; `problem` is what the parser says."""
    mark = error.problem_mark
    if mark is None:
        return Position(1, 1), problem, ""
    here = Position(mark.line + 1, mark.column + 1)
    line = lines[mark.line] if mark.line < len(lines) else ""
    before, character = line[: mark.column], line[mark.column : mark.column + 1]
    if character == "\t":
        return here, problem, _HINTS[0][1]
    if _BARE_BRACES.search(before):
        return here, problem, QUOTE_BRACES
    for number, each in reversed(list(enumerate(lines[: mark.line + 1], 1))):
        if odd := _ODD_BLANK.search(each):
            what = f"U+{ord(odd[1]):04X} looks like a blank, and is a letter to YAML"
            return Position(number, odd.start(1) + 1), what, "write a plain blank in its place"
    if odd := _ODD_QUOTE.search(line):
        return Position(mark.line + 1, odd.start(1) + 1), f"{odd[1]} is no quote to YAML", "write \"…\" or '…'"
    if character not in ("", "#") and _ENDED_TEXT.search(before[-_LONGEST:]):
        quote = before.rstrip()[-1]
        return here, f"the text ends at the second {quote}, and more follows", _QUOTES_WITHIN[quote]
    if (fault := _key_fault(problem, here, lines)) is not None:
        return fault
    begun = error.context_mark
    if begun is not None and "quoted scalar" in (error.context or "") and "end of stream" in problem:
        return (
            Position(begun.line + 1, begun.column + 1),
            "the text that begins here is never closed",
            "end it with the same quote",
        )
    if begun is not None and "flow" in (error.context or ""):
        bracket = lines[begun.line][begun.column : begun.column + 1]
        return here, problem, f"the {bracket} on line {begun.line + 1} isn't closed, or a comma is missing"
    if "mapping values" in problem and _BARE_KEY.fullmatch(before):
        return here, problem, f"{_SAME_COLUMN}, and each ends with a colon: look at the line above too"
    return here, problem, next((hint.format(character) for words, hint in _HINTS if words in problem), "")


def _key_fault(problem: str, here: Position, lines: Sequence[str]) -> tuple[Position, str, str] | None:
    """A fault of a key's that shows on a line below it; None if there is none."""
    if "could not find expected ':'" in problem:
        above = list(enumerate(lines[: here.line - 1], 1))[-_FEW:]
        for number, each in reversed(above):
            if glued := _GLUED.fullmatch(each):
                what = f"{glued[1]}: has no blank after the colon"
                return Position(number, glued.start(1) + 1), what, f"write {glued[1]}: {glued[2].strip()}"
    if "did not find expected key" in problem and any(
        each.lstrip().startswith("- ") for each in lines[here.line - 1 : here.line]
    ):
        return here, problem, "each value of a list begins with -: put one in front of those above too"
    return None
