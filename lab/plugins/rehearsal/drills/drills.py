"""Drills: every variant of a happy scenario with a single fault (clients.md §6).

N = 18 (t + v + s) + 3 (v + s) + 4 t + 5 v + 5 s + 7 g + 10 v = 22 t + 36 v + 26 s + 7 g
"""

from collections.abc import Collection, Iterator
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from lab.core.errors import UsageError
from lab.core.exchange import Json
from lab.core.seeds import Seed
from lab.faults.yamltext import yaml_text
from lab.files.scenarios import SCENARIO_ENDING, load_scenario, read_scenario, scenario_path, scenarios_folder
from lab.jobs.own_run import GoodEnd
from lab.jobs.program import Program
from lab.language.parse.yaml_tree import read_yaml
from lab.plugins.rehearsal.drills.kinds import (
    DRILL_KINDS,
    EITHER,
    FAMILIES,
    NEVER_AGAIN,
    SEND_AGAIN,
    USUAL_FAMILIES,
    WIRE_ROUTES,
    kinds_of,
)
from lab.plugins.rehearsal.drills.places import INVOKE_CALLS, TOKEN_CALLS, HappyPath, PlacedFault, happy_path
from lab.plugins.rehearsal.drills.variants import ScenarioDocument, at_ending, at_gate
from lab.program.words import nearest
from lab.settings import ScenarioSettings

_FOR_GOOD = ("401-for-good", "400-for-good")
_LAST_CALL = 999_999
_LONGEST_NAME = 80
_RETRIED = ("429", "429-seconds", "429-date", "503-seconds", "late")
"""Of the wire, at an invoke: those after which a good client gets its result, for nothing was accepted or the answer comes in time."""


class Drill(Struct, frozen=True):
    """One variant: its family and kind, where it strikes, and the scenario that plays it."""

    name: str
    family: str
    kind: str
    where: str
    document: ScenarioDocument
    ends: tuple[GoodEnd, ...]
    """What a good client then does: any of these; at most one job in each."""

    @property
    def strikes(self) -> bool:
        """Whether it is a fault of the wire or of a callback, which the client may never come to."""
        if self.family == "N":  # a late one comes to who has long had its result
            return self.kind != "callback-late"
        return bool(self.document.get("faults"))

    @property
    def met(self) -> str:
        """`html-page at token call 1: 200 with a page of HTML`."""
        return f"{self.kind} at {self.where}: {DRILL_KINDS[self.kind].met}"

    @property
    def advice(self) -> str:
        """What a client should do then."""
        advice = DRILL_KINDS[self.kind].advice
        # of an invoke nobody knows what became of it
        return advice.replace(SEND_AGAIN, NEVER_AGAIN) if self.family == "W" and self.ends == EITHER else advice


# Those of a scenario that a command names


def drills_of(
    settings: ScenarioSettings, target: str, families: Collection[str], only: str | None, *, called_back: bool = False
) -> tuple[Program, HappyPath, tuple[Drill, ...]]:
    """A happy scenario, its places, and those of its drills that `--family` and `--only` choose; of the usual families if
    nothing does, and where callbacks tell of jobs of that too."""
    program, document, seed = written_scenario(settings, target)
    happy, drills = derive(document, program, seed)
    usual = FAMILIES if called_back or only is not None else USUAL_FAMILIES
    families = chosen_families(families) if families else tuple(usual)
    of_families = tuple(drill for drill in drills if drill.family in families)
    if only is None:
        return program, happy, of_families
    chosen = tuple(each for each in of_families if only in (each.name, each.document["name"]))
    if not chosen:
        near = nearest(only, (each.name for each in of_families))
        raise UsageError(f"There is no drill {only}.", hint=near or "lab drill SCENARIO lists them.")
    return program, happy, chosen


def written_scenario(settings: ScenarioSettings, target: str) -> tuple[Program, ScenarioDocument, Seed]:
    """A scenario, the same as its author wrote it, and the seed that settles where faults strike, which it names."""
    folder = scenarios_folder(settings.scenarios)
    program = load_scenario(target, folder)
    path = scenario_path(target, folder)
    document = cast("ScenarioDocument", read_yaml(read_scenario(path), str(path)).value)
    seed = program.scenario.seed or 0 if settings.seed is None else settings.seed
    return program, {**document, "seed": seed}, seed


def chosen_families(named: Collection[str], known: Collection[str] = FAMILIES) -> tuple[str, ...]:
    """Those that are named; none named: all."""
    families = tuple(named or known)
    for each in families:
        if each not in known:
            raise UsageError(f"There is no family {each}.", hint=f"They are {', '.join(known)}.")
    return families


def variant_files(document: ScenarioDocument, program: Program) -> tuple[str, dict[str, str]]:
    """The file of a variant of a scenario, and the texts that it needs, by their paths."""
    file = f"{document['name']}{SCENARIO_ENDING}"
    return file, {**program.files, file: yaml_text(document)}


# How they are made


def derive(document: ScenarioDocument, program: Program, seed: Seed) -> tuple[HappyPath, Iterator[Drill]]:
    """The places of a happy scenario, and its drills; `document` is what its author wrote."""
    happy = happy_path(program, seed)
    return happy, _drills(without_faults(document), happy)


def without_faults(document: ScenarioDocument) -> ScenarioDocument:
    """The scenario as its author wrote it, but for its faults, and for how it goes with them."""
    left = {name: value for name, value in document.items() if name not in ("faults", "expect")}
    callbacks = left.get("callbacks")
    if isinstance(callbacks, dict):
        left["callbacks"] = {name: value for name, value in callbacks.items() if name != "faults"}
    return left


def _drills(document: ScenarioDocument, happy: HappyPath) -> Iterator[Drill]:
    calls = {
        "token": [(TOKEN_CALLS, number) for number in range(1, happy.tokens + 1)],
        "invoke": [(replace(INVOKE_CALLS, call="the invoke of turn"), turn) for turn in range(1, happy.turns + 1)],
        "status": [(series, 1) for series in happy.polls(within=True)],
    }
    for family, routes in WIRE_ROUTES.items():
        for series, first in (call for route in routes for call in calls[route]):
            for kind in kinds_of(family):
                placed = PlacedFault(kind.name, series, first)
                yield _drill(document, placed.name, kind.name, placed.where, _struck(document, placed), _ends(placed))
    for number, gate in enumerate(happy.gates, 1):
        for kind in kinds_of("G"):
            where = f"gate {gate.step} of turn {gate.turn}"
            yield _drill(document, f"{kind.name}-gate-{number}", kind.name, where, at_gate(document, gate, kind.name))
    for ending in happy.endings:
        for kind in kinds_of("Z"):
            name, where = f"{kind.name}-turn-{ending.turn}", f"the end of turn {ending.turn}"
            yield _drill(document, name, kind.name, where, at_ending(document, ending, kind.what))
    yield from _called_back(document, happy)


def _called_back(document: ScenarioDocument, happy: HappyPath) -> Iterator[Drill]:
    """Of each turn the callback of its end is struck; the one that is overtaken, of a wait before it, if there is any."""
    known = document.get("callbacks")
    for place in (*happy.endings, *happy.waits):
        end = place in happy.endings
        for kind in kinds_of("N"):
            if end != (kind.name == "callback-reordered"):
                faults: Json = [{**kind.what, "step": place.step}]
                changed = {**document, "callbacks": {**(known if isinstance(known, dict) else {}), "faults": faults}}
                where = f"{'the end' if end else place.step} of turn {place.turn}"
                yield _drill(document, f"{kind.name}-turn-{place.turn}", kind.name, where, changed)


def _ends(placed: PlacedFault) -> tuple[GoodEnd, ...]:
    kind, route = DRILL_KINDS[placed.kind], placed.series.route
    if kind.family == "W" and route == "invoke" and kind.name not in _RETRIED:
        return EITHER  # it may retry with an Idempotency-Key, where the server takes one
    if kind.name == "404" and placed.series.label != "poll-1":
        return EITHER  # a job that was known is unknown now
    return kind.ends


def _struck(document: ScenarioDocument, placed: PlacedFault) -> ScenarioDocument:
    """The scenario with that fault."""
    if placed.kind == "other-success-code":
        settings = document.get("settings")
        known = dict(settings) if isinstance(settings, dict) else {}
        other: Json = 202 if known.get("invoke_status") == 200 else 200
        return {**document, "settings": {**known, "invoke_status": other}}
    if placed.kind not in _FOR_GOOD:
        return {**document, "faults": [placed.document()]}
    every = "every 1" if placed.first == 1 else f"{placed.first}-{_LAST_CALL}"
    # it goes on in the steps after it
    return {**document, "faults": [replace(placed, series=replace(placed.series, step=None)).document(every)]}


def _drill(
    document: ScenarioDocument, label: str, kind: str, where: str, changed: ScenarioDocument,
    ends: tuple[GoodEnd, ...] | None = None,
) -> Drill:  # fmt: skip
    family, ends = DRILL_KINDS[kind].family, ends or DRILL_KINDS[kind].ends
    name = f"{family.lower()}-{label}"
    base = str(document["name"])[: _LONGEST_NAME - len(name) - 1].rstrip("-")
    shows = f"Drill: {kind} at {where}. A good client: {' or '.join(ends)}, one job at most"
    written = {**changed, "name": f"{base}-{name}", "shows": shows, "alone": True}
    return Drill(name, family, kind, where, written, ends)
