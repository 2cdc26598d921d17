"""Follow-ups that an answer suggested and nobody asked -> entries of `turns` that answer whoever does (scenarios.md §9)."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from lab.language.patterns import BadPattern, pattern_of
from lab.plugins.learn.commented_yaml import BlockList, Commented, YamlMembers

_SIGNS = re.compile(r"[.^$*+?{}\[\]\\|()]")
_LONGEST = 500
_UNASKED = "not observed: nobody asked this"


def unanswered(suggested: Sequence[Sequence[str]], patterns: Sequence[str | None], *, in_order: bool) -> list[str]:
    """The follow-ups that no turn answers, in order, each once.

    By turn, what it suggests, and what must be found in its message, None for nothing; `in_order`: only the next turn may.
    """
    found: dict[str, None] = {}
    for place, texts in enumerate(suggested):
        others = [pattern for other, pattern in enumerate(patterns) if not other or other != place]
        if in_order and len(patterns) > 1:
            others = [*patterns[place + 1 : place + 2]]
        found |= dict.fromkeys(text for text in texts if not any(_fits(pattern, text) for pattern in others))
    return [*found]


def answerable(question: str) -> bool:
    """Whether an entry can be written that answers this question, and no other."""
    return bool(question.strip()) and len(question) <= _LONGEST and _fits(_exactly(question), question)


def optional_turns(questions: Sequence[str]) -> Iterator[YamlMembers]:
    """The entries that answer them: that they end is all that is known."""
    for question in questions:
        ending: YamlMembers = {"complete": Commented("not-observed", _UNASKED), "output": None}
        yield {
            "ask": question,
            "match": _exactly(question),
            "optional": True,
            "steps": BlockList((ending,)),
        }


def _exactly(text: str) -> str:
    return f"^{_SIGNS.sub(lambda found: chr(92) + found[0], text)}$"


def _fits(pattern: str | None, text: str) -> bool:
    if pattern is None:
        return True
    with suppress(BadPattern):
        return pattern_of(pattern).fits(text)
    return False
