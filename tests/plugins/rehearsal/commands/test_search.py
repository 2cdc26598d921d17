"""`lab rehearse --search`: what it prints, writes and keeps; clients run in this process, but for one."""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab.plugins.rehearsal.options import RehearseSettings
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.harm import HarmKind
from lab.plugins.rehearsal.report.runs import JudgedRun, RunOutcome
from lab.plugins.rehearsal.runs.rehearsal import FinishedRun, PlannedRun, Rehearsal
from lab.plugins.rehearsal.runs.search import ScenarioSearch
from tests.conftest import Called, Lab
from tests.plugins.rehearsal.commands.test_rehearse import CLIENT
from tests.plugins.rehearsal.commands.test_rehearse import here as here
from tests.plugins.rehearsal.report.good import Plain
from tests.plugins.rehearsal.report.rehearsal import Kind
from tests.plugins.rehearsal.report.test_harm import NeverPolls
from tests.plugins.rehearsal.report.together import Story, Together
from tests.plugins.rehearsal.report.zoo_failures import Dies
from tests.plugins.rehearsal.report.zoo_messages import BlindRetry
from tests.scenario_texts import BRIEF

API = "API={base_url}/api/fusion-ai/orchestrator/agent/v2"


@pytest.fixture
def searched(here: Lab, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Called]:
    """The command, with a client that is searched in this process."""

    def search(kind: Kind, *arguments: str) -> Called:
        async def runs(
            rehearsal: Rehearsal, planned: Sequence[PlannedRun], _: asyncio.Event, tell: Callable[[FinishedRun], object]
        ) -> list[FinishedRun]:
            done = [run(each, kind, rehearsal.folder) for each in planned]
            for each in done:
                tell(each)
            return done

        monkeypatch.setattr(Rehearsal, "runs", runs)
        return here("rehearse", "--search", *arguments, "--", "no-such-command")

    return search


def run(planned: PlannedRun, kind: Kind, folder: Path) -> FinishedRun:
    path = folder / f"{planned.name}.rec.jsonl"
    path.write_text("")
    lab = Together(Path(planned.target).read_text(), seed=1)
    client = kind(lab)
    client.turns = ("go on, please",)
    histories = histories_of(lab.play(client.story()), over=True)
    judged = JudgedRun(planned.name, planned.expected, RunOutcome.RESULT, histories)
    return FinishedRun(planned, judged, path, "so it ended", 0)


def test_the_fewest_faults_are_told_with_what_repeats_them(searched: Callable[..., Called]) -> None:
    called = searched(BlindRetry, "brief.yaml", "--runs", "40", "--into", "out", "--env", API, "--limit", "90s")
    assert called.code == 1
    assert called.lines[:2] == [
        "FAIL  brief: doubled: 2 jobs began of 1 message",
        "          lose-reply-reset at invoke call 1",
    ]
    assert "struck by lose-reply-reset-invoke-1, began job" in called.lines[2]
    (scenario,) = Path("out").glob("*.yaml")
    assert [each.name for each in Path("out").glob("*.jsonl")] == [f"{scenario.stem}.rec.jsonl"]
    again, shown, printed, summary = called.lines[-4:]
    assert again.strip() == f"lab rehearse {scenario} --env '{API}' --limit 90s -- no-such-command"
    assert (shown.strip(), printed.strip()) == (
        f"lab show out/{scenario.stem}.rec.jsonl --line-numbers",
        "| so it ended",
    )
    assert summary == "brief: 40 runs with seed 1 (faults: 19 with 1, 13 with 2, 7 with 3): one doubled, none lost"


def test_the_file_that_is_kept_is_the_scenario_with_those_faults(searched: Callable[..., Called], here: Lab) -> None:
    searched(Dies, "brief.yaml", "--runs", "20", "--into", "out")
    (scenario,) = Path("out").glob("*.yaml")
    assert here("check", str(scenario)).code == 0
    text = scenario.read_text()
    assert 'shows: "Found by search with seed 1: 503 at poll 1' in text
    assert run(PlannedRun("again", str(scenario), None), Dies, Path()).judged.histories[0].stops  # type: ignore[arg-type]


def test_where_nothing_is_found_nothing_is_left(searched: Callable[..., Called]) -> None:
    called = searched(Plain, "brief.yaml", "--runs", "30", "--into", "out", "--seed", "5")
    assert (called.code, Path("out").exists()) == (0, False)
    assert called.lines == [
        "brief: 30 runs with seed 5 (faults: 14 with 1, 10 with 2, 5 with 3): none doubled, none lost"
    ]


def test_the_same_seed_finds_the_same(searched: Callable[..., Called]) -> None:
    one, two = (searched(Dies, "brief.yaml", "--runs", "12", "--into", "out", "--seed", "9") for _ in range(2))
    assert one.out == two.out and "--seed 9" in one.out


def test_for_programs_there_is_one_object(searched: Callable[..., Called]) -> None:
    called = searched(BlindRetry, "brief.yaml", "--runs", "20", "--into", "out", "--json", "--out", "junit=found.xml")
    (search,) = json.loads(called.out)["searches"]
    (finding,) = search["findings"]
    assert (search["runs"]["0"], finding["harm"], finding["simplest"]) == (1, "doubled", True)
    assert finding["faults"][0]["name"] == "lose-reply-reset-invoke-1"
    assert Path(finding["scenario"]).is_file() and Path(finding["recording"]).is_file()
    (suite,) = ElementTree.parse("found.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [(each.get("name"), len(each)) for each in suite] == [
        ("brief: no job is doubled", 1),
        ("brief: no job is lost", 0),
    ]


def test_a_runner_is_told_what_was_found(searched: Callable[..., Called], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.txt")
    called = searched(BlindRetry, "brief.yaml", "--runs", "20", "--into", "out", "--format", "github")
    assert called.lines[0].startswith("::error title=lab rehearse --search::brief: doubled: ")
    assert called.lines[1].startswith("FAIL  brief: doubled: ")
    found, counts = Path("summary.txt").read_text().strip().splitlines()[2:]
    assert found.startswith("- brief\\: doubled\\: ") and "one doubled" in counts


def test_runs_are_shared_among_scenarios(searched: Callable[..., Called]) -> None:
    other = BRIEF.replace("name: brief", "name: other")
    Path("other.yaml").write_text(other)
    called = searched(Plain, "brief.yaml", "other.yaml", "--runs", "21")
    assert [line.partition(" with")[0] for line in called.lines] == ["brief: 10 runs", "other: 11 runs"]


class Never(Plain):
    """Does nothing."""

    def story(self) -> Story:
        yield from self.wait(1)


def test_a_client_that_comes_to_no_end_by_itself_is_told_at_once(searched: Callable[..., Called]) -> None:
    called = searched(Never, "brief.yaml", "--into", "out")
    assert called.code == 1
    assert called.lines[0] == "FAIL  brief: result without any fault, so there is nothing to search"
    assert not [line for line in called.lines if "none lost" in line]


def test_what_harms_a_job_without_a_fault_is_told_as_such(searched: Callable[..., Called]) -> None:
    called = searched(NeverPolls, "brief.yaml", "--into", "out")
    assert called.lines[0].startswith("FAIL  brief: lost: The client knew its job")
    assert called.lines[1].strip() == "without any fault"
    assert called.lines[-1] == "brief: 1 run with seed 1: none doubled, one lost"


def test_a_search_that_is_ended_tells_what_it_knows(here: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = asyncio.Event()

    class Stopping:
        folder, settings = here.folder, RehearseSettings()

        async def runs(
            self, planned: Sequence[PlannedRun], stopped: asyncio.Event, tell: Callable[[FinishedRun], object]
        ) -> list[FinishedRun]:
            done = [run(each, BlindRetry, self.folder) for each in planned]
            for each in done:
                tell(each)
            if any(len(history.jobs) > 1 for each in done for history in each.judged.histories):
                stopped.set()
            return done

    search = ScenarioSearch("brief.yaml", Stopping())  # type: ignore[arg-type]
    asyncio.run(search.work(40, stopped, lambda _: None))
    (finding,) = search.findings()
    assert (finding.harm.kind, finding.found.simplest) == (HarmKind.DOUBLED, False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--search", "brief.yaml", "--all"), "--all can't be used with --search"),
        (("--search", "--drills", "brief.yaml"), "--drills can't be used with --search"),
        (("--search", "brief.yaml", "--min-score", "50"), "--min-score can't be used with --search"),
        (("--search", "brief.yaml", "--family", "G"), "There is no family G"),
        (("--search", "no-such"), "There is no scenario"),
        (("--search", "brief.yaml", "./brief.yaml"), "Two scenarios are called brief"),
        (("--search", "brief.yaml", "quick", "--runs", "1"), "--runs 1 is less than one for each scenario"),
        (("brief.yaml", "--runs", "5"), "--runs does nothing without --search"),
        (("brief.yaml", "--family", "W"), "--family does nothing without --drills or --search"),
        (("brief.yaml", "--drills", "brief.yaml"), "SCENARIO can't be used with --drills"),
    ],
)
def test_a_wrong_call_is_said(here: Lab, arguments: tuple[str, ...], words: str) -> None:
    called = here("rehearse", *arguments, "--", "no-such-command")
    assert (called.code, words in called.err) == (2, True), called.err


def test_a_client_in_a_process_of_its_own_is_found_out(here: Lab) -> None:
    sends = 'job = call(api + "/invokeAsync"'
    line = next(each for each in CLIENT.splitlines() if sends in each)
    again = f"    try:\n    {line}\n    except (urllib.error.URLError, OSError):\n    {line}"
    (here.folder / "client.py").write_text(CLIENT.replace(line, again))
    command = ("--search", "brief.yaml", "--family", "V", "--runs", "4", "--env", API, "--into", "out")
    called = here("rehearse", *command, "--", sys.executable, "client.py")
    assert called.lines[0] == "FAIL  brief: doubled: 2 jobs began of 1 message"
    assert called.code == 1
    (recording,) = Path("out").glob("*.rec.jsonl")
    assert here("replay", str(recording), "--scenarios", "out").code == 0
