"""Scenarios on disk: where they lie, their text, their digest, by what an edit is noticed."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

from lab.core.errors import UsageError, closest
from lab.files.opening import read_bounded
from lab.files.programs import OutputFiles, entry_name, keep_program, known_program
from lab.jobs.program import Program, program_of
from lab.language.complaints import LARGEST_FILE

SCENARIO_ENDING = ".yaml"
"""Of those that the lab writes."""
SCENARIO_ENDINGS = (SCENARIO_ENDING, ".yml")
SCENARIOS = "scenarios"
REHEARSAL = "rehearsal"
"""The folder of scenarios made for rehearsals, in that of those that the lab carries."""
_PACKAGE = Path(__file__).resolve().parent.parent


def shipped_folder(name: str) -> Path:
    """Where `scenarios` or `recordings` lie: inside an installed package, beside it in a checkout. It may be missing."""
    installed = _PACKAGE / "shipped" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def scenarios_folder(option: str | None = None) -> Path:
    """The folder given, else `./scenarios`, else those that the lab carries."""
    if option is not None:
        folder = Path(option)
        if not folder.is_dir():
            raise UsageError(f"There is no folder {option}.", hint="--scenarios names the folder that holds scenarios.")
        return folder
    for folder in (Path(SCENARIOS), shipped_folder(SCENARIOS)):
        if folder.is_dir():
            return folder
    raise UsageError("No scenarios were found.", hint="Name their folder with --scenarios DIR.")


def scenario_files(folder: Path) -> list[Path]:
    """The scenarios in a folder, sorted, of one name both; recordings and what is said of them may lie there too."""
    found = (path for end in SCENARIO_ENDINGS for path in folder.glob(f"*{end}"))
    return sorted(path for path in found if not path.stem.endswith(".match"))


def scenario_names(folder: Path) -> tuple[str, ...]:
    """Their names."""
    return tuple(sorted({path.stem for path in scenario_files(folder)}))


def scenario_file(name: str, folder: Path) -> Path:
    """The file of a scenario that the folder has; UsageError if it has two of that name."""
    files = [path for end in SCENARIO_ENDINGS if (path := folder / f"{name}{end}").exists()]
    if len(files) > 1:
        raise UsageError(f"{files[0]} and {files[1].name} are two scenarios of one name.", hint="Rename one of them.")
    return files[0] if files else folder / f"{name}{SCENARIO_ENDING}"


def scenario_path(name: str, folder: Path) -> Path:
    """Where a scenario lies: a name in the folder, else a shipped one, of rehearsals too; or a path.

    UsageError names the nearest one if there is none.
    """
    if "/" in name or os.sep in name or name.endswith(SCENARIO_ENDINGS):
        path = Path(name)
        if path.exists():  # what is no file is told where it is read
            return path
        meant = next(_endings(name), "")
        raise UsageError(f"There is no file {name}.", hint=f"Did you mean {meant}?" if meant else "")
    shipped = shipped_folder(SCENARIOS)
    for place in (folder, shipped, shipped / REHEARSAL):
        if name in scenario_names(place):
            return scenario_file(name, place)
    if here := next(_endings(name), None):
        raise UsageError(f"There is no scenario {name!r} in {folder}.", hint=f"./{here} is here: write its path.")
    names, more = scenario_names(folder), scenario_names(shipped / REHEARSAL)
    others = [each for each in scenario_names(shipped) if each not in names]
    near = closest(name.lower(), (*names, *others, *more), 0.4)
    hint = f"Did you mean {near}? " if near else ""
    listed = f"{folder} has {', '.join(names)}." if names else f"{folder} holds no scenarios."
    listed += f" Shipped are {', '.join(others)}." if others else ""
    listed += f" For rehearsals there are {', '.join(more)}."
    raise UsageError(f"There is no scenario {name!r}.", hint=f"{hint}{listed}")


def _endings(name: str) -> Iterator[str]:
    """The paths of scenarios' files that a path lacks only the ending of."""
    return (path for end in SCENARIO_ENDINGS if Path(path := f"{name}{end}").is_file())


def shipped_path(name: str, folder: Path) -> Path | None:
    """Where a shipped scenario lies, if that is what the name means because the folder has none of that name."""
    if name in scenario_names(folder):
        return None
    shipped = shipped_folder(SCENARIOS)
    return scenario_file(name, shipped) if name in scenario_names(shipped) else None


def made_for_rehearsals(name: str, folder: Path) -> bool:
    """Whether it is one that the lab carries for rehearsals."""
    return scenario_path(name, folder).parent.name == REHEARSAL


def read_scenario(path: Path) -> bytes:
    """The bytes of a scenario's file."""
    return read_bounded(path, LARGEST_FILE, UsageError)


def digest_of(text: bytes, files: Mapping[str, str] | None = None) -> str:
    """What a header and a program call a scenario's digest: SHA-256 with CRLF made LF.

    Each file that an output names adds a line of NUL, its name, NUL and the SHA-256 of its text.
    """
    digest = sha256(text.replace(b"\r\n", b"\n"))
    for name, content in sorted((files or {}).items()):
        digest.update(f"\0{name}\0{sha256(content.encode()).hexdigest()}\n".encode())
    return digest.hexdigest()


def load_scenario(name: str, folder: Path) -> Program:
    """A scenario by name or path, indexed; ScenarioError with every complaint if it can't be loaded."""
    path = scenario_path(name, folder)
    text = read_scenario(path)
    stem = path.name.removesuffix(".yaml").removesuffix(".yml")
    beside, key = OutputFiles(path.parent), entry_name(text, stem)
    scenario = known_program(key, beside)
    if scenario is None:
        from lab.language.parse import parse_scenario  # what reads one is slow to load, and most were read before

        beside = OutputFiles(path.parent)
        scenario = parse_scenario(text, str(path), stem=stem, reader=beside)
        keep_program(key, scenario, beside.found)
    return program_of(scenario, digest_of(text, beside.found), beside.found, text.decode("utf-8-sig"))


Stamp: TypeAlias = tuple[tuple[int, int], ...]
"""Modification time in nanoseconds and size, of a scenario and of each file that it names."""


def stamp_of(path: Path, files: Iterable[str]) -> Stamp | None:
    """By what an edit is noticed; None if the scenario isn't there."""
    try:
        found = [path.stat(), *((path.parent / name).stat() for name in files)]
    except OSError:
        return None
    return tuple((each.st_mtime_ns, each.st_size) for each in found)


def load_scenarios(folder: Path, names: Sequence[str] = ()) -> tuple[Program, ...]:
    """The scenarios named, or all in the folder."""
    chosen = names or scenario_names(folder)
    if not chosen:
        raise UsageError(f"{folder} holds no scenarios.")
    return tuple(load_scenario(name, folder) for name in chosen)
