"""`lab`, and `python -m lab`."""

import sys


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code (recordings.md §12)."""
    from lab.cli.signals import INTERRUPTED, Interrupted, ending

    try:
        with ending():  # so that Ctrl-C during the imports leaves no traceback
            from lab.cli.console import open_streams
            from lab.cli.main import run_command
    except Interrupted:
        return INTERRUPTED
    open_streams()
    return run_command(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
