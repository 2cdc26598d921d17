"""How runs of a client are told: those that ended alike together, each by itself with --all; as bytes."""

from msgspec.structs import replace

from lab.jobs.own_run import GoodEnd
from lab.plugins.rehearsal.report.formats import groups_of, lines_of_runs
from lab.plugins.rehearsal.report.judge import RULE_OF
from lab.plugins.rehearsal.report.runs import Expectation, JudgedRun, RunOutcome

TRACE = ('|   File "client.py", line 9, in main', "|     ^^^^^^~~", "| HTTPError: 503")


def run(name: str, *broken: str, outcome: RunOutcome = RunOutcome.CRASH, printed: tuple[str, ...] = TRACE) -> JudgedRun:
    return JudgedRun(
        name,
        Expectation((GoodEnd.RESULT,)),
        outcome,
        about=(f"{name} is met",),
        advice="Do better.",
        notes=("jobs begun: 2; asked for: 1",) if outcome is RunOutcome.DUPLICATE else (),
        broken=broken,
        commands=(f"again {name}", f"show {name}"),
        printed=printed,
    )


FINE = replace(run("fine"), outcome=RunOutcome.RESULT)
RUNS = (
    run("plain-1"),
    run("garbage", "D4"),
    FINE,
    run("late", "C1", "C7"),
    run("twice", outcome=RunOutcome.DUPLICATE),
    run("plain-2", printed=(*TRACE[:2], "| HTTPError: 500")),
    JudgedRun("far-1", Expectation((GoodEnd.RESULT,)), RunOutcome.NOT_STRUCK, details=("far-1 is met",)),
    run("paced", "C7", "C1", printed=("| another",)),
    run("pages", "C7", "D4"),
    JudgedRun("far-2", Expectation((GoodEnd.RESULT,)), RunOutcome.NOT_STRUCK, details=("far-2 is met",)),
    run("odd", printed=("| client: no luck",)),
)  # fmt: skip
GROUPED = """\
FAIL  2 runs: crash; C1 honour Retry-After (critical)
      late: late is met; a good client: result
          again late
          show late
          |   File "client.py", line 9, in main
          | HTTPError: 503
      paced: a good client: result
FAIL  2 runs: crash; D4 take a garbled answer for a failure that passes (major)
      garbage: garbage is met; a good client: result
          again garbage
          show garbage
      pages: a good client: result
FAIL  3 runs: crash
      plain-1: plain-1 is met; a good client: result
          Do better.
          again plain-1
          show plain-1
      plain-2: a good client: result
      odd: a good client: result
FAIL  twice: duplicate; a good client: result
          twice is met
          Do better.
          jobs begun: 2; asked for: 1
          again twice
          show twice
  -   2 runs: not struck
      far-1
          far-1 is met
      far-2
11 runs: 7 crash, 2 not struck, 1 result, 1 duplicate; 8 otherwise than a good client's
"""


def test_runs_that_ended_alike_stand_together_and_a_traceback_once() -> None:
    assert "".join(f"{line}\n" for line in lines_of_runs(RUNS)) == GROUPED


def test_with_all_each_run_is_told_whole() -> None:
    found = "\n".join(lines_of_runs(RUNS, whole=True))
    for each in RUNS:
        heading = f"FAIL  {each.name}: {each.ended}" if each.good is False else f"  -   {each.name}: {each.outcome}"
        whole = "\n".join((heading, *(f"          {line}" for line in each.lines)))
        assert (whole in found) == (each is not FINE)
    late = found[found.index("FAIL  late") :].splitlines()[:5]
    assert late[1:] == [
        f"          {line}" for line in ("late is met", "Do better.", "rules broken in it: C1 C7", "again late")
    ]


def test_programs_are_told_all_of_each_run() -> None:
    assert RUNS[3].document()["details"] == [
        "late is met", "Do better.", "rules broken in it: C1 C7", "again late", "show late", *TRACE,
    ]  # fmt: skip


def test_each_run_is_in_one_group_by_its_ending_and_its_gravest_rule() -> None:
    groups = groups_of([each for each in RUNS if each is not FINE])
    assert sorted(run.name for group in groups for run in group.runs) == sorted(
        each.name for each in RUNS if each is not FINE
    )
    for group in groups:
        weights = [max((RULE_OF[rule].severity.weight for rule in each.broken), default=0) for each in group.runs]
        assert {each.outcome for each in group.runs} == {group.outcome}
        assert set(weights) == {0 if group.rule is None else group.rule.severity.weight}


def test_sixty_one_failures_fit_on_two_screens() -> None:
    rules = ("C1", "D4", "A4", "D2", "D1", "D5", "D3", None)
    own = {rule: tuple(f"| {rule} line {number}" for number in range(5)) for rule in rules}
    runs = [
        run(f"w-{number}", *([rule] if rule is not None else []), printed=own[rule if number % 3 else "C1"])
        for number, rule in ((number, rules[number % len(rules)]) for number in range(61))
    ]
    lines = [*lines_of_runs(runs)]
    assert len(lines) <= 2 * 50 and all(len(line) <= 120 for line in lines)
    assert len([*lines_of_runs(runs, whole=True)]) > 600
