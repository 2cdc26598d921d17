"""Drills: every variant of a happy scenario with a single fault (clients.md §6).

N = 18 (t + v + s) + 3 (v + s) + 4 t + 5 v + 5 s + 7 g + 10 v = 22 t + 36 v + 26 s + 7 g
"""

from collections.abc import Iterator, Mapping
from typing import get_args

from msgspec import Struct

from lab.core.exchange import Json
from lab.core.seeds import Seed
from lab.jobs.own_run import GoodEnd
from lab.jobs.program import Program
from lab.plugins.rehearsal.drills.places import HappyPath, SpanPlace, happy_path
from lab.plugins.rehearsal.drills.variants import GateKind, ScenarioDocument, at_ending, at_gate
from lab.program.words import duration_text

FAMILIES = {"W": "wire", "R": "refusal", "K": "token", "V": "invoke", "P": "poll", "G": "gate", "Z": "ending"}
FAULT_KINDS: Mapping[str, Mapping[str, dict[str, Json]]] = {
    "W": {
        "429": {"answer": 429}, "429-seconds": {"answer": 429, "retry_after": "2s"},
        "429-date": {"answer": 429, "retry_after": {"date": "2s"}}, "503": {"answer": 503},
        "503-seconds": {"answer": 503, "retry_after": "2s"}, "500": {"answer": 500},
        "502-html": {"answer": 502, "body": "html"}, "504": {"answer": 504},
        "html-page": {"answer": 200, "body": "html"}, "reset": {"strike": "reset"}, "empty": {"strike": "empty"},
        "truncate": {"strike": "truncate"}, "garbage": {"strike": "garbage"},
        "wrong-length": {"strike": "wrong-length"}, "slow-body": {"strike": "slow-body"},
        "stall": {"strike": "stall"}, "hang": {"strike": "hang"}, "late": {"delay": "10s"},
    },
    "R": {"revoked-token": {"expire_token": True}, "401-for-good": {"answer": 401}, "403": {"answer": 403}},
    "K": {
        "invalid-client": {"answer": 401}, "invalid-scope": {"answer": 400, "error": "invalid_scope"},
        "no-expires-in": {"omit": ["expires_in"]}, "odd-token": {"odd_body": True},
    },
    "V": {
        "lose-reply-reset": {"lose_reply": True, "strike": "reset"},
        "lose-reply-hang": {"lose_reply": True, "strike": "hang"},
        "lose-reply-504": {"lose_reply": True, "answer": 504}, "other-success-code": {},
        "400-for-good": {"answer": 400},
    },
    "P": {
        "expired-token": {"expire_token": True}, "status-word": {"status_word": "QUEUED_V2"},
        "odd-body": {"odd_body": True}, "close": {"strike": "close"}, "404": {"answer": 404},
    },
}  # fmt: skip
"""The drills of the wire, by family: W at every call, R at every API call, the others at those of their route."""
ENDINGS = (
    "error", "error-partial", "output-null", "output-empty", "output-5mb", "output-html", "output-json", "output-odd",
    "never-ends", "status-case",
)  # fmt: skip
_OF_THE_RUN = ("faults", "expect")
"""What a drill has not of its scenario: the faults there, and how it goes with them."""
_FOR_GOOD = ("401-for-good", "400-for-good")
_LAST_CALL = 999_999
_LONGEST_NAME = 80


_RETRIED = frozenset(("429", "429-seconds", "429-date", "503-seconds", "late"))
"""At an invoke: those after which it gets its result: nothing was accepted, or the answer comes within its time-out."""
_FINAL = frozenset(("401-for-good", "403", "invalid-client", "invalid-scope", "400-for-good", "never-ends"))
_EITHER = (GoodEnd.RESULT, GoodEnd.CLEAN_STOP)


def good_ends(family: str, kind: str, route: str, number: int) -> tuple[GoodEnd, ...]:
    """What a good client does in a drill at the `number`-th call of a route (clients.md §6); at most one job in each."""
    if kind in _FINAL:
        return (GoodEnd.CLEAN_STOP,)
    if route == "invoke" and ((family == "W" and kind not in _RETRIED) or kind.startswith("lose-reply")):
        return _EITHER  # it may retry with an Idempotency-Key, where the server takes one
    if kind == "404" and number > 1:
        return _EITHER  # a job that was known is unknown now
    return (GoodEnd.RESULT,)


class Drill(Struct, frozen=True):
    """One variant: its family and kind, where it strikes, and the scenario that plays it."""

    name: str
    family: str
    kind: str
    where: str
    document: ScenarioDocument
    ends: tuple[GoodEnd, ...]
    """What a good client then does: any of these."""

    @property
    def strikes(self) -> bool:
        """Whether it is a fault of the wire, which the client may never come to."""
        return bool(self.document.get("faults"))


class _Spot(Struct, frozen=True):
    """A place as a name's end, as words, and as the conditions of a fault."""

    label: str
    words: str
    when: dict[str, Json]
    number: int = 1
    """Which call of its route, or which span."""


def derive(document: ScenarioDocument, program: Program, seed: Seed) -> tuple[HappyPath, Iterator[Drill]]:
    """The places of a happy scenario, and its drills; `document` is what its author wrote."""
    happy = happy_path(program, seed)
    return happy, _drills(without_faults(document), happy)


def without_faults(document: ScenarioDocument) -> ScenarioDocument:
    """The scenario as its author wrote it, but for its faults, and for how it goes with them."""
    return {name: value for name, value in document.items() if name not in _OF_THE_RUN}


def _drills(document: ScenarioDocument, happy: HappyPath) -> Iterator[Drill]:
    tokens = [_Spot(f"token-{n}", f"token call {n}", _call("token", n)) for n in range(1, happy.tokens + 1)]
    invokes = [_Spot(f"invoke-{n}", f"the invoke of turn {n}", _call("invoke", n)) for n in range(1, happy.turns + 1)]
    polls = [_poll(n, place) for n, place in enumerate(happy.spans, 1)]
    spots = {"W": (*tokens, *invokes, *polls), "R": (*invokes, *polls), "K": tokens, "V": invokes, "P": polls}
    for family, kinds in FAULT_KINDS.items():
        for spot in spots[family]:
            for kind, what in kinds.items():
                yield _of_wire(document, family, kind, spot, what)
    for number, gate in enumerate(happy.gates, 1):
        for kind in get_args(GateKind):
            where = _Spot(f"gate-{number}", f"gate {gate.step} of turn {gate.turn}", {})
            yield _drill(document, "G", kind, where, at_gate(document, gate, kind))
    for ending in happy.endings:
        for kind in ENDINGS:
            where = _Spot(f"turn-{ending.turn}", f"the end of turn {ending.turn}", {})
            yield _drill(document, "Z", kind, where, at_ending(document, ending, kind))


def _call(route: str, number: int) -> dict[str, Json]:
    return {"route": route, "calls": number}


def _poll(number: int, place: SpanPlace) -> _Spot:
    when: dict[str, Json] = {"route": "status", "calls": 1, "step": place.step, "turn": place.turn}
    if place.since:
        # a step may be entered more than once
        when["after"] = duration_text(place.since)
    return _Spot(f"poll-{number}", f"the first poll in {place.step} (span {number})", when, number)


def _of_wire(document: ScenarioDocument, family: str, kind: str, spot: _Spot, what: dict[str, Json]) -> Drill:
    if kind == "other-success-code":
        settings = document.get("settings")
        known = dict(settings) if isinstance(settings, dict) else {}
        other: Json = 202 if known.get("invoke_status") == 200 else 200
        return _drill(document, family, kind, spot, {**document, "settings": {**known, "invoke_status": other}})
    fault: dict[str, Json] = {**spot.when, **what}
    if kind in _FOR_GOOD:
        first = fault["calls"]
        fault.pop("step", None)  # it goes on in the steps after it
        fault["calls"] = "every 1" if first == 1 else f"{first}-{_LAST_CALL}"
    return _drill(document, family, kind, spot, {**document, "faults": [fault]})


def _drill(document: ScenarioDocument, family: str, kind: str, spot: _Spot, changed: ScenarioDocument) -> Drill:
    name = f"{family.lower()}-{kind}-{spot.label}"
    base = str(document["name"])[: _LONGEST_NAME - len(name) - 1].rstrip("-")
    ends = good_ends(family, kind, str(spot.when.get("route", "")), spot.number)
    shows = f"Drill: {kind} at {spot.words}. A good client: {' or '.join(ends)}, one job at most"
    return Drill(
        name, family, kind, spot.words, {**changed, "name": f"{base}-{name}", "shows": shows, "alone": True}, ends
    )
