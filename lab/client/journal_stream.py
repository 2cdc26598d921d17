"""The journal of a lab as it comes: lines of a recording in server-sent events."""

from collections.abc import AsyncIterator

import aiohttp

from lab.core.errors import ProtocolError
from lab.core.jsontext import members_of
from lab.core.observe import Observation
from lab.recording.format.lines import LONGEST_LINE, Header
from lab.recording.format.reader import lines_of
from lab.recording.tape.observed import observation_of

NO_LAB = "Is this a lab of the same version?"


async def data_lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The data of server-sent events, one line each; aiohttp's own line reader stops at 64 KiB."""
    pending: list[bytes] = []
    size = 0
    async for chunk in stream.iter_any():
        pending.append(chunk)
        size += len(chunk)
        if b"\n" in chunk:
            # only then: a line of megabytes comes in many chunks, and joining at each takes the square of its length
            *whole, rest = b"".join(pending).split(b"\n")
            pending, size = [rest], len(rest)
        else:
            whole = []
        if size > LONGEST_LINE:
            raise ProtocolError(f"the control plane sent a line longer than {LONGEST_LINE} bytes", hint=NO_LAB)
        for line in whole:
            if line.startswith(b"data: "):
                yield line[6:]


def read_journal_line(line: bytes, header: Header | None = None) -> Header | tuple[Observation, ...]:
    """The header, or what a line tells that comes after it: nothing of the footer, and whatever this lab doesn't know.

    ProtocolError for a line that is longer than one in a recording, nests too deep, or is no JSON object.
    """
    found = lines_of(line)
    if isinstance(found, Header):
        return found
    if not found and (len(line) >= LONGEST_LINE or not members_of(line)):
        raise ProtocolError("the control plane sent a line that is too long, too deep, or no JSON", hint=NO_LAB)
    local = header is not None and bool(header.settings.get("local_orchestrator"))
    told = (observation_of(each, local=local) for each in found)
    return tuple(each for each in told if each is not None)
