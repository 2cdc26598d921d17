"""Fresh entropy: the seed, when none is given, the control plane's token, phones' codes. Drawn here and nowhere else."""

import secrets

from lab.core.seeds import Seed

CODE_SIGNS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Digits and capitals that aren't taken for each other, all of a QR code's short form."""
SHORT_SEEDS = 1_000_000
"""A drawn seed is small, because a person will type it again."""


def fresh_seed() -> Seed:
    """A seed for a start that was given none; it is printed and recorded."""
    return secrets.randbelow(SHORT_SEEDS)


def control_token() -> str:
    """256 bits for the control plane; never derived from the seed, never recorded."""
    return secrets.token_urlsafe(32)


def process_name() -> str:
    """A name that no other process of a shared lab has, nor ever had."""
    return secrets.token_hex(8)


def gate_code() -> str:
    """Six signs, 29 bits, by which a phone finds one opening of one gate; wrong ones are looked at five times a second."""
    return "".join(secrets.choice(CODE_SIGNS) for _ in range(6))
