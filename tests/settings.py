"""What a command line asks, as the commands get it."""

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from lab.cli.console import Console
from lab.cli.parser import read_call
from lab.options import Options
from lab.settings import MockSettings

OptionsType = TypeVar("Asked", bound=Options)


def settings_of(
    kind: type[OptionsType], argv: Sequence[str], environment: Mapping[str, str] | None = None
) -> OptionsType:
    """Of that command; `environment`: by default an empty one."""
    options = read_call(argv, Console(), environment or {}).options
    assert isinstance(options, kind)
    return options


def mock_of(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> MockSettings:
    """The mock of that command."""
    return cast("MockSettings", getattr(settings_of(Options, argv, environment), "mock"))  # noqa: B009 - of many commands
