"""Random numbers that are a function of what they are for, for whole columns at once."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

_WEYL: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_QUARTER: Final = np.uint64(0xFFFF)


def mixed(key: np.ndarray, purpose: int) -> np.ndarray:
    """64 bits for each key (SplitMix64's finaliser: Steele et al. 2014, OOPSLA)."""
    with np.errstate(over="ignore"):
        z = (key + np.uint64(purpose + 1) * _WEYL).astype(np.uint64)
        z = (z ^ (z >> np.uint64(30))) * _MIX_1
        z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return np.asarray(z ^ (z >> np.uint64(31)))


def uniform(key: np.ndarray, purpose: int, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """From low to high."""
    part = (mixed(key, purpose) >> np.uint64(11)).astype(np.float64) / 2**53
    return np.asarray(low + (high - low) * part)


def normal(key: np.ndarray, purpose: int) -> np.ndarray:
    """Of mean 0 and variance 1, never beyond 3.5: the sum of four uniform numbers."""
    bits = mixed(key, purpose)
    total = sum(((bits >> np.uint64(16 * n)) & _QUARTER).astype(np.float64) for n in range(4))
    return np.asarray((total / 65_536 - 2) * 3**0.5)


def whole(key: np.ndarray, purpose: int, low: int, high: int) -> np.ndarray:
    """A whole number from low to high, without high."""
    return low + (mixed(key, purpose) % np.uint64(high - low)).astype(np.int64)


def digits(
    out: np.ndarray, at: int, number: Any, count: int, *, first: str = "0", of: int = 10
) -> int:
    """Write numbers into columns of a matrix of characters, `count` digits wide; where they end."""
    left = number
    for column in range(at + count - 1, at - 1, -1):
        left, digit = np.divmod(left, of)
        out[:, column] = digit + ord(first)
    return at + count
