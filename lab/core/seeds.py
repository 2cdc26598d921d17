"""Chance by name: every draw is a hash of the seed and the name of its stream.

There is no shared generator, so adding a step or running jobs side by side moves no other draw.
A stream's name is `SCENARIO/ORDINAL/STEP/USE#VISIT`, `#VISIT` left out at the first visit.
Integer arithmetic and `decimal` with a fixed context only: no float decides a byte.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from hashlib import sha256
from typing import TypeAlias

from lab.core.clock import Millis

Seed: TypeAlias = int
"""The integer from which all chance is drawn; 0 to 2^63 - 1."""

_BITS = 128
_CONTEXT = Context(prec=20, rounding=ROUND_HALF_EVEN)
_Z95 = Decimal("1.6448536269514727")


def digest(seed: Seed, stream: str) -> bytes:
    """The 32 bytes that belong to a stream: SHA-256 of `seed/stream`."""
    return sha256(f"{seed}/{stream}".encode("utf-8", "surrogatepass")).digest()


def fraction(seed: Seed, stream: str) -> int:
    """A uniform integer in [0, 2^128)."""
    return int.from_bytes(digest(seed, stream)[:16], "big")


def draw(seed: Seed, stream: str, shortest: int, longest: int) -> int:
    """A uniform integer in [shortest, longest]."""
    return shortest + (fraction(seed, stream) * (longest - shortest + 1) >> _BITS)


def draw_log_normal(seed: Seed, stream: str, median: Millis, p95: Millis) -> Millis:
    """A log-normal duration, given by its median and 95th percentile."""
    # the middle of one of 2^32 cells, so the quantile is never taken at 0 or 1
    z = quantile(2 * (fraction(seed, stream) >> (_BITS - 32)) + 1)
    sigma = _CONTEXT.divide(_log_ratio(median, p95), _Z95)
    value = _CONTEXT.multiply(Decimal(median), _CONTEXT.exp(_CONTEXT.multiply(sigma, z)))
    return int(value.to_integral_value(ROUND_HALF_EVEN))


@lru_cache(maxsize=1024)
def _log_ratio(median: Millis, p95: Millis) -> Decimal:
    return _CONTEXT.ln(_CONTEXT.divide(Decimal(p95), Decimal(median)))


# Rational approximation of the normal quantile, relative error below 1.2e-9 (P. J. Acklam's coefficients).
_A = tuple(map(Decimal, (
    "-39.69683028665376", "220.9460984245205", "-275.9285104469687",
    "138.3577518672690", "-30.66479806614716", "2.506628277459239",
)))  # fmt: skip
_B = tuple(map(Decimal, (
    "-54.47609879822406", "161.5858368580409", "-155.6989798598866",
    "66.80131188771972", "-13.28068155288572", "1",
)))  # fmt: skip
_C = tuple(map(Decimal, (
    "-0.007784894002430293", "-0.3223964580411365", "-2.400758277161838",
    "-2.549732539343734", "4.374664141464968", "2.938163982698783",
)))  # fmt: skip
_D = tuple(map(Decimal, (
    "0.007784695709041462", "0.3224671290700398", "2.445134137142996", "3.754408661907416", "1",
)))  # fmt: skip
_LOW = Decimal("0.02425")


def _polynomial(coefficients: tuple[Decimal, ...], x: Decimal) -> Decimal:
    total = Decimal(0)
    for coefficient in coefficients:
        total = _CONTEXT.add(_CONTEXT.multiply(total, x), coefficient)
    return total


def quantile(half_cells: int) -> Decimal:
    """The standard normal quantile at `half_cells` / 2^33, an odd number of half cells."""
    p = _CONTEXT.divide(Decimal(half_cells), Decimal(1 << 33))
    if p > 1 - _LOW:
        return -quantile((1 << 33) - half_cells)
    if p < _LOW:
        q = _CONTEXT.sqrt(_CONTEXT.multiply(Decimal(-2), _CONTEXT.ln(p)))
        return _CONTEXT.divide(_polynomial(_C, q), _polynomial(_D, q))
    q = _CONTEXT.subtract(p, Decimal("0.5"))
    r = _CONTEXT.multiply(q, q)
    return _CONTEXT.divide(_CONTEXT.multiply(_polynomial(_A, r), q), _polynomial(_B, r))


def hexes(seed: Seed, stream: str, digits: int) -> str:
    """`digits` (at most 64) lower-case hex digits."""
    return digest(seed, stream).hex()[:digits]


def uuid4(seed: Seed, stream: str) -> str:
    """A UUID in the shape of version 4, lower case."""
    raw = bytearray(digest(seed, stream)[:16])
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
