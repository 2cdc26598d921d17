"""The package as text: its modules, what each imports, and what each defines. Nothing of it is run."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

LONGEST_MODULE = 600
"""Lines."""
LONGEST_FUNCTION = 60
RELATIVE = "lab.testing"
"""The package whose modules import each other by a dot, for it is distributed under another name too."""
MOST_PARAMETERS = 6
_WORD = re.compile(r"[A-Za-z][A-Za-z_/-]*")


class Package:
    """The package `lab` of a checkout, by module name."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.files = {_name(path.relative_to(checkout)): path for path in sorted((checkout / "lab").rglob("*.py"))}

    @cached_property
    def texts(self) -> dict[str, str]:
        """Each module's source."""
        return {name: path.read_text() for name, path in self.files.items()}

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """Each module, parsed."""
        return {name: ast.parse(text, str(self.files[name])) for name, text in self.texts.items()}

    @cached_property
    def nodes(self) -> dict[str, list[ast.AST]]:
        """Everything that stands in each module, outer before inner."""
        return {name: list(ast.walk(tree)) for name, tree in self.trees.items()}

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """The modules that each module imports at any place: at its head, in a function, under TYPE_CHECKING.

        `from lab.a import b` is an import of the module `lab.a.b` if there is one, else of `lab/a/__init__.py`.
        """
        return {name: set(self._imported(name)) - {name} for name in self.trees}

    def _imported(self, name: str) -> Iterator[str]:
        for node in self.nodes[name]:
            match node:
                case ast.Import(names=names):
                    yield from (each.name for each in names if each.name in self.files)
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    for each in names:
                        inner = f"{module}.{each.name}"
                        if inner in self.files or module in self.files:
                            yield inner if inner in self.files else module
                case ast.ImportFrom(module=module, level=1) if name.startswith(RELATIVE):
                    yield f"{RELATIVE}.{module}"
                case ast.ImportFrom(level=level):
                    assert level == 0, f"{name}:{node.lineno}: a relative import"
                case _:
                    continue

    @cached_property
    def words(self) -> dict[str, set[str]]:
        """The words in the texts of each module but its docstrings."""
        return {name: set(_WORD.findall("\n".join(_texts(nodes)))) for name, nodes in self.nodes.items()}

    def circle(self) -> list[str]:
        """Modules each of which imports the next one, and the last the first; none: no import leads back."""
        try:
            TopologicalSorter(self.imports).prepare()
        except CycleError as error:
            return sorted({*error.args[1]})
        return []

    def public(self) -> dict[str, list[tuple[str, bool]]]:
        """By public name the modules that define it at their head, and whether it is a class there."""
        found: dict[str, list[tuple[str, bool]]] = defaultdict(list)
        for module, tree in self.trees.items():
            for name, is_class in _defined(tree):
                if not name.startswith("_"):
                    found[name].append((module, is_class))
        return found

    def long_functions(self) -> list[str]:
        """Those that have too many lines, by `module:line`."""
        return [place for place, node in self.functions() if (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION]

    def wide_functions(self) -> list[str]:
        """Those that have too many parameters, `self` not counted, by `module:line`."""
        return [place for place, node in self.functions() if _parameters(node) > MOST_PARAMETERS]

    def unformatted(self) -> int:
        """How often the formatter is told to leave a statement as it is."""
        return sum(text.count("# fmt: skip") for text in self.texts.values())

    def functions(self) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        """Every function and method, with `module:line`."""
        for name, nodes in self.nodes.items():
            for node in nodes:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{name}:{node.lineno}", node


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    arguments = node.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def _texts(nodes: list[ast.AST]) -> Iterator[str]:
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _defined(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Names that a module defines; what it only imports is defined elsewhere."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name):
                yield name, True
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, False
            case ast.Assign(targets=targets):
                yield from ((each.id, False) for each in targets if isinstance(each, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name, False
            case _:
                continue
