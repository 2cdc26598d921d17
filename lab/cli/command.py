"""What a command is made of, for whoever declares one (plugins.md)."""

from collections.abc import Callable
from typing import TypeAlias

from lab.cli.console import Console
from lab.settings import Flags

Execute: TypeAlias = Callable[[Flags, Console], int]
"""Does what a command was asked, and gives its exit code; a LabError says what is wrong and whose fault it is."""
