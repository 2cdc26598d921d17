"""What a Program is held to: `python -m tests.programs` gives it its number, and compiles what the lab carries."""

import re
from hashlib import sha256
from pathlib import Path

from msgspec import msgpack

from lab.files import programs
from lab.files.programs import OutputFiles
from lab.language.parse import parse_scenario

ROOT = Path(__file__).parent.parent
SOURCES = ("lab/language", "lab/program")


def number() -> str:
    """What stands for the sources of the language."""
    digest = sha256()
    for file in sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*.py")):
        digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def shipped() -> bytes:
    """The scenarios that the lab carries, compiled."""
    found: dict[str, bytes] = {}
    for file in sorted((ROOT / "scenarios").rglob("*.yaml")):
        beside, text = OutputFiles(file.parent), file.read_bytes()
        entry = programs.entry_of(parse_scenario(text, str(file), stem=file.stem, reader=beside), beside.found)
        assert entry is not None, file
        found[programs.entry_name(text, file.stem)] = entry
    return msgpack.encode(dict(sorted(found.items())))


if __name__ == "__main__":
    module = Path(programs.__file__)
    text = module.read_text("utf-8")
    module.write_text(
        re.sub(r'^PROGRAM_NUMBER = ".*"$', f'PROGRAM_NUMBER = "{number()}"', text, flags=re.MULTILINE), "utf-8"
    )
    programs.PROGRAM_NUMBER = number()
    programs.SHIPPED.write_bytes(shipped())
