"""What a recording says of each claim that is assumed, or that a switch changes (recordings.md §18)."""

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from lab.core.evidence import PodCall, PodTraffic, Sign
from lab.core.fidelity import Claim
from lab.core.jsontext import members_of, value_or_none
from lab.core.routes import RouteMatch
from lab.dialects.fidelity import CLAIMS
from lab.dialects.judges import JUDGES
from lab.dialects.router import ROUTER
from lab.recording.exchange import RecordedExchange, exchanges_of
from lab.recording.format.lines import Recording


class Standing(StrEnum):
    """What traffic says of a claim."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    UNSEEN = "unseen"


class Assessment(Struct, frozen=True, eq=False):
    """A claim, and what was found of it."""

    claim: Claim
    standing: Standing
    sign: Sign | None
    """The first that contradicts, else the first that confirms; None: nothing was seen."""
    needs: str
    """What would have to pass to show it."""

    @property
    def setting(self) -> str:
        """What would have the lab do as was seen, as `--set` takes it; empty: nothing would, or it does."""
        if self.sign is None or self.sign.fits or not self.sign.value:
            return ""
        return f"{self.claim.switch}={self.sign.value}"


def assess(traffic: PodTraffic) -> Iterator[Assessment]:
    """Each open claim in the order of the table."""
    for claim in CLAIMS:
        if claim.open:
            judge = JUDGES[claim.place, claim.name]
            unread = traffic.shapes and judge.texts
            signs = [] if unread else list(judge.look(traffic))
            sign = next((each for each in signs if not each.fits), signs[0] if signs else None)
            standing = Standing.UNSEEN if sign is None else Standing.CONFIRMED if sign.fits else Standing.CONTRADICTED
            yield Assessment(
                claim, standing, sign, "the texts of bodies, which were not kept" if unread else judge.needs
            )


def traffic_of(recording: Recording) -> PodTraffic:
    """The calls of a recording; left out are those that were cut, that the shell answered, and that a fault struck."""
    whole = (call for call in exchanges_of(recording) if call.whole and call.by is None and call.listener is None)
    shapes = recording.header.settings.get("bodies") == "shape"
    return PodTraffic((_pod_call(call) for call in whole if call.struck is None), shapes=shapes)


def _pod_call(call: RecordedExchange) -> PodCall:
    request, fields = call.request, call.fields
    found = ROUTER.find(request.method, request.path, local=True)
    body = value_or_none(call.body)
    return PodCall(
        x=call.x,
        line=call.reply_line or 0,
        method=request.method,
        path=request.path,
        route=found if isinstance(found, RouteMatch) else None,
        query=dict(call.parameters),
        headers=request.headers,
        sent=dict(fields) if fields else members_of(request.body),
        status=call.status,
        answer=call.headers,
        body=body,
        text="" if isinstance(body, dict | list) else call.body.decode("utf-8", "replace"),
    )
