"""Whole numbers that a user may give, and the ranges in which they make sense. The help of `lab` needs no more of settings."""

from collections.abc import Callable

from lab.core.errors import UsageError

SEEDS = 2**63
"""Seeds are below this, so that a recording's integers fit everywhere."""


def number(option: str, lowest: int, highest: int) -> Callable[[object], int]:
    """Reads a whole number; UsageError names the option if it is none, or out of range."""

    def read(value: object) -> int:
        hint = f"Give a whole number from {lowest} to {highest}."
        try:
            whole = int(str(value))
        except ValueError:
            raise UsageError(f"{option} {value} is no whole number.", hint=hint) from None
        if not lowest <= whole <= highest:
            raise UsageError(f"{option} {value} is out of range.", hint=hint)
        return whole

    return read
