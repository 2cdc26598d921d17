"""What the steps of a scenario, or of a turn, say of each other: ids, targets, endings, loops, votes."""

from collections.abc import Iterator
from difflib import get_close_matches

from msgspec import Struct
from pydantic import ValidationError

from lab.core.exchange import Json
from lab.language.document import (
    MILLION,
    STEPS,
    Branch,
    Verdict,
    Work,
    chance_text,
    duration_text,
    longest_latency,
    nearest,
)
from lab.language.parse.complaints import Complaints, KeyPath
from lab.language.parse.yaml_tree import list_of, mapping_of

_ENDINGS = tuple(kind for kind, step in STEPS.items() if step.status.final)
_VERDICTS = tuple(map(str, Verdict))
_BACK = str(Verdict.CHANGES)
"""The one way out of a step that may lead back."""


class RawStep(Struct, frozen=True):
    """A step as it stands in the document, its kind and id known."""

    prefix: KeyPath
    place: int
    kind: str
    id: str
    body: dict[str, Json]
    within: KeyPath = ()
    """Of a child of a parallel: its place there."""

    @property
    def path(self) -> KeyPath:
        """Where it stands."""
        return (*self.prefix, "steps", self.place, *self.within)


def steps_of(part: dict[str, Json], prefix: KeyPath) -> Iterator[RawStep]:
    """The steps of a scenario (`prefix` empty) or of a turn, those without kind or id left out.

    One whose kind is misspelt is a step all the same: that others lead to it is no further mistake.
    """
    for place, step in enumerate(list_of(part.get("steps"))):
        yield from _raw_step(step, prefix, place)


def children_of(step: RawStep) -> Iterator[RawStep]:
    """The children of a parallel; none of another step."""
    for place, child in enumerate(list_of(step.body.get("of")) if step.kind == "parallel" else ()):
        yield from _raw_step(child, step.prefix, step.place, ("of", place))


def _raw_step(step: Json, prefix: KeyPath, place: int, within: KeyPath = ()) -> Iterator[RawStep]:
    body = mapping_of(step)
    kinds = {kind: kind for kind in STEPS if kind in body} or dict(misspelt_kinds(body))
    for key, kind in kinds.items():
        if isinstance(id_ := body.get(key), str):
            yield RawStep(prefix, place, kind, id_, body, within)
            return


def misspelt_kinds(body: dict[str, Json]) -> Iterator[tuple[str, str]]:
    """The keys of a step that are nearly the name of a kind, each with that."""
    for key in body:
        yield from ((key, near) for near in get_close_matches(key, STEPS, 1, 0.6))


def check_steps(part: dict[str, Json], prefix: KeyPath, complaints: Complaints) -> list[RawStep]:
    """Complain about what the steps say of each other; the steps, those within a parallel too."""
    steps = list(steps_of(part, prefix))
    every = [each for step in steps for each in (step, *children_of(step))]
    _ids(every, complaints)
    _targets(steps, every, complaints)
    _last(part, steps, complaints)
    for step in steps:
        _branches(step, complaints)
        if step.kind == "gate":
            _quorum(step, complaints)
            _votes(step, complaints)
            _escalation(step, complaints)
    _loops(steps, complaints)
    return every


def _ids(steps: list[RawStep], complaints: Complaints) -> None:
    first: dict[str, RawStep] = {}
    for step in steps:
        other = first.setdefault(step.id, step)
        if other is not step:
            line = complaints.locations.value_at((*other.path, other.kind)).line
            complaints.add((*step.path, step.kind), f"a second step called {step.id}", f"the first is on line {line}")


def _targets(steps: list[RawStep], every: list[RawStep], complaints: Complaints) -> None:
    order: dict[str, int] = {}
    around = {child.id: step.id for step in steps for child in children_of(step)}
    for child in every:
        if child.within and "next" in child.body:
            hint = f"write next in {around[child.id]}"
            complaints.add((*child.path, "next"), "the parallel says what follows, no child of it", hint, at_key=True)
    for step in steps:
        order.setdefault(step.id, step.place)
    for step in steps:
        for path, target, back in _ways(step):
            if target not in order:
                hint = nearest(target, order) or f"steps: {', '.join(order)}"
                hint = f"lead to {around[target]}, in which it is" if target in around else hint
                complaints.add(path, f"there is no step {target}", hint)
            elif order[target] <= step.place and not back:
                what = f"{target} is an earlier step" if order[target] < step.place else "leads to its own step"
                complaints.add(path, what, "only changes-requested and again may lead back")


def _ways(step: RawStep) -> Iterator[tuple[KeyPath, str, bool]]:
    """The step's ways to others: where it is written, the target, whether it may lead back."""
    for path, target in _exits(step):
        back = path[-1] == _BACK
        if isinstance(target, str):
            yield path, target, back
        for place, branch in enumerate(list_of(target)):
            if isinstance(to := mapping_of(branch).get("to"), str):
                yield (*path, place, "to"), to, back
    if isinstance(target := mapping_of(step.body.get("again")).get("to"), str):
        yield (*step.path, "again", "to"), target, True


def _exits(step: RawStep) -> Iterator[tuple[KeyPath, Json]]:
    """Where it is said what follows, and what stands there: a step's id, or branches; nothing follows an ending."""
    if step.kind not in _ENDINGS:
        yield (*step.path, "next"), step.body.get("next")
    verdicts = mapping_of(step.body.get("verdicts"))
    for verdict in _VERDICTS:
        yield (*step.path, "verdicts", verdict), verdicts.get(verdict)


def branches_in(step: RawStep) -> Iterator[tuple[KeyPath, dict[str, Json]]]:
    """The step's branches, wherever they stand."""
    for path, target in _exits(step):
        for place, branch in enumerate(list_of(target)):
            if isinstance(branch, dict):
                yield (*path, place), branch


def _sure(branch: Json) -> bool:
    return isinstance(branch, dict) and "when" not in branch and "chance" not in branch


def _branches(step: RawStep, complaints: Complaints) -> None:
    """Shares of more than the whole; a way back that isn't always one."""
    for path, target in _exits(step):
        total = 0
        for place, branch in enumerate(list_of(target)):
            share = _share(mapping_of(branch).get("chance"))
            total += share
            if total - share <= MILLION < total:
                what = f"the chances come to {chance_text(total)}, 100% at most"
                complaints.add((*path, place, "chance"), what, "what is left is taken by a last {to: STEP}")
        if path[-1] == _BACK and isinstance(target, list) and not any(map(_sure, target)):
            hint = "end the list with {to: STEP}"
            complaints.add(path, "where changes are asked for, some branch must be taken", hint)


def _share(chance: Json) -> int:
    """A chance in millionths; 0 if it is none."""
    try:
        return Branch.model_validate({"chance": chance, "to": ""}).chance or 0
    except ValidationError:
        return 0


def _last(part: dict[str, Json], steps: list[RawStep], complaints: Complaints) -> None:
    every = list_of(part.get("steps"))
    if steps and steps[-1].place == len(every) - 1 and steps[-1].kind not in _ENDINGS:
        # ways lead forward but for counted loops, so every path ends if the last step does
        hint = "end with a complete or an error step"
        complaints.add(steps[-1].path, f"nothing follows {steps[-1].id}, and it is no ending", hint)


def _votes(step: RawStep, complaints: Complaints) -> None:
    offers_changes = mapping_of(step.body.get("verdicts")).get("changes-requested") is not None
    second = mapping_of(step.body.get("escalate")).get("reviewer")
    for path, vote in (
        *_scripted((*step.path, "reviewer"), step.body.get("reviewer")),
        *_scripted((*step.path, "escalate", "reviewer"), second),
    ):
        verdict = vote.get("verdict")
        if step.body.get("approval") is False and verdict in _VERDICTS and verdict != "approved":
            complaints.add((*path, "verdict"), "this gate only collects a text", "its verdict is approved")
        elif verdict == "changes-requested" and not offers_changes:
            hint = "name a step in verdicts: {changes-requested: STEP}"
            complaints.add((*path, "verdict"), "this gate doesn't offer changes-requested", hint)
        elif verdict == "changes-requested" and not vote.get("comment"):
            complaints.add((*path, "verdict"), "a request for changes says what should change", "add a comment")


def _scripted(path: KeyPath, reviewer: Json) -> Iterator[tuple[KeyPath, dict[str, Json]]]:
    if isinstance(reviewer, dict) and not isinstance(reviewer.get("script"), list):
        yield path, reviewer
    for place, vote in enumerate(list_of(mapping_of(reviewer).get("script"))):
        if isinstance(vote, dict):
            yield (*path, "script", place), vote


def _escalation(step: RawStep, complaints: Complaints) -> None:
    after, patience = _longest(mapping_of(step.body.get("escalate")).get("after")), _longest(step.body.get("patience"))
    if after is not None and patience is not None and after >= patience:
        hint = f"patience ends after {duration_text(patience)}"
        complaints.add((*step.path, "escalate", "after"), "the gate times out before it escalates", hint)


def _quorum(step: RawStep, complaints: Complaints) -> None:
    approvals = step.body.get("approvals")
    many = isinstance(approvals, int) and not isinstance(approvals, bool) and approvals > 1
    if many and step.body.get("channel", "CHAT") == "CHAT":
        hint = "write channel: APPROVAL_PROCESS, or EMAIL"
        complaints.add((*step.path, "approvals"), "a CHAT gate takes one approval: the one who chats", hint)
    elif many and step.body.get("approval") is False:
        complaints.add((*step.path, "approvals"), "this gate only collects a text", "leave approvals out")


# Loops


def _loops(steps: list[RawStep], complaints: Complaints) -> None:
    """Complain about loops in which no time passes: rounds that nobody could see, however many."""
    order = {step.id: index for index, step in reversed(list(enumerate(steps)))}
    for index, step in enumerate(steps):
        for path, target, back in _ways(step):
            leads_back = back and order.get(target, index + 1) <= index
            if leads_back and _instant(step) and _reaches(steps, order, target, step):
                what = "a loop of 0ms: no time passes from round to round"
                complaints.add(path, what, "let one of its steps take time")


def _reaches(steps: list[RawStep], order: dict[str, int], start: str, goal: RawStep) -> bool:
    """Whether some way from `start` to the goal takes no time at all."""
    ahead, visited = [start], set[str]()
    while ahead:
        name = ahead.pop()
        if name == goal.id:
            return True
        index = order.get(name)
        if index is None or name in visited or not _instant(steps[index]):
            continue
        visited.add(name)
        step = steps[index]
        ahead += [target for _, target, back in _ways(step) if not back]
        onward = step.body.get("next")
        led = isinstance(onward, str) or any(map(_sure, list_of(onward)))
        if index + 1 < len(steps) and not led and step.kind not in _ENDINGS:
            ahead.append(steps[index + 1].id)
    return False


def _instant(step: RawStep) -> bool:
    """Whether the step surely takes no time: a draw of 0ms, or a script that answers at once."""
    if step.kind == "parallel":
        instant = [_instant(child) for child in children_of(step)]
        return bool(instant) and (any(instant) if step.body.get("until") == "any" else all(instant))
    if step.kind != "gate":
        return _longest(step.body.get("takes")) == 0
    scripted = [vote for _, vote in _scripted((), step.body.get("reviewer"))]
    return bool(scripted) and all(_longest(vote.get("after")) == 0 for vote in scripted)


def _longest(spec: Json) -> int | None:
    """The longest that a latency can be; None if it is none."""
    try:
        return longest_latency(Work.model_validate({"work": "w", "takes": spec}).takes)
    except ValidationError:
        return None
