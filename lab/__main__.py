"""`lab`, and `python -m lab`."""

import sys


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code (recordings.md §12)."""
    from lab.cli.main import run_command

    return run_command(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
