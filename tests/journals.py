"""Journal files as a test makes them, or changes them as if a lab had written them so."""

from collections.abc import Iterable
from pathlib import Path

from lab.recording.format.journal_lines import sealed


def sealed_lines(lines: Iterable[bytes]) -> list[bytes]:
    """These lines, each behind its checksum."""
    parts: list[bytes] = []
    check = 0
    for line in lines:
        part, check = sealed(line, check)
        parts.append(part)
    return parts


def texts(journal: Path) -> list[bytes]:
    """The lines of a journal file without their checksums."""
    return [line.partition(b" ")[2] for line in journal.read_bytes().splitlines(keepends=True)]


def rewrite(journal: Path, was: bytes, instead: bytes) -> None:
    """Have the file say something else, as if it had been written so."""
    assert was in journal.read_bytes()
    journal.write_bytes(b"".join(sealed_lines(line.replace(was, instead) for line in texts(journal))))
