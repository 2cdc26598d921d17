"""`lab repair`: an open or torn recording made whole; the old file is set aside."""

from lab.cli.console import Console
from lab.cli.recordings import locate
from lab.files.growing_files import replace_recording
from lab.files.recordings import read_recording
from lab.recording.format.repair import repair
from lab.settings import Flags


def execute(flags: Flags, console: Console) -> int:
    """Cut the torn tail, append a footer."""
    path = locate(flags["target"], shipped=False)
    data = read_recording(path)
    whole, cut = repair(data, str(path))
    if whole == data:
        console.out(f"{path} is whole")
        return 0
    replace_recording(path, whole)
    console.out(f"{path} repaired: {cut} bytes of a torn line cut, a footer appended")
    return 0
