"""`lab run`: the external app without a screen."""

from lab.cli.run_lines import run_as_lines as execute

__all__ = ["execute"]
