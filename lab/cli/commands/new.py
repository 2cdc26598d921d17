"""`lab new`: a commented scenario to start from."""

import re
from importlib.resources import files
from string import Template

from lab.cli.console import Console
from lab.core.errors import UsageError
from lab.settings import Flags


def execute(flags: Flags, console: Console) -> int:
    """Print it; where to keep it is the author's affair."""
    name: str = flags["target"]
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,79}", name):
        raise UsageError(f"{name!r} can't name a scenario.", hint="Use a-z, 0-9 and dashes, as in refund-request.")
    start = Template(files("lab.cli.commands").joinpath("new.yaml").read_text("utf-8"))
    code = f"{name.upper().replace('-', '_')}_TEAM"
    # `$schema` in the first line is no name of ours, and stays
    text = start.safe_substitute(name=name, title=name.replace("-", " ").capitalize(), code=code)
    console.out(text.rstrip("\n"))
    console.err(f"keep it as scenarios/{name}.yaml, then: lab check scenarios/{name}.yaml")
    return 0
