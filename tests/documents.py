"""Scenario documents as hypothesis draws them, before anything has looked at them: whole, or with a shape spoilt."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

from tests.lab_strategies import targets

Document = dict[str, Any]
WORDS = st.sampled_from(["one", "two words", "Drei", "{{ message }}", "{{ turn }}. {{ now[:10] }}", "é ☺"])
DURATIONS = st.sampled_from(["1ms", "250ms", "3s", "15m", "1h30m", "2d"])
SHORT = st.sampled_from(["1s", "4s", "30s"])
SMALL = st.integers(0, 9)
LATENCIES = st.one_of(
    DURATIONS,
    st.sampled_from([["1s", "4s"], ["0ms", "0ms"]]).map(lambda pair: {"between": pair}),
    st.just({"median": "2s", "p95": "5s"}),
    st.lists(DURATIONS, min_size=1, max_size=3).map(lambda values: {"observed": values}),
)
NUMBERS = st.fixed_dictionaries(
    {"between": st.sampled_from([[1, 6], [0.5, 2], [18, 24]])}, optional={"decimals": st.integers(1, 3)}
)
PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 9), st.just(1.5), WORDS, st.just([1, "a"]), st.just({"k": [None]})
)
DATA = st.recursive(
    st.one_of(
        PLAIN,
        NUMBERS,
        st.lists(PLAIN, min_size=1, max_size=3).map(lambda values: {"one_of": values}),
        st.just({"one_of": ["x", 2], "weights": [3, 1]}),
        st.sampled_from(["{{ 1 + 1 }}", "two: {{ 2 }}", "{{ [1, 'a'] }}"]).map(lambda text: {"value": text}),
        st.sampled_from([{"fake": "company"}, {"fake": "name", "locale": "de_DE"}, {"fake": "bothify", "text": "##"}]),
    ),
    lambda inner: st.fixed_dictionaries(
        {
            "list": inner
            | st.fixed_dictionaries(
                {"each": st.fixed_dictionaries({"x": inner, "y": st.just({"value": "{{ row.x }}"})})}
            ),
            "count": st.integers(0, 3) | st.sampled_from([{"between": [0, 2]}, {"one_of": [1, 3]}]),
        }
    ),
    max_leaves=2,
)
OUTPUTS = st.one_of(
    WORDS, st.none(), st.just(""), PLAIN.map(lambda value: {"json": value}), WORDS.map(lambda text: {"html": text}),
    st.sampled_from([{"filler": "80B"}, {"filler": "2kB"}]),
)  # fmt: skip
VERDICTS = ("approved", "rejected", "changes-requested")
# Strategies that depend on nothing are built once: building and checking one takes longer than a draw.
SAID = st.fixed_dictionaries({}, optional={"says": WORDS, "title": WORDS})


def _reviewers(offered: tuple[str, ...]) -> st.SearchStrategy[Document | str]:
    votes = st.fixed_dictionaries(
        {"after": SHORT, "verdict": st.sampled_from(offered), "comment": WORDS.filter(lambda text: "{" not in text)},
        optional={"by": st.sampled_from(["ann", "bob"])},
    )
    scripts = st.lists(votes, min_size=3, max_size=4).map(lambda some: {"script": some})
    return st.one_of(st.just("nobody"), votes, scripts)


REVIEWERS = {offered: _reviewers(offered) for offered in (VERDICTS[:1], VERDICTS[:2], VERDICTS)}


ESCALATIONS = st.fixed_dictionaries(
    {"after": SHORT},
    optional={
        "asks": WORDS,
        "reviewer": st.just("nobody")
        | st.fixed_dictionaries({"after": SHORT, "verdict": st.sampled_from(VERDICTS[:1])}),
    },
)


CONDITIONS = (
    "{{ user is none }}",
    "{{ turn > 1 }}",
    "{{ decisions.GATE.verdict == 'approved' }}",
    "{{ delegates.AGENT.output == 'One.' }}",
)
"""That always have an answer."""


@st.composite
def _gate(draw: st.DrawFn, ahead: list[str], behind: list[str], gates: list[str], agents: tuple[str, ...]) -> Document:
    gate: Document = {"asks": draw(WORDS), "patience": draw(st.sampled_from(["10m", "1h"]))}
    routes = {
        name: draw(targets(ahead, gates, CONDITIONS, agents))
        for name in ("approved", "rejected", "timed-out")
        if draw(st.booleans())
    }
    gate["channel"] = draw(st.sampled_from(["CHAT", "EMAIL", "APPROVAL_PROCESS"]))
    collects = draw(st.integers(0, 5)) == 0
    if collects:
        gate |= {"approval": False}
        routes.pop("rejected", None)
    elif draw(st.booleans()):
        routes["changes-requested"] = draw(st.sampled_from(behind))
        gate["rounds"] = draw(st.integers(1, 3))
    if not collects and gate["channel"] != "CHAT" and draw(st.booleans()):
        gate["approvals"] = draw(st.integers(1, 3))
    offered = VERDICTS[:1] if collects else VERDICTS if "changes-requested" in routes else VERDICTS[:2]
    gate["reviewer"] = draw(REVIEWERS[offered])
    if draw(st.booleans()):
        gate["escalate"] = draw(ESCALATIONS)
    if draw(st.integers(0, 3)):
        gate |= {"verdicts": routes, "labels": {"approve": "Go"}}
    elif "changes-requested" in routes:
        gate["verdicts"] = routes
    return gate


def _child(name: str, takes: st.SearchStrategy[Any]) -> st.SearchStrategy[Document]:
    agent = {"delegate": st.just(name), "agent": st.just("OTHER"), "takes": takes, "output": WORDS.filter(_timeless)}
    return st.one_of(
        st.fixed_dictionaries({"work": st.just(name), "takes": takes}, optional={"says": WORDS, "tool": st.just("T")}),
        st.fixed_dictionaries(agent),
    )


def _timeless(text: str) -> bool:
    return "now" not in text


@st.composite
def steps(draw: st.DrawFn) -> list[Document]:
    """Steps that lead to an ending: whatever leads back is counted."""
    names = [f"s{index}" for index in range(draw(st.sampled_from((0, 1, 2, 3, 4, 4, 5))))]
    steps: list[Document] = []
    gates: list[str] = []
    agents: tuple[str, ...] = ()
    for index, name in enumerate(names):
        ahead = [*names[index + 1 :], "done", "failed"]
        kind = draw(st.sampled_from(("work", "delegate", "parallel", "wait", "gate")))
        step: Document = {kind: name}
        if kind == "gate":
            gates.append(name)
            step |= draw(_gate(ahead, names[: index + 1], gates, agents))
        else:
            if kind == "parallel":
                step |= {"of": [draw(_child(f"{name}c{n}", SHORT)) for n in range(draw(st.integers(2, 3)))]}
                step |= draw(st.sampled_from([{}, {"until": "any"}, {"title": "Two"}]))
                agents = (*agents, *(child["delegate"] for child in step["of"] if "delegate" in child))
            else:
                step["takes"] = draw(SHORT if index == 0 else LATENCIES)
                step |= draw(SAID)
            if kind == "delegate":
                agents = (*agents, name)
                step |= {"agent": "OTHER", "output": draw(st.sampled_from(["One.", "{{ message }}", None]))}
            if draw(st.booleans()):
                step["next"] = draw(targets(ahead, gates, CONDITIONS, agents))
            if kind == "wait" and draw(st.booleans()):
                # back to a step that takes time: a loop of 0ms is a complaint
                step["again"] = {"to": names[0], "rounds": draw(st.integers(1, 3))}
        steps.append(step)
    steps.append({"complete": "done", "output": draw(OUTPUTS)})
    steps.append({"error": "failed", "text": draw(WORDS)})
    kept = [step for step in steps if _id(step) in _reached(steps)]
    # a condition may ask for a gate or an agent that no path leads to any more
    text = json.dumps(kept)
    there = {_id(each) for step in kept for each in (step, *step.get("of", ()))}
    for gate in {*gates} - there:
        text = text.replace(f"decisions.{gate}.verdict == 'approved'", "turn > 1")
    for agent in {*agents} - there:
        text = text.replace(f"delegates.{agent}.output == 'One.'", "turn > 1")
    left: list[Document] = json.loads(text)
    return left


def _id(step: Document) -> str:
    return str(
        next(
            step[kind] for kind in ("work", "delegate", "parallel", "wait", "gate", "complete", "error") if kind in step
        )
    )


def _reached(steps: list[Document]) -> set[str]:
    """The steps that some path leads to: an author would leave the others out."""
    order = [_id(step) for step in steps]
    reached: set[str] = set()
    ahead = order[:1]
    while ahead:
        name = ahead.pop()
        if name in reached:
            continue
        reached.add(name)
        index = order.index(name)
        step, ways = steps[index], steps[index].get("verdicts", {})
        onward, in_order = step.get("next") or ways.get("approved"), (order[index + 1 : index + 2] or [name])[0]
        others = ("timed-out",) if step.get("approval") is False else ("rejected", "changes-requested", "timed-out")
        named = [onward or in_order, *(ways[verdict] for verdict in others if verdict in ways)]
        for target in named if not {"complete", "error"} & set(step) else ():
            ahead += [target] if isinstance(target, str) else [branch["to"] for branch in target]
            ahead += [in_order] if target is onward and isinstance(target, list) else []
    return reached


FAULTS = st.sampled_from([
    {"route": "status", "calls": 2, "answer": 503, "retry_after": "2s"},
    {"route": "token", "calls": "2-4", "answer": 401, "error": "invalid_client"},
    {"route": "invoke", "calls": "every 3", "strike": "reset"},
    {"route": "status", "chance": "5%", "odd_body": True, "omit": ["output"]},
    {"route": "status", "after": "5s", "status_word": "QUEUED_V2"},
    {"route": "status", "calls": "1-2", "redirect": "other"},
    {"route": "invoke", "redirect": "same"},
    {"route": "status", "answer": 429, "retry_after": {"text": "1.5"}},
])  # fmt: skip


MORE = st.fixed_dictionaries(
    {},
    optional={
        "match": st.sampled_from(["go", "(?P<what>go) on"]),
        "for": st.sampled_from([{"clients": ["demo"]}, {"clients": ["other", "demo"]}]),
        "seed": st.integers(0, 2**63 - 1),
        "latency": st.fixed_dictionaries({}, optional={"token": LATENCIES, "status": LATENCIES}),
        "data": st.dictionaries(st.sampled_from(["a", "b", "c"]), DATA, max_size=3),
        "retention": DURATIONS,
        "limits": st.just({"concurrent": 10}),
        "narration": st.just({"waiting": "A person decides."}),
        "expect": st.fixed_dictionaries(
            {},
            optional={
                "status": st.sampled_from([None, "WAITING", ["RUNNING", "WAITING"]]),
                "refused": st.just(403),
                "polls": SMALL,
            },
        ),
        "settings": st.sampled_from([{"invoke_status": 200}, {"hints": "off", "types": "strict"}]),
        "turns": st.lists(st.builds(lambda some: {"ask": "more", "steps": some}, steps()), min_size=1, max_size=2),
    },
)


@st.composite
def documents(draw: st.DrawFn, faults: bool = False) -> Document:
    """A whole document that loads."""
    document: Document = {
        "lab": 1, "name": "drawn", "title": draw(WORDS), "agent": {"code": "DRAWN"}, "ask": "go on",
        "token": {"lifetime": "30d"}, "steps": draw(steps()),
    }  # fmt: skip
    document |= draw(MORE)
    if faults and draw(st.booleans()):
        document["faults"] = draw(st.lists(FAULTS, min_size=1, max_size=3))
    whole: Document = json.loads(json.dumps(document))  # no part stands in two places
    return whole


ODD = st.sampled_from(
    [None, True, 0, -1, 7, 1.5, "", "x", "10", "1s", "X_Y", "approved", [], {}, ["x"], {"x": 1}, {"between": [1, 2]}, ["1s"]]
)  # fmt: skip


def _places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, element in pairs:
        found += _places(element, (*path, key))
    return found


@st.composite
def spoilt(draw: st.DrawFn) -> Document:
    """A document that loads but for up to three spoilt places, which may not even harm."""
    document = draw(documents(faults=True))
    for _ in range(draw(st.integers(0, 3))):
        *way, last = draw(st.sampled_from(_places(document)))
        around: Any = document
        for part in way:
            around = around[part]
        how = draw(st.sampled_from(("odd", "odd", "gone", "renamed", "more")))
        if how == "odd":
            around[last] = copy.deepcopy(draw(ODD))
        elif how == "gone":
            del around[last]
        elif isinstance(around, dict):
            name = "xyzzy" if how == "more" else draw(st.sampled_from(["xyzzy", "gate", "takes", "match", "json"]))
            around[name] = copy.deepcopy(around[last]) if how == "more" else around.pop(last)
    return document
