"""What is left of a bug of the lab's own: a log with the traceback, and one sentence that says where it lies."""

import sys

BUG = 70
"""The exit code of a command that a bug ended: EX_SOFTWARE of sysexits.h."""


def bug_sentence(bug: Exception) -> str:
    """Write the log; the sentence, without the bug's own words, for they may hold what a client sent."""
    # loaded here: no command waits for what only a bug needs
    import platform
    import shlex
    import traceback
    from datetime import UTC, datetime

    from lab.clocks import wall_second
    from lab.core.version import __version__
    from lab.files.artifacts import write_bug_log
    from lab.plugin import packages_of_strangers
    from lab.server.bugs import frame_of

    at = datetime.fromtimestamp(wall_second(), UTC)
    text = "\n".join(
        (
            f"invoke-async-lab {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"{at:%Y-%m-%dT%H:%M:%SZ} {shlex.join(sys.argv)}",
            "".join(traceback.format_exception(bug)),
        )
    )
    path = write_bug_log(f"bug-{at:%Y%m%dT%H%M%SZ}", text)
    where = frame_of(bug)
    what = f"{type(bug).__name__} at {where}" if where else type(bug).__name__
    package = where.partition("/")[0]
    whose = f"the plugin {package}" if package in packages_of_strangers() else "the lab"
    log = f"its log lies in {path}" if path is not None else "no folder takes its log"
    return f"lab: A bug of {whose}, {what}: {log}."
