"""Whatever goes wrong: no rule finds anything in what a good client did."""

import json
from collections.abc import Mapping

from hypothesis import given, note, settings
from hypothesis import strategies as st

from lab.plugins.rehearsal.report.judge import RuleVerdict
from tests.conftest import THOROUGH, examples
from tests.plugins.rehearsal.report.good import Plain
from tests.plugins.rehearsal.report.good_kinds import Backoff, Crowd
from tests.plugins.rehearsal.report.good_login import WithCode, WithRefresh
from tests.plugins.rehearsal.report.rehearsal import Kind, Rehearsal
from tests.plugins.rehearsal.report.together import judged

Document = Mapping[str, object]
TAKES = st.sampled_from(["0ms", "700ms", "5s", "20s", "90s", "10m", "40m"])
LATENCIES = st.one_of(
    st.integers(0, 9_000).map(lambda ms: f"{ms}ms"),
    st.tuples(st.integers(1, 2_000), st.integers(0, 30_000)).map(
        lambda pair: {"between": [f"{pair[0]}ms", f"{sum(pair)}ms"]}
    ),
    st.just({"median": "300ms", "p95": "12s"}),
)
RETRY_AFTER = st.sampled_from(["0s", "2s", "90s", {"date": "5s"}, {"text": "1.5"}, {"text": "soon"}])
REFUSALS = st.fixed_dictionaries(
    {"answer": st.sampled_from([400, 401, 403, 404, 429, 429, 500, 502, 503, 503, 504])},
    optional={"retry_after": RETRY_AFTER, "body": st.sampled_from(["html", "empty", "problem"])},
)
STRIKES = st.sampled_from(
    ["reset", "empty", "truncate", "garbage", "stall", "slow-body", "hang", "wrong-length", "close"]
).map(lambda how: {"strike": how})
ODD = st.sampled_from(
    [
        {"odd_body": True},
        {"answer": 200, "body": "html"},
        {"lose_reply": True},
        {"delay": "10s"},
        {"delay": "50s"},
        {"redirect": "same"},
        {"redirect": "other"},
    ]
)
OF_BEARERS = st.sampled_from([{"expire_token": True}, {"status_word": "QUEUED_V2"}, {"status_word": "Complete"}])
CALLS = st.one_of(
    st.integers(1, 6),
    st.tuples(st.integers(1, 6), st.integers(0, 12)).map(lambda pair: f"{pair[0]}-{sum(pair)}"),
    st.integers(1, 5).map(lambda number: f"every {number}"),
)


@st.composite
def faults(draw: st.DrawFn) -> dict[str, object]:
    route = draw(st.sampled_from(["token", "invoke", "status", "status", "status"]))
    what = REFUSALS | STRIKES | ODD if route == "token" else REFUSALS | STRIKES | ODD | OF_BEARERS
    when = draw(
        st.one_of(CALLS.map(lambda calls: {"calls": calls}), st.sampled_from([{"chance": "5%"}, {"chance": "40%"}]))
    )
    return {"route": route, **draw(what), **when}


@st.composite
def steps(draw: st.DrawFn) -> list[dict[str, object]]:
    count = draw(st.integers(0, 4))
    found: list[dict[str, object]] = []
    for number in range(count):
        name = f"s{number}"
        if draw(st.booleans()):
            found.append({"work": name, "takes": draw(TAKES)})
            continue
        verdicts = ["approved", "rejected"]
        gate = {
            "gate": name,
            "asks": "May it?",
            "patience": draw(st.sampled_from(["2m", "3h"])),
            "verdicts": {"rejected": "failed"},
        }
        if draw(st.integers(0, 3)):
            after = draw(st.sampled_from(["0s", "3s", "70s", "15m", "2h"]))
            gate["reviewer"] = {"after": after, "verdict": draw(st.sampled_from(verdicts)), "comment": "because"}
        found.append(gate)
    output = draw(st.sampled_from(["Done.", None, "", {"filler": "2kB"}]))
    return [*found, {"complete": "done", "output": output}, {"error": "failed", "text": "Failed."}]


@st.composite
def documents(draw: st.DrawFn) -> Document:
    latency = draw(st.fixed_dictionaries({}, optional=dict.fromkeys(("token", "invoke", "status"), LATENCIES)))
    return {
        "lab": 1, "name": "quick", "title": "Quick", "agent": {"code": "QUICK", "version": 1}, "ask": "go",
        "limits": {"concurrent": 10}, "latency": latency, "steps": draw(steps()),
        "token": {"lifetime": draw(st.sampled_from(["60s", "10m", "1h"]))},
        "faults": draw(st.lists(faults(), max_size=4)),
    }  # fmt: skip


CLIENTS: st.SearchStrategy[tuple[Kind, int]] = st.one_of(
    st.tuples(st.sampled_from([Plain, Backoff, WithCode, WithRefresh]), st.just(1)),
    st.tuples(st.just(Crowd), st.integers(1, 12)),
)


# the same days each time in a short run: new ones are looked for in the long one, where somebody reads what it finds
@settings(examples(6, thorough=400), derandomize=not THOROUGH)
@given(documents(), CLIENTS, st.integers(0, 2**32), st.sampled_from([None, 4_000, 75_000]))
def test_a_good_client_breaks_no_rule(
    document: Document, client: tuple[Kind, int], seed: int, idle: int | None
) -> None:
    kind, crowd = client
    found = judged(Rehearsal(json.dumps(document), kind, crowd=crowd, idle=idle, rest=360_000, seed=seed).day())
    note(json.dumps(document))
    assert [each.rule.id for each in found.with_verdict(RuleVerdict.FAIL)] == []
