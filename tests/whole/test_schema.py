"""The language as JSON Schema, of which the package brings a copy for editors."""

from lab.cli.commands.schema import text
from tests.conftest import ROOT


def test_the_shipped_copy_is_what_is_printed():
    shipped = (ROOT / "lab" / "scenario.schema.json").read_text()
    assert shipped == text() + "\n", "write it anew: python -m lab schema > lab/scenario.schema.json"
