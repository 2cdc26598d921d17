"""What a recording has to know of the members of bodies: which hold ids, instants, and what is worth showing.

A tape names no dialect, so the marks of all wires count together.
"""

from collections.abc import Mapping
from typing import NamedTuple

from lab.core.exchange import Json


class BodyMarks(NamedTuple):
    """Of one wire; names of members, wherever in a body they stand."""

    ids: Mapping[str, str] = {}
    """Those that hold ids, each with the letter of the alias that it has in a comparison (J for a job)."""
    millis: frozenset[str] = frozenset()
    """Instants in milliseconds since 1970."""
    dates: frozenset[str] = frozenset()
    """Instants in text."""
    job: frozenset[str] = frozenset()
    """What a job's body is known by: it has all of these; empty: nothing is shown shorter."""
    telling: tuple[str, ...] = ()
    """Of a job's body, what tells one answer from the next."""

    def worth_showing(self, body: Mapping[str, Json]) -> Mapping[str, Json]:
        """The members of a body that say something new; all of them, unless it is a job's."""
        if not self.job or not self.job <= body.keys():
            return body
        return {name: part for name, part in body.items() if name in self.telling and part not in (None, "", [])}
