"""Scenarios as an author writes them can be drilled."""

import pytest

from tests.authored.test_authored import AUTHORED, HERE
from tests.conftest import Lab


@pytest.mark.parametrize("name", ["delegate", "side-by-side"])
def test_agents_within_and_side_by_side_are_drilled(lab: Lab, name: str) -> None:
    assert name in AUTHORED
    assert lab("drill", HERE / f"{name}.yaml").code == 0
