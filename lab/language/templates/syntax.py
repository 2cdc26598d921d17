"""What is wrong with a text that Jinja can't read, in words of what its author did."""

import re

from lab.language.templates.check import TemplateFault

_UNFINISHED = "an expression ends with }}, a tag with %}"
_FOUND = (
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


def syntax_fault(message: str, line: int) -> TemplateFault:
    """A fault for what Jinja says of a line."""
    message = message[:1].lower() + message[1:].rstrip(".")
    for words, what, hint in _FOUND:
        if found := re.search(words, message):
            return TemplateFault(line, found.expand(what), found.expand(hint))
    return TemplateFault(line, message)
