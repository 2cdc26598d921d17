"""`lab new`: a commented scenario to start from."""

from importlib.resources import files
from string import Template

from lab.cli.command_settings import NewSettings
from lab.cli.console import Console


def execute(settings: NewSettings, console: Console) -> int:
    """Print it; where to keep it is the author's affair."""
    name = settings.name
    start = Template(files("lab.cli.commands").joinpath("new.yaml").read_text("utf-8"))
    code = f"{name.upper().replace('-', '_')}_TEAM"
    # `$schema` in the first line is no name of ours, and stays
    text = start.safe_substitute(name=name, title=name.replace("-", " ").capitalize(), code=code)
    console.out(text.rstrip("\n"))
    console.err(f"keep it as scenarios/{name}.yaml, then: lab check scenarios/{name}.yaml")
    return 0
