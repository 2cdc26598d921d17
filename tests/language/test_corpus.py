"""A corpus of broken scenarios: each with every complaint, in its place and in its words."""

from pathlib import Path

import pytest

from lab.core.errors import ScenarioError
from lab.language.parse import parse_scenario
from tests.conftest import each_row

CORPUS = Path(__file__).with_name("broken.txt").read_text().split("\n=== ")[1:]
CASES = [(title, *rest.split(">>>\n")) for title, _, rest in (case.partition("\n") for case in CORPUS)]


@each_row(("title", "text", "complaints"), CASES, ids=[case[0] for case in CASES])
def test_a_broken_file_is_told_all_that_is_wrong_with_it(title: str, text: str, complaints: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "a.yaml", stem="a")
    found = [str(complaint).removeprefix("a.yaml:") for complaint in caught.value.complaints]
    assert found == complaints.strip("\n").split("\n")


def test_there_are_at_least_sixty_and_no_two_alike() -> None:
    assert len({text for _, text, _ in CASES}) == len(CASES) >= 60
