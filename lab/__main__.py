"""`lab`, and `python -m lab`."""

import signal
import sys


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code (recordings.md §12)."""
    masks = hasattr(signal, "pthread_sigmask")  # Windows has none
    if masks:  # until there is who obeys them, signals wait
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    from lab.cli.signals import INTERRUPTED, Interrupted, ending

    try:
        with ending():
            if masks:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            from lab.cli.console import open_streams
            from lab.cli.main import run_command

            open_streams()
            return run_command(sys.argv[1:] if argv is None else argv)
    except Interrupted:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
