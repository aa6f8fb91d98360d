"""Means over several seeds with their confidence intervals, and paired differences."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from resnext_helpers.settings import CourseError


@dataclass(frozen=True)
class Interval:
    """The mean of some numbers, one a seed, and its 95% confidence interval (Student's t).

    It says where the mean of endlessly many seeds lies *for these photographs*. For other ones it
    is too narrow, because the seeds share their photographs (Nadeau and Bengio, 2003).

    Attributes:
        mean: of the numbers.
        low, high: the interval's ends; infinite for a single number.
        spread: the numbers' standard deviation; not a number (NaN) for a single one.
        count: how many numbers.
    """

    mean: float
    low: float
    high: float
    spread: float
    count: int

    @property
    def leaves_out_0(self) -> bool:
        """Whether all of it lies on one side of 0."""
        return self.low > 0 or self.high < 0


def interval(numbers) -> Interval:
    """The mean of one number or more, one a seed, with its 95% t-interval."""
    numbers = np.asarray(list(numbers), float)
    count, mean = len(numbers), float(numbers.mean())
    if count == 1:
        return Interval(mean, -math.inf, math.inf, math.nan, 1)
    spread = float(numbers.std(ddof=1))
    half = float(stats.t.ppf(0.975, count - 1)) * spread / math.sqrt(count)
    return Interval(mean, mean - half, mean + half, spread, count)


def paired(first, second) -> Interval:
    """``second`` minus ``first``, seed by seed: the luck of a seed that hits both cancels out.

    Args:
        first, second: accuracies by seed.

    Raises:
        CourseError: no seed is in both.
    """
    seeds = sorted(first.keys() & second.keys())
    if not seeds:
        raise CourseError(
            f"The seeds {sorted(first)} and {sorted(second)} make no pair: train both networks "
            f"with the same seeds."
        )
    return interval(second[seed] - first[seed] for seed in seeds)


def pairs_needed(spread, difference) -> int:
    """About how many pairs of runs show a true difference in 8 of 10 experiments.

    ``spread`` is the standard deviation of the paired differences. "Show" means that the 95%
    interval leaves out 0.
    """
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    return max(2, math.ceil((z * spread / difference) ** 2))


def points(share, sign="") -> str:
    """A share in percentage points, such as ``−1.3``; ``sign="+"`` writes a plus, too."""
    return f"{100 * share:{sign}.1f}".replace("-", "−")


def percent(mean: Interval) -> str:
    """A mean accuracy with its interval, such as ``94.1% (92.0 to 96.2)``."""
    if mean.count == 1:
        return f"{mean.mean:.1%} (one seed)"
    return f"{mean.mean:.1%} ({points(max(mean.low, 0))} to {points(min(mean.high, 1))})"


def in_points(gap: Interval) -> str:
    """A paired difference with its interval, such as ``+1.3 (−0.8 to +3.4)``."""
    if gap.count == 1:
        return f"{points(gap.mean, '+')} (one pair)"
    return f"{points(gap.mean, '+')} ({points(gap.low, '+')} to {points(gap.high, '+')})"
