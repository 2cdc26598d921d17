"""The only door to the disk: scenario text in; recordings in and out, crash-safe (recordings.md §1, §4).

`runtime` keeps what belongs to a lab that is running: its control token.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

from lab.core.errors import HostError, RecordingError, UsageError
from lab.files.output_files import OutputFiles as OutputFiles
from lab.files.output_files import flags
from lab.files.pictures import write_picture as write_picture
from lab.files.runtime import publish as publish
from lab.files.runtime import publish_token as publish_token
from lab.files.runtime import token_for as token_for
from lab.files.runtime import withdraw as withdraw
from lab.files.runtime import withdraw_token as withdraw_token
from lab.files.written import write_texts as write_texts
from lab.jobs.plan import CompiledScenario, compile_scenario
from lab.language.parse import parse_scenario

SCENARIO_ENDING = ".yaml"
RECORDING_ENDING = ".rec.jsonl"
RECORDINGS = "recordings"
LONGEST_SCENARIO = 1024 * 1024
LONGEST_RECORDING = 1024 * 1024 * 1024

_HERE = Path(__file__).resolve().parent.parent
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}", re.ASCII)
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\..*)?", re.ASCII)
_CREATE = flags("WRONLY", "CREAT", "EXCL", "APPEND", "CLOEXEC", "NOFOLLOW", "BINARY")


# Scenarios


def scenarios_folder(option: str | None = None) -> Path:
    """The folder given, else `./scenarios`, else those that the lab carries."""
    if option is not None:
        folder = Path(option)
        if not folder.is_dir():
            raise UsageError(f"There is no folder {option}.", hint="--scenarios names the folder that holds scenarios.")
        return folder
    for folder in (Path("scenarios"), _HERE / "shipped", _HERE.parent / "scenarios"):
        if folder.is_dir():
            return folder
    raise UsageError("No scenarios were found.", hint="Name their folder with --scenarios DIR.")


def scenario_names(folder: Path) -> tuple[str, ...]:
    """The names of the scenarios in a folder, sorted."""
    return tuple(sorted(path.name.removesuffix(SCENARIO_ENDING) for path in folder.glob(f"*{SCENARIO_ENDING}")))


def scenario_path(name: str, folder: Path) -> Path:
    """Where a scenario lies: a name in the folder, or a path. UsageError names the nearest one if there is none."""
    if "/" in name or os.sep in name or name.endswith((".yaml", ".yml")):
        path = Path(name)
        if path.is_file():
            return path
        raise UsageError(f"There is no file {name}.")
    names = scenario_names(folder)
    if name in names:
        return folder / f"{name}{SCENARIO_ENDING}"
    near = get_close_matches(name.lower(), names, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]}? " if near else ""
    listed = f"{folder} has {', '.join(names)}." if names else f"{folder} holds no scenarios."
    raise UsageError(f"There is no scenario {name!r}.", hint=hint + listed)


def read_scenario(path: Path) -> bytes:
    """The bytes of a scenario's file."""
    return _read(path, LONGEST_SCENARIO, UsageError)


def digest_of(text: bytes, files: Mapping[str, str] | None = None) -> str:
    """What a header and a compiled scenario call a scenario's digest: SHA-256 with CRLF made LF.

    Each file that an output names adds a line of NUL, its name, NUL and the SHA-256 of its text.
    """
    digest = sha256(text.replace(b"\r\n", b"\n"))
    for name, content in sorted((files or {}).items()):
        digest.update(f"\0{name}\0{sha256(content.encode()).hexdigest()}\n".encode())
    return digest.hexdigest()


def load_scenario(name: str, folder: Path) -> CompiledScenario:
    """A scenario by name or path, indexed; ScenarioError with every complaint if it can't be loaded."""
    path = scenario_path(name, folder)
    text = read_scenario(path)
    stem = path.name.removesuffix(".yaml").removesuffix(".yml")
    beside = OutputFiles(path.parent)
    scenario = parse_scenario(text, str(path), stem=stem, reader=beside)
    return compile_scenario(scenario, digest_of(text, beside.found), beside.found, text.decode("utf-8-sig"))


Stamp: TypeAlias = tuple[tuple[int, int], ...]
"""Modification time in nanoseconds and size, of a scenario and of each file that it names."""


def stamp_of(path: Path, files: Iterable[str]) -> Stamp | None:
    """By what an edit is noticed; None if the scenario isn't there."""
    try:
        found = [path.stat(), *((path.parent / name).stat() for name in files)]
    except OSError:
        return None
    return tuple((each.st_mtime_ns, each.st_size) for each in found)


def load_scenarios(folder: Path, names: Sequence[str] = ()) -> tuple[CompiledScenario, ...]:
    """The scenarios named, or all in the folder."""
    chosen = names or scenario_names(folder)
    if not chosen:
        raise UsageError(f"{folder} holds no scenarios.")
    return tuple(load_scenario(name, folder) for name in chosen)


def generators() -> dict[str, str]:
    """The versions of what makes generated values, as a header names them."""
    found: dict[str, str] = {}
    for name in ("faker", "jinja2"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


# Recordings


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


def cast_path(name: str) -> Path:
    """Where an asciicast lies: the path, the ending added where it is missing."""
    path = Path(name if name.endswith(".cast") else f"{name}.cast")
    if not is_slug(path.name):
        raise UsageError(
            f"{name!r} can't name a cast.", hint="Use a-z, 0-9, dot, dash and underscore, as in talk.cast."
        )
    return path


def is_slug(text: str) -> bool:
    """Whether the text may name a recording on any system."""
    return bool(_SLUG.fullmatch(text)) and ".." not in text and text[-1] != "." and not _DEVICE.fullmatch(text)


def read_recording(path: Path | str) -> bytes:
    """The bytes of a recording; RecordingError if it can't be read, UsageError if there is none."""
    return _read(Path(path), LONGEST_RECORDING, RecordingError)


def _read(path: Path, longest: int, error: type[UsageError] | type[RecordingError]) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(longest + 1)
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.") from None
    except OSError as fault:
        raise error(f"{path} can't be read: {fault.strerror}.") from None
    if len(text) > longest:
        raise error(f"{path} is longer than {longest} bytes.")
    return text


class TapeFile:
    """A recording being written: created, never overwritten; one `write` a line; whole lines only.

    `write` and `sync` raise OSError; what a failed `write` left is cut off first.
    """

    def __init__(self, path: Path, *, force: bool = False, durable: bool = False) -> None:
        self.path = path
        self._durable = durable
        self._length = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if force:
                _set_aside(path)
            self._file = os.open(str(path), _CREATE, 0o600)
            _sync_folder(path.parent)
        except OSError as fault:
            if isinstance(fault, FileExistsError) and fault.filename == str(path):
                hint = "Choose another name, or --force to set it aside."
                raise UsageError(f"{path} exists already.", hint=hint) from None
            raise HostError(f"{path} can't be created: {fault.strerror}.") from None

    def write(self, line: bytes) -> None:
        """Append one line."""
        try:
            written = os.write(self._file, line)
            # a full disk takes part of a line before it refuses the rest
            while written != len(line):
                written += os.write(self._file, line[written:])
        except OSError:
            self._cut()
            raise
        self._length += len(line)
        if self._durable:
            self.sync()

    def _cut(self) -> None:
        try:
            os.ftruncate(self._file, self._length)
        except OSError:
            # the reader calls a torn tail torn
            return

    def sync(self) -> None:
        """Return once the machine may die without losing a line."""
        getattr(os, "fdatasync", os.fsync)(self._file)

    def close(self) -> None:
        """Let the file go; a second time does nothing."""
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)

    def blob(self, digest: str, data: bytes) -> None:
        """Write a body that is too long for a line beside the recording, synced, once."""
        folder = blobs_folder(self.path)
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            file = os.open(folder / digest, _CREATE, 0o600)
        except FileExistsError:
            return
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(file, view) :]
            os.fsync(file)
        finally:
            os.close(file)
        _sync_folder(folder)


def blobs_folder(recording: Path) -> Path:
    """Where the long bodies of a recording lie."""
    return recording.with_name(recording.name.removesuffix(RECORDING_ENDING) + ".blobs")


def read_blob(recording: Path, digest: str) -> bytes:
    """A long body; RecordingError if it is missing or has another digest."""
    path = blobs_folder(recording) / digest
    if not re.fullmatch(r"[0-9a-f]{64}", digest) or not path.is_file():
        raise RecordingError(f"{recording}: the blob {digest} is missing.")
    data = path.read_bytes()
    if sha256(data).hexdigest() != digest:
        raise RecordingError(f"{path}: the blob has another digest.")
    return data


def _set_aside(path: Path) -> None:
    """Rename an existing recording to the first free `NAME.old`, `NAME.old-2`, …"""
    if not path.exists():
        return
    number = 1
    while True:
        aside = path.with_name(f"{path.name}.old{'' if number == 1 else f'-{number}'}")
        if not aside.exists():
            path.rename(aside)
            return
        number += 1


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
