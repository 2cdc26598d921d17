"""`lab simulate` as a user calls it."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from xml.etree.ElementTree import fromstring

import pytest

from lab.app.pauses import CEILINGS
from lab.files.scenarios import scenario_path
from tests.conftest import Lab

MEMBERS = (
    "scenario seed jobs every ended duration histogram steps load requests reviewers polls left delay schedules".split()
)


def test_it_says_in_one_line_of_json_what_its_tables_say(lab: Lab) -> None:
    call = ("simulate", "item-comparison", "--jobs", "40", "--poll", "2s..30s x1.5", "--poll", "5s", "--delay", "4s")
    done = lab(*call, "--json")
    assert done.code == 0 and len(done.lines) == 1
    found = json.loads(done.lines[0])
    assert list(found) == MEMBERS
    assert [(each["step"], each["duration"]["count"]) for each in found["ended"]] == [("answer", 40)]
    assert sum(count for *_, count in found["histogram"]) == found["polls"]["count"] == 40
    assert [each["schedule"] for each in found["schedules"][:3]] == ["the lab's app", "2s..30s x1.5", "5s"]
    assert [each["best"] for each in found["schedules"]].count(True) == 1
    for each in found["schedules"]:
        fits, best = each["late"]["p95"] <= 4_000, next(one for one in found["schedules"] if one["best"])
        assert not fits or best["polls"] / best["late"]["count"] <= each["polls"] / each["late"]["count"]
        assert not each["best"] or fits
        assert not each["sure"] or each["worst"] <= 4_000
    assert [each["sure"] for each in found["schedules"]].count(True) == 1
    text = lab(*call)
    assert text.code == 0 and re.search(r"answer \(COMPLETE\) +40 +100.0 %", text.out)
    assert "later turns are left out" in text.err
    [best] = [line for line in text.lines if line.startswith("  Best: ")]
    assert " in place of 2s..30s x1.5: " in best


def test_the_page_holds_its_plots_and_loads_nothing(lab: Lab) -> None:
    assert lab("simulate", "item-comparison", "--jobs", "40", "--poll", "5s", "--out", "html=page.html").code == 0
    page = (lab.folder / "page.html").read_text("utf-8")
    plots = [fromstring(plot) for plot in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]
    assert [
        len(plot.findall(f".//{tag}")) > 0 for plot, tag in zip(plots, ("rect", "polygon", "circle"), strict=True)
    ] == [True] * 3
    tips = {title.text for title in plots[2].iter("title")}
    assert any(tip is not None and tip.startswith("5s: ") for tip in tips)
    assert {"polls a job", "late at p95"} <= {text.text for text in plots[2].iter("text")}
    assert not re.search(r"https?:|src=|@import|url\(|<script", page)
    assert '<tr class="marked">' in page and "Best: " in page


def test_a_page_goes_over_an_earlier_one_and_never_over_a_scenario(lab: Lab) -> None:
    shutil.copy(scenario_path("quick", lab.folder), lab.folder)
    scenario, page = lab.folder / "quick.yaml", lab.folder / "page.html"
    text = scenario.read_text("utf-8")
    call = ("simulate", "./quick.yaml", "--jobs", "3", "--out")
    done = lab(*call, f"html={scenario}")
    assert (done.code, done.out) == (2, "") and "go over" in done.err and scenario.read_text("utf-8") == text
    page.write_text("an earlier one")
    assert lab(*call, f"html={page}").code == 0 and page.read_text("utf-8").startswith("<!doctype html>")


def test_people_for_whom_there_is_no_gate_are_noted_and_a_schedule_that_is_given_twice_is_one(lab: Lab) -> None:
    done = lab("simulate", "quick", "--jobs", "3", "--json", "--reviewers", "2", "--poll", "5s", "--poll", "5000ms")
    assert done.code == 0 and "note: --reviewers has no effect: quick has no gate." in done.err
    assert [each["schedule"] for each in json.loads(done.out)["schedules"] if each["given"]] == ["the lab's app", "5s"]


def test_where_jobs_last_for_hours_a_hundredth_of_that_is_late_enough(lab: Lab) -> None:
    steps = "steps:\n  - work: reconcile\n    takes: {between: [50m, 54m]}\n  - complete: done\n    output: ok\n"
    (lab.folder / "marathon.yaml").write_text(
        f"lab: 1\nname: marathon\ntitle: Long\nagent: {{code: LONG}}\nask: go\nseed: 1\n{steps}"
    )
    call = ("simulate", "./marathon.yaml", "--jobs", "20", "--every", "1m", "--json")
    found, hasty = json.loads(lab(*call).out), json.loads(lab(*call, "--delay", "5s").out)
    assert found["delay"] == found["duration"]["p50"] // 100_000 * 1_000 > 5_000 == hasty["delay"]
    polls, more = (next(each["polls"] for each in each["schedules"] if each["best"]) for each in (found, hasty))
    assert polls * 2 <= more
    assert json.loads(lab("simulate", "quick", "--jobs", "20", "--json").out)["delay"] == 5_000


def test_it_says_what_the_ceilings_are_and_recommends_none_beyond_them(lab: Lab) -> None:
    steps = "steps:\n  - work: reconcile\n    takes: {between: [5h, 7h]}\n  - complete: done\n    output: ok\n"
    (lab.folder / "long.yaml").write_text(
        f"lab: 1\nname: long\ntitle: Long\nagent: {{code: L}}\nask: go\nseed: 1\n{steps}"
    )
    call = ("simulate", "./long.yaml", "--jobs", "20", "--delay", "10m", "--poll", "10m")
    text = lab(*call).out
    assert "  Best: 1m in place of 10m: " in text and "  10m may leave the limits of C7.\n" in text
    assert f"  no pause is longer than {CEILINGS}.\n" in text
    rows = json.loads(lab(*call, "--json").out)["schedules"]
    assert {each["schedule"]: each["outside"] for each in rows if each["outside"]} == {"10m": "C7"}
    assert [each["schedule"] for each in rows if each["best"]] == ["1m"]


SIGNING = """\
lab: 1
name: signing
title: A deputy
agent: {code: SIGN}
ask: go
seed: 3
steps:
  - gate: head
    asks: Will you?
    patience: 3d
    reviewer: nobody
    escalate: {after: 1d, reviewer: {after: 3h, verdict: rejected, by: Dan}}
  - complete: signed
    output: ok
token: {renewed: true}
"""


def test_of_a_gate_that_escalates_is_said_how_often_and_names_in_the_plot_keep_apart(lab: Lab) -> None:
    (lab.folder / "signing.yaml").write_text(SIGNING)
    people = ("--reviewers", "1", "--takes", "2h10m")
    call = ("simulate", "./signing.yaml", "--jobs", "14", *people, "--poll", "10s", "--poll", "11s")
    text = lab(*call, "--out", "html=page.html").out
    [step] = json.loads(lab(*call, "--json").out)["steps"]
    escalated, approved, rejected = step["escalated"], step["verdicts"]["approved"], step["verdicts"]["rejected"]
    assert approved + rejected == 14 and 0 < rejected <= escalated < 14
    assert f"  head: approved {approved}, rejected {rejected}; escalated {escalated} of 14; open for" in text
    page = (lab.folder / "page.html").read_text("utf-8")
    assert f"escalated {escalated} of 14" in page
    plot = fromstring(re.findall(r"<svg.*?</svg>", page, re.DOTALL)[2])
    names = [
        (float(text.get("x", 0)), float(text.get("y", 0))) for text in plot.iter("text") if text.text in ("10s", "11s")
    ]
    names = [(x, y) for x, y in names if x > 100]  # what stands before is the scale
    assert len(names) == 2 and abs(names[0][1] - names[1][1]) >= 20


def test_people_answer_gates_in_place_of_the_scenario(lab: Lab) -> None:
    call = ("simulate", "supplier-onboarding", "--every", "2s", "--reviewers")
    found = json.loads(lab(*call, "3", "--takes", "30s", "--jobs", "30", "--json").out)["reviewers"]
    assert found["people"] == 3 and found["queue"]["max"] > 0 and 0 < found["busy"] <= 3 * found["lasted"]
    alone = lab(*call, "1", "--jobs", "5")
    assert "needs 2 people: with 1 it times out" in alone.err and "timed-out" in alone.out
    [(unseen, gates, begun)] = re.findall(r"of (\d+) gates with which .*\n.* began: (\d+) of (\d+) gates", alone.out)
    assert int(unseen) + int(gates) == int(begun)


@pytest.mark.parametrize(
    ("options", "spelling"),
    [
        (("--jobs", "0"), "from 1 to 100000"), (("--jobs", "1e3"), "no whole number"), (("--jobs", "100001"), "from 1 to 100000"),
        (("--every", "5"), "as 90s"), (("--every", "5/s"), "as 90s"), (("--delay", "-5s"), "as 90s"), (("--delay", "5"), "as 90s"),
        (("--reviewers", "no"), "from 1"), (("--takes", "2m"), "--reviewers"),
        (("--reviewers", "1", "--takes", "2"), "as 90s"),
        (("--out", "junit=found.xml"), "nothing passes or fails that junit could tell"), (("--out", "junit=x"), "Forms are text, json, html."),
        (("--out", "github=found"), "passes or fails"), (("--out", "page.html"), "Write FORM=FILE"),
        (("--poll", "2s..1s x2"), "2s..30s x1.5"), (("--poll", "2s..3s"), "2s..30s x1.5"), (("--poll", "2s..3s x1"), "FACTOR above 1"), (("--poll", "2..3 x2"), "2s..30s x1.5"),
        (("--poll", "x99999999"), "2s..30s x1.5"), (("--poll", "2s..9s x99999999"), "2s..30s x1.5"), (("--poll", "2s..9s x1.505"), "2s..30s x1.5"), (("--poll", "1ms"), "START is 10ms or more"),
    ],
)  # fmt: skip
def test_an_option_that_is_wrong_names_itself_and_its_spelling(lab: Lab, options: Sequence[str], spelling: str) -> None:
    done = lab("simulate", "item-comparison", *options)
    assert done.code == 2 and done.out == ""
    assert options[-2:][0] in done.err and spelling in done.err


def test_faults_are_left_out_and_that_is_said(lab: Lab) -> None:
    done = lab("simulate", "bad-line", "--jobs", "3", "--json")
    assert done.code == 0 and "faults (" in done.err
    assert json.loads(done.lines[0])["ended"][0]["status"] == "COMPLETE"


def test_a_scenario_of_which_the_mock_takes_no_job_says_why(lab: Lab) -> None:
    done = lab("simulate", "wrong-badge", "--jobs", "3", "--json")
    assert (done.code, done.out) == (2, "") and "takes no job" in done.err


def test_twice_the_same_gives_the_same_bytes(lab: Lab) -> None:
    call = ("simulate", "item-comparison", "--seed", "3", "--jobs", "40", "--json")
    assert lab(*call).out == lab(*call).out


@pytest.mark.long
def test_an_interrupted_simulation_leaves_no_half_line() -> None:
    command = [sys.executable, "-m", "lab", "simulate", "item-comparison", "--json", "--jobs", "100000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    process.stderr.readline()  # the note: it has begun
    process.send_signal(signal.SIGINT)
    assert (process.communicate(timeout=60)[0], process.returncode) == (b"", 130)
