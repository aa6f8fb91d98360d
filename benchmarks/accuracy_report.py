"""What accuracy.py recorded, as sections of RESULTS.md, which report.py writes."""

import itertools
import math
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from accuracy import CASES  # noqa: E402
from scipy import stats  # noqa: E402
from tables import table  # noqa: E402

from resnext_course import comparison  # noqa: E402
from resnext_course.comparison import PAPER_ERRORS, Interval, ends, interval  # noqa: E402
from resnext_helpers import plots  # noqa: E402
from resnext_helpers.layers import BatchNorm  # noqa: E402
from resnext_helpers.models import TABLE_2  # noqa: E402

# isort: split
import keras  # noqa: E402 (after resnext_helpers, so that TensorFlow starts as set up)

AS_WRITTEN, COURSE = "article, as written", "article, course's recipe"
RECIPES = {  # the article's cases, and what their rows are called
    AS_WRITTEN: "as written",
    "article, groups mended": "groups mended",
    "article, rate mended": "groups and rate mended",
    COURSE: "the course's",
}
NETWORKS = {f"small, {c}×{TABLE_2[c]}": name for name, c in comparison.NETWORKS.items()}
RESNET, RESNEXT, SMOOTHED = "small, 1×64", "small, 32×4", "small, 32×4, label smoothing"
PAPER_GAIN = (PAPER_ERRORS[1] - PAPER_ERRORS[32]) / 100  # of ResNeXt-50 over ResNet-50
LAST = 5  # epochs in which an accuracy that has settled stays about the same


def sections(runs, speeds):
    """Everything about accuracy.

    Args:
        runs: what accuracy.json holds, at least one run of each case.
        speeds: pictures a second in training, timed alone, by contender (see report.py).

    Returns:
        The Markdown text, and its pictures by the names of their files.
    """
    parts, pictures = [head(runs)], {}
    for cases, file, title, text in (
        (RECIPES, "recipes.png", "The article's experiment", article(runs, speeds)),
        (NETWORKS, "networks.png", "Equal complexity, five cardinalities", pair(runs)),
    ):
        measured = {name: of(runs, case) for case, name in cases.items()}
        picture = pictures[file] = dots(measured, title)
        parts += [text, f"![{picture.alt}]({file})"]
    return "\n\n".join([*parts, label_smoothing(runs)]), pictures


def provenance(results) -> str:
    """In words: what recorded these runs, when, on which machine, and with which photographs."""
    machines = [run["machine"] for run in results]
    dates = [machine["date"] for machine in machines]
    all_of = {name: " and ".join(sorted({str(m[name]) for m in machines})) for name in machines[0]}
    species = results[0]["data"]["photographs"]
    train, validation = results[0]["train"], results[0]["validation"]
    return (
        f"{len(results)} runs of benchmarks/accuracy.py, {min(dates)} to {max(dates)}, on "
        f"{all_of['cpu']},\n"
        f"{all_of['cores']} cores, {all_of['system']}; Python {all_of['python']}, "
        f"TensorFlow {all_of['tensorflow']}, Keras {all_of['keras']}.\n"
        f"{sum(species.values())} photographs of {len(species)} species, {train} to train and "
        f"{validation} ({validation / (train + validation):.0%}) to validate,\n"
        f"drawn anew for each seed: {', '.join(name.capitalize() for name in species)}."
    )


def head(runs):
    (digest,) = {run["data"]["sha256"] for run in runs}
    return f"""# How accurate it is

{provenance(runs)}
No photograph is in the project, for their licence is unclear; the SHA-256 of their names and bytes
begins with {digest}.

Each accuracy is that of the **last epoch** on the validation photographs. The best epoch's would be
too good, for these same photographs would have chosen it. In brackets stands the 95% interval of
the mean (Student's t): where the mean of endlessly many seeds lies *with these photographs*; with
other ones it would be wider. A seed decides the split, the first weights and the order, so two
networks are compared seed by seed."""


def article(runs, speeds):
    """The article's settings, mended step by step, and the course's."""
    rows = []
    for case, name in RECIPES.items():
        recorded = [run for run in runs if run["name"] == case]
        seconds = fastest_epoch(recorded)
        rows.append(
            (
                name,
                str(len(recorded)),
                mean(runs, case),
                difference(runs, AS_WRITTEN, case),
                late(recorded),
                anew(recorded),
                f"{statistics.fmean(run['accuracy'][-1] for run in recorded):.1%}",
                f"{CASES[case].epochs * seconds / 60:.0f}",
                f"{recorded[0]['train'] / seconds:.1f}",
            )
        )
    header = (
        "settings",
        "seeds",
        "validation accuracy",
        "points more than as written",
        f"lowest and highest of the last {LAST} epochs",
        "with statistics measured anew",
        "training accuracy",
        "minutes",
        "pictures a second",
    )
    size, batch, epochs, rate = CASES[AS_WRITTEN][:4]
    loop, course = speeds["article's Lambda loop"], speeds["course"]
    pictures = epochs * runs[0]["train"]
    momentum = keras.layers.BatchNormalization().momentum
    return f"""## The article's experiment

{size} px, batch {batch}, {epochs} epochs, from scratch. The article's network as written has
late-bound groups, raw pixels (0 to 255), and an Adam that is made with
{CASES["article, rate mended"].learning_rate} but compiled with {rate}. The course's network has
scaled and varied pictures, and a rate that warms up to {CASES[COURSE].learning_rate} and falls
along a cosine.

{table(header, rows)}

**Statistics measured anew**: in training, Keras' batch norm gathers a running mean and variance.
With its momentum of {momentum} it remembers about {1 / (1 - momentum):.0f} steps, in which the
weights have moved on; the course's has a momentum of {BatchNorm().momentum}. The column shows the
accuracy after the statistics were measured anew with the last weights on the training photographs,
and nothing else was changed (`measure_statistics` in `benchmarks/article.py`).

Training accuracy is the mean over the last epoch; the course's is of varied pictures, which are
harder.

Minutes and pictures a second are at the pace of the fastest epoch of any run, validation included.
Compare them roughly: the runs were on several machines of this kind, which did other work, too.
They are without the article's loop, for the runs compute its result in one convolution
(`benchmarks/test_accuracy.py` proves that it is the same).
With the loop, timed alone (see above), the article trains {loop:.1f} pictures a second, and the
course {course:.1f}: for {epochs} epochs {pictures / loop / 60:.0f} and {pictures / course / 60:.0f}
minutes."""


def fastest_epoch(runs):
    """The seconds of the shortest epoch in any of these runs, the least slowed by other work."""
    return min(end - start for run in runs for start, end in itertools.pairwise([0, *run["ends"]]))


def anew(runs):
    """The mean accuracy with batch norm's statistics measured anew, where it was, in words."""
    values = [run["val_accuracy_anew"] for run in runs if "val_accuracy_anew" in run]
    return percent(interval(values))


def late(runs):
    """The range of the validation accuracies in the last epochs of these runs, in words."""
    values = [value for run in runs for value in run["val_accuracy"][-LAST:]]
    return f"{min(values):.0%} to {max(values):.0%}"


def pair(runs):
    """ResNet-50 against ResNeXt-50, and the networks of equal complexity between them."""
    gaps = comparison.against_resnet(comparison.by_network(runs))
    rows = []
    for case, name in NETWORKS.items():
        recorded, c = [run for run in runs if run["name"] == case], comparison.NETWORKS[name]
        rows.append(
            (
                name if "×" in name else f"{name} ({c}×{TABLE_2[c]}d)",
                f"{recorded[0]['parameters'] / 1e6:.1f} M",
                f"{recorded[0]['macs'] / 1e6:.0f} M",
                str(len(recorded)),
                mean(runs, case),
                difference(runs, RESNET, case),
                f"{100 - PAPER_ERRORS[c]:.1f}%",
            )
        )
    header = (
        "network",
        "parameters",
        "multiply-adds",
        "seeds",
        "validation accuracy",
        "points more than ResNet-50",
        "the paper's, on ImageNet",
    )
    size, batch, epochs, rate = CASES[RESNEXT][:4]
    return f"""## ResNet-50 against ResNeXt-50, and cardinality at equal complexity

{size} px, batch {batch}, {epochs} epochs, from scratch, all with the course's recipe and a rate up
to {rate}. A seed gives every network the same split and the same order.

**{verdict(gaps[comparison.RESNEXT])}**

The networks of the paper's Table 2:

{table(header, rows)}

{comparison.summary(gaps)}"""


def label_smoothing(runs):
    share = CASES[SMOOTHED].label_smoothing
    return f"""## Label smoothing

ResNeXt-50 as above, with label smoothing of {share}: {mean(runs, SMOOTHED)}. In points more than
without, seed by seed: {difference(runs, RESNEXT, SMOOTHED)}."""


def of(runs, case):
    """A case's accuracies by seed."""
    return comparison.accuracies(runs, case)


def mean(runs, case):
    """A case's mean with its interval, in words."""
    return percent(interval(of(runs, case).values()))


def difference(runs, first, second):
    """In points, ``second`` minus ``first`` over the seeds of both, in words."""
    if first == second:
        return "–"
    return points(comparison.paired(of(runs, first), of(runs, second)))


def percent(mean: Interval) -> str:
    """A mean accuracy with its interval, such as ``94.1% (92.0 to 96.2)``."""
    low, high = ends(mean)
    return f"{mean.mean:.1%} " + ("(one seed)" if mean.count == 1 else f"({low:.1f} to {high:.1f})")


def points(gap: Interval) -> str:
    """A paired difference with its interval, in percentage points: ``+1.3 (−0.8 to +3.4)``."""
    return "{:+.1f} ({:+.1f} to {:+.1f})".format(*(100 * n for n in gap[:3])).replace("-", "−")


def verdict(gap: Interval) -> str:
    """What a paired difference, ResNeXt-50 minus ResNet-50, says of the two, and what it can't."""
    found = f"ResNeXt-50 minus ResNet-50, in points: {points(gap)}, {gap.count} pairs."
    if not gap.leaves_out_0:
        return (
            f"{found}\nThe interval holds 0: these runs can't tell the two apart. To see a "
            f"difference of\n{100 * PAPER_GAIN:.1f} points (the paper's, on ImageNet) in 8 of 10 "
            f"experiments, it takes about {pairs_needed(gap.std, PAPER_GAIN)} pairs."
        )
    better, worse = ("ResNeXt-50", "ResNet-50")[:: 1 if gap.mean > 0 else -1]
    return (
        f"{found}\nThe interval leaves out 0: {better} did better than {worse} with this recipe on "
        f"these photographs.\nOf other photographs it says little."
    )


def pairs_needed(std, difference) -> int:
    """About how many pairs of runs show a true difference in 8 of 10 experiments.

    ``std`` is that of the paired differences. "Show" means that the 95% interval leaves out 0.
    """
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    return max(2, math.ceil((z * std / difference) ** 2))


def dots(measured, title):
    """One row a network: a mark for each seed, and below them the mean with its 95% interval.

    Args:
        measured: for each name the accuracies, 0 to 1, by seed; at least one each.
        title: what is compared.
    """
    figure, axis = plt.subplots(figsize=(10, 1.5 + 0.8 * len(measured)))
    told = []
    for row, (label, by_seed) in enumerate(measured.items()):
        mean = interval(by_seed.values())
        heights = row - 0.3 * np.arange(len(by_seed)) / len(by_seed)  # equal ones don't hide
        style = {"color": plots.CYCLE[row % 6], "marker": plots.MARKERS[row % 6]}
        axis.plot([100 * value for value in by_seed.values()], heights, linestyle="", **style)
        axis.plot(ends(mean), [row + 0.25] * 2, "k|-", ms=9)
        axis.plot(100 * mean.mean, row + 0.25, "k*", ms=12)
        told.append(f"{label} {percent(mean)}")
    axis.set_yticks(range(len(measured)), measured)
    axis.set_ylim(len(measured) - 0.4, -0.6)
    axis.set(xlabel="validation accuracy of the last epoch (%)", title=title)
    return plots.Picture(
        figure,
        f"{title}. A mark for each seed, a star and a line for the mean and its 95% interval: "
        f"{'; '.join(told)}.",
    )
