"""What the tests of the house share."""

from pathlib import Path

import pytest

from tests.house.source import Package


@pytest.fixture(scope="package")
def package() -> Package:
    """The lab's modules, each read and parsed once for all tests that look at them."""
    return Package(Path(__file__).parents[2])
