"""Fresh entropy: the seed, when none is given, and the control plane's token. Drawn once, here and nowhere else."""

import secrets

from lab.core.seeds import Seed

SHORT_SEEDS = 1_000_000
"""A drawn seed is small, because a person will type it again."""


def fresh_seed() -> Seed:
    """A seed for a start that was given none; it is printed and recorded."""
    return secrets.randbelow(SHORT_SEEDS)


def control_token() -> str:
    """256 bits for the control plane; never derived from the seed, never recorded."""
    return secrets.token_urlsafe(32)
