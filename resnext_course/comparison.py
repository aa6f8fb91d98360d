"""Networks compared fairly: the same recipe, several seeds, and what the runs can tell.

``benchmarks/accuracy.py`` recorded the runs. An accuracy here is that of the *last* epoch on the
validation photographs. The best epoch's would be too good: these same photographs would have chosen
it.
"""

import json
import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from resnext_helpers.models import TABLE_2
from resnext_helpers.settings import PROJECT

RESNET, RESNEXT = "ResNet-50", "ResNeXt-50"
NETWORKS = {RESNET: 1, "2×40d": 2, "4×24d": 4, "8×14d": 8, RESNEXT: 32}  # cardinality C by name
PAPER_ERRORS = {1: 23.9, 2: 23.0, 4: 22.6, 8: 22.3, 32: 22.2}  # top-1 on ImageNet in % (Table 3)


class Interval(NamedTuple):
    """The mean of some numbers, one a seed, and its 95% confidence interval (Student's t).

    It says where the mean of endlessly many seeds lies *for these photographs*. For other ones it
    is too narrow, because the seeds share their photographs (Nadeau and Bengio, 2003).
    """

    mean: float
    low: float  # infinite for a single number, as is ``high``
    high: float
    std: float  # the numbers' standard deviation; NaN for a single one
    count: int

    @property
    def leaves_out_0(self) -> bool:
        """Whether all of it lies on one side of 0."""
        return self.low > 0 or self.high < 0


def interval(numbers) -> Interval:
    """The mean of one number or more, one a seed, with its 95% t-interval."""
    numbers = np.array(list(numbers), float)
    mean, count = numbers.mean(), len(numbers)
    if count == 1:
        return Interval(mean, -math.inf, math.inf, math.nan, 1)
    std = numbers.std(ddof=1)
    half = stats.t.ppf(0.975, count - 1) * std / math.sqrt(count)
    return Interval(mean, mean - half, mean + half, std, count)


def paired(first, second) -> Interval:
    """``second`` minus ``first``, seed by seed: the luck of a seed that hits both cancels out.

    Both are accuracies by seed, with at least one seed in common.
    """
    return interval(second[seed] - first[seed] for seed in first.keys() & second.keys())


def ends(mean: Interval):
    """An accuracy's interval in percent, as far as there are such accuracies."""
    return 100 * max(mean.low, 0), 100 * min(mean.high, 1)


def load() -> list[dict]:
    """The recorded runs, one dict a run, as ``benchmarks/accuracy.py`` wrote them."""
    path = PROJECT / "benchmarks" / "accuracy.json"
    return json.loads(path.read_text(encoding="utf-8"))


def accuracies(results, case) -> dict[int, float]:
    """The last epoch's validation accuracy, 0 to 1, by seed; ``case`` as the benchmark names it."""
    return {run["seed"]: run["val_accuracy"][-1] for run in results if run["name"] == case}


def by_network(results) -> dict[str, dict[int, float]]:
    """The recorded ``accuracies`` of the networks of Table 2, by their names in ``NETWORKS``."""
    return {name: accuracies(results, f"small, {c}×{TABLE_2[c]}") for name, c in NETWORKS.items()}


def against_resnet(networks) -> dict[str, Interval]:
    """Every other network minus ResNet-50 (see ``paired``); ``networks`` as by ``by_network``."""
    first = networks[RESNET]
    return {name: paired(first, seeds) for name, seeds in networks.items() if name != RESNET}


def summary(gaps) -> str:
    """How many of several differences (see ``against_resnet``) are more than luck may be."""
    clear = [name for name, gap in gaps.items() if gap.leaves_out_0]
    names = f" ({', '.join(clear)})" if clear else ""
    return (
        f"{len(clear)} of {len(gaps)} paired differences from {RESNET} have a 95% interval that "
        f"leaves out 0{names}.\n"
        f"Among several intervals, one does so by luck alone more often than 5 times in 100."
    )
