"""The limits and deadlines of limits.md §2 that guard the process: one table, one setting each."""

from typing import TYPE_CHECKING, Annotated

from msgspec import Struct
from msgspec.structs import replace

from lab.core.exchange import LONG_BODY as LONG_BODY

if TYPE_CHECKING:  # only a settings file needs what reads one
    from lab.language.parse.settings_file import LimitKind

_Bytes = Annotated[int, "bytes"]
_Disk = Annotated[int, "disk"]
_Count = Annotated[int, "count"]
_Seconds = Annotated[float, "time"]


class ServerLimits(Struct, frozen=True):
    """Sizes in bytes; deadlines in real seconds, for on a manual clock they would never come."""

    line: _Bytes = 8_190
    """The request line, and one header line."""
    headers: _Count = 128
    """Header lines of a request."""
    body: _Bytes = 1_048_576
    """Of a request to the API or the control plane, after decompression."""
    token_body: _Bytes = 65_536
    upload_body: _Bytes = 36_700_160
    """Of a request with files: one of 25 MiB in base64, and room for the rest."""
    header_deadline: _Seconds = 10.0
    """From the opening of a connection, or the first byte of a later request, to the end of the headers."""
    body_deadline: _Seconds = 30.0
    """From the end of the headers to the end of the body."""
    write_deadline: _Seconds = 30.0
    """How long a peer may take no byte while some wait for it."""
    idle: _Seconds = 75.0
    """How long a connection may be kept without a request."""
    lingering: _Seconds = 1.0
    """How long what a refused request still sends is read and dropped, so that the refusal arrives."""
    connections: _Count = 20_000
    """Open at once; beyond it, accepting pauses."""
    jobs: _Count = 100_000
    """Not ended; beyond it, invoke answers 429."""
    exchanges: _Count = 10_000
    """In memory for the control plane; the oldest leave."""
    exchange_bytes: _Bytes = 67_108_864
    """Of those in memory, bodies and headers; the oldest leave."""
    recording: _Disk = 1_073_741_824
    """Of a recording on disk, beyond which it ends by itself, whole; from 64 KiB to 16 GiB."""
    grace: _Seconds = 5.0
    """How long replies under way may take to leave when the lab stops."""


LIMIT_KINDS: dict[str, "LimitKind"] = {
    name: kind.__metadata__[0] for name, kind in ServerLimits.__annotations__.items()
}
"""The settings by name, and how each is written."""


def limits_of(settings: dict[str, int]) -> ServerLimits:
    """The table with these in place of the usual ones: bytes and counts as they are, times in milliseconds."""
    values = {name: value / 1000 if LIMIT_KINDS[name] == "time" else value for name, value in settings.items()}
    return replace(ServerLimits(), **values)
