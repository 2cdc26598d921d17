"""What the mock's parts hand to each other: a call on its way in, what it came to, and the reply."""

from dataclasses import dataclass

from lab.core.clock import Millis
from lab.core.exchange import Request, Response
from lab.core.journal.fact import Fact
from lab.core.journal.ledger import Changes
from lab.core.refusal import Refusal
from lab.core.reply import Parts
from lab.core.routes import RouteMatch
from lab.identity.records import TokenRecord
from lab.jobs.plan import CompiledScenario
from lab.mock.views import Views


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the API whose path, method and bearer are in order."""

    views: Views
    ledger: Changes
    """The ledger, and what comes of the call."""
    route: RouteMatch
    request: Request
    bearer: TokenRecord
    now: Millis


@dataclass(frozen=True, slots=True)
class Answered:
    """What a call came to; `compiled` gives the latency, and is None where there is none."""

    response: Response | Refusal
    job: str | None = None
    compiled: CompiledScenario | None = None
    flags: tuple[str, ...] = ()
    parts: Parts | None = None
    """Of a stream: its body, in place of the response's."""
    latency: str = "invoke"
    """The route whose latency is meant."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What became of a control command: 200, or a refusal with its reason."""

    status: int
    why: str = ""
    facts: tuple[Fact, ...] = ()
