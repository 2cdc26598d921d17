"""No circle of files: what imports each other can't be read, changed or loaded apart."""

from pathlib import Path

from tests.house.source import Package


def test_no_module_imports_itself_by_a_detour(package: Package) -> None:
    assert package.circle() == []


def test_an_import_counts_wherever_it_stands(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    for name, text in {
        "__init__": "",
        "a": "from lab.b import thing\n",
        "b": "def f():\n    from lab.c import thing\n",
        "c": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lab.a\n",
        "d": "from lab import a\n",
    }.items():
        (tmp_path / "lab" / f"{name}.py").write_text(text)
    assert Package(tmp_path).circle() == ["lab.a", "lab.b", "lab.c"]
