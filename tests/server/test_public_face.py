"""Of aiohttp and asyncio the server uses what is public, and names nothing as they do what is theirs."""

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path

from aiohttp import web

import lab.server
from lab.server.connection import SENT, Connection, Sent
from tests.conftest import each_row

FILES = sorted(Path(lab.server.__file__).parent.rglob("*.py"))
ASKED = {
    Connection: {
        "connection_made",
        "connection_lost",
        "data_received",
        "eof_received",
        "handle_error",
        "log_exception",
    },
    Sent: {"keep_alive", "prepare", "write_eof"},
}
"""What is overridden on purpose."""


def private(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each name of another's that is private, and each module of aiohttp's that its documents don't name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("aiohttp", "asyncio"):
            wrong = [each.name for each in node.names if each.name.startswith("_")]
            yield from ((node.lineno, name) for name in wrong)
            if node.module not in ("aiohttp", "aiohttp.typedefs", "asyncio"):
                yield node.lineno, node.module or ""
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not own:
                yield node.lineno, node.attr


@each_row("file", FILES, ids=lambda file: file.stem)
def test_no_private_member_of_a_library_is_touched(file: Path) -> None:
    assert list(private(ast.parse(file.read_text()))) == []


@each_row(
    "line",
    [
        "from aiohttp.web_protocol import _ErrInfo",
        "import asyncio.sslproto\nx._transport",
        "from aiohttp.http import Y",
    ],
)
def test_one_would_be_found(line: str) -> None:
    assert list(private(ast.parse(line)))


async def test_nothing_of_ours_bears_the_name_of_something_of_theirs() -> None:
    """Of something private neither: another version may have any, and then fails here."""
    theirs = {
        Connection: web.RequestHandler(web.Server(unused), loop=asyncio.get_running_loop()),
        Sent: web.StreamResponse(),
    }
    for kind, there in theirs.items():
        ours = {*vars(kind), *(vars(SENT) if kind is Sent else ())} - {*vars(web.StreamResponse()), "_abc_impl"}
        ours = {name for name in ours if not name.startswith("__")}
        assert ours & {*dir(there), *getattr(there, "__dict__", {})} == ASKED[kind]


async def unused(request: web.BaseRequest) -> web.StreamResponse:
    return SENT
