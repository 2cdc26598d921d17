"""`expect`: what a scenario says of its run, and `lab run` compares with what came."""

import json

import pytest

from tests.conftest import Lab

HEAD = "lab: 1\nname: own\ntitle: Own\nagent: {code: OWN}\nask: go\n"
GATE = "  - {gate: boss, asks: May it?, patience: 1m, reviewer: {after: 5s, verdict: approved}}\n"
LOOP = (
    "  - {gate: boss, asks: May it?, patience: 1m, verdicts: {changes-requested: boss}, reviewer: {script: ["
    "{after: 5s, verdict: changes-requested, comment: Why?}, {after: 5s, verdict: rejected}]}}\n"
)
QUORUM = (
    "  - {gate: boss, asks: May it?, patience: 1m, channel: EMAIL, approvals: 2, reviewer: {script: ["
    "{after: 5s, verdict: approved}]}}\n"
)
END = "  - {complete: done, output: Done.}\n"
ERROR = "  - {error: failed, text: No.}\n"
AGAIN = (
    "turns:\n  - ask: and then\n    steps:\n      - {gate: head, asks: Q, patience: 1m, reviewer: nobody}\n    " + END
)
BY_CHANCE = "  - work: read\n    takes: 2s\n    next: [{chance: 50%, to: failed}, {to: done}]\n" + END + ERROR
CLOSED = "faults:\n  - {route: invoke, calls: every 1, answer: 503}\n"


def differences(lab: Lab, expect: str, rest: str) -> list[str]:
    """Those of a run, as lines and as JSON alike."""
    said = f"expect: {expect}\n" if expect else ""
    (lab.folder / "own.yaml").write_text(HEAD + said + "steps:\n" + rest)
    asked_for = ("run", "./own.yaml", "--speed", "instant")
    lines, documents = lab(*asked_for), lab(*asked_for, "--json")
    mark = "# not as expected: "
    found = [line.removeprefix(mark) for line in lines.lines if line.startswith(mark)]
    *earlier, last = (json.loads(line) for line in documents.lines)
    assert last["differences"] == found
    assert last["expected"] == (not found)
    assert all(each["expected"] and not each["differences"] for each in earlier)
    assert lines.code == documents.code == (1 if found else 0), lines.err
    return found


@pytest.mark.parametrize(
    ("expect", "rest"),
    [
        ("", END),
        ("{}", END),
        ("{status: ERROR}", ERROR),
        ("{status: [COMPLETE, ERROR]}", ERROR),
        ("{status: [COMPLETE, ERROR]}", END),
        ("{verdicts: {boss: approved}, polls: 5}", GATE + END),
        ("{verdicts: {boss: rejected}}", LOOP + END),
        ("{status: ERROR, verdicts: {boss: timed-out}}", QUORUM + END),
        ("{status: ERROR, verdicts: {boss: approved, head: timed-out}}", GATE + END + AGAIN),
        ("{refused: 503}", END + CLOSED),
        ("{refused: 503, status: null}", END + CLOSED),
        ("{status: null}", END + CLOSED),
        ("{refused: 429, status: RUNNING}", END + CLOSED.replace("invoke", "status").replace("503", "429")),
    ],
)
def test_what_comes_as_expected_is_zero(lab: Lab, expect: str, rest: str) -> None:
    steps = rest if "RUNNING" not in expect else "  - {work: w, takes: 1h}\n" + rest
    assert differences(lab, expect, steps) == []


@pytest.mark.parametrize(
    ("expect", "rest", "found"),
    [
        ("", ERROR, ["status: ERROR, expected COMPLETE"]),
        ("{}", ERROR, ["status: ERROR, expected COMPLETE"]),
        ("{polls: 9}", ERROR, ["status: ERROR, expected COMPLETE"]),
        ("{status: ERROR}", END, ["status: COMPLETE, expected ERROR"]),
        ("{status: [RUNNING, ERROR]}", END, ["status: COMPLETE, expected RUNNING or ERROR"]),
        ("{status: [COMPLETE, ERROR]}", END + CLOSED, ["status: no job, expected COMPLETE or ERROR"]),
        ("{status: null}", END, ["status: COMPLETE, expected no job"]),
        ("{refused: 403}", END, ["refused: no, expected 403"]),
        ("{refused: 403}", END + CLOSED, ["refused: 503, expected 403"]),
        ("{status: ERROR}", END + CLOSED, ["status: no job, expected ERROR"]),
        ("{polls: 1}", GATE + END, ["polls: 4, expected at most 1"]),
        ("{verdicts: {boss: rejected}}", GATE + END, ["boss: approved, expected rejected"]),
        ("{verdicts: {boss: changes-requested}}", LOOP + END, ["boss: rejected, expected changes-requested"]),
        (
            "{verdicts: {boss: approved}}",
            END.replace("done", "early") + GATE + END,
            ["boss: no verdict, expected approved"],
        ),
        (
            "{status: COMPLETE, verdicts: {boss: approved}, polls: 2}",
            QUORUM + END,
            ["status: ERROR, expected COMPLETE", "boss: timed-out, expected approved", "polls: 13, expected at most 2"],
        ),
        ("{status: ERROR}", ERROR + AGAIN, ["turn 1 of 2: ERROR, expected COMPLETE"]),
        ("{refused: 503}", END + AGAIN + CLOSED, ["turn 1 of 2: no job, expected COMPLETE"]),
    ],
)
def test_what_comes_otherwise_is_one_with_a_line_for_each_difference(
    lab: Lab, expect: str, rest: str, found: list[str]
) -> None:
    assert differences(lab, expect, rest) == found


def test_over_a_socket_the_same_is_compared(lab: Lab) -> None:
    said = "expect: {verdicts: {boss: rejected}}\n"
    (lab.folder / "own.yaml").write_text(HEAD + said + "steps:\n" + GATE + END)
    done = lab("run", "./own.yaml", "--speed", "100")
    assert (done.code, done.lines[-1]) == (1, "# not as expected: boss: approved, expected rejected")


def ends(lab: Lab, text: str) -> set[tuple[str, int, str]]:
    """With several seeds: the status of the last job, the exit code, and the first line that says what came otherwise."""
    (lab.folder / "own.yaml").write_text(HEAD + text)
    found = set()
    for seed in range(8):
        done = lab("run", "./own.yaml", "--speed", "instant", "--json", "--seed", str(seed))
        last = json.loads(done.lines[-1])
        found.add((last["status"], done.code, next(iter(last["differences"]), "")))
    return found


def test_to_what_error_step_a_scenario_branches_is_as_expected_where_no_status_is_written(lab: Lab) -> None:
    steps = f"steps:\n{BY_CHANCE}"
    good = {("COMPLETE", 0, ""), ("ERROR", 0, "")}
    assert ends(lab, steps) == ends(lab, "expect: {polls: 9}\n" + steps) == good
    # the message behind it is none that could be sent
    assert ends(lab, steps + AGAIN.replace("reviewer: nobody", "reviewer: {after: 1s, verdict: approved}")) == good
    wrong = "status: ERROR, expected COMPLETE"
    assert ends(lab, "expect: {status: COMPLETE}\n" + steps) == {("COMPLETE", 0, ""), ("ERROR", 1, wrong)}


def test_what_no_step_says_is_not_expected_of_a_scenario_with_branches_either(lab: Lab) -> None:
    unanswered = BY_CHANCE.replace(END, GATE.replace(", reviewer: {after: 5s, verdict: approved}", "") + END)
    found = ends(lab, "steps:\n" + unanswered.replace("to: done", "to: boss"))
    assert found == {("ERROR", 0, ""), ("ERROR", 1, "status: ERROR, expected COMPLETE")}
