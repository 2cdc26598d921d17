"""Closed recordings that are cut short, or of which a bit is turned over: `python -m tests.recording.damage [TIMES]`.

20,000 by default, in turn of recordings shipped and made here. None may be taken for
whole, none replayed, and nothing but RecordingError come of it. Exit 1 if one is.
"""

import sys
from collections.abc import Iterator
from random import Random

from msgspec import Struct

from lab.core.errors import RecordingError
from lab.recording.format.lines import FileState
from lab.recording.format.reader import read
from lab.recording.format.repair import repair
from lab.recording.show.transcript import transcript_lines
from tests.conftest import ROOT, UNLIKE
from tests.recording.killed import together


class Damage(Struct, frozen=True):
    """A byte from which on all is gone, or in it the bit, from 0, that is another."""

    name: str
    place: int
    bit: int | None

    def of(self, data: bytes) -> bytes:
        """What is left."""
        if self.bit is None:
            return data[: self.place]
        return data[: self.place] + bytes([data[self.place] ^ (1 << self.bit)]) + data[self.place + 1 :]


def recordings() -> dict[str, bytes]:
    """Those that are damaged."""
    found = {name: (ROOT / "recordings" / f"{name}.rec.jsonl").read_bytes() for name in UNLIKE}
    return found | {f"together, late={late}": together(late=late).data for late in (False, True)}


def damages(whole: dict[str, bytes], chance: Random) -> Iterator[Damage]:
    """One after another, without end."""
    while True:
        for name, data in whole.items():
            yield Damage(name, chance.randrange(len(data)), None)
            yield Damage(name, chance.randrange(len(data)), chance.randrange(8))


def accepted(damage: Damage, whole: bytes) -> str:
    """How what is left was taken for whole, or what else went wrong; empty: it was not."""
    data = damage.of(whole)
    try:
        found = read(data, damage.name)
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


def attack(times: int, seed: int) -> list[str]:
    """Damage so often; what was accepted."""
    whole = recordings()
    found = zip(range(times), damages(whole, Random(seed)), strict=False)
    return [
        f"{each.name}:{each.place} {each.bit}: {how}" for _, each in found if (how := accepted(each, whole[each.name]))
    ]


def main(times: int) -> int:
    """Damage so often."""
    wrong = attack(times, times)
    for each in wrong:
        sys.stdout.write(f"{each}\n")
    sys.stdout.write(f"{times} damaged, {len(wrong)} accepted\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
