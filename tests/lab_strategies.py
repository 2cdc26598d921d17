"""Scenarios, plans and decisions as hypothesis draws them."""

from itertools import islice

from hypothesis import strategies as st

from lab.jobs.gates import CANCEL, Decision, Origin
from lab.jobs.plan import Input, Invocation, Plan, settle_draws
from lab.jobs.program import Program, program_of
from lab.jobs.timeline import spans
from lab.language.shape import parsed
from lab.program.scenario import Scenario
from lab.program.steps import Gate, Pause
from lab.program.words import Verdict

LATENCIES = st.one_of(
    st.integers(1, 5000).map(lambda ms: f"{ms}ms"),
    st.tuples(st.integers(1, 2000), st.integers(0, 3000)).map(
        lambda pair: {"between": [f"{pair[0]}ms", f"{sum(pair)}ms"]}
    ),
    st.tuples(st.integers(1, 2000), st.integers(0, 3000)).map(
        lambda pair: {"median": f"{pair[0]}ms", "p95": f"{sum(pair)}ms"}
    ),
    st.lists(st.integers(1, 2000).map(lambda ms: f"{ms}ms"), min_size=1, max_size=4).map(
        lambda values: {"observed": values}
    ),
)
VERDICTS = ("approved", "rejected", "changes-requested")
CONDITIONS = (
    "{{ user is none }}", "{{ message == 'go' and turn > 1 }}", "{{ parameters.amount > 1000 }}",
    "{{ decisions.GATE.verdict == 'approved' }}", "{{ decisions.GATE.votes | length > 0 }}",
    "{{ delegates.AGENT.output == 'go 1' }}", "{{ delegates.AGENT.output != '' }}",
)  # fmt: skip
"""That are true, false, without an answer, settled by who decides, and by what an agent hands back."""


@st.composite
def targets(
    draw: st.DrawFn,
    ahead: list[str],
    gates: list[str],
    conditions: tuple[str, ...] = CONDITIONS,
    agents: tuple[str, ...] = (),
) -> object:
    """Where a way out leads: a step, or branches with shares of at most the whole."""
    if draw(st.integers(0, 2)) == 0:
        return draw(st.sampled_from(ahead))
    known = [each for each in conditions if (gates or "GATE" not in each) and (agents or "AGENT" not in each)]
    known += [each for each in known if "GATE" in each or "AGENT" in each] * 2  # the more telling ones more often
    branches: list[dict[str, object]] = []
    left = 100
    for _ in range(draw(st.integers(1, 3))):
        to = draw(st.sampled_from(ahead))
        if left > 0 and draw(st.booleans()):
            share = draw(st.integers(1, left))
            left -= share
            branches.append({"chance": f"{share}%", "to": to})
        else:
            gate = draw(st.sampled_from(gates)) if gates else ""
            when = draw(st.sampled_from(known)).replace("GATE.", f"{gate}.")
            when = when.replace("AGENT", draw(st.sampled_from(agents)) if "AGENT" in when else "")
            branches.append({"when": when, "to": to})
    return [*branches, {"to": draw(st.sampled_from(ahead))}] if draw(st.booleans()) else branches


@st.composite
def handing_back(draw: st.DrawFn, agents: tuple[str, ...]) -> dict[str, object]:
    """Whose a delegate is, and what it hands back: perhaps made of what others did, and it itself before."""
    text = draw(st.sampled_from(["go", "{{ message }} {{ turn }}", "{{ delegates.AGENT.output }}!", "{{ 1 + 'x' }}"]))
    return {"agent": "OTHER", "output": text.replace("AGENT", draw(st.sampled_from(agents)))}


def votes_of(offered: tuple[str, ...]) -> st.SearchStrategy[dict[str, object]]:
    """What a reviewer says at each opening."""
    after = st.integers(0, 9000).map(lambda ms: f"{ms}ms")
    return st.fixed_dictionaries({"after": after, "verdict": st.sampled_from(offered), "comment": st.just("because")})


CHILD_LATENCIES = st.one_of(LATENCIES, st.sampled_from(("0ms", "1s", "1s")))
"""Some that are none, and some that are alike."""


@st.composite
def side_by_side(draw: st.DrawFn, name: str, agents: tuple[str, ...]) -> list[dict[str, object]]:
    """The children of a parallel."""
    children: list[dict[str, object]] = []
    for index in range(draw(st.integers(2, 3))):
        child = f"{name}c{index}"
        if draw(st.booleans()):
            agents = (*agents, child)
            children.append({"delegate": child, "takes": draw(CHILD_LATENCIES), **draw(handing_back(agents))})
        else:
            children.append({"work": child, "takes": draw(CHILD_LATENCIES), "says": f"{child} {{{{ now }}}}"})
    return children


@st.composite
def documents(draw: st.DrawFn) -> dict[str, object]:
    """A scenario as an author writes it, of up to six steps and two endings; whatever leads back is counted."""
    names = [f"s{index}" for index in range(draw(st.sampled_from((1, 2, 3, 4, 4, 5, 5, 6))))]
    steps: list[dict[str, object]] = []
    gates: list[str] = []
    agents: tuple[str, ...] = ()
    for index, name in enumerate(names):
        ahead = [*names[index + 1 :], "done", "failed"]
        kind = draw(st.sampled_from(("work", "delegate", "parallel", "wait", "gate")))
        step: dict[str, object] = {kind: name}
        if kind == "gate":
            step |= {"asks": "May it go on?", "patience": f"{draw(st.integers(1, 9000))}ms"}
            if draw(st.booleans()):
                step |= {"channel": "EMAIL", "approvals": draw(st.integers(2, 3))}
            gates.append(name)
            routes: dict[str, object] = {
                verdict: draw(targets(ahead, gates, agents=agents))
                for verdict in ("approved", "rejected", "timed-out")
                if draw(st.booleans())
            }
            if draw(st.booleans()):
                routes["changes-requested"] = draw(st.sampled_from(names[: index + 1]))
                step["rounds"] = draw(st.integers(1, 3))
            step["verdicts"] = routes
            if draw(st.booleans()):
                offered = VERDICTS if "changes-requested" in routes else VERDICTS[:2]
                step["reviewer"] = draw(votes_of(offered))
            if draw(st.booleans()):
                # also as late as patience ends, or later: then it doesn't escalate
                step["escalate"] = {"after": f"{draw(st.integers(1, 9000))}ms", "asks": "And you?"}
                if draw(st.booleans()):
                    step["escalate"]["reviewer"] = draw(votes_of(VERDICTS[:2]))
        else:
            if kind == "parallel":
                children = draw(side_by_side(name, agents))
                agents = (*agents, *(str(child["delegate"]) for child in children if "delegate" in child))
                step |= {"of": children, "until": draw(st.sampled_from(("all", "any")))}
            else:
                step["takes"] = draw(LATENCIES)
            if kind == "delegate":
                agents = (*agents, name)
                step |= draw(handing_back(agents))
            if draw(st.booleans()):
                step["next"] = draw(targets(ahead, gates, agents=agents))
            if kind == "wait" and draw(st.booleans()):
                step["again"] = {"to": draw(st.sampled_from(names[: index + 1])), "rounds": draw(st.integers(1, 3))}
        steps.append(step)
    output = "".join(f"{{{{ delegates.{agent}.output }}}}" for agent in agents) or "Done."
    steps += [{"complete": "done", "output": output}, {"error": "failed", "text": "Failed."}]
    return {"lab": 1, "name": "drawn", "title": "Drawn", "agent": {"code": "DRAWN"}, "ask": "go", "steps": steps}


def scenarios() -> st.SearchStrategy[Program]:
    """The same, indexed."""
    return documents().map(lambda document: program_of(parsed(Scenario, document)))


def planned(program: Program, seed: int = 7, *, at: int = 100, ordinal: int = 1, scripted: bool = True) -> Plan:
    """The plan of a job accepted at `at`."""
    call = Invocation("J", "demo", program.scenario.agent.code, program.name, ordinal, at, Input("go"))
    return Plan(program, call, seed, settle_draws(program, seed, ordinal), scripted=scripted)


PLANS = st.builds(planned, scenarios(), st.integers(0, 2**40), scripted=st.booleans())
INSTANTS = st.integers(0, 60_000)


_DECIDED = st.lists(
    st.tuples(
        st.integers(100, 40_000),
        st.integers(0, 2),
        st.one_of(st.sampled_from([Verdict(each) for each in VERDICTS]), st.none()),
    ),
    max_size=4,
)


@st.composite
def _in_time(draw: st.DrawFn, plan: Plan, known: tuple[Decision, ...]) -> tuple[Decision, ...]:
    """A decision on a gate or a wait that a job comes to, if it does, at some instant of it or just outside."""
    open_ = [span for span in islice(spans(plan, known), 40) if isinstance(span.step, Gate | Pause)]
    if not open_:
        return ()
    span = draw(st.sampled_from(open_))
    until = span.until or span.since
    instant = draw(st.sampled_from((span.since, until - 1)) | st.integers(max(100, span.since - 1), until))
    verdict = draw(st.sampled_from(VERDICTS)) if isinstance(span.step, Gate) else None
    by = draw(st.sampled_from((None, "ann", "eve")))
    return (Decision(instant, span.id, span.visit, verdict and Verdict(verdict), Origin.PERSON, by, "so"),)


@st.composite
def decisions_for(draw: st.DrawFn, plan: Plan) -> tuple[Decision, ...]:
    """Decisions as a journal could hold them, and some that never could; in order of time."""
    steps = list(plan.program.steps)
    found = [
        Decision(at, draw(st.sampled_from(steps)), visit, verdict, Origin.PERSON, None, "so")
        for at, visit, verdict in draw(_DECIDED)
    ]
    fitting = [
        each
        for each in found
        if ("gate" in type(plan.program.steps[each.step]).__name__.lower()) == (each.verdict is not None)
    ]
    for _ in range(draw(st.integers(0, 4))):
        fitting += draw(_in_time(plan, tuple(sorted(fitting, key=lambda each: each.at))))
    if draw(st.booleans()):
        fitting.append(Decision(draw(INSTANTS), CANCEL, 0, None, Origin.API))
    return tuple(sorted(fitting, key=lambda each: each.at))
