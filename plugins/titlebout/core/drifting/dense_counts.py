"""Histogram of numbers by their leading bits, in a table with one place per code: one pass, no sorting."""

import numpy as np
from numpy.typing import NDArray

from titlebout.core.drifting.number_sketch import NumberSketch

MOST_DENSE_BITS = 8
"""Of the fraction. With sign and exponent a table has 2^17 places then, which a processor still holds close by."""
_SIGN_AND_EXPONENT, _FRACTION = 9, 23
_LARGEST_EXPONENT = 255  # of infinity and NaN

Counts = NDArray[np.int64]


def dense_size(bits: int) -> int:
    """Return how many places a table has: the first half for positive numbers, the second for negative ones."""
    return 1 << (_SIGN_AND_EXPONENT + bits)


def dense_index(number: float, bits: int) -> int:
    """Return the place of a finite number."""
    # Adding zero turns -0.0, which -1e-50 becomes as well, into 0.0.
    raw = (np.array([number], np.float64).astype(np.float32) + np.float32(0)).view(np.uint32)
    return int(raw[0]) >> (_FRACTION - bits)


def densely_counted(numbers: NDArray[np.float64], bits: int) -> Counts | None:
    """Count numbers by their leading bits.

    Returns:
        int64, shape (dense_size(bits),); None where a number is rare: NaN, infinite, nearly so, or a negative zero.
    """
    with np.errstate(over="ignore"):  # what is too large becomes infinite
        raw = numbers.astype(np.float32).view(np.uint32)
    raw >>= np.uint32(_FRACTION - bits)
    counted = np.bincount(raw.view(np.int32), minlength=dense_size(bits))
    half, largest = len(counted) // 2, (_LARGEST_EXPONENT << bits) - 1
    is_rare = counted[half] or counted[largest:half].any() or counted[half + largest :].any()
    return None if is_rare else counted


def sketched(counted: Counts, bits: int) -> NumberSketch:
    """Return a table as a sketch, which has as many buckets as the table has places in use: add it to another one."""
    half = len(counted) // 2
    used = np.flatnonzero(counted > 0)
    codes = np.where(used < half, used, half - 1 - used)
    order = np.argsort(codes, kind="stable")
    return NumberSketch(bits, codes[order], counted[used[order]])
