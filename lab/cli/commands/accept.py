"""`lab accept`: what a replay recorded takes the place of what was recorded before (recordings.md §6.1)."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from functools import partial
from os.path import normpath
from pathlib import Path

from msgspec import Struct

from lab.cli.console import Console
from lab.cli.loop import complete
from lab.core.errors import RecordingError, UsageError
from lab.files.recordings import (
    RECORDING_ENDING,
    blobs_of,
    open_recording,
    read_recording,
    recording_path,
    write_recording,
)
from lab.recording.format.lines import Recording, Req, Res
from lab.recording.format.reader import demand_closed, read
from lab.recording.redaction.bodies import check_blob
from lab.recording.show.transcript import transcript_lines
from lab.settings import Flags


class NewRecording(Struct, frozen=True):
    """A recording that is to take another's place."""

    path: Path
    """The place."""
    data: bytes
    blobs: Mapping[str, bytes]


def execute(flags: Flags, console: Console) -> int:
    """Show what is new in a folder that `lab replay --out` wrote, ask, and put it where the old ones lie."""
    folder = Path(flags["target"])
    files = sorted(folder.rglob(f"*{RECORDING_ENDING}")) if folder.is_dir() else []
    if not files:
        raise UsageError(f"{folder} holds no recordings.", hint="lab replay --out DIR writes those that differ.")
    found = [NewRecording(_place(each, folder), read_recording(each), blobs_of(each)) for each in files]
    return accept(found, flags, console)


def kept_at(folder: Path, path: Path) -> Path:
    """Where in a folder of new recordings the one of `path` lies: as it does here, those of `recordings/` on top."""
    here = Path.cwd()
    whole = Path(normpath(here / path))
    place = whole.relative_to(here) if whole.is_relative_to(here) else Path(path.name)
    return folder / (place.name if place == recording_path(_slug(place)) else place)


def _place(file: Path, folder: Path) -> Path:
    place = file.relative_to(folder)
    return recording_path(_slug(place)) if place.parent == Path() else place


def accept(found: Sequence[NewRecording], flags: Flags, console: Console) -> int:
    """Show what is new, ask (`--yes`: don't), and replace; nothing is replaced unless all are whole."""
    for each in found:
        now = read(each.data, str(each.path))
        demand_closed(now, str(each.path))
        for one in (*now.of(Req, "blob"), *now.of(Res, "blob")):
            check_blob(one.body, partial(_blob_of, each))
        for line in differences(each.path, now):
            console.out(line)
    if not flags["yes"] and not _agreed(len(found), console):
        console.out("0 accepted")
        return 1
    for each in found:
        write_recording(each.path, each.data, each.blobs)
    console.out(f"{len(found)} accepted")
    return 0


def differences(path: Path, now: Recording) -> Iterator[str]:
    """What a transcript says otherwise; text from outside stands behind a bar."""
    before = read(open_recording(path), str(path)) if path.exists() else None
    old = list(transcript_lines(before, False)) if before is not None else []
    yield str(path) if before is not None else f"{path} (new)"
    for line in list(unified_diff(old, list(transcript_lines(now, False)), lineterm=""))[2:]:
        yield f"| {line}"


def _blob_of(found: NewRecording, digest: str) -> bytes:
    if digest not in found.blobs:
        raise RecordingError(f"{found.path}: the blob {digest} of the new one is missing.")
    return found.blobs[digest]


def _agreed(count: int, console: Console) -> bool:
    if not console.terminal:
        raise UsageError("Nobody can be asked here.", hint="--yes accepts what was shown.")
    console.out(f"Put {'it' if count == 1 else f'these {count}'} in the old place? [y/N]")

    async def work(_: object) -> int:
        return int((await console.line()).strip().lower() in ("y", "yes"))

    return complete(work) == 1


def _slug(file: Path) -> str:
    return file.name.removesuffix(RECORDING_ENDING)
