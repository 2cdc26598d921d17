"""What a command leaves behind: drills with the files that they name, pictures of the screen, logs of the lab's own bugs."""

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import gettempdir, mkstemp

from lab.core.errors import HostError, UsageError
from lab.files.opening import CREATE, OVERWRITE, write_file, writing

MOST_PICTURES = 999
"""In one folder."""
_ROOM = 100
"""Bytes for the sentence that a summary was cut."""


def write_texts(folder: str, texts: Mapping[str, str], *, force: bool) -> None:
    """Write each text under its name; an existing file is kept, and refused, unless `force`."""
    root = Path(folder)
    there = [name for name in texts if (root / name).exists()]
    if there and not force:
        raise UsageError(f"{root / there[0]} exists.", hint="Name another folder, or overwrite with --force.")
    with writing(root, "Name another folder."):
        for name, text in texts.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, text.encode(), how=OVERWRITE if force else CREATE)


def write_text(file: str, text: str) -> None:
    """Write a file that an option names, over what is there."""
    path = Path(file)
    write_texts(str(path.parent), {path.name: text}, force=True)


def append_text(file: str, text: str, longest: int) -> None:
    """Append to a file that somebody else keeps, as far as it stays within so many bytes; HostError if it can't be done."""
    path = Path(file)
    with writing(path), path.open("ab") as opened:
        opened.write(cut_to(text, longest - opened.tell()).encode())


def keep_only(folder: Path, names: Collection[str]) -> None:
    """Remove what a command wrote into a folder of its own, but for the files named and their scenarios.

    The folder goes too if nothing is left.
    """
    for path in sorted(folder.iterdir()):
        if path.name.partition(".")[0] in {name.partition(".")[0] for name in names}:
            continue
        rmtree(path) if path.is_dir() else path.unlink()
    with suppress(OSError):
        folder.rmdir()


def move_all(folder: Path, target: Path) -> None:
    """Move what lies in a command's own folder to another one, over what is there."""
    with writing(target, "Name another folder."):
        copytree(folder, target, dirs_exist_ok=True)
    rmtree(folder)


def write_picture(svg: str, folders: Sequence[Path]) -> Path:
    """Where it lies now: in the first folder that takes it, under the first free number; HostError says why in none."""
    why = "there is no folder for it"
    for folder in folders:
        why = f"{folder} can't be written: it has {MOST_PICTURES} pictures already"
        for number in range(1, MOST_PICTURES + 1):
            path = folder / f"invoke-async-lab-{number}.svg"
            try:
                write_file(path, svg.encode("utf-8", "replace"))
            except FileExistsError:
                continue
            except OSError as fault:
                why = f"{folder} can't be written: {fault.strerror or fault}"
                break
            return path
    raise HostError(f"The picture isn't saved: {why}.", hint="Start the lab in a folder that can be written.")


def write_bug_log(name: str, text: str) -> Path | None:
    """Write a new log that only the user reads, for its words may be a client's; where it lies, None if nowhere.

    It is in the user's folder for logs, else in the one for temporary files.
    """
    from platformdirs import user_log_path  # only a bug needs it

    for folder in (user_log_path("invoke-async-lab"), Path(gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file, path = mkstemp(".log", f"{name}-", folder)
            with os.fdopen(file, "wb") as opened:
                opened.write(text.encode("utf-8", "backslashreplace"))
        except OSError:
            continue
        return Path(path)
    return None


def cut_to(text: str, room: int) -> str:
    """The first whole lines of the text that take no more bytes than this, and that it was cut; nothing where that is too much."""
    data = text.encode()
    if len(data) <= room:
        return text
    kept = data[: max(0, room - _ROOM)]
    whole = kept[: kept.rfind(b"\n") + 1].decode()
    return f"{whole}\nCut: a summary has 1 MiB at most.\n" if room >= _ROOM else ""
