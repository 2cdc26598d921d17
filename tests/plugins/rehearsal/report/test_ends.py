"""What is known of a client whose process the lab saw end: by itself, with which exit code, or stopped at a limit."""

from lab.files.scenarios import load_scenario
from lab.jobs.own_run import GoodEnd, ends_in
from lab.plugins.rehearsal.report.judge import RuleVerdict, report_on
from lab.plugins.rehearsal.report.runs import UNWATCHED, Expectation, ProcessEnd, RunOutcome, judged_run
from tests.conftest import ROOT, each_row
from tests.plugins.rehearsal.report.good import Plain
from tests.plugins.rehearsal.report.rehearsal import Rehearsal
from tests.plugins.rehearsal.report.together import judged
from tests.plugins.rehearsal.report.zoo import NULL, SLOW, ZOO


def ended(rehearsal: Rehearsal, end: ProcessEnd) -> tuple[RunOutcome, set[str]]:
    """How the run of the client that breaks the rule ended, and the rules that it failed."""
    run = judged_run("run", rehearsal.day(), Expectation((GoodEnd.RESULT,)), end)
    return run.outcome, {each.rule.id for each in report_on({"run": run.histories}).with_verdict(RuleVerdict.FAIL)}


@each_row("name", ["C3", "C4"])
def test_who_was_stopped_at_the_limit_gave_nothing_up(name: str) -> None:
    assert ended(ZOO[name], ProcessEnd(1)) == (RunOutcome.CLEAN_STOP, {name})
    assert ended(ZOO[name], ProcessEnd(None)) == (RunOutcome.HANG, set())


@each_row(("code", "rule"), [(0, "C12"), (1, "C11")])
def test_a_word_in_another_spelling_was_taken_for_the_known_one_by_who_says_that_all_is_well(
    code: int, rule: str
) -> None:
    assert ended(ZOO["C12"], ProcessEnd(code))[1] == {rule}


@each_row(
    ("end", "outcome", "failed"),
    [
        (ProcessEnd(0), RunOutcome.RESULT, set()),
        (UNWATCHED, RunOutcome.RESULT, set()),
        (ProcessEnd(1), RunOutcome.CLEAN_STOP, {"C14"}),
    ],
)
def test_who_fails_at_an_empty_output_has_no_result(end: ProcessEnd, outcome: RunOutcome, failed: set[str]) -> None:
    assert ended(Rehearsal(NULL, Plain), end) == (outcome, failed)


def test_jobs_one_after_the_other_come_back_together_never() -> None:
    one, five = (Rehearsal(SLOW, Plain, crowd=5, apart=apart) for apart in (600_000, 700))
    found = [{each.rule.id: each.verdict for each in judged(day.day()).findings}["C8"] for day in (one, five)]
    assert found == [RuleVerdict.NOT_EXERCISED, RuleVerdict.PASS]


def test_a_job_that_takes_days_may_be_given_up() -> None:
    endless, slow = (load_scenario(name, ROOT / "scenarios").scenario for name in ("endless", "slow"))
    assert (ends_in(endless), ends_in(slow)) == ((GoodEnd.RESULT, GoodEnd.CLEAN_STOP), (GoodEnd.RESULT,))
