"""`lab report`: what it prints, writes, and exits with."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab.core.clock import Millis
from tests.conftest import ROOT, Lab
from tests.plugins.rehearsal.report.good import Plain
from tests.plugins.rehearsal.report.together import Together
from tests.plugins.rehearsal.report.zoo import LONG_WAIT

DAY = str(ROOT / "recordings/month-end-marathon.rec.jsonl")


@dataclass
class Monotonous(Plain):
    """A poll each 2 s, whatever the answer."""

    running: Millis = 2_000
    waiting: Millis = 2_000

    def lot(self, pause: Millis) -> Millis:
        return 0


@pytest.fixture(scope="session")
def monotonous(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A recording of one that breaks two rules."""
    mock = Together(LONG_WAIT)
    mock.play(Monotonous(mock).story())
    path = tmp_path_factory.mktemp("report") / "monotonous.rec.jsonl"
    path.write_bytes(b"".join(mock.lines))
    return str(path)


def test_what_failed_comes_first_with_evidence_and_what_to_do(lab: Lab, monotonous: str) -> None:
    called = lab("report", monotonous, "--fail-on", "minor")
    assert called.code == 1
    assert called.lines[0] == "FAIL  C5  poll more slowly in WAITING (minor)"
    assert called.lines[1].startswith("          monotonous.rec.jsonl, lines ")
    assert re.fullmatch(r"\d+ passed, 2 failed, \d+ not exercised", called.lines[-1])
    assert "C7 failed (minor)." in called.err


@pytest.mark.parametrize("form", ["text", "github", "html"])
def test_the_score_says_to_how_many_rules_the_calls_gave_occasion(lab: Lab, monotonous: str, form: str) -> None:
    counts = re.match(r"(\d+) passed, (\d+) failed, (\d+) not exercised", lab("report", monotonous).lines[-1])
    assert counts is not None
    passed, failed, skipped = map(int, counts.groups())
    assert (
        f"by the {passed + failed} of {passed + failed + skipped} rules to which these calls gave occasion;"
        " in brackets, for those have less than half of all points."
        f" The other {skipped}, not exercised, count neither for nor against the client."
    ) in lab("report", monotonous, "--format", form).out


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 0),
        (("--fail-on", "minor"), 1),
        (("--fail-on", "critical", "--min-score", "99"), 1),
        (("--fail-on", "critical", "--require", "C2,C6"), 0),
        (("--fail-on", "critical", "--require", "C2,C1"), 1),
        (("--require", "X9"), 2),
        (("--min-score", "101"), 2),
    ],
)
def test_what_fails_is_chosen(lab: Lab, options: tuple[str, ...], code: int, monotonous: str) -> None:
    assert lab("report", monotonous, *options).code == code


def test_nothing_exercised_is_never_green(lab: Lab, tmp_path: Path) -> None:
    header = Path(DAY).read_bytes().partition(b"\n")[0]
    quiet = tmp_path / "quiet.rec.jsonl"
    quiet.write_bytes(header + b"\n")
    assert lab("repair", str(quiet)).code == 0
    called = lab("report", str(quiet), "--json")
    assert (called.code, json.loads(called.out)["score"]) == (5, None)
    assert lab("report", "no-such-*.rec.jsonl").code == 5


def test_one_that_cant_be_read_keeps_no_other_from_being_judged(
    lab: Lab, tmp_path: Path, monotonous: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torn, xml, page = (tmp_path / name for name in ("torn.rec.jsonl", "report.xml", "report.html"))
    torn.write_bytes(Path(DAY).read_bytes().replace(b'{"k":"req","n":1,', b'{"k":"req","n":2,'))
    alone = lab("report", monotonous)
    done = lab("report", torn, monotonous, "--out", f"junit={xml}", "--out", f"html={page}")
    assert done.code == 3 and done.out.startswith(alone.out.rstrip("\n")) and done.lines[-1].endswith(", 1 unreadable")
    assert f"lab: {torn}:2: n is 2, expected 1" in done.err and page.exists()
    (suite, _) = ElementTree.parse(xml).getroot()
    (case,) = suite
    assert case.get("name") == str(torn) and [each.tag for each in case] == ["error"]
    first, last = map(json.loads, lab("report", torn, monotonous, "--json").lines)
    assert (first["code"], first["problems"][0]["line"]) == (3, 2) and last["rules"]
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert f"::error file={torn},line=2," in lab("report", torn, monotonous).out
    assert lab("report", torn).code == 3 and lab("report", tmp_path / "nope.rec.jsonl", monotonous).code == 2


def test_several_recordings_are_judged_together(lab: Lab, monotonous: str) -> None:
    said = json.loads(lab("report", DAY, monotonous, "--json").out)
    rules = {each["rule"]: each for each in said["rules"]}
    assert rules["C7"]["verdict"] == "fail"
    assert [each["recording"] for each in rules["C7"]["evidence"]] == ["monotonous.rec.jsonl"]
    assert rules["C4"]["verdict"] == "pass"


def test_junit_has_a_case_a_rule(lab: Lab, tmp_path: Path, monotonous: str) -> None:
    lab("report", monotonous, "--fail-on", "minor", "--out", f"junit={tmp_path / 'report.xml'}")
    suite = ElementTree.parse(tmp_path / "report.xml").getroot().find("testsuite")
    assert suite is not None
    counts = [len(suite.findall(f"testcase/{kind}")) for kind in ("failure", "skipped")]
    assert counts == [int(suite.attrib["failures"]), int(suite.attrib["skipped"])]
    assert counts[0] == 2


def test_a_summary_for_github_is_a_table(lab: Lab, monotonous: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.txt")
    called = lab("report", monotonous, "--format", "github")
    assert sum(line.startswith("| C") for line in Path("summary.txt").read_text().splitlines()) == 2
    notes = [line.split()[:3] for line in called.lines if line.startswith("::")]
    assert notes == [["::warning", "title=lab", "report::C5"], ["::warning", "title=lab", "report::C7"]]
    assert called.lines[-1] == lab("report", monotonous, "--format", "text").lines[-1]


def test_the_page_has_each_line_of_evidence_and_nothing_from_elsewhere(
    lab: Lab, tmp_path: Path, monotonous: str
) -> None:
    lab("report", monotonous, "--out", f"html={tmp_path / 'report.html'}")
    page = (tmp_path / "report.html").read_text()
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{anchor}"' in page
    assert page.count("<article") == 2 and "&#34;k&#34;:&#34;req&#34;" in page
    assert not re.search(r"(?:src|href)=.?(?:https?:)?//|@import|url\(", page)
