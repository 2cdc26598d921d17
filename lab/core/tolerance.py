"""What passes for a limit: times are measured with a tolerance of 50 ms or 5 %."""

from lab.core.clock import Millis


def least(limit: Millis) -> Millis:
    """The shortest pause that passes for one of `limit`."""
    return limit - max(50, limit // 20)


def most(limit: Millis) -> Millis:
    """The longest that passes for one of `limit`."""
    return limit + max(50, limit // 20)
