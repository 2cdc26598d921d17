"""The moves between statuses that every job's course and every recording are held to."""

from lab.program.words import Status

MOVES: dict[Status, tuple[Status, ...]] = {status: () if status.final else tuple(Status) for status in Status}
"""From each status, those that may follow (contract.md §5): a scenario may order its steps as it likes, and nothing
follows an ending."""
