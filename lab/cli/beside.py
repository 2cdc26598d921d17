"""What plugins do as long as a mock is served (plugins.md §3)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from lab.cli.console import Console
from lab.cli.parser import given_to
from lab.options import Options
from lab.plugin import resolve

if TYPE_CHECKING:  # lines that cost no time need no sockets
    from lab.server.mock_server import MockServer

OpenBeside: TypeAlias = "Callable[[MockServer, Console], AbstractAsyncContextManager[Mapping[str, str]]]"
"""Begins before anybody can call, and ends once nobody can any more; what it notes then still stands on the tape. Its value
is what a client needs of it, by name: `lab serve` says that, and a client that the lab starts has it in its environment."""
Beside: TypeAlias = "Callable[[Any, MockServer, Console], AbstractAsyncContextManager[Mapping[str, str]]]"
"""The same, of what was asked of the plugin."""


def all_beside(command: str, additions: Sequence[Options]) -> Iterator[OpenBeside]:
    """Those of the plugins of which something was asked."""
    for each, given in given_to(command, additions):
        if each.beside:
            yield partial(cast("Beside", resolve(each.beside)), given)
