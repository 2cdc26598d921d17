"""What a failure of a text or a condition means to its author: in which jobs it comes, and what to do about it."""

import re
from collections.abc import Sequence

from lab.jobs.lint.trials import TrialJob
from lab.language.parse.names import spelt_as
from lab.language.templates import NO_ANSWER
from lab.language.templates.filters import BY_ZERO, NO_NUMBER

_UNLIKE = re.compile(r"not supported between instances of '(\w+)' and '(\w+)'")
"""Python's words for < and > of values without an order."""
_UNFIT = re.compile(r"unsupported operand type\(s\) for \S+ '(\w+)' and '(\w+)'")
"""Python's words for what can't be calculated, as a test does it."""
_ABSENT = re.compile(r"^there is no |\bundefined\b|'None' has no|sequence was empty")
"""What is said of a value that isn't there, for which one can ask first."""
_KINDS = {"str": "a text", "int": "a number", "float": "a number", "Decimal": "a number", "NoneType": "none"}
_POINT_THEN_COMMA = re.compile(rf'{NO_NUMBER} "[^",]*\.\d{{3}}[^",]*,')
_COMMA = re.compile(rf'{NO_NUMBER} ".*\d,\d')


def reworded(why: str) -> tuple[str, str]:
    """Why something fails, and what to do about it; no hint where that depends on when it fails."""
    if why.endswith(NO_ANSWER):
        return why, "a condition gives true or false: compare it, as {{ … > 500 }}, {{ … == 'yes' }}"
    if unlike := _UNLIKE.search(why):
        reason = " with ".join(_KINDS.get(each, each) for each in unlike.groups())
        hint = "a number that comes as text is made one by int, as {{ match.sum | int > 500 }}"
        return f"it compares {reason}", hint
    if unfit := _UNFIT.search(why):
        reason = " and ".join(_KINDS.get(each, each) for each in unfit.groups())
        return (
            f"it calculates with {reason}",
            "a number stands without quotes; one that comes as text is made one by int",
        )
    if _POINT_THEN_COMMA.search(why):
        return why, "write it as numbers are here, as {{ match.sum | replace('.', '') | replace(',', '.') | float }}"
    if _COMMA.search(why):
        return why, "take the commas out first, as {{ match.sum | replace(',', '') | int }}"
    if NO_NUMBER in why:
        return why, "where there may be none give a default, as int(0)"
    if BY_ZERO in why:
        return why, "ask first, as {{ a / b if b else 0 }}"
    return why, ""


def asks_for_absent(why: str) -> bool:
    """Whether something fails for the lack of a value."""
    return _ABSENT.search(why) is not None


def whose(failed: Sequence[TrialJob], passed: Sequence[TrialJob]) -> tuple[str, str]:
    """In which jobs something fails that passes in others, and for what to ask first there; empty where none pass."""
    if not passed:
        return "", ""
    first = failed[0]
    alike = [each for each in passed if each.plan.invocation.ordinal == first.plan.invocation.ordinal]
    by_user = any(each.verdicts == first.verdicts for each in alike if each.who != first.who)
    by_verdict = any(each.verdicts != first.verdicts for each in alike if each.who == first.who)
    gate = next(iter(first.unusual), None)
    if by_verdict and not by_user and gate is not None:
        return f"with {first.ended}", f"{spelt_as('decisions', gate)}.comment"
    if not alike:  # each draw of the data has its number
        return "with some of its data", "data.NAME is defined"
    return first.who if by_user and not by_verdict else first.kind, "user is not none"
