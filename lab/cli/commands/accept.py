"""`lab accept`: what a replay recorded takes the place of what was recorded before (recordings.md §6.1)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    read_blob,
    read_recording,
    write_recording,
)
from lab.recording.format.lines import Enc, Recording, Req, Res
from lab.recording.format.reader import demand_closed, read
from lab.recording.redaction.bodies import check_blob, unfolded_reply
from lab.recording.replay.match import diff
from lab.recording.show.transcript import transcript_lines
from lab.settings import Flags

MOST_DIFFERENT = 60
"""Lines that are shown of what differs in a long body."""


class NewRecording(Struct, frozen=True):
    """A recording that is to take another's place."""

    path: Path
    """The place."""
    data: bytes
    blobs: Mapping[str, bytes]
    file: str = ""
    """Where it lies so far; empty: nowhere."""

    @property
    def name(self) -> str:
        """What it is called where it can't be taken."""
        return self.file or str(self.path)


def execute(flags: Flags, console: Console) -> int:
    """Show what is new in a folder that `lab replay --out` wrote, ask, and put it where the old ones lie."""
    folder = Path(flags["target"])
    files = sorted(folder.rglob(f"*{RECORDING_ENDING}")) if folder.is_dir() else []
    if not files:
        raise UsageError(f"{folder} holds no recordings.", hint="lab replay --out DIR writes those that differ.")
    found = [NewRecording(each.relative_to(folder), read_recording(each), blobs_of(each), str(each)) for each in files]
    return 0 if accept(found, flags, console, console.out) else 1


def places_in(folder: Path, files: Sequence[Path]) -> Mapping[Path, Path]:
    """Where in a folder of new recordings each file's goes: as the file lies below this folder.

    UsageError if one lies elsewhere, so that nobody could tell its place, or if recordings are there already: none is
    replaced, nor taken for one of now.
    """
    if folder.is_dir() and any(folder.rglob(f"*{RECORDING_ENDING}")):
        raise UsageError(f"{folder} holds recordings already.", hint="Name another folder with --out, or remove it.")
    return {file: folder / _below(file) for file in files}


def _below(file: Path) -> Path:
    here = Path.cwd()
    for folder in (Path(normpath(here / file.parent)), (here / file.parent).resolve()):
        if folder.is_relative_to(here):
            return folder.relative_to(here) / file.name
    raise UsageError(
        f"{file} doesn't lie below this folder, so lab accept couldn't tell its place.",
        hint="Call lab replay --out in a folder above it, or accept at once with --accept.",
    )


def accept(found: Sequence[NewRecording], flags: Flags, console: Console, say: Callable[[str], None]) -> bool:
    """Show what is new, ask (`--yes`: don't), and replace; nothing is replaced unless all are whole. Whether it was."""
    for each in found:
        now = read(each.data, each.name)
        demand_closed(now, each.name)
        for one in (*now.of(Req, "blob"), *now.of(Res, "blob")):
            check_blob(one.body, partial(_blob_of, each))
        for line in differences(each, now):
            say(line)
    agreed = bool(flags["yes"]) or _agreed(len(found), console, say)
    for each in found if agreed else ():
        write_recording(each.path, each.data, each.blobs)
    say(f"{len(found) if agreed else 0} accepted")
    return agreed


def differences(found: NewRecording, now: Recording) -> Iterator[str]:
    """What a transcript says otherwise, then what long bodies do; text from outside stands behind a bar."""
    path = found.path
    before = read(open_recording(path), str(path)) if path.exists() else None
    old = list(transcript_lines(before, False)) if before is not None else []
    yield str(path) if before is not None else f"{path} (new)"
    for line in list(unified_diff(old, list(transcript_lines(now, False)), lineterm=""))[2:]:
        yield f"| {line}"
    for line in _long_differences(before, found, now) if before is not None else ():
        yield f"| {line}"


def _long_differences(before: Recording, found: NewRecording, now: Recording) -> Iterator[str]:
    """Where the long bodies of replies differ, which a transcript shows by their digests; the first lines of each."""
    old = {line.x: line for line in before.of(Res)}
    for line in now.of(Res):
        was = old.get(line.x)
        if was is None or was.body == line.body or Enc.BLOB not in (was.enc, line.enc):
            continue
        one, other = unfolded_reply(was, partial(read_blob, found.path)), unfolded_reply(line, partial(_blob_of, found))
        lines = diff(one.body.value, other.body.value, f"the body of x={line.x}")
        yield from lines[:MOST_DIFFERENT]
        if len(lines) > MOST_DIFFERENT:
            yield f"… and {len(lines) - MOST_DIFFERENT} lines more"


def _blob_of(found: NewRecording, digest: str) -> bytes:
    if digest not in found.blobs:
        raise RecordingError(f"{found.name}: the blob {digest} of the new one is missing.")
    return found.blobs[digest]


def _agreed(count: int, console: Console, say: Callable[[str], None]) -> bool:
    if not console.terminal:
        raise UsageError("Nobody can be asked here.", hint="--yes accepts what was shown.")
    say(f"Put {'it' if count == 1 else f'these {count}'} in the old place? [y/N]")

    async def work(_: object) -> int:
        return int((await console.line()).strip().lower() in ("y", "yes"))

    return complete(work) == 1
