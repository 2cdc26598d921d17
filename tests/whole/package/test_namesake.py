"""Another distribution is named lab, and imported by that name: what the lab does where both are installed."""

import ast
import sys
from pathlib import Path

import pytest

from lab.core.version import __version__
from tests.conftest import ROOT, Lab

SAID = "Another program, the distribution lab 8.10, is installed here too, under the same import name."


@pytest.fixture
def both(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one's metadata, as pip leaves them."""
    place = tmp_path_factory.mktemp("site")
    (place / "lab-8.10.dist-info").mkdir()
    (place / "lab-8.10.dist-info" / "METADATA").write_text("Metadata-Version: 2.4\nName: lab\nVersion: 8.10\n")
    monkeypatch.syspath_prepend(str(place))


def test_the_version_alone(lab: Lab) -> None:
    assert lab("--version").out == f"lab {__version__}\n"


@pytest.mark.usefixtures("both")
def test_the_version_names_the_other(lab: Lab) -> None:
    first, second = lab("--version").out.splitlines()
    assert first == f"lab {__version__}"
    assert second.startswith(f"{SAID} Install it in an environment of its own, as `uvx invoke-async-lab`")


@pytest.mark.parametrize("missing", ["lab.dialects.fidelity", "lab.options"])
@pytest.mark.usefixtures("both")
def test_a_module_that_is_missing_at_the_start_is_told_and_the_other_named(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delitem(sys.modules, "lab.cli.commands.fidelity", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    done = lab("fidelity")
    assert done.code == 4
    assert not done.out
    what, hint = done.err.splitlines()
    assert what.startswith(f"lab: The installation is incomplete: import of {missing} halted")
    assert hint.startswith(f"  {SAID} Install it in an environment of its own")


def test_nothing_is_sought_in_the_one_file_that_both_have() -> None:
    """Both have `lab/__init__.py`: the one installed later leaves its own there, and takes it away when it goes."""
    named = {path.relative_to(ROOT / "lab").parts[0].removesuffix(".py") for path in (ROOT / "lab").iterdir()}
    body = ast.parse((ROOT / "lab" / "__init__.py").read_text("utf-8")).body
    assert [type(each) for each in body] == [ast.Expr]
    for path in (ROOT / "lab").rglob("*.py"):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if "from lab import" in text else ():
            if isinstance(node, ast.ImportFrom) and (node.module, node.level) == ("lab", 0):
                assert {each.name for each in node.names} <= named, Path(path)
