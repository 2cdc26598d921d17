"""The drills that change the story rather than the wire: at a gate, and at an ending (clients.md §6)."""

from copy import deepcopy
from typing import TypeAlias, cast

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.plugins.rehearsal.drills.places import GatePlace, SpanPlace
from lab.program.words import Verdict, duration, duration_text

ScenarioDocument: TypeAlias = dict[str, Json]
"""A scenario as its author wrote it."""

_MINUTE: Millis = 60_000
_LONG = {"after-10m": 10 * _MINUTE, "after-24h": 24 * 60 * _MINUTE}
_REMARK = "Please look at it once more."
_MOST_VOTES = 99
"""A script holds one more."""


def at_gate(document: ScenarioDocument, place: GatePlace, kind: str) -> ScenarioDocument:
    """The scenario with another decision at a gate, or the same at another time."""
    changed = deepcopy(document)
    gate = _step(changed, place.turn, "gate", place.step)
    votes, patience = _votes(gate, place), duration(gate["patience"])
    quorum = cast("int", gate.get("approvals", 1)) if votes[0]["verdict"] == Verdict.APPROVED else 1
    match kind:
        case "rejected":
            gate.pop("approval", None)
            gate["reviewer"] = {"after": votes[0]["after"], "verdict": "rejected", "comment": "Not this time."}
        case "changes":
            _offer_changes(gate, place.step)
            # a loop takes time, if only a little
            after = duration_text(max(1, duration(votes[0]["after"])))
            again: Json = {"after": after, "verdict": "changes-requested", "comment": _REMARK}
            gate["reviewer"] = {"script": [again, *votes[:_MOST_VOTES]]}
        case "timed-out":
            gate["reviewer"] = "nobody"
        case "after-10m" | "after-24h":
            wait = _LONG[kind]
            gate["reviewer"] = {"script": [{**votes[0], "after": duration_text(wait)}, *votes[1:]]}
            rest = sum(duration(vote["after"]) for vote in votes[1:quorum])
            gate["patience"] = duration_text(max(patience, wait + rest + _MINUTE))
            changed["token"] = {**cast("ScenarioDocument", changed.get("token") or {}), "renewed": True}
        case _:  # just before the deadline, or at it
            patience = max(patience, 2)
            gate["patience"] = duration_text(patience)
            last = patience - 1 if kind == "before-deadline" else patience
            early = [{**vote, "after": "0ms"} for vote in votes[: quorum - 1]]
            vote: ScenarioDocument = {**votes[quorum - 1], "after": duration_text(last)}
            if kind == "at-deadline":
                vote["late"] = True
            gate["reviewer"] = {"script": [*early, vote, *votes[quorum:]]}
    return changed


def _votes(gate: ScenarioDocument, place: GatePlace) -> list[ScenarioDocument]:
    """The votes of the happy path, one by one."""
    reviewer = gate.get("reviewer")
    if isinstance(reviewer, dict) and "script" in reviewer:
        return cast("list[ScenarioDocument]", list(cast("list[Json]", reviewer["script"])))
    verdict = place.verdict if place.verdict is not Verdict.TIMED_OUT else Verdict.APPROVED
    vote: ScenarioDocument = {"after": "5s", "verdict": str(verdict)}
    if isinstance(reviewer, dict):
        vote = reviewer
    # a name counts once in a quorum
    nameless = {key: value for key, value in vote.items() if key != "by"}
    quorum = cast("int", gate.get("approvals", 1))
    # a loop may come by again: as often as it may, for this reviewer answers at each opening
    openings = cast("int", gate.get("rounds", 3)) + 2
    every = [vote if number == 0 else nameless for _ in range(openings) for number in range(quorum)]
    return every[:_MOST_VOTES]


def _offer_changes(gate: ScenarioDocument, step: str) -> None:
    gate.pop("approval", None)
    verdicts = gate.setdefault("verdicts", {})
    assert isinstance(verdicts, dict)
    if verdicts.get("changes-requested") is None:
        verdicts["changes-requested"] = step
    gate["rounds"] = min(100, cast("int", gate.get("rounds", 3)) + 1)


def at_ending(document: ScenarioDocument, place: SpanPlace, what: dict[str, Json]) -> ScenarioDocument:
    """The scenario with another ending of a turn: another output, an error (`text`), none (`takes`), or an odd word for it."""
    changed = deepcopy(document)
    ending = _step(changed, place.turn, "complete", place.step)
    if "status_word" in what:
        fault: Json = {"route": "status", "step": place.step, "turn": place.turn, **what}
        changed["faults"] = [fault]
    elif "takes" in what or "text" in what:
        output = ending["output"]
        ending.clear()
        if "text" in what:
            ending |= {"error": place.step, **what}
        else:
            # work where the ending stands, and the ending behind it
            steps = _steps(changed, place.turn)
            ids = {str(value) for each in steps for value in each.values() if isinstance(value, str)}
            behind = f"{place.step[:70]}-at-last"
            while behind in ids:
                behind += "-"
            ending |= {"work": place.step, **what, "next": behind}
            steps.append({"complete": behind, "output": output})
        # what is narrated of an ending that is none any more
        narration = changed.get("narration")
        sentences = narration.get("complete") if isinstance(narration, dict) else None
        if isinstance(narration, dict) and isinstance(sentences, dict):
            sentences.pop(place.step, None)
            if not sentences:
                del narration["complete"]
    else:
        ending |= what
    return changed


def _steps(document: ScenarioDocument, turn: int) -> list[ScenarioDocument]:
    part = document if turn == 1 else cast("list[ScenarioDocument]", document["turns"])[turn - 2]
    return cast("list[ScenarioDocument]", part["steps"])


def _step(document: ScenarioDocument, turn: int, kind: str, step: str) -> ScenarioDocument:
    return next(each for each in _steps(document, turn) if each.get(kind) == step)
