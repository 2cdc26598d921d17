"""`lab.report()` of the fixture for pytest: the rules that a test requires of its client."""

from pathlib import Path

from tests.testing.runs import run_pytest
from tests.testing.test_plugin import CLIENT

TESTS = """
def test_rules(lab):
    start(lab)
    lab.report().require("C2", "C3")
"""


def test_a_rule_that_failed_and_one_that_was_not_exercised_fail_the_test(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, {"test_client.py": CLIENT + TESTS})
    assert run.outcome("test_rules") == "failure"
    assert "C3 poll until the job has ended: failed" in run.text("test_rules")
    assert "C2 stop at a final status: not exercised" in run.text("test_rules")
