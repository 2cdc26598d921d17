"""What a kill leaves of a recording, repaired, replays: `python -m tests.recording.killed [STEP]`.

Each recording, shipped or made here, is cut at every STEP-th byte (97 by default) and at every end of a line. Exit 1 if
one doesn't replay.
"""

import sys
from collections.abc import Iterator

from lab.core.errors import LabError
from lab.core.observe import Replied
from lab.jobs.program import Program
from lab.program.words import Verdict
from lab.recording.format.reader import read
from lab.recording.format.repair import repair
from lab.recording.format.snapshot import snapshot
from lab.recording.replay.replay import replay
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests.recording.joined import NO_LIMIT, Joined, config
from tests.recording.shipped import shipped, target_of
from tests.wire_peer import token_request

Cut = tuple[str, bytes, tuple[Program, ...]]


def together(*, late: bool, limit: int = NO_LIMIT) -> Joined:
    """Jobs side by side on several connections, one decided by a person; with `late` the tape begins after some."""
    joined = Joined(config(scripted=False), NO_LIMIT if late else limit)
    for _ in range(3):
        joined.play_until_accepted()
    first, second, third = joined.service.jobs()
    joined.now += 10_000
    if late:
        joined.decide(first, "manager", "changes-requested", "Again.")
        joined.now += 10_000
        joined.lines.clear()
        header = recording_header(joined.service.config, lab="0.1.0", t=joined.now)
        joined.tape = Tape(joined.service, joined.lines.append, header)
        joined.tape.limit = limit
        joined.service.observers[:] = [joined.tape]
        joined.tape.restate(snapshot(joined.service, joined.now), joined.now, joined.service.exchanges)
    joined.decide(second, "manager", "approved")
    joined.now += 30_000
    joined.play(((Verdict.CHANGES, "Cheaper"), (Verdict.APPROVED, None)))
    joined.decide(first, "manager", "rejected", "No.")
    open_replies = [joined.service.serve(token_request("client_credentials"), joined.now, c=c) for c in (2, 3, 4)]
    joined.now += 2_000_000
    for reply in open_replies:
        joined.service.tell(Replied(joined.now, reply.x, reply.response, reply.latency))
    joined.decide(third, "manager", "approved")
    joined.play_until_accepted()
    joined.now += 100_000
    joined.tape.close(joined.now)
    return joined


def whole() -> Iterator[Cut]:
    """Recordings that nobody killed."""
    for path in shipped():
        target = target_of(path)
        yield path.name, path.read_bytes(), target.scenarios
    for late in (False, True):
        joined = together(late=late)
        yield f"together, late={late}", joined.data, joined.service.config.scenarios


def trouble(name: str, data: bytes, scenarios: tuple[Program, ...]) -> str:
    """What a replay of what is left after a repair says; empty if it passes."""
    try:
        result = replay(read(repair(data, name)[0], name), scenarios, name=name)
    except LabError as error:
        return str(error)
    return "" if result.passed else result.text()


def lengths(data: bytes, step: int) -> list[int]:
    """Where to cut: in the first line nothing can be repaired."""
    ends = [index + 1 for index, byte in enumerate(data) if byte == 10]
    return sorted({*range(ends[0], len(data), step), *ends})


def main(step: int) -> int:
    """Cut and replay them all."""
    cuts, failures = 0, 0
    for name, data, scenarios in whole():
        for length in lengths(data, step):
            cuts += 1
            if found := trouble(name, data[:length], scenarios):
                failures += 1
                sys.stdout.write(f"{name}, {length} bytes: {found.splitlines()[0]}\n")
    sys.stdout.write(f"{cuts} cut, {failures} don't replay\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 97))
