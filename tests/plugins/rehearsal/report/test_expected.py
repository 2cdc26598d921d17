"""The report that is expected of a recording, held against by a replay."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import ROOT, Lab

NAME = "bad-line"
EXPECTED = Path(f"recordings/{NAME}.report.json")


@pytest.fixture
def recorded(lab: Lab) -> Lab:
    """A recording, and the report that is expected of it: the one that it gives."""
    (lab.folder / "recordings").mkdir()
    file = lab.folder / "recordings" / f"{NAME}.rec.jsonl"
    file.write_bytes((ROOT / "recordings" / file.name).read_bytes())
    EXPECTED.write_text(lab("report", NAME, "--json").out)
    return lab


def changed(rule: str, **members: object) -> None:
    """Expect something else of a rule."""
    document = json.loads(EXPECTED.read_text())
    (row,) = (each for each in document["rules"] if each["rule"] == rule)
    row.update(members)
    EXPECTED.write_text(json.dumps(document, indent=2))


def cases(lab: Lab) -> list[tuple[str | None, str | None, list[str]]]:
    lab("replay", NAME, "--junit", "out.xml")
    (suite,) = ElementTree.parse("out.xml").getroot()
    return [(case.get("classname"), case.get("name"), [child.tag for child in case]) for case in suite]


def test_the_report_that_it_gives_is_as_expected(recorded: Lab) -> None:
    done = recorded("replay", "recordings")
    assert (done.code, done.out, done.err) == (0, "1 passed, 0 failed\n", "")
    assert cases(recorded) == [(f"recordings.{NAME}", "server", []), (f"recordings.{NAME}", "report", [])]
    changed("C1", asks="in other words", fix="x", severity="?")
    assert recorded("replay", "recordings").code == 0
    assert recorded("check", "recordings").code == 0


@pytest.mark.parametrize(
    ("rule", "members", "says"),
    [
        ("C1", {"verdict": "fail", "occasions": 3}, ":1  report: expected C1 fail on 3 occasions, got "),
        ("A1", {"occasions": 99}, "report: expected A1 pass on 99 occasions, got pass on "),
        (
            "A1",
            {"evidence": [{"recording": "x", "lines": [7, 9]}]},
            f"{NAME}.rec.jsonl:7  report: expected A1 pass on ",
        ),
        ("A1", {"verdict": "not exercised", "occasions": 0}, "report: expected A1 not exercised, got pass"),
    ],
)
def test_another_finding_is_a_failure_of_the_report_and_not_of_the_replay(
    recorded: Lab, rule: str, members: dict[str, object], says: str
) -> None:
    changed(rule, **members)
    done = recorded("replay", "recordings")
    assert done.code == 1 and says in done.lines[0]
    assert done.lines[1:] == ["0 passed, 1 failed"]
    assert [end for _, _, end in cases(recorded)] == [[], ["failure"]]
    (document, _) = map(json.loads, recorded("replay", "recordings", "--json").lines)
    assert (document["code"], len(document["problems"])) == (1, 1)


def test_a_rule_that_a_side_does_not_know_was_not_exercised_there(recorded: Lab) -> None:
    EXPECTED.write_text('{"rules":[{"rule":"Z9","verdict":"pass","occasions":1}]}')
    lines = recorded("replay", "recordings").lines
    assert any("expected Z9 pass on 1 occasion, got not exercised" in line for line in lines)
    assert any("expected A1 not exercised, got pass" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "says"), [("{", "truncated"), ('{"rules":[{"rule":1}]}', "$.rules[0].rule"), ("[]", "")]
)
def test_what_is_no_report_is_said_by_replay_and_check(recorded: Lab, text: str, says: str) -> None:
    EXPECTED.write_text(text)
    done, looked = recorded("replay", "recordings"), recorded("check", "recordings")
    assert (done.code, looked.code) == (2, 2)
    assert f"{EXPECTED} is no report: " in done.err and says in done.err
    assert f"{EXPECTED}:1:1: is no report: " in looked.out
    EXPECTED.rename("recordings/other.report.json")
    Path("recordings/other.report.json").write_text('{"rules":[]}')
    assert "there is no recording other.rec.jsonl" in recorded("check", "recordings").out
