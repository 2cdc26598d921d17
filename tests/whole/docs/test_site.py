"""What the site is made of: citations as links, a page for each scenario, its steps as a picture. tests/judges has it built."""

import re
from pathlib import Path

import pytest

from lab.cli.site import build
from lab.cli.site.gallery import gallery_pages, scenario_page, shipped_scenarios
from lab.cli.site.pictures import PICTURES, drawn, with_pictures
from lab.cli.site.reference import linked
from lab.cli.site.steps_diagram import arrows, diagram
from lab.core.errors import HostError
from lab.jobs.compiled import CompiledScenario, compile_scenario
from lab.language.parse import parse_scenario
from tests.whole.docs.pages import PAGES
from tests.whole.docs.test_command import lab

SCENARIOS = shipped_scenarios()
UNSAID = b"""
lab: 1
name: unsaid
title: A gate that names no verdict
agent: {code: UNSAID_TEAM}
ask: x
steps: [{gate: consent, asks: May I?, patience: 1h}, {complete: done, output: ok}]
"""
BRANCHING = b"""
lab: 1
name: branching
title: Ways by chance and by condition
agent: {code: BRANCHING_TEAM}
ask: x
steps:
  - work: read
    takes: {mean: 2s}
    next: [{when: "{{ parameters.big }}", to: consent}, {chance: 20%, to: refused}]
  - {complete: done, output: ok}
  - {gate: consent, asks: May I?, patience: 1h, verdicts: {timed-out: [{chance: 50%, to: refused}]}}
  - {error: refused, text: no}
"""


def scenario(name: str) -> CompiledScenario:
    return next(each for of_kind in SCENARIOS.values() for each in of_kind if each.name == name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see `lab docs contract`.", "see [`lab docs contract`](contract.md)."),
        (
            "(`lab docs\nlimits`, §2, §3)",
            "([`lab docs\nlimits`](limits.md), [§2](limits.md#s2), [§3](limits.md#s3))",
        ),
        ("`contract.md` §7.1", "[`contract.md`](contract.md) [§7.1](contract.md#s7-1)"),
        ("as §8 says, and RFC 6749 §5", "as [§8](#s8) says, and RFC 6749 §5"),
        ("§7.4 of the contract", "[§7.4](contract.md#s7-4) of the contract"),
        ("`lab man nowhere` and README.md", "`lab man nowhere` and README.md"),
        ("```sh\nlab docs contract # §8\n```\n", "```sh\nlab docs contract # §8\n```\n"),
        ("## 4. A gate", "## 4. A gate {#s4}"),
        ("### 2.1 Sizes", "### 2.1 Sizes {#s2-1}"),
        (r"| `a\|b` | screen, nowhere |", "| `a|b` | screen, nowhere |"),
        ("| x | screen, clients |", "| x | [screen](screen.md), [clients](clients.md) |"),
    ],
)
def test_citations_are_links(text: str, expected: str) -> None:
    assert linked(text, "screen") == expected


def test_every_link_leads_to_a_heading() -> None:
    texts = {name: linked(text, name) for name, text in PAGES.items()}
    links = [
        (file.removesuffix(".md") or name, anchor)
        for name, text in texts.items()
        for file, anchor in re.findall(r"\]\(([a-z-]*(?:\.md)?)#(s[0-9-]+)\)", text)
    ]
    assert len(links) > 200
    assert [(page, anchor) for page, anchor in links if f" {{#{anchor}}}\n" not in texts[page]] == []


def test_every_scenario_has_a_page_and_a_row_made_of_itself() -> None:
    pages = gallery_pages(SCENARIOS, {"item-comparison": 16.7})
    assert len(pages) == 1 + sum(map(len, SCENARIOS.values()))
    for each in SCENARIOS[""]:
        page = pages[f"{each.name}.md"]
        assert page.startswith(f"# {each.scenario.title}\n")
        assert each.source.rstrip() in page and each.scenario.message in page
        assert ('class="film"' in page) == (each.name == "item-comparison")
        assert f"| [{each.name}]({each.name}.md) | {each.scenario.shows} |" in pages["index.md"]
    assert "[quick](rehearsal/quick." in pages["index.md"]
    turns = scenario("three-turns").sent
    found = re.findall("<svg.*?</svg>", pages[scenario_page("", "three-turns")])
    assert found == [diagram(turn) for turn in turns] and len(set(found)) == 3


def test_every_step_is_drawn_and_every_arrow_leads_to_one() -> None:
    for each in (each for of_kind in SCENARIOS.values() for each in of_kind):
        steps = each.scenario.steps
        picture = diagram(each)
        assert picture.count("<rect") == len(steps)
        ways = [way for step in steps for way in arrows(each, step)]
        assert {way.to for way in ways} - {None} <= {step.id for step in steps}
        assert picture.count('class="head"') == sum(way.to is not None for way in ways)


def test_a_gate_leads_where_its_verdicts_say() -> None:
    compiled = scenario("item-comparison")
    ways = {way.label: way.to for way in arrows(compiled, compiled.steps["buyer-approval"])}
    assert ways == {
        "approved": "reason",
        "rejected": "decline",
        "changes-requested, 3×": "fetch",
        "timed-out": "expired",
    }
    unsaid = compile_scenario(parse_scenario(UNSAID, "unsaid.yaml", stem="unsaid"))
    ways = {way.label: way.to for way in arrows(unsaid, unsaid.first)}
    assert ways == {"approved": "done", "rejected: COMPLETE": None, "timed-out: ERROR": None}


def test_branches_say_when_they_are_taken() -> None:
    compiled = compile_scenario(parse_scenario(BRANCHING, "branching.yaml", stem="branching"))
    read, _, gate, _ = compiled.scenario.steps
    assert [(way.label, way.to) for way in arrows(compiled, read)] == [
        ("if {{ parameters.big }}", "consent"), ("20% of jobs", "refused"), ("else", "done"),
    ]  # fmt: skip
    assert ("timed-out 50% of jobs", "refused") in [(way.label, way.to) for way in arrows(compiled, gate)]
    assert ("timed-out else: ERROR", None) in [(way.label, way.to) for way in arrows(compiled, gate)]
    assert "≈ 2s" in diagram(compiled)


def test_arrows_that_meet_have_lanes_of_their_own() -> None:
    drawn_ways = re.findall(r'd="M\d+ (\d+)H(\d+)V(\d+)H', diagram(scenario("item-comparison")))
    assert len(drawn_ways) == 3
    lanes: dict[str, list[tuple[int, int]]] = {}
    for start, lane, end in drawn_ways:
        low, high = sorted((int(start), int(end)))
        assert all(high < one or other < low for one, other in lanes.get(lane, ()))
        lanes.setdefault(lane, []).append((low, high))


def test_pictures_stand_in_their_sections() -> None:
    page = with_pictures("screen", PAGES["screen"])
    for each in PICTURES:
        before = page.partition(f"(pictures/{each.name}.svg)")[0]
        assert re.findall(r"^## (\d+)\. ", before, re.MULTILINE)[-1] == each.below
    assert with_pictures("limits", PAGES["limits"]) == PAGES["limits"]


def test_a_picture_shows_its_moment_and_loads_nothing() -> None:
    picture = drawn(PICTURES[0])
    assert "APPROVAL" in picture
    assert "font-face" not in picture and "<svg" in picture


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """MkDocs and what it is given are left out: a site of one page."""

    def run(work: Path) -> None:
        assert (work / "mkdocs.yml").read_text("utf-8").endswith('nav: ["index.md"]\n')
        (work / "site").mkdir()
        (work / "site" / "index.html").write_text("new")

    monkeypatch.setattr(build, "_NEEDED", {})
    monkeypatch.setattr(build, "site_sources", lambda: ({"pages/index.md": "# Home"}, ["index.md"]))
    monkeypatch.setattr(build, "_run_mkdocs", run)


@pytest.mark.usefixtures("quick")
def test_a_folder_that_holds_something_is_kept_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    code, _, err = lab("docs", "--site", str(tmp_path))
    assert code == 2 and "isn't empty" in err and "--force" in err
    assert (tmp_path / "index.html").read_text() == "old"
    code, out, _ = lab("docs", "--site", str(tmp_path), "--force")
    assert code == 0 and out.startswith(f"1 pages in {tmp_path}. ")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"index.html": "new", "mine.txt": "mine"}


@pytest.mark.usefixtures("quick")
def test_a_new_folder_is_made_and_what_is_none_is_refused(tmp_path: Path) -> None:
    assert lab("docs", "--site", str(tmp_path / "a" / "b"))[0] == 0
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["index.html"]
    (file := tmp_path / "file").write_text("")
    code, _, err = lab("docs", "--site", str(file))
    assert code == 2 and "is no folder" in err
    code, _, err = lab("docs", "--site", str(file / "below"))
    assert code == 4 and "can't be written" in err


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_NEEDED", {"no_such_module": "mkdocs-material"})
    code, _, err = lab("docs", "--site", str(tmp_path / "new"))
    assert (
        code == 2
        and "Not installed: mkdocs-material, which --site needs." in err
        and "pip install 'invoke-async-lab[docs]'" in err
    )
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("argv", [("contract", "--site", "x"), ("contract", "--force"), ("--force",)])
def test_what_does_nothing_beside_the_others_is_refused(argv: tuple[str, ...]) -> None:
    code, _, err = lab("docs", *argv)
    assert code == 2 and "eave" in err


def test_what_mkdocs_says_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"^MkDocs can't make the site: .*(mkdocs\.yml|No module named mkdocs)"):
        build._run_mkdocs(tmp_path)
