"""`lab repair`: an open or torn recording made whole; the old file is set aside."""

from lab.cli.command_settings import RepairSettings
from lab.cli.console import Console
from lab.cli.recordings import locate
from lab.files.growing_files import replace_recording
from lab.files.recordings import read_recording
from lab.recording.format.reader import read
from lab.recording.format.repair import repair, told_last


def execute(settings: RepairSettings, console: Console) -> int:
    """Cut the torn tail, append a footer."""
    path = locate(settings.target, shipped=False)
    data = read_recording(path)
    whole, cut = repair(data, str(path))
    if whole == data:
        console.out(f"{path} is whole")
        return 0
    replace_recording(path, whole)
    said = f"{cut} bytes of a torn line cut, closed behind {told_last(read(whole, str(path)))}"
    console.out(f"{path} repaired: {said}. Whatever came later is not in it.")
    return 0
