"""What a client may leave between two polls of a job while its status stays the same.

The lab's own app keeps to it, the rules C5 to C7 of `lab report` ask for it, and `lab simulate` recommends nothing else:
all three look here, so they can't disagree (clients.md §8.1).
"""

from lab.core.clock import Millis
from lab.program.words import duration_text

SHORTEST_PAUSE: Millis = 1_000
"""The least between an answer and the next poll."""
STEADY: Millis = 5_000
"""A pause that needn't grow any more."""
JUDGED_PAUSES = 5
"""In one status: with fewer nobody can tell whether they grow."""
LONGEST_RUNNING: Millis = 60_000
"""The ceiling in RUNNING; and in WAITING, until a share of the time waited is more."""
LONGEST_WAITING: Millis = 3_600_000
"""Up to which a tenth of the time waited is the ceiling in WAITING."""
WAITING_PAUSE: Millis = 10_000
"""Between polls in WAITING, once that has lasted."""
SHORT_WAIT: Millis = 20_000
"""Before, nobody can know that a person takes their time."""
TENTH, HUNDREDTH = 10, 100
"""Shares of the time waited: for hours, and for those who wait for days."""


def longest_pause(lasted: Millis, *, waiting: bool) -> Millis:
    """The ceiling of a pause that begins once a job has been seen in one status, WAITING or another, for so long."""
    if not waiting:
        return LONGEST_RUNNING
    return max(LONGEST_RUNNING, min(LONGEST_WAITING, lasted // TENTH), lasted // HUNDREDTH)


def backs_off(first: float, last: float, steady: Millis = STEADY) -> bool:
    """Whether pauses don't shrink, and grow by a fifth at least unless they are long: by the medians of their thirds."""
    return last >= 0.8 * first and (last >= steady or last >= 1.2 * first)


CEILINGS = (
    f"{duration_text(LONGEST_RUNNING)} in RUNNING; in WAITING {duration_text(LONGEST_RUNNING)}, or a tenth of the time "
    f"waited up to {duration_text(LONGEST_WAITING)}, or a hundredth of it"
)
"""The same for people: in WAITING the longest of them."""
