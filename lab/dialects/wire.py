"""A wire whole: what the folder of a dialect gives to the lab."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from lab.core.exchange import Json
from lab.core.fidelity import Claim
from lab.core.refusal import Refusal
from lab.core.routes import Route
from lab.dialects.base import Dialect
from lab.dialects.callbacks import CallbackWire
from lab.dialects.client import DialectClient


class BodyMarks(NamedTuple):
    """What a recording has to know of a wire's bodies: names of members, wherever in a body they stand.

    A tape names no dialect, so the marks of all wires count together.
    """

    ids: Mapping[str, str] = {}
    """Those that hold ids, each with the letter of the alias that it has in a comparison (J for a job)."""
    millis: frozenset[str] = frozenset()
    """Instants in milliseconds since 1970."""
    seconds: frozenset[str] = frozenset()
    """The same in seconds."""
    dates: frozenset[str] = frozenset()
    """Instants in text."""
    generated: frozenset[str] = frozenset()
    """What an agent writes, or is measured of its work: another server gives another."""
    job: frozenset[str] = frozenset()
    """What a job's body is known by: it has all of these; empty: nothing is shown shorter."""
    telling: tuple[str, ...] = ()
    """Of a job's body, what tells one answer from the next."""

    codes: frozenset[str] = frozenset()
    """What a mock makes of its seed, and so is no secret of its, though it is called like one."""
    own: frozenset[str] = frozenset()
    """Those whose words are the wire's, ids and instants apart: statuses, kinds, names of methods."""

    def worth_showing(self, body: Mapping[str, Json]) -> Mapping[str, Json]:
        """The members of a body that say something new; all of them, unless it is a job's."""
        if not self.job or not self.job <= body.keys():
            return body
        return {name: part for name, part in body.items() if name in self.telling and part not in (None, "", [])}


class Wire(NamedTuple):
    """Both halves, and the tables of which router, documents and `lab fidelity` are made."""

    name: str
    """As `--dialect` has it."""
    package: str
    """Where its `openapi.yaml` lies; of a wire of strangers there need be none."""
    server: Dialect
    routes: tuple[Route, ...]
    client: DialectClient | None = None
    """None: the lab serves it, and neither speaks it nor reports on its calls."""
    fields: tuple[Claim, ...] = ()
    """What is claimed of its requests and answers."""
    errors: tuple[Claim, ...] = ()
    """What is claimed of its refusals."""
    missing: Callable[[str, str], Refusal | None] = lambda path, near: None
    """What is said of a path that no row has, where it begins as paths of this wire do; given the call that it is near to, if any."""
    granting: frozenset[str] = frozenset()
    """The routes that grant tokens, beside the OAuth server's."""
    surroundings: tuple[Claim, ...] = ()
    """What is known of what stands beside the API, and whether the lab plays it."""
    marks: BodyMarks = BodyMarks()
    """Members of its bodies that recordings compare, or show, in their own way."""
    callbacks: CallbackWire | None = None
    """How it tells receivers of jobs; None: nobody can register one by it."""
