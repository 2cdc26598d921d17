"""What plugins do as long as a mock is served (plugins.md §3)."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeAlias

from lab.cli.console import Console

if TYPE_CHECKING:  # lines that cost no time need no sockets
    from lab.server.mock_server import MockServer

OpenBeside: TypeAlias = "Callable[[MockServer, Console], AbstractAsyncContextManager[Mapping[str, str]]]"
"""Begins before anybody can call, and ends once nobody can any more; what it notes then still stands on the tape. Its value
is what a client needs of it, by name: `lab serve` says that, and a client that the lab starts has it in its environment."""
Beside: TypeAlias = "Callable[[Any, MockServer, Console], AbstractAsyncContextManager[Mapping[str, str]]]"
"""The same, of what was asked of the plugin."""
