"""What forms of the report say for people and for programs."""

import re
from xml.etree import ElementTree

from msgspec.structs import replace

from lab.cli.ci_forms import CaseEnd, junit_file
from lab.jobs.own_run import GoodEnd
from lab.plugins.rehearsal.report.formats import (
    evidence_of,
    fails,
    github_lines,
    lines_of_runs,
    report_document,
    suites_of,
)
from lab.plugins.rehearsal.report.html import html
from lab.plugins.rehearsal.report.judge import RULE_OF, ClientReport, Evidence, Finding, RuleVerdict
from lab.plugins.rehearsal.report.rule import Severity
from lab.plugins.rehearsal.report.runs import Expectation, JudgedRun, RunOutcome

BROKEN = Finding(RULE_OF["A8"], RuleVerdict.FAIL, 1, (Evidence("a.rec.jsonl", (3,)),))
"""A rule for information."""
RUNS = tuple(
    JudgedRun(name, Expectation((GoodEnd.RESULT,)), outcome, details=(f"why {name}\x07<",))
    for name, outcome in (("far", RunOutcome.NOT_STRUCK), ("w-503", RunOutcome.HANG), ("fine", RunOutcome.RESULT))
)


def junit(report: ClientReport) -> str:
    return junit_file(*suites_of(report, on=Severity.MINOR), began=report.began)


def test_of_much_evidence_some_is_shown_and_the_rest_counted() -> None:
    several = tuple(
        Evidence(f"{name}.rec.jsonl", tuple(range(1, 2 + len(name)))) for name in ("a", "bbbbbbb", "c", "d")
    )
    first = ["a.rec.jsonl, lines 1 2", "bbbbbbb.rec.jsonl, lines 1 2 3 4 5 (and 3 more)", "c.rec.jsonl, lines 1 2"]
    for evidence, more in (
        (several, ["and in 1 more recording"]),
        ((*several, several[0]), ["and in 2 more recordings"]),
    ):
        assert [*evidence_of(Finding(RULE_OF["C1"], RuleVerdict.FAIL, 9, evidence))] == first + more
    assert [*evidence_of(Finding(RULE_OF["C1"], RuleVerdict.FAIL, 3, several[:3]))] == first


def test_a_run_that_ended_otherwise_is_in_each_form_and_fails_it_whatever_the_score() -> None:
    report = ClientReport((BROKEN,), runs=RUNS)
    runs, _ = ElementTree.fromstring(junit(report))
    assert [(case.get("name"), [child.tag for child in case]) for case in runs] == [
        ("far", ["skipped"]),
        ("w-503", ["failure"]),
        ("fine", []),
    ]
    assert (runs.get("failures"), runs.get("skipped"), runs[1][0].text) == ("1", "1", "why w-503?<")
    assert [run["outcome"] for run in report_document(report)["runs"]] == ["not struck", "hang", "result"]  # type: ignore[union-attr,call-overload,index]
    assert "| w-503 | hang | result |" in [*github_lines(report)]
    both = ClientReport((BROKEN, replace(BROKEN, rule=RULE_OF["D4"])))
    assert re.findall(r"^\| ([A-E][0-9]+) ", "\n".join(github_lines(both)), re.MULTILINE) == ["D4", "A8"]
    assert [*fails(report, on=Severity.MAJOR)] == ["1 run ended otherwise than a good client's."]
    assert [line.split(":")[0] for line in lines_of_runs(RUNS)][:3] == [
        "FAIL  w-503",
        "          why w-503\x07<",
        "  -   far",
    ]


def test_what_was_measured_is_in_seconds_and_of_recordings_alone_nothing_was() -> None:
    timed = tuple(replace(run, took=took) for run, took in zip(RUNS, (7, None, 61_230), strict=True))
    runs, rules = ElementTree.fromstring(junit(ClientReport((BROKEN,), runs=timed, began="2026-01-01T00:00:00.000Z")))
    assert [case.get("time") for case in runs] == ["0.007", None, "61.230"]
    assert (runs.get("time"), runs.get("timestamp")) == ("61.237", "2026-01-01T00:00:00.000Z")
    assert rules.get("time") is None
    assert not {"time", "timestamp"} & ElementTree.fromstring(junit(ClientReport((BROKEN,))))[0].attrib.keys()


def test_a_rule_that_counts_for_nothing_fails_no_testcase_and_says_so() -> None:
    broken = Finding(RULE_OF["C7"], RuleVerdict.FAIL, 5, (Evidence("a.rec.jsonl", (1,)),))
    for on, failures in ((Severity.MINOR, 1), (Severity.MAJOR, 0)):
        ((_, (case,)),) = suites_of(ClientReport((broken,)), on=on)
        assert (case.end is CaseEnd.FAILURE, "a.rec.jsonl" in case.text) == (failures == 1, True)


def test_a_rule_for_information_fails_no_testcase() -> None:
    (suite,) = ElementTree.fromstring(junit(ClientReport((BROKEN,))))
    assert (suite.get("failures"), [child.tag for child in suite[0]]) == ("0", ["system-out"])


def test_on_the_page_a_rule_for_information_shows_a_few_recordings_and_others_all() -> None:
    many = tuple(Evidence(f"{name}.rec.jsonl", (1,)) for name in "abcde")
    for rule, shown, more in (("A8", 3, ["and in 2 more"]), ("C1", 5, [])):
        page = html(ClientReport((Finding(RULE_OF[rule], RuleVerdict.FAIL, 5, many),)), lambda *_: "line")
        assert page.count("rec.jsonl</code>, lines") == page.count("<pre>line</pre>") == shown
        assert re.findall("and in . more", page) == more


def test_the_page_runs_and_loads_nothing_whatever_stands_in_a_recording() -> None:
    broken = Finding(RULE_OF["C1"], RuleVerdict.FAIL, 1, (Evidence("<i>.rec.jsonl", (1,)),))
    page = html(ClientReport((broken,), recordings=("<i>.rec.jsonl",)), lambda *_: "<script>alert(1)</script>")
    head, _, body = page.partition("<main>")
    assert re.search('<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src', head)
    assert not re.search("<script|<i>|http:|https:|src=", body) and body.count("&lt;script&gt;") == 1
