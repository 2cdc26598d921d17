"""Chance by name: every draw is a hash of the seed and the name of its stream.

What must hold
    1. The same name gives the same draw, on every machine, in every version: recordings hold what was drawn.
    2. No draw moves another. A generator that is shared hands out its numbers in the order in which it is asked: a step
       more, or two jobs side by side, and every later number is another one. A hash has no order.
    3. Streams are independent: SHA-256 of two names that differ in one letter has nothing in common.

How it works
    A stream is a text. What belongs to it are the 32 bytes of SHA-256(`SEED/STREAM`); a draw reads its first 16 as one
    integer f in [0, 2^128) and scales it:

        draw(42, "talk/1/fetch/takes", 2000, 4000)  =  2000 + (f * 2001 >> 128)

    so both ends can come up, and each of the 2001 values is as likely to within 2^-128. One stream is one number: whoever
    wants two numbers names two streams.

How streams are named
    `SCENARIO/ORDINAL/STEP/takes#VISIT` for a step's duration: the ordinal is that of the job among its client's jobs of
    the scenario, from 1, and `#VISIT` is left out at the first visit. `SCENARIO/ORDINAL/data/NAME` for generated data.
    What is drawn for a call names the job or the client, the route and the instant or the call's number.
    A name holds nothing that depends on other jobs or on when somebody looked, or the second rule would be broken.

Integers and `decimal` with a fixed context only: a float's last bits differ between platforms, and none decides a byte. What
takes a logarithm is worked out in floats first, for in decimals it takes longer than all the rest of a draw; where what
the float may be off could decide, decimals do (`_sure`).
"""

import string
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from hashlib import sha256
from math import exp, log, sqrt
from typing import TypeAlias

from lab.core.clock import Millis

SEEDS = 2**63
"""Seeds are below this, so that a recording's integers fit everywhere."""
Seed: TypeAlias = int
"""The integer from which all chance is drawn; 0 to 2^63 - 1."""

_BITS = 128
_HASH = sha256()
_CONTEXT = Context(prec=20, rounding=ROUND_HALF_EVEN)
_SIGNS = string.ascii_letters + string.digits
_Z95 = Decimal("1.6448536269514727")
"""The standard normal quantile at 0.95."""


def digest(seed: Seed, stream: str) -> bytes:
    """The 32 bytes that belong to a stream: SHA-256 of `seed/stream`."""
    # a name may hold a text from outside, and that half a surrogate pair, for which UTF-8 proper has no bytes
    hash = _HASH.copy()  # a new one is looked up in the library, which takes as long as the digest
    hash.update(f"{seed}/{stream}".encode("utf-8", "surrogatepass"))
    return hash.digest()


def fraction(seed: Seed, stream: str) -> int:
    """A uniform integer in [0, 2^128)."""
    return int.from_bytes(digest(seed, stream)[:16], "big")


def draw(seed: Seed, stream: str, shortest: int, longest: int) -> int:
    """A uniform integer in [shortest, longest]: both ends included."""
    # multiply and shift, not modulo: f < 2^128, so the product stays below the width times 2^128
    return shortest + (fraction(seed, stream) * (longest - shortest + 1) >> _BITS)


def draw_log_normal(seed: Seed, stream: str, median: Millis, p95: Millis) -> Millis:
    """A log-normal duration in milliseconds, given by its median and 95th percentile.

    Its logarithm is normal: median * exp(sigma * z), where sigma is such that z = 1.645 gives the 95th percentile.
    """
    # the middle of one of 2^32 cells, so the quantile is never taken at 0 or 1, where it is infinite
    half_cells = 2 * (fraction(seed, stream) >> (_BITS - 32)) + 1
    near = _sure(median * exp(float(_log_ratio(median, p95)) / _NEAR_Z95 * _near_quantile(half_cells / (1 << 33))))
    return log_normal(half_cells, median, p95) if near is None else near


def log_normal(half_cells: int, median: Millis, p95: Millis) -> Millis:
    """The log-normal quantile at `half_cells` / 2^33, rounded."""
    sigma = _CONTEXT.divide(_log_ratio(median, p95), _Z95)
    value = _CONTEXT.multiply(Decimal(median), _CONTEXT.exp(_CONTEXT.multiply(sigma, quantile(half_cells))))
    return int(value.to_integral_value(ROUND_HALF_EVEN))


def draw_exponential(seed: Seed, stream: str, mean: int) -> int:
    """An exponential draw, rounded, in the unit of its mean: how long until the next of what comes at random."""
    # the middle of a cell, as above: the logarithm is taken of neither 0 nor 1
    half_cells = 2 * (fraction(seed, stream) >> (_BITS - 32)) + 1
    if (near := _sure(-mean * log(half_cells / (1 << 33)))) is not None:
        return near
    return exponential(half_cells, mean)


def exponential(half_cells: int, mean: int) -> int:
    """The exponential quantile at 1 - `half_cells` / 2^33, rounded."""
    share = _CONTEXT.divide(Decimal(half_cells), Decimal(1 << 33))
    return int(_CONTEXT.multiply(Decimal(-mean), _CONTEXT.ln(share)).to_integral_value(ROUND_HALF_EVEN))


def _sure(near: float) -> int | None:
    """What a value is rounded, of which a float is off by less than a part in 10^9; None: that part may decide."""
    low, high = round(near * (1 - 1e-9)), round(near * (1 + 1e-9))
    return low if low == high else None


@lru_cache(maxsize=1024)
def _log_ratio(median: Millis, p95: Millis) -> Decimal:
    return _CONTEXT.ln(_CONTEXT.divide(Decimal(p95), Decimal(median)))


# Rational approximation of the normal quantile, relative error below 1.2e-9 (P. J. Acklam's coefficients):
# one quotient of polynomials for the middle, another for the two tails, which mirror each other.
_CENTRE_OVER, _CENTRE_UNDER, _TAIL_OVER, _TAIL_UNDER = (
    tuple(map(Decimal, row.split()))
    for row in (
        "-39.69683028665376 220.9460984245205 -275.9285104469687 138.3577518672690 -30.66479806614716 2.506628277459239",
        "-54.47609879822406 161.5858368580409 -155.6989798598866 66.80131188771972 -13.28068155288572 1",
        "-0.007784894002430293 -0.3223964580411365 -2.400758277161838 -2.549732539343734 4.374664141464968 2.938163982698783",
        "0.007784695709041462 0.3224671290700398 2.445134137142996 3.754408661907416 1",
    )
)
_LOW = Decimal("0.02425")
"""Where the lower tail ends."""


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
        return _CONTEXT.divide(_polynomial(_TAIL_OVER, q), _polynomial(_TAIL_UNDER, q))
    q = _CONTEXT.subtract(p, Decimal("0.5"))
    r = _CONTEXT.multiply(q, q)
    return _CONTEXT.divide(_CONTEXT.multiply(_polynomial(_CENTRE_OVER, r), q), _polynomial(_CENTRE_UNDER, r))


_NEAR_CENTRE_OVER, _NEAR_CENTRE_UNDER, _NEAR_TAIL_OVER, _NEAR_TAIL_UNDER = (
    tuple(map(float, each)) for each in (_CENTRE_OVER, _CENTRE_UNDER, _TAIL_OVER, _TAIL_UNDER)
)
_NEAR_LOW, _NEAR_Z95 = float(_LOW), float(_Z95)


def _near_polynomial(coefficients: tuple[float, ...], x: float) -> float:
    total = 0.0
    for each in coefficients:
        total = total * x + each
    return total


def _near_quantile(p: float) -> float:
    """The same in floats: off by less than a part in 10^12."""
    if p > 1 - _NEAR_LOW:
        return -_near_quantile(1 - p)
    if p < _NEAR_LOW:
        q = sqrt(-2 * log(p))
        return _near_polynomial(_NEAR_TAIL_OVER, q) / _near_polynomial(_NEAR_TAIL_UNDER, q)
    q = p - 0.5
    r = q * q
    return _near_polynomial(_NEAR_CENTRE_OVER, r) * q / _near_polynomial(_NEAR_CENTRE_UNDER, r)


def hexes(seed: Seed, stream: str, digits: int) -> str:
    """`digits` (at most 64) lower-case hex digits."""
    return digest(seed, stream).hex()[:digits]


def odd_id(seed: Seed, stream: str) -> str:
    """An id of 70 unreserved characters (RFC 3986 §2.3): letters of both cases, digits, and each of `-`, `_`, `.`, `~`.

    It is written as it is in a path, and whoever changes its case, cuts it or takes it for a UUID has another id.
    """
    drawn = "".join(_SIGNS[byte % len(_SIGNS)] for part in "ab" for byte in digest(seed, f"{stream}#{part}"))
    return f"{drawn[:16]}-{drawn[16:32]}_{drawn[32:48]}.{drawn[48:]}~aZ"


def uuid4(seed: Seed, stream: str) -> str:
    """A UUID in the shape of version 4, lower case."""
    raw = bytearray(digest(seed, stream)[:16])
    raw[6] = raw[6] & 0x0F | 0x40  # the version's digit
    raw[8] = raw[8] & 0x3F | 0x80  # the variant's two bits
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
