"""A wire whole: what the folder of a dialect gives to the lab."""

from typing import NamedTuple

from lab.core.fidelity import Claim
from lab.core.routes import Route
from lab.dialects.base import Dialect
from lab.dialects.client import DialectClient
from lab.dialects.marks import BodyMarks


class Wire(NamedTuple):
    """Both halves, and the tables of which router, documents and `lab fidelity` are made."""

    name: str
    """As `--dialect` has it; the folder's, where its `openapi.yaml` lies."""
    server: Dialect
    client: DialectClient
    routes: tuple[Route, ...]
    fields: tuple[Claim, ...]
    """What is claimed of its requests and answers."""
    errors: tuple[Claim, ...]
    """What is claimed of its refusals."""
    near_misses: tuple[tuple[str, str], ...] = ()
    """Patterns of paths that must not exist, each with what to do instead."""
    marks: BodyMarks = BodyMarks()
    """Members of its bodies that recordings compare, or show, in their own way."""
