"""Work that takes longer than a client waits for a job."""

from tests.conftest import Lab
from tests.jobs.test_long_work import FOUR_DAYS


def test_jobs_that_a_client_gives_up_on_are_told_and_the_option_that_check_names_helps(lab: Lab) -> None:
    (lab.folder / "a.yaml").write_text(FOUR_DAYS)
    assert "gave up on 2 jobs" in lab("simulate", "./a.yaml", "--jobs", "2").out
    assert "gave up" not in lab("simulate", "./a.yaml", "--jobs", "2", "--deadline", "4d1h").out
