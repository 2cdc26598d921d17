"""Recordings on disk: how they are named and read (recordings.md §1).

Beside them lie their matchers (§7.1), and documents in which other tools keep calls are read as they are (§17).
"""

import os
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from lab.core.errors import RecordingError, UsageError
from lab.files.opening import open_regular, read_bounded
from lab.language.complaints import LARGEST_FILE

RECORDING_ENDING = ".rec.jsonl"
MATCHERS_ENDING = ".match.yaml"
ALLOWED_ENDING = ".allow.txt"
RECORDINGS = "recordings"
LONGEST_RECORDING = 16 * 1024**3 + 256 * 1024**2
"""Bytes: a tape that ends at the largest limit still says what became of all that was under way."""
LONGEST_JSON = 64 * 1024**2
LONGEST_YAML = 16 * 1024**2
"""Bytes of another tool's document, which is read at once: small values of YAML cost some sixty times their text."""

_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}", re.ASCII)
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\..*)?", re.ASCII)


@cache  # to find one takes as long as all else that a tape begins with
def generators() -> dict[str, str]:
    """The versions of what makes generated values, as a header names them."""
    from importlib.metadata import PackageNotFoundError, version  # only a header needs it

    found: dict[str, str] = {}
    for name in ("faker", "jinja2"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def recording_path(name: str) -> Path:
    """Where a recording lies: a bare name goes to `recordings/`; the last part obeys the slug rule."""
    path = Path(name)
    slug = path.name.removesuffix(RECORDING_ENDING)
    if not is_slug(slug) or name.endswith(("/", os.sep)):
        raise UsageError(
            f"{name!r} can't name a recording.",
            hint="Use a-z, 0-9, dot, dash and underscore, at most 80, no '..', no dot at the end, no device name.",
        )
    folder = Path(RECORDINGS) if path.parent == Path() and not name.startswith(("./", ".\\")) else path.parent
    return folder / f"{slug}{RECORDING_ENDING}"


def is_slug(text: str) -> bool:
    """Whether the text may name a recording on any system."""
    return bool(_SLUG.fullmatch(text)) and ".." not in text and text[-1] != "." and not _DEVICE.fullmatch(text)


def open_recording(path: Path | str) -> bytes | BinaryIO:
    """As `read_recording`; of one that is too long to be kept the open file, of which a line is read at a time."""
    from lab.recording.format.lines import LONGEST_KEPT  # no start waits for what a replay needs

    path = Path(path)
    with suppress(OSError):  # which the read tells
        if LONGEST_KEPT < path.stat().st_size <= LONGEST_RECORDING:
            if (file := open_regular(path, links=True)) is not None:
                return file
    return read_recording(path)


def read_recording(path: Path | str) -> bytes:
    """The bytes of a recording; RecordingError if it can't be read, UsageError if there is none."""
    path = Path(path)
    try:
        return read_bounded(path, LONGEST_RECORDING, RecordingError)
    except UsageError as missing:
        if path.parent == Path(RECORDINGS) and Path(path.name).is_file():
            missing.hint = f"{path.name} lies here: name it with its ending."
        raise


def read_calls(path: Path | str) -> bytes:
    """The bytes of a recording, or of a HAR file or a cassette: of these the file is bounded, not the line.

    RecordingError if it can't be read or is too long, UsageError if there is none.
    """
    from lab.recording.format.codec import is_recording  # where it is needed: it is heavy

    path, start = Path(path), b""
    with suppress(OSError):  # which the read tells
        if (file := open_regular(path, links=True)) is not None:
            with file:
                start = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if is_recording(start):
        return read_recording(path)
    return read_bounded(path, LONGEST_JSON if start.startswith(b"{") else LONGEST_YAML, RecordingError)


def read_matchers(recording: Path) -> tuple[Path, bytes] | None:
    """The matchers of a recording, and where they lie; None if there are none, UsageError if they can't be read."""
    path = beside(recording, MATCHERS_ENDING)
    return (path, read_bounded(path, LARGEST_FILE, UsageError)) if path.exists() or path.is_symlink() else None


def read_allowed(recording: Path) -> dict[str, int]:
    """The words that may stand in a recording, a line each, with the number of the line; UsageError if they can't be read."""
    path = beside(recording, ALLOWED_ENDING)
    if not (path.exists() or path.is_symlink()):
        return {}
    lines = read_bounded(path, LARGEST_FILE, UsageError).decode("utf-8", "replace").splitlines()
    words = {number: line.partition("#")[0].strip() for number, line in enumerate(lines, 1)}
    return {word: number for number, word in words.items() if word}


def beside(file: Path, ending: str) -> Path:
    """The recording of the file's name, or what lies beside it: what has this ending."""
    slug = file.name
    for each in (RECORDING_ENDING, MATCHERS_ENDING, ALLOWED_ENDING):
        slug = slug.removesuffix(each)
    return file.with_name(slug + ending)
