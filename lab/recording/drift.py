"""What a recording says of each claim that is assumed, or that a switch changes (recordings.md §18)."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from msgspec import Struct

from lab.core.evidence import PodCall, PodTraffic, Sign
from lab.core.exchange import Json
from lab.core.fidelity import Claim
from lab.core.jsontext import value_or_none
from lab.core.routes import RouteMatch
from lab.dialects.fidelity import CLAIMS
from lab.dialects.judges import JUDGES
from lab.dialects.router import ROUTER
from lab.recording.format.lines import Body, Enc, Recording
from lab.recording.redaction.written import loose_pairs
from lab.recording.tape.recorded_calls import RecordedCall, calls_in, fields_of


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
    struck = {entry.x for entry in recording.facts("fault.struck")}
    return PodTraffic(
        _calls(call for call in calls_in(recording) if call.req.x not in struck),
        shapes=recording.header.settings.get("bodies") == "shape",
    )


def _calls(recorded: Iterable[RecordedCall]) -> Iterator[PodCall]:
    for call in recorded:
        req, res = call.req, call.res
        if res is None or res.cut or res.by or req.listener is not None:
            continue
        found = ROUTER.find(req.method, req.path, local=True)
        fields, answer = fields_of(req.headers, req.body), res.body
        sent: Json = _value(req.body) if fields is None else dict(fields)
        route, text = found if isinstance(found, RouteMatch) else None, answer.value if answer.enc is Enc.TEXT else ""
        yield PodCall(
            x=req.x,
            line=res.n + 1,
            method=req.method,
            path=req.path,
            route=route,
            query=dict(loose_pairs(req.query)) if req.query else {},
            headers=req.headers,
            sent=sent if isinstance(sent, dict) else {},
            status=res.status,
            answer=res.headers,
            body=_value(answer),
            text=str(text or ""),
        )


def _value(body: Body) -> Json:
    match body.enc:
        case Enc.JSON:
            return body.value
        case Enc.TEXT:
            return value_or_none(str(body.value))
        case _:
            return None
