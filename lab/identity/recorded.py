"""What a replay has in the place of secrets: what was granted then, and how what came was judged (recordings.md §6).

A recording holds no secret. So a replay can't make the tokens anew that were given, and can't judge anew what was decided
by the bytes of a secret: a password, a signature, a verifier. Both are inputs of the replay.
"""

from collections import deque
from collections.abc import Callable, Mapping

from msgspec import Struct

from lab.core.exchange import Json


class RecordedSecrets(Struct, frozen=True):
    """Of one exchange; what was taken out is over."""

    minted: Mapping[str, deque[str]] = {}
    """By kind (`token refresh code device usercode idtoken xsrf`) what stands for what was given, in order."""
    judged: deque[Json] = deque()
    """Each judgement, in order."""
    fresh: Callable[[str], str] | None = None
    """What stands for what wasn't given then, by its kind; None: values are made."""

    def mint(self, kind: str, make: Callable[[], str]) -> str:
        """What stands for the next that was given of a kind; where nothing was, a value of this time, or another stand-in."""
        known = self.minted.get(kind)
        return known.popleft() if known else make() if self.fresh is None else self.fresh(kind)

    def judge(self, compute: Callable[[], Json]) -> Json:
        """The next judgement; one of this time where there was none."""
        return self.judged.popleft() if self.judged else compute()


LIVE = RecordedSecrets()
"""Nothing was recorded: all is made and judged now."""
