"""`datetime.now`, `utcnow`, `today` and `date.today` by a clock of one's own.

The classes are C's and can't be changed, so others stand in for them. What they make are real dates and times.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any


class _StandIn(type):
    """The class of a class that stands in for another."""

    _real: Any

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls._real) if "_real" in vars(cls) else type.__instancecheck__(cls, instance)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls._real) if "_real" in vars(cls) else type.__subclasscheck__(cls, other)


def virtual_dates(now: Callable[[], float]) -> tuple[tuple[type, type], ...]:
    """Each class of dates, and the one that stands in for it; `now` gives seconds since 1970."""
    real, real_date = datetime.datetime, datetime.date

    class VirtualDatetime(real, metaclass=_StandIn):  # type: ignore[misc,valid-type]
        _real = real

        def __new__(cls, *given: Any, **named: Any) -> Any:
            return real.__new__(real if cls is VirtualDatetime else cls, *given, **named)

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return cls.fromtimestamp(now(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.fromtimestamp(now(), datetime.timezone.utc).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(now())

    class VirtualDate(real_date, metaclass=_StandIn):  # type: ignore[misc,valid-type]
        _real = real_date

        def __new__(cls, *given: Any, **named: Any) -> Any:
            return real_date.__new__(real_date if cls is VirtualDate else cls, *given, **named)

        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(now())

    for stand_in, name in ((VirtualDatetime, "datetime"), (VirtualDate, "date")):
        stand_in.__name__ = stand_in.__qualname__ = name
        stand_in.__module__ = "datetime"
    return (real, VirtualDatetime), (real_date, VirtualDate)
