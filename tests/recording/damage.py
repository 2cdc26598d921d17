"""Closed recordings that are cut short, or of which a bit is turned over: `python -m tests.recording.damage [TIMES]`.

20,000 by default, in turn of recordings shipped and made here, and of the long bodies beside them. None may be taken for
whole, none replayed, and nothing but RecordingError come of it. Exit 1 if one is.
"""

import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from msgspec import Struct

from lab.core.errors import RecordingError
from lab.files.recordings import blobs_folder, read_recording
from lab.recording.format.lines import FileState
from lab.recording.format.reader import read
from lab.recording.format.repair import repair
from lab.recording.show.transcript import transcript_lines
from tests.conftest import ROOT, UNLIKE
from tests.recording.killed import together


class Damage(Struct, frozen=True):
    """A byte from which on all is gone, or in it the bit, from 0, that is another; which file of a recording."""

    file: Path
    place: int
    bit: int | None

    def of(self, data: bytes) -> bytes:
        """What is left."""
        if self.bit is None:
            return data[: self.place]
        return data[: self.place] + bytes([data[self.place] ^ (1 << self.bit)]) + data[self.place + 1 :]


def recordings(folder: Path) -> Iterator[Path]:
    """Those that are damaged, put into the folder, their long bodies beside them."""
    for name in UNLIKE:
        path = ROOT / "recordings" / f"{name}.rec.jsonl"
        yield _put(folder / path.name, read_recording(path), blobs_folder(path))
    for late in (False, True):
        yield _put(folder / f"together-{late}.rec.jsonl".lower(), together(late=late).data, None)


def _put(path: Path, data: bytes, blobs: Path | None) -> Path:
    path.write_bytes(data)
    for each in blobs.iterdir() if blobs is not None and blobs.is_dir() else ():
        blobs_folder(path).mkdir(exist_ok=True)
        (blobs_folder(path) / each.name).write_bytes(each.read_bytes())
    return path


def damages(paths: list[Path], chance: Random) -> Iterator[Damage]:
    """One after another, without end."""
    files = [file for path in paths for file in (path, *sorted(blobs_folder(path).glob("*")))]
    lengths = {file: file.stat().st_size for file in files}
    while True:
        for file in files:
            yield Damage(file, chance.randrange(lengths[file]), None)
            yield Damage(file, chance.randrange(lengths[file]), chance.randrange(8))


def accepted(damage: Damage) -> str:
    """How what is left was taken for whole, or what else went wrong; empty: it was not."""
    data = damage.of(damage.file.read_bytes())
    try:
        if damage.file.parent.suffix == ".blobs":
            return "" if sha256(data).hexdigest() != damage.file.name and _refused(damage.file, data) else "taken"
        found = read(data, damage.file.name)
        if found.state is FileState.CLOSED:
            return "read as closed"
        # what is told apart as open or torn can be looked at, and mended
        assert list(transcript_lines(found, False))
        assert read(repair(data)[0]).state is FileState.CLOSED
    except RecordingError:
        return ""
    except Exception as bug:  # noqa: BLE001 - whatever it is, it is what was looked for
        return f"a traceback: {bug!r}"
    return ""


def _refused(file: Path, data: bytes) -> bool:
    """Whether a long body that holds these bytes is refused."""
    whole = file.read_bytes()
    file.write_bytes(data)
    try:
        read_blob(file.parent.with_name(file.parent.name.replace(".blobs", ".rec.jsonl")), file.name)
    except RecordingError:
        return True
    finally:
        file.write_bytes(whole)
    return False


def attack(times: int, seed: int) -> list[str]:
    """Damage so often; what was accepted."""
    with TemporaryDirectory() as folder:
        paths = list(recordings(Path(folder)))
        found = zip(range(times), damages(paths, Random(seed)), strict=False)
        return [f"{each.file.name}:{each.place} {each.bit}: {how}" for _, each in found if (how := accepted(each))]


def main(times: int) -> int:
    """Damage so often."""
    wrong = attack(times, times)
    for each in wrong:
        sys.stdout.write(f"{each}\n")
    sys.stdout.write(f"{times} damaged, {len(wrong)} accepted\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
