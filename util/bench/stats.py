"""The little arithmetic there is."""

import math


def median(values):
    v = sorted(values)
    if not v:
        return None
    half = len(v) // 2
    return v[half] if len(v) % 2 else (v[half - 1] + v[half]) / 2


def quantile(values, q):
    """The nearest-rank quantile, or None of nothing."""

    v = sorted(values)
    if not v:
        return None
    return v[min(len(v) - 1, max(0, math.ceil(q * len(v)) - 1))]


def summary(samples, key):
    """(median, least, greatest) of a member over the rounds, or None."""

    values = [s[key] for s in samples if s.get(key) is not None]
    if not values:
        return None
    return median(values), min(values), max(values)
