"""`lab migrate`: recordings of an older major version, as new files of this one (recordings.md §11)."""

from pathlib import Path

from lab.cli.commands.replay import matched, worst_of
from lab.cli.console import Console, report
from lab.core.errors import LabError, UsageError
from lab.files.recordings import blobs_of, read_recording, write_recording
from lab.recording.format.lines import VERSION
from lab.recording.format.migrate import MIGRATIONS, major_of, migrated
from lab.recording.format.reader import demand_closed, read
from lab.settings import Flags


def execute(flags: Flags, console: Console) -> int:
    """Migrate each that needs it, and say of the others that they don't; the old files stay as they are."""
    files, idle = matched(flags["targets"], console)
    codes: list[int] = []
    for file in files:
        try:
            migrate_one(file, Path(flags["out"]), console)
        except LabError as error:
            report(error, console)
            codes.append(error.exit_code)
    return worst_of(codes, idle=idle)


def migrate_one(file: Path, folder: Path, console: Console) -> None:
    """Write the recording into the folder as one of this version, and its long bodies; UsageError if one lies there."""
    data = read_recording(file)
    # with one of this version nothing can be wrong but what any reader says
    new = None if major_of(data) == VERSION[0] else migrated(data, str(file), MIGRATIONS)
    if new is None:
        recording = read(data, str(file))
        demand_closed(recording, str(file))
        major, minor = recording.header.version
        console.out(f"{file} needs no migration: it is of version {major}.{minor}, which this lab reads")
        return
    demand_closed(read(new, f"{file}, migrated"), str(file))
    path = folder / file.name
    if path.exists():
        raise UsageError(f"{path} exists already.", hint="Name another folder with --out.")
    write_recording(path, new, blobs_of(file))
    console.out(f"{file} migrated: {path}")
