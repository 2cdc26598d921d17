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

MEMBERS = "scenario seed seeds jobs ended duration steps waiting polls tokens refused schedules".split()


def test_it_says_in_one_line_of_json_what_its_tables_say(lab: Lab) -> None:
    call = ("simulate", "item-comparison", "--jobs", "40", "--poll", "2s..30s x1.5", "--poll", "5s", "--delay", "3s")
    done = lab(*call, "--json")
    assert done.code == 0 and len(done.lines) == 1
    found = json.loads(done.lines[0])
    assert list(found) == MEMBERS
    assert [(each["step"], each["jobs"]) for each in found["ended"]] == [("answer", 40)]
    assert found["tokens"] == {"each": 40, "shared": 1, "lifetime": 3_600_000}
    assert [each["schedule"] for each in found["schedules"][:3]] == ["the lab's app", "2s..30s x1.5", "5s"]
    assert [each["best"] for each in found["schedules"]].count(True) == 1
    for each in found["schedules"]:
        fits, best = each["delay"]["p95"] <= 3_000, next(one for one in found["schedules"] if one["best"])
        assert not fits or best["polls"] / best["jobs"] <= each["polls"] / each["jobs"]
        assert not each["best"] or fits
        assert not each["sure"] or each["worst"] <= 3_000
    assert [each["sure"] for each in found["schedules"]].count(True) == 1
    text = lab(*call)
    assert text.code == 0 and re.search(r"answer +COMPLETE +40 +100.0 %", text.out)
    assert "later turns are left out" in text.err
    [best] = [line for line in text.lines if line.startswith("  Best: ")]
    assert " in place of 2s..30s x1.5: " in best


def test_the_page_holds_its_plots_and_loads_nothing(lab: Lab) -> None:
    assert lab("simulate", "item-comparison", "--jobs", "40", "--poll", "5s", "--html", "page.html").code == 0
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


def test_a_page_goes_over_an_earlier_one_and_over_nothing_else_unless_forced(lab: Lab) -> None:
    shutil.copy(scenario_path("quick", lab.folder), lab.folder)
    scenario, notes, page = (lab.folder / name for name in ("quick.yaml", "notes.html", "page.html"))
    text = scenario.read_text("utf-8")
    notes.write_text("<!doctype html>My notes of lab simulate")
    call = ("simulate", "./quick.yaml", "--jobs", "3", "--html")
    for file, why in ((scenario, "the scenario itself"), (notes, "--force"), (lab.folder, "a folder")):
        done = lab(*call, str(file))
        assert (done.code, done.out) == (2, "") and why in done.err
    assert lab(*call, str(scenario), "--force").code == 2 and scenario.read_text("utf-8") == text
    assert notes.read_text() == "<!doctype html>My notes of lab simulate"
    assert [lab(*call, str(file), *force).code for file, force in
            ((page, ()), (page, ()), (notes, ("--force",)))] == [0, 0, 0]  # fmt: skip
    assert notes.read_bytes() == page.read_bytes()
    assert "belongs to --html" in lab("simulate", "quick", "--force").err


@pytest.mark.parametrize(
    ("options", "note"),
    [
        (("--reviewers", "2"), "--reviewers has no effect: quick has no gate."),
        (("--reviewers", "2", "--takes", "5m", "--hours", "9-17"), "--hours has no effect: quick has no gate."),
        (("--poll", "5s", "--poll", "5000ms"), "--poll '5s' is given 2 times."),
        (("--epoch", "5"), "--epoch has no effect"),
    ],
)
def test_an_option_without_effect_is_noted(lab: Lab, options: Sequence[str], note: str) -> None:
    done = lab("simulate", "quick", "--jobs", "3", "--json", *options)
    assert done.code == 0 and f"note: {note}" in done.err
    given = [each["schedule"] for each in json.loads(done.out)["schedules"] if each["given"]]
    assert len(given) == len(set(given))


def test_a_limit_says_how_far_it_varies_or_that_this_is_of_one_seed(lab: Lab) -> None:
    call = ("simulate", "quick", "--jobs", "60", "--arrivals", "2/s")
    assert "one seed: --seeds" in lab(*call).out and "one seed: --seeds" in lab(*call, "--limit", "4").out
    assert "one seed: --seeds" in lab(*call, "--limit", "60").out
    alone = [json.loads(lab(*call, "--limit", "4", "--seed", str(seed), "--json").out)["refused"] for seed in (1, 2, 3)]
    together = json.loads(lab(*call, "--limit", "4", "--seed", "1", "--seeds", "3", "--json").out)["refused"]
    assert [[each["seed"], each["calls"], each["jobs"], each["first"]] for each in together["by_seed"]] == [
        [seed, each["calls"], each["jobs"], each["first"]] for seed, each in zip((1, 2, 3), alone, strict=True)
    ]
    jobs = sorted(each["jobs"] for each in alone)
    text = lab(*call, "--limit", "4", "--seed", "1", "--seeds", "3").out
    assert f"of a seed: {jobs[0]} to {jobs[2]} jobs (p50 {jobs[1]}), 0 gave up; met with 3 of 3 seeds" in text
    fullest = [
        json.loads(lab(*call, "--seed", str(seed), "--json").out)["refused"]["at_once"]["max"] for seed in (1, 2, 3)
    ]
    text = lab(*call, "--seed", "1", "--seeds", "3").out
    assert f"one below {max(fullest)} would refuse some with some seed, one below {min(fullest)} with every" in text


def test_of_people_with_hours_is_said_what_they_did_beyond_them_and_what_nobody_saw(lab: Lab) -> None:
    call = "simulate supplier-onboarding --jobs 60 --arrivals 12/h --reviewers 2 --takes 40m".split()
    text = lab(*call, "--hours", "2-3").out
    assert "people begin from 2 to 3 UTC; clients come round the clock" in text
    [load] = re.findall(r"at gates for ([0-9.]+) % of their hours, and .* beyond them", text)
    assert 0 < float(load) <= 100
    [(unseen, gates, outside, queue)] = re.findall(
        r"before anybody began: (\d+) of (\d+) gates: (\d+) .*, (\d+) in", text
    )
    assert int(unseen) == int(outside) + int(queue) and int(outside) > 0 and int(queue) > 0
    assert f"of {int(gates) - int(unseen)} gates with which somebody did" in text
    assert "off while jobs were alive" in lab(*call, "--hours", "23-24").out


def test_where_jobs_last_for_hours_a_schedule_is_named_that_tells_of_ends_in_minutes(lab: Lab) -> None:
    steps = "steps:\n  - work: reconcile\n    takes: {median: 3h, p95: 9h}\n  - complete: done\n    output: ok\n"
    (lab.folder / "marathon.yaml").write_text(
        f"lab: 1\nname: marathon\ntitle: Long\nagent: {{code: LONG}}\nask: go\nseed: 1\n{steps}"
    )
    call = ("simulate", "./marathon.yaml", "--jobs", "20", "--arrivals", "1/m")
    text = lab(*call).out
    [(lasting, late, schedule, polls)] = re.findall(
        r"Half of the jobs last (.*) or longer: if (.*) late is as good \(--delay\), (.*) takes (.*) polls a job\.",
        text,
    )
    rows = {each["schedule"]: each for each in json.loads(lab(*call, "--json").out)["schedules"]}
    best = next(each for each in rows.values() if each["best"])
    assert float(polls) == pytest.approx(rows[schedule]["polls"] / 20, abs=0.05) and lasting.endswith("m")
    assert rows[schedule]["polls"] * 2 <= best["polls"] and late.endswith("s")
    found = re.findall(r"^ +(\S+) to +(\S+)  #", text, re.MULTILINE)
    assert found and all(re.fullmatch(r"(?:\d+h)?(?:\d+m)?", high) for _, high in found)
    assert "Half of the jobs" not in lab("simulate", "quick", "--jobs", "20").out


def test_it_says_what_the_ceilings_are_and_recommends_none_beyond_them(lab: Lab) -> None:
    steps = "steps:\n  - work: reconcile\n    takes: {between: [5h, 7h]}\n  - complete: done\n    output: ok\n"
    (lab.folder / "long.yaml").write_text(
        f"lab: 1\nname: long\ntitle: Long\nagent: {{code: L}}\nask: go\nseed: 1\n{steps}"
    )
    call = ("simulate", "./long.yaml", "--jobs", "20", "--delay", "10m", "--poll", "10m")
    text = lab(*call).out
    assert "  Best: 1m in place of 10m: " in text and "  10m leaves the limits of C7.\n" in text
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


def test_of_a_gate_that_escalates_is_said_how_often_and_a_long_front_is_thinned_but_for_programs(lab: Lab) -> None:
    (lab.folder / "signing.yaml").write_text(SIGNING)
    people = ("--reviewers", "1", "--takes", "2h10m")
    call = ("simulate", "./signing.yaml", "--jobs", "14", *people, "--poll", "10s", "--poll", "11s")
    text = lab(*call, "--html", "page.html").out
    # all open within a minute; the twelfth is begun within a day, and decided after it
    assert "  head: approved 12, rejected 2; escalated 3 of 14; open for" in text
    found = json.loads(lab(*call, "--json").out)
    assert found["waiting"]["gates"][0]["escalated"] == 3
    shown = re.findall(r"^[> ] (\S.*?)  +[0-9.]+  +[0-9.]+ %", text.partition("\nPolls ")[2], re.MULTILINE)
    every = [each["schedule"] for each in found["schedules"]]
    assert set(shown) < set(every) and len(every) > 3 + 12 and len(shown) <= 3 + 12 + 3
    assert {each["schedule"] for each in found["schedules"] if each["given"] or each["best"] or each["sure"]} < set(
        shown
    )
    assert {every[3], every[-1]} < set(shown) and f"{len(every) - len(shown)} more of the front" in text
    page = (lab.folder / "page.html").read_text("utf-8")
    assert "escalated 3 of 14" in page
    plot = fromstring(re.findall(r"<svg.*?</svg>", page, re.DOTALL)[2])
    names = [
        (float(text.get("x", 0)), float(text.get("y", 0))) for text in plot.iter("text") if text.text in ("10s", "11s")
    ]
    names = [(x, y) for x, y in names if x > 100]  # what stands before is the scale
    assert len(names) == 2 and abs(names[0][1] - names[1][1]) >= 20


def test_people_answer_gates_in_place_of_the_scenario_and_a_limit_refuses(lab: Lab) -> None:
    call = ("simulate", "supplier-onboarding", "--jobs", "30", "--arrivals", "30/m", "--limit", "4", "--json")
    found = json.loads(lab(*call, "--reviewers", "3", "--takes", "30s").lines[0])
    assert found["waiting"]["reviewers"]["people"] == 3 and found["waiting"]["reviewers"]["queue"]["max"] > 0
    assert found["refused"]["limit"] == 4 == found["refused"]["at_once"]["max"] and found["refused"]["calls"] > 0
    alone = lab("simulate", "supplier-onboarding", "--jobs", "5", "--reviewers", "1")
    assert "needs 2 people: with 1 it times out" in alone.err and "timed-out" in alone.out


@pytest.mark.parametrize(
    ("options", "spelling"),
    [
        (("--jobs", "0"), "from 1 to 100000"), (("--jobs", "1e3"), "no whole number"), (("--seeds", "x"), "from 1 to 1000"),
        (("--arrivals", "5"), "5/s"), (("--arrivals", "0/s"), "5/s"), (("--arrivals", "2000/s"), "at most 1000/s"),
        (("--reviewers", "no"), "from 1"), (("--takes", "2m"), "--reviewers 3"), (("--hours", "9-17"), "--reviewers 3"),
        (("--reviewers", "1", "--takes", "{mean:2m}"), "{mean: 2m}"), (("--reviewers", "1", "--takes", "["), "{mean: 2m}"),
        (("--reviewers", "1", "--hours", "9-9"), "9-17"), (("--reviewers", "1", "--hours", "9:00-17:00"), "9-17"),
        (("--poll", "2s..1s x2"), "2s..30s x1.5"), (("--poll", "2s..3s"), "xFACTOR is missing"), (("--poll", "2s..3s x1"), "FACTOR above 1"), (("--poll", "2..3 x2"), "2s..30s x1.5"),
        (("--poll", "x99999999"), "begins with a pause"), (("--poll", "2s..9s x99999999"), "from 1 to 999.99"),
        (("--arrivals", "-1/s"), "5/s"), (("--delay", "-5s"), "as 90s"),
        (("--reviewers", "1", "--takes", "{median: 20m, p95: 2m}"), "p95 not less than the median"),
        (("--jobs", "100001"), "from 1 to 100000"), (("--jobs", "50001", "--seeds", "2"), "At most 100000 are simulated in all"),
        (("--poll", "1ms"), "2s..30s x1.5"), (("--limit", "0"), "from 1"), (("--delay", "5"), "as 90s"),
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


def test_seeds_times_jobs_may_be_all_that_may_be(lab: Lab) -> None:
    assert lab("simulate", "quick", "--jobs", "1", "--seeds", "1000", "--json").code == 0
    done = lab("simulate", "quick", "--jobs", "101", "--seeds", "1000")
    assert (done.code, done.out) == (2, "") and "--jobs 101 for each of --seeds 1000 are 101000 jobs." in done.err


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
