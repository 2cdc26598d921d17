"""A tape on a mock that is measured."""

from pathlib import Path

from lab.cli.tapes.file_tape import MOST_HELD
from lab.core.version import __version__
from lab.files.growing_files import TapeFile
from lab.mock.service import Service
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape


def tape(mock: Service, file: str) -> Tape:
    """Records to `file` until the process ends."""
    disk = TapeFile(Path(file))
    tape = Tape(mock, disk.write, recording_header(mock.config, lab=__version__), sync=disk.sync)
    tape.hold = MOST_HELD
    return tape
