"""An open or torn recording made whole again: the torn tail is cut, a footer appended (recordings.md §3)."""

from hashlib import sha256

from lab.recording.format.codec import footer
from lab.recording.format.lines import Entry, FileState, Recording, Req, Res
from lab.recording.format.reader import read


def repair(data: bytes, name: str = "recording") -> tuple[bytes, int]:
    """The whole recording, and how many bytes of a torn line went; a closed one comes back as it is.

    RecordingError if the lines themselves can't be read.
    """
    found = read(data, name)
    if found.state is FileState.CLOSED:
        return data, 0
    whole = data[: len(data) - found.torn]
    return whole + footer(found.count, found.until, "repaired", sha256(whole)), found.torn


def told_last(repaired: Recording) -> str:
    """Behind what a repaired recording was closed, and what has no reply there.

    Nobody can tell a lab that was killed from a file of which somebody took the last lines: so this is all that is known.
    """
    last: Req | Res | Entry | None = None
    open_calls: dict[int, None] = {}
    for last in repaired.lines:
        if isinstance(last, Req):
            open_calls[last.x] = None
        elif isinstance(last, Res):
            open_calls.pop(last.x, None)
    match last:
        case None:
            said = "the header"
        case Req() | Entry(x=int()):
            said = f"line {last.n + 1}, the request x={last.x}"
        case Res():
            said = f"line {last.n + 1}, the reply to x={last.x}"
        case Entry():
            said = f"line {last.n + 1}, {last.type}"
    lacking = ", ".join(f"x={x}" for x in open_calls)
    return f"{said}{f'; without a reply: {lacking}' if lacking else ''}"
