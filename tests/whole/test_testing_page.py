"""What the page on tests shows is what runs: with requests, httpx and aiohttp, as they stand there."""

from pathlib import Path

import pytest

from tests.testing.runs import run_pytest
from tests.whole.docs.pages import PAGES, blocks


@pytest.mark.long
def test_each_example_of_the_page_runs(tmp_path: Path) -> None:
    page = PAGES["testing"].replace("pytest_invoke_async_lab", "lab.testing")  # as it is called in this repository
    examples = {f"test_{number}.py": block for number, block in enumerate(blocks(page, "python"))}
    assert len(examples) == 4
    run = run_pytest(tmp_path, examples)
    assert run.code == 0, run.out
    drills = [name for name in run.cases if name.startswith("test_survives[k-")]
    assert len(drills) == 4 and len(run.cases) == 4 + len(drills)
