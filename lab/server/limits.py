"""The limits and deadlines of bad-inputs.md §2 that guard the process, one setting each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes; deadlines in real seconds, for on a manual clock they would never come."""

    body: int = 1_048_576
    token_body: int = 65_536
    upload_body: int = 36_700_160
    """Of a request with files: one of 25 MiB in base64, and room for the rest."""
    header_deadline: float = 10.0
    """From the opening of a connection, or the first byte of a later request, to the end of the headers."""
    body_deadline: float = 30.0
    """From the end of the headers to the end of the body."""
    idle: float = 75.0
    """How long a connection may be kept without a request."""
    lingering: float = 1.0
    """How long what a refused request still sends is read and dropped, so that the refusal arrives."""
    connections: int = 20_000
    """Open at once; beyond it, accepting pauses."""
