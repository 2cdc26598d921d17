"""The files that a scenario's outputs name, and programs that were read before: an unchanged scenario is neither parsed nor checked again.

An entry is named by the digest of all that decides what is read: the scenario's text, the name of its file, and
`PROGRAM_NUMBER`, which stands for the language itself. It holds the program, and the digests of the files that outputs name:
one that changed makes the entry stale. So does a route that it names and no plugin has any more.

What the lab carries lies beside this module in one file; what users write, in their cache folder. An entry that is stale,
damaged or of another version is made anew, and a folder that can't be written costs time: nothing else depends on it.
"""

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

from msgspec import DecodeError, Struct, msgpack

from lab.files.opening import OVERWRITE, TooLong, read_regular, write_file
from lab.language.complaints import BadFile
from lab.program.scenario import Scenario
from lab.program.steps import LARGEST_OUTPUT

PROGRAM_NUMBER = "85311f9f21da"
"""Another one for each change of `lab/language` and `lab/program`; a test holds it to their sources."""
SHIPPED = Path(__file__).with_name("shipped_programs.msgpack")
_MOST, _SLACK = 500, 100
"""Entries that are kept; so many beyond it, those that were written first go. The names alone are looked at until then."""
_DIGEST = 32
"""Bytes of SHA-256, which stand before an entry: half a page that was written must not pass for one."""


class OutputFiles:
    """Reads the files that outputs name: regular ones within the scenario's folder; `found` keeps their texts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.found: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """The text of a file; BadFile if it is outside, no regular file, too large, or no UTF-8."""
        if name not in self.found:
            self.found[name] = self._text(name)
        return self.found[name]

    def _text(self, name: str) -> str:
        path = self._folder / name
        try:
            if not path.parent.resolve().is_relative_to(self._folder.resolve()):
                raise BadFile(f"{name} is outside the scenario's folder", "a link leads out of it")
            raw = read_regular(path, LARGEST_OUTPUT)
        except TooLong:
            raise BadFile(f"{name} is larger than {LARGEST_OUTPUT >> 20} MiB") from None
        except FileNotFoundError:
            raise BadFile(f"there is no file {name}", f"it is looked for in {self._folder}") from None
        except (OSError, ValueError) as fault:
            linked = getattr(fault, "errno", None) in (errno.ELOOP, errno.EMLINK)
            why = "is a link" if linked else f"can't be read: {getattr(fault, 'strerror', fault)}"
            raise BadFile(f"{name} {why}", "put the file itself there" if linked else "") from None
        if raw is None:
            raise BadFile(f"{name} is not a regular file")
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise BadFile(f"{name} is not UTF-8", "save it as UTF-8") from None


class _Entry(Struct, frozen=True):
    scenario: Scenario
    files: Mapping[str, str]
    """The digests of the files that outputs name, by name."""


def entry_name(text: bytes, stem: str) -> str:
    """What names the entry of a scenario with this text, in a file of this name."""
    head = f"{PROGRAM_NUMBER}\0{stem}\0".encode("utf-8", "surrogateescape")
    return sha256(head + text).hexdigest()


def entry_of(scenario: Scenario, files: Mapping[str, str]) -> bytes | None:
    """A program as it is kept, with the texts that its outputs name; None: it holds what can't be."""
    try:
        written = msgpack.encode(_Entry(scenario, {name: _digest(text) for name, text in files.items()}))
    except (OverflowError, ValueError):  # an integer of more than 64 bits, half a surrogate pair
        return None
    return _checked(written)


def known_program(key: str, beside: OutputFiles) -> Scenario | None:
    """The program that has this key, if it was kept and the files that its outputs name are the same."""
    try:
        entry = _decoded(_shipped().get(key) or (_folder() / key).read_bytes())
        same = all(_digest(beside(name)) == digest for name, digest in entry.files.items())
    except (OSError, DecodeError, BadFile):
        return None
    return entry.scenario if same else None


def _checked(written: bytes) -> bytes:
    return sha256(written).digest() + written


def _decoded(raw: bytes) -> _Entry:
    """The entry in these bytes; DecodeError if they are none, or damaged."""
    if raw != _checked(raw[_DIGEST:]):
        raise DecodeError("the digest is another")
    return msgpack.decode(raw[_DIGEST:], type=_Entry)


def keep_program(key: str, scenario: Scenario, files: Mapping[str, str]) -> None:
    """Keep a program under its key, if that is possible."""
    raw, folder = entry_of(scenario, files), _folder()
    if raw is None:
        return
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / key, raw, how=OVERWRITE)
        if len(os.listdir(folder)) > _MOST + _SLACK:
            entries = sorted((each.stat().st_mtime_ns, each) for each in folder.iterdir())
            for _, each in entries[:-_MOST]:
                each.unlink(missing_ok=True)


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _folder() -> Path:
    from platformdirs import user_cache_path  # not for what the lab carries

    return user_cache_path("invoke-async-lab") / "programs"


@cache
def _shipped() -> Mapping[str, bytes]:
    try:
        return msgpack.decode(SHIPPED.read_bytes(), type=dict[str, bytes])
    except (OSError, DecodeError):
        return {}
