"""Confidence intervals by resampling: what another draw of test clips would have given.

Pairs with the same driving clip are not independent, so clips are resampled, each with all its
pairs (the cluster bootstrap; percentile intervals, Efron and Tibshirani 1993, chapter 13).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A mean or a share, and its interval of `LEVEL`; NaN where there is nothing to say.

    `low` and `high` are NaN where fewer than two clips count.
    """

    value: float
    low: float
    high: float
    pairs: int  # that count

    def as_dict(self) -> dict[str, float | int | None]:
        """For JSON: four decimals, None for NaN."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        plain = {k: round(float(v), 4) if np.isfinite(v) else None for k, v in numbers.items()}
        return plain | {"pairs": self.pairs}


def interval(
    values: Sequence[float],
    clusters: Sequence[int],
    weights: Sequence[float] | None = None,
    seed: int = 0,
) -> Estimate:
    """The weighted mean of `values`, a pair each, and its interval.

    values: NaN is left out. clusters: the clip of each pair. weights: of each pair, None for 1
    each; a share such as a recall is a mean of shares weighted by what they are shares of.
    """
    values = np.asarray(values, dtype=np.float64)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    good = np.isfinite(values) & (weights > 0)
    if not good.any():
        return Estimate(np.nan, np.nan, np.nan, 0)
    values, weights = values[good], weights[good]
    clips, of_clip = np.unique(np.asarray(clusters)[good], return_inverse=True)
    total = np.bincount(of_clip, values * weights)
    weight = np.bincount(of_clip, weights)
    mean, low, high = total.sum() / weight.sum(), np.nan, np.nan
    if len(clips) > 1:
        rng = np.random.default_rng(seed)
        drawn = rng.integers(len(clips), size=(RESAMPLES, len(clips)))
        means = total[drawn].sum(axis=1) / weight[drawn].sum(axis=1)
        low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(mean), float(low), float(high), int(good.sum()))
